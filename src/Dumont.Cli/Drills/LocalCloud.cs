using System.Text.Json.Nodes;
using Dumont.Cli.Output;
using Dumont.Contracts;

namespace Dumont.Cli.Drills;

/// <summary>The control routes of a local cloud. The command line talks to it directly: the server never knows which cloud it rents from.</summary>
internal sealed class LocalCloud(HttpClient http, Uri url)
{
    public const string Variable = "DUMONT_LOCALCLOUD_URL";

    private const string DefaultUrl = "http://127.0.0.1:8780";

    private readonly DumontClient _client = new(http, url);

    /// <summary>The one that was named, or the one of this computer; null when none answers.</summary>
    /// <exception cref="UsageException">What was named is not a URL.</exception>
    /// <exception cref="CliException">What was named does not answer.</exception>
    public static async Task<LocalCloud?> FindAsync(
        HttpClient http, string? given, IReadOnlyDictionary<string, string> variables, CancellationToken cancellationToken)
    {
        var named = given ?? (variables.GetValueOrDefault(Variable) is { Length: > 0 } text ? text : null);
        if (!Uri.TryCreate(named ?? DefaultUrl, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
        {
            throw new UsageException(new($"local_cloud: '{named}' is not a URL", $"local_cloud: '{named}' não é um URL"), $"local_cloud={DefaultUrl}");
        }

        var cloud = new LocalCloud(http, url);
        try
        {
            await cloud.MachinesAsync(cancellationToken);
            return cloud;
        }
        catch (Exception e) when (e is HttpRequestException or DumontApiException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return named is null ? null : throw new CliException(
                ExitCode.Unavailable,
                new($"no local cloud answers at {url}", $"nenhuma nuvem local responde em {url}"),
                new("start it with ./dumont up, or leave local_cloud away for a harmless drill", "inicie com ./dumont up, ou omita local_cloud para um exercício inofensivo"));
        }
    }

    /// <summary>The GPU machine of an instance, known by the name that it gives itself and by the label that its owner gave it; null when it is not of this cloud.</summary>
    public async Task<string?> FindGpuAsync(string instanceId, string hostName, CancellationToken cancellationToken)
    {
        foreach (var machine in await MachinesAsync(cancellationToken))
        {
            var (id, label) = (machine?["id"]?.ToString(), machine?["label"]?.ToString() ?? "");
            if (id is not null && hostName == "C." + id && label.Split('/') is ["dumont", _, var owner, _] && owner == instanceId)
            {
                return id;
            }
        }

        return null;
    }

    /// <summary>Ids of all machines that are rented for an instance.</summary>
    public async Task<IReadOnlyList<string>> MachinesOfAsync(string instanceId, CancellationToken cancellationToken) =>
    [
        .. (await MachinesAsync(cancellationToken))
            .Where(machine => (machine?["label"]?.ToString() ?? "").Split('/', '-') is ["dumont", _, var owner, _] && owner == instanceId)
            .Select(machine => machine!["id"]!.ToString()),
    ];

    /// <summary>Where a machine's sshd listens.</summary>
    public async Task<(string Host, int Port)?> FindAddressAsync(string id, CancellationToken cancellationToken) =>
        (await MachinesAsync(cancellationToken)).FirstOrDefault(machine => machine?["id"]?.ToString() == id) is { } found
        && found["address"]?.ToString() is { } address && CellFormat.NumberOf(found["ssh_port"]) is { } port
            ? (address, (int)port)
            : null;

    /// <summary>Makes a fault happen, now.</summary>
    public async Task InjectAsync(DrillFault fault, string machine, CancellationToken cancellationToken)
    {
        switch (fault.Name)
        {
            case DrillFault.HostKilled:
                await SendAsync($"/local/machines/{machine}/kill", null, cancellationToken);
                break;
            case DrillFault.ProviderLies:
                await ArmStateAsync(machine, "running", cancellationToken);
                await SendAsync($"/local/machines/{machine}/kill", null, cancellationToken);
                break;
            case DrillFault.ProviderSlanders:
                await ArmStateAsync(machine, "offline", cancellationToken);
                break;
            case DrillFault.SshDead:
                await StrikeAsync(machine, "freeze-agent", cancellationToken);
                await StrikeAsync(machine, "ssh-dead", cancellationToken);
                break;
            default:
                await StrikeAsync(machine, WordOf(fault.Name), cancellationToken);
                break;
        }
    }

    /// <summary>Lets what stands still go on, and the provider tell the truth.</summary>
    public async Task MendAsync(string machine, CancellationToken cancellationToken)
    {
        var armed = await _client.SendAsync(HttpMethod.Get, "/local/faults", null, cancellationToken);
        foreach (var fault in armed?["faults"]?.AsArray() ?? [])
        {
            if (fault?["target"]?.ToString() == machine)
            {
                await _client.SendAsync(HttpMethod.Delete, $"/local/faults/{fault["id"]}", null, cancellationToken);
            }
        }

        try
        {
            await StrikeAsync(machine, "thaw", cancellationToken);
        }
        catch (DumontApiException)
        {
            // Dead, or given back: there is nothing to thaw.
        }
    }

    private async Task ArmStateAsync(string machine, string state, CancellationToken cancellationToken)
    {
        foreach (var operation in (string[])["get", "list"])
        {
            var fault = new JsonObject
            {
                ["kind"] = "lying-status",
                ["operation"] = operation,
                ["provider"] = "vast",
                ["target"] = machine,
                ["state"] = state,
                ["seconds"] = 60,
            };
            await _client.SendAsync(HttpMethod.Post, "/local/faults", fault, cancellationToken);
        }
    }

    private Task<JsonNode?> StrikeAsync(string machine, string kind, CancellationToken cancellationToken) =>
        SendAsync($"/local/machines/{machine}/strike", new JsonObject { ["kind"] = kind }, cancellationToken);

    private Task<JsonNode?> SendAsync(string path, JsonNode? body, CancellationToken cancellationToken) =>
        _client.SendAsync(HttpMethod.Post, path, body, cancellationToken);

    private async Task<JsonArray> MachinesAsync(CancellationToken cancellationToken) =>
        (await _client.SendAsync(HttpMethod.Get, "/local/machines", null, cancellationToken))?["machines"] as JsonArray ?? [];

    private static string WordOf(string fault) => fault switch
    {
        DrillFault.Frozen or DrillFault.Hiccup => "freeze",
        DrillFault.Cut => "cut",
        DrillFault.Vanished => "vanish",
        DrillFault.AgentFrozen => "freeze-agent",
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault, null),
    };
}
