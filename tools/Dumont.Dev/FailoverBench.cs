using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Dumont.Cli.Drills;
using Dumont.Contracts;

namespace Dumont.Dev;

/// <summary><c>./dumont bench failover [faults] [with the default profile] [recoveries]</c>: drills on real processes, kinds of faults in turn, while 20 MB/s are
/// written. What a drill measures is in <c>dumont drill --json</c>; here it is only done often.</summary>
internal static class FailoverBench
{
    private const int Guards = 6;
    private const int RecoveryMegabytes = 1000;

    private static readonly string[] Losses = ["host-killed", "frozen", "cut", "provider-lies", "ssh-dead", "vanished"];
    private static readonly string[] Harmless = ["agent-frozen", "hiccup", "provider-slanders"];

    private static readonly Dictionary<string, string> FastProfile = new()
    {
        ["Standby__HeartbeatInterval"] = "00:00:00.200",
        ["Standby__FailoverThreshold"] = "3",
    };

    public static async Task<int> RunAsync(Repository repository, string[] counts, CancellationToken cancellationToken)
    {
        var (fast, slow, recoveries) = (CountOf(counts, 0, 50), CountOf(counts, 1, 12), CountOf(counts, 2, 3));
        var text = new StringBuilder();
        var histograms = new StringBuilder();
        var rounds = new List<JsonObject>();
        await using (var place = await Place.OpenAsync(repository, FastProfile, cancellationToken))
        {
            rounds.AddRange(await place.LoseAsync(fast, cancellationToken));
            Report("200 ms × 3", rounds, text, histograms);
            text.Append(CultureInfo.InvariantCulture, $"| … failovers that no drill caused | {await place.CountOthersAsync(rounds, cancellationToken)} |\n");
            text.Append(CultureInfo.InvariantCulture, $"| false failovers, {string.Join(", ", Harmless)} | {await place.GuardAsync(Guards, cancellationToken)} |\n");
            if (recoveries > 0)
            {
                Recover(await place.RecoverAsync(recoveries, cancellationToken), text);
            }
        }

        if (slow > 0)
        {
            await using var place = await Place.OpenAsync(repository, new Dictionary<string, string>(), cancellationToken);
            var all = await place.LoseAsync(slow, cancellationToken);
            Report("1 s × 3", all, text, histograms);
            text.Append(CultureInfo.InvariantCulture, $"| … failovers that no drill caused | {await place.CountOthersAsync(all, cancellationToken)} |\n");
        }

        text.Append("| HTTP through the gateway | not measured: the gateway serves SSH alone |\n");
        var table = text.ToString().TrimEnd('\n');
        await Console.Out.WriteLineAsync($"{table}\n{histograms}");
        await Results.AppendAsync(repository, "failover", $"{table}\n{histograms.ToString().TrimEnd('\n')}", cancellationToken);
        return 0;
    }

    private static void Report(string profile, IReadOnlyList<JsonObject> rounds, StringBuilder text, StringBuilder histograms)
    {
        var passed = rounds.Where(round => round["passed"]!.GetValue<bool>()).ToList();
        var kinds = string.Join(", ", rounds.GroupBy(round => round["fault"]!.ToString()).Select(kind => $"{kind.Count()} {kind.Key}"));
        text.Append(CultureInfo.InvariantCulture, $"| **{profile}**: faults ({kinds}), passed | {rounds.Count}, {passed.Count} |\n");
        foreach (var failed in rounds.Except(passed))
        {
            var why = string.Join("; ", failed["failures"]!.AsArray()).ReplaceLineEndings(" ").Replace('|', '/');
            text.Append(CultureInfo.InvariantCulture, $"| … {failed["fault"]} failed | {why} |\n");
        }

        // A round that failed counts with whatever it measured: leaving it out would flatter.
        Row("fault → first answer of the standby by SSH", "answer_ms", drawn: true);
        Row("fault → first SSH greeting", "banner_ms", drawn: false);
        Row("fault → confirmed", "detection_ms", drawn: true);
        Row("confirmed → switched", "switch_ms", drawn: true);
        Row("RPO while 20 MB/s are written", "load_rpo_ms", drawn: true);
        Row("RPO by a line every 20 ms", "rpo_ms", drawn: false);
        foreach (var kind in rounds.GroupBy(round => round["fault"]!.ToString()))
        {
            var values = new Distribution(kind.Select(round => Number(round, "answer_ms")).OfType<double>());
            text.Append(CultureInfo.InvariantCulture, $"| … {kind.Key}, to the first answer | {Figures(values)} |\n");
        }

        void Row(string name, string field, bool drawn)
        {
            var values = new Distribution(rounds.Select(round => Number(round, field)).OfType<double>());
            text.Append(CultureInfo.InvariantCulture, $"| {name} | {Figures(values)} |\n");
            if (drawn && values.Count > 0)
            {
                histograms.Append(CultureInfo.InvariantCulture, $"\n{name}, {profile}\n\n```\n{values.Bars("ms")}```\n");
            }
        }
    }

    private static void Recover(IReadOnlyList<JsonObject> rounds, StringBuilder text)
    {
        Row($"recovery on a new GPU, {RecoveryMegabytes} MB, without renting, booting and preparing it", round => Phase(round, "searching_gpu") + Phase(round, "restoring"));
        Row("… renting, booting and preparing", round => Phase(round, "provisioning"));
        Row("… fault → back on a GPU, all of it", round => Number(round, "recovery_ms"));

        void Row(string name, Func<JsonObject, double?> read) =>
            text.Append(CultureInfo.InvariantCulture, $"| {name} | {Figures(new Distribution(rounds.Select(read).OfType<double>()))} |\n");
    }

    private static string Figures(Distribution values) => values.Count == 0 ? "none" : string.Create(
        CultureInfo.InvariantCulture,
        $"n {values.Count}, p50 {values.Percentile(0.5):0} ms, p95 {values.Percentile(0.95):0} ms, p99 {values.Percentile(0.99):0} ms, max {values.Max:0} ms");

    private static double? Phase(JsonObject round, string phase) => round["phase_timings_ms"]?[phase]?.GetValue<double>();

    private static double? Number(JsonObject round, string field) => round[field]?.GetValue<double>();

    private static int CountOf(string[] counts, int index, int standard) =>
        index >= counts.Length ? standard
        : int.TryParse(counts[index], NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count
        : throw new DevException($"'{counts[index]}' is not a number of rounds.");

    /// <summary>A server with its cloud, and one protected instance at a time.</summary>
    private sealed class Place : IAsyncDisposable
    {
        private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
        private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);
        private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

        private readonly Repository _repository;
        private readonly UpSettings _settings;
        private readonly string _data;
        private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(60) };
        private Stack? _stack;
        private DumontClient? _client;

        private Place(Repository repository, UpSettings settings, string data) => (_repository, _settings, _data) = (repository, settings, data);

        private static TimeProvider Clock => TimeProvider.System;

        public static async Task<Place> OpenAsync(Repository repository, IReadOnlyDictionary<string, string> server, CancellationToken cancellationToken)
        {
            var data = Directory.CreateTempSubdirectory("dumont-bench-").FullName;
            var place = new Place(repository, UpSettings.Temporary(data) with { ServerSettings = server }, data);
            try
            {
                place._stack = await Stack.StartAsync(repository, place._settings, cancellationToken);
                place._client = new DumontClient(place._http, place._settings.ServerUrl);
                await place.SignInAsync(cancellationToken);
                await place.PostAsync("/standby/configure", new JsonObject { ["enabled"] = true }, cancellationToken);
                return place;
            }
            catch
            {
                await place.DisposeAsync();
                throw;
            }
        }

        public async Task<IReadOnlyList<JsonObject>> LoseAsync(int count, CancellationToken cancellationToken)
        {
            var (rounds, id) = (new List<JsonObject>(), (string?)null);
            for (var i = 0; i < count; i++)
            {
                id = await EnsurePairAsync(id, cancellationToken);
                await SshAsync(id, FailoverLoad.Begin, cancellationToken);
                await Task.Delay(WarmUp, Clock, cancellationToken);
                var round = await DrillAsync(id, Losses[i % Losses.Length], cancellationToken);
                var isBack = round["recovery_ms"] is not null;
                var rpo = isBack && round["fault_at"] is { } at
                    ? FailoverLoad.AgeAt(DateTimeOffset.Parse(at.ToString(), CultureInfo.InvariantCulture), await SshAsync(id, FailoverLoad.Check, cancellationToken))
                    : null;
                round["load_rpo_ms"] = rpo is { } age ? Math.Max(0, age.TotalMilliseconds) : null;
                round["rpo_ms"] = round["rpo_seconds"]?.GetValue<double>() * 1000;
                rounds.Add(round);
                await TellAsync(i + 1, count, round);
                id = isBack ? id : await DropAsync(id, cancellationToken);
            }

            await DropAsync(id, cancellationToken);
            return rounds;
        }

        /// <summary>Failovers in the server's records that are none of these rounds.</summary>
        public async Task<int> CountOthersAsync(IReadOnlyList<JsonObject> rounds, CancellationToken cancellationToken)
        {
            var known = rounds.Select(round => round["failover_id"]?.ToString()).OfType<string>().ToHashSet();
            var report = await _client!.SendAsync(HttpMethod.Get, "/api/v1/standby/failover/report", null, cancellationToken);
            return report!["history"]!.AsArray().Count(failover => !known.Contains(failover!["failover_id"]!.ToString()));
        }

        /// <summary>Things that must lead to no failover. Returns how many did, out of how many.</summary>
        public async Task<string> GuardAsync(int count, CancellationToken cancellationToken)
        {
            var (wrong, id) = (0, (string?)null);
            for (var i = 0; i < count; i++)
            {
                id = await EnsurePairAsync(id, cancellationToken);
                var round = await DrillAsync(id, Harmless[i % Harmless.Length], cancellationToken);
                wrong += round["passed"]!.GetValue<bool>() ? 0 : 1;
                await TellAsync(i + 1, count, round);
            }

            await DropAsync(id, cancellationToken);
            return string.Create(CultureInfo.InvariantCulture, $"{wrong} of {count}");
        }

        public async Task<IReadOnlyList<JsonObject>> RecoverAsync(int count, CancellationToken cancellationToken)
        {
            var rounds = new List<JsonObject>();
            var id = await EnsurePairAsync(null, cancellationToken);
            var write = string.Create(
                CultureInfo.InvariantCulture, $"i=0; while [ $i -lt 100 ]; do i=$((i+1)); head -c {RecoveryMegabytes * 10_000} /dev/urandom > /workspace/part-$i || exit 1; done");
            await SshAsync(id, write, cancellationToken);
            for (var i = 0; i < count; i++)
            {
                await EnsurePairAsync(id, cancellationToken);
                var round = await DrillAsync(id, Losses[0], cancellationToken);
                rounds.Add(round);
                await TellAsync(i + 1, count, round);
            }

            await DropAsync(id, cancellationToken);
            return rounds;
        }

        public async ValueTask DisposeAsync()
        {
            if (_stack is not null)
            {
                await _stack.DisposeAsync();
            }

            _http.Dispose();
            Directory.Delete(_data, recursive: true);
        }

        private static Task TellAsync(int number, int count, JsonObject round) => Console.Error.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{number}/{count} {round["fault"]}: {(round["passed"]!.GetValue<bool>() ? "passed" : "FAILED " + round["failures"])}, confirmed {round["detection_ms"]} ms, switched {round["switch_ms"]} ms, answer {round["answer_ms"]} ms, RPO {round["load_rpo_ms"] ?? round["rpo_seconds"]}, back {round["recovery_ms"]} ms"));

        private async Task<string> EnsurePairAsync(string? id, CancellationToken cancellationToken)
        {
            await SignInAsync(cancellationToken);
            if (id is null)
            {
                var request = new JsonObject { ["use_wizard"] = true, ["gpu_name"] = "RTX 4090", ["disk_size"] = 20, ["label"] = "bench" };
                id = (await PostAsync("/instances", request, cancellationToken))!["id"]!.ToString();
            }

            var started = Clock.GetTimestamp();
            while (await StateOfAsync(id, cancellationToken) is var state && state != "running/ready/0")
            {
                if (Clock.GetElapsedTime(started) > Patience)
                {
                    throw new DevException($"Instance {id} is {state} after {Patience.TotalMinutes:0} minutes; it should be running/ready/0.");
                }

                await Task.Delay(PollInterval, Clock, cancellationToken);
            }

            return id;
        }

        private async Task<string> StateOfAsync(string id, CancellationToken cancellationToken)
        {
            var instance = await _client!.SendAsync(HttpMethod.Get, $"/api/v1/instances/{id}", null, cancellationToken);
            var pairs = await _client.SendAsync(HttpMethod.Get, "/api/v1/standby/associations", null, cancellationToken);
            var pair = pairs?["associations"]?[id];
            var behind = pair?["sync_count"]?.GetValue<long>() > 0 ? pair["rpo_seconds"]?.GetValue<double>() : null;
            return string.Create(CultureInfo.InvariantCulture, $"{instance!["status"]}/{pair?["state"]}/{behind}");
        }

        private async Task<string?> DropAsync(string? id, CancellationToken cancellationToken)
        {
            if (id is not null)
            {
                await _client!.SendAsync(HttpMethod.Delete, $"/api/v1/instances/{id}?destroy_standby=true", null, cancellationToken);
            }

            return null;
        }

        private async Task<JsonObject> DrillAsync(string id, string fault, CancellationToken cancellationToken)
        {
            var (_, output) = await CliAsync(["drill", id, $"fault={fault}", "--json", "-q", "--timeout", "3m"], cancellationToken);
            var begin = output.IndexOf('{', StringComparison.Ordinal);
            return begin >= 0 && JsonNode.Parse(output[begin..]) is JsonObject round && round.ContainsKey("passed") ? round : new JsonObject
            {
                ["fault"] = fault,
                ["passed"] = false,
                ["failures"] = new JsonArray(output.Trim()),
            };
        }

        private async Task<string> SshAsync(string id, string command, CancellationToken cancellationToken)
        {
            var (exitCode, output) = await CliAsync(["ssh", id, "--", command], cancellationToken);
            return exitCode == 0 ? output : throw new DevException($"A command on instance {id} failed:\n{output}");
        }

        private Task<(int ExitCode, string Output)> CliAsync(IEnumerable<string> arguments, CancellationToken cancellationToken) => Command.CaptureAsync(
            _data,
            _repository.Program("Dumont.Cli", "dumont-cli"),
            arguments,
            new Dictionary<string, string>
            {
                ["HOME"] = _data,
                ["DUMONT_BASE_URL"] = _settings.ServerUrl.AbsoluteUri.TrimEnd('/'),
                ["DUMONT_TOKEN"] = _client!.Token!,
                ["DUMONT_LOCALCLOUD_URL"] = _settings.LocalCloudUrl.AbsoluteUri.TrimEnd('/'),
            },
            TimeSpan.FromMinutes(15),
            null,
            cancellationToken);

        // A token may not live for as long as a measurement.
        private async Task SignInAsync(CancellationToken cancellationToken)
        {
            var login = new JsonObject { ["username"] = Stack.FirstUserEmail, ["password"] = _stack!.Password };
            _client!.Token = (await PostAsync("/auth/login", login, cancellationToken))!["access_token"]!.ToString();
        }

        private Task<JsonNode?> PostAsync(string path, JsonNode body, CancellationToken cancellationToken) =>
            _client!.SendAsync(HttpMethod.Post, "/api/v1" + path, body, cancellationToken);
    }
}
