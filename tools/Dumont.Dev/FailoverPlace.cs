using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Contracts;

namespace Dumont.Dev;

/// <summary>A server with its cloud for one measurement, and protected instances on it.</summary>
internal sealed class FailoverPlace : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan CommandLimit = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    private readonly Repository _repository;
    private readonly UpSettings _settings;
    private readonly string _data;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(60) };
    private readonly DumontClient _client;
    private readonly DumontClient _cloud;
    private Stack? _stack;

    private FailoverPlace(Repository repository, UpSettings settings, string data)
    {
        (_repository, _settings, _data) = (repository, settings, data);
        (_client, _cloud) = (new DumontClient(_http, settings.ServerUrl), new DumontClient(_http, settings.LocalCloudUrl));
    }

    private static TimeProvider Clock => TimeProvider.System;

    /// <summary>Starts one.</summary>
    /// <param name="repository">Where the programs are.</param>
    /// <param name="server">Settings of the server besides the usual ones.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<FailoverPlace> OpenAsync(Repository repository, IReadOnlyDictionary<string, string> server, CancellationToken cancellationToken)
    {
        var data = Directory.CreateTempSubdirectory("dumont-bench-").FullName;
        var place = new FailoverPlace(repository, UpSettings.Temporary(data) with { ServerSettings = server }, data);
        try
        {
            place._stack = await Stack.StartAsync(repository, place._settings, cancellationToken);
            await place.SignInAsync(cancellationToken);
            await place.SendAsync(HttpMethod.Post, "/standby/configure", new JsonObject { ["enabled"] = true }, cancellationToken);
            return place;
        }
        catch
        {
            await place.DisposeAsync();
            throw;
        }
    }

    /// <summary>Instances with standbys that follow them, made ready together.</summary>
    /// <param name="count">How many.</param>
    /// <param name="settings">Of their failover; what is left out is the server's.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<IReadOnlyList<string>> MakePairsAsync(int count, JsonObject settings, CancellationToken cancellationToken)
    {
        await SignInAsync(cancellationToken);
        var ids = new List<string>();
        for (var i = 0; i < count; i++)
        {
            var request = new JsonObject { ["use_wizard"] = true, ["gpu_name"] = "RTX 4090", ["disk_size"] = 20, ["label"] = "bench" };
            var id = (await SendAsync(HttpMethod.Post, "/instances", request, cancellationToken))!["id"]!.ToString();
            await SetAsync(id, settings, cancellationToken);
            ids.Add(id);
        }

        foreach (var id in ids)
        {
            await AwaitReadyAsync(id, cancellationToken);
        }

        return ids;
    }

    /// <summary>Gives an instance settings of its own for its failover.</summary>
    public Task SetAsync(string id, JsonObject settings, CancellationToken cancellationToken) =>
        settings.Count == 0 ? Task.CompletedTask : SendAsync(HttpMethod.Put, $"/failover/settings/machines/{id}", settings.DeepClone(), cancellationToken);

    /// <summary>Waits until it runs and its standby lacks nothing.</summary>
    public async Task AwaitReadyAsync(string id, CancellationToken cancellationToken)
    {
        await SignInAsync(cancellationToken);
        await AwaitAsync($"instance {id}", () => StateOfAsync(id, cancellationToken), "running/ready/0", cancellationToken);
    }

    /// <summary>Waits until flushes are acknowledged as they should be.</summary>
    public Task AwaitAcknowledgeAsync(string id, string acknowledge, CancellationToken cancellationToken) => AwaitAsync(
        $"the acknowledgement of instance {id}",
        async () => (await SendAsync(HttpMethod.Get, $"/standby/associations/{id}", null, cancellationToken))!["acknowledge"]!.ToString(),
        acknowledge,
        cancellationToken);

    /// <summary>Gives an instance back and waits until nothing of it runs, so that the next round has the machine for itself.</summary>
    public async Task DropAsync(string id, CancellationToken cancellationToken)
    {
        await SendAsync(HttpMethod.Delete, $"/instances/{id}?destroy_standby=true", null, cancellationToken);
        await AwaitAsync(
            $"the number of machines of instance {id}",
            async () => (await MachinesOfAsync(id, cancellationToken)).Count.ToString(CultureInfo.InvariantCulture),
            "0",
            cancellationToken);
    }

    /// <summary>The host of its GPU loses its power.</summary>
    public async Task KillHostAsync(string id, CancellationToken cancellationToken)
    {
        var gpu = (await MachinesOfAsync(id, cancellationToken)).Single(machine => machine["provider"]!.ToString() == "vast");
        await _cloud.SendAsync(HttpMethod.Post, $"/local/machines/{gpu["id"]}/kill", null, cancellationToken);
    }

    /// <summary>Failovers in the server's records that are none of these rounds.</summary>
    public async Task<int> CountOthersAsync(IReadOnlyList<JsonObject> rounds, CancellationToken cancellationToken)
    {
        var known = rounds.Select(round => round["failover_id"]?.ToString()).OfType<string>().ToHashSet();
        var report = await SendAsync(HttpMethod.Get, "/standby/failover/report", null, cancellationToken);
        return report!["history"]!.AsArray().Count(failover => !known.Contains(failover!["failover_id"]!.ToString()));
    }

    /// <summary>One drill of the command line, with what it has measured.</summary>
    public async Task<JsonObject> DrillAsync(string id, string fault, CancellationToken cancellationToken)
    {
        var (_, output) = await CliAsync(["drill", id, $"fault={fault}", "--json", "-q", "--timeout", "3m"], onLine: null, cancellationToken);
        var begin = output.IndexOf('{', StringComparison.Ordinal);
        return begin >= 0 && JsonNode.Parse(output[begin..]) is JsonObject round && round.ContainsKey("passed") ? round : new JsonObject
        {
            ["fault"] = fault,
            ["passed"] = false,
            ["failures"] = new JsonArray(output.Trim()),
        };
    }

    /// <summary>Runs a command on the machine behind an instance's address; it must succeed.</summary>
    public async Task<string> SshAsync(string id, string command, CancellationToken cancellationToken)
    {
        var (exitCode, output) = await TrySshAsync(id, command, onLine: null, cancellationToken);
        return exitCode == 0 ? output : throw new DevException($"A command on instance {id} failed:\n{output}");
    }

    /// <summary>The same, however it ends.</summary>
    public Task<(int ExitCode, string Output)> TrySshAsync(string id, string command, Action<string>? onLine, CancellationToken cancellationToken) =>
        CliAsync(["ssh", id, "--", command], onLine, cancellationToken);

    /// <summary>Says how a round went.</summary>
    public static Task TellAsync(int number, int count, JsonObject round) => Console.Error.WriteLineAsync(string.Create(
        CultureInfo.InvariantCulture,
        $"{number}/{count} {round["fault"]}: {(round["passed"]!.GetValue<bool>() ? "passed" : "FAILED " + round["failures"])}, confirmed {round["detection_ms"]} ms, switched {round["switch_ms"]} ms, answer {round["answer_ms"]} ms, RPO {round["load_rpo_ms"] ?? round["rpo_seconds"]}, back {round["recovery_ms"]} ms"));

    public async ValueTask DisposeAsync()
    {
        if (_stack is not null)
        {
            await _stack.DisposeAsync();
        }

        _http.Dispose();
        try
        {
            Directory.Delete(_data, recursive: true);
        }
        catch (IOException exception)
        {
            // Where a measurement was broken off, a machine may write on for a moment.
            await Console.Error.WriteLineAsync($"{_data} is left: {exception.Message}");
        }
    }

    private static async Task AwaitAsync(string what, Func<Task<string>> read, string wanted, CancellationToken cancellationToken)
    {
        var started = Clock.GetTimestamp();
        while (await read() is var state && state != wanted)
        {
            if (Clock.GetElapsedTime(started) > Patience)
            {
                throw new DevException($"{what} is {state} after {Patience.TotalMinutes:0} minutes; it should be {wanted}.");
            }

            await Task.Delay(PollInterval, Clock, cancellationToken);
        }
    }

    private async Task<string> StateOfAsync(string id, CancellationToken cancellationToken)
    {
        var instance = await SendAsync(HttpMethod.Get, $"/instances/{id}", null, cancellationToken);
        var pairs = await SendAsync(HttpMethod.Get, "/standby/associations", null, cancellationToken);
        var pair = pairs?["associations"]?[id];
        var behind = pair?["sync_count"]?.GetValue<long>() > 0 ? pair["rpo_seconds"]?.GetValue<double>() : null;
        return string.Create(CultureInfo.InvariantCulture, $"{instance!["status"]}/{pair?["state"]}/{behind}");
    }

    // The tag names the instance, in the spelling of its provider.
    private async Task<IReadOnlyList<JsonNode>> MachinesOfAsync(string id, CancellationToken cancellationToken) =>
    [
        .. (await _cloud.SendAsync(HttpMethod.Get, "/local/machines", null, cancellationToken))!["machines"]!.AsArray().Select(machine => machine!)
            .Where(machine => (machine["label"]?.ToString() ?? "").Split('/', '-') is ["dumont", _, var owner, _] && owner == id),
    ];

    private Task<(int ExitCode, string Output)> CliAsync(IEnumerable<string> arguments, Action<string>? onLine, CancellationToken cancellationToken) =>
        Command.CaptureAsync(
            _data,
            _repository.CommandLine,
            arguments,
            new Dictionary<string, string>
            {
                ["HOME"] = _data,
                ["DUMONT_BASE_URL"] = _settings.ServerUrl.AbsoluteUri.TrimEnd('/'),
                ["DUMONT_TOKEN"] = _client.Token!,
                ["DUMONT_LOCALCLOUD_URL"] = _settings.LocalCloudUrl.AbsoluteUri.TrimEnd('/'),
            },
            CommandLimit,
            onLine,
            cancellationToken);

    // A token may not live for as long as a measurement.
    private async Task SignInAsync(CancellationToken cancellationToken)
    {
        var login = new JsonObject { ["username"] = Stack.FirstUserEmail, ["password"] = _stack!.Password };
        _client.Token = (await SendAsync(HttpMethod.Post, "/auth/login", login, cancellationToken))!["access_token"]!.ToString();
    }

    private Task<JsonNode?> SendAsync(HttpMethod method, string path, JsonNode? body, CancellationToken cancellationToken) =>
        _client.SendAsync(method, "/api/v1" + path, body, cancellationToken);
}
