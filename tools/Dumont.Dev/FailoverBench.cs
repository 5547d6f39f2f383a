using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Dumont.Cli.Drills;

namespace Dumont.Dev;

/// <summary><c>./dumont bench failover [faults] [with the default profile] [recoveries] [kills under flushes]</c>: drills on real processes, kinds of faults in turn,
/// while 20 MB/s are written. What a drill measures is in <c>dumont drill --json</c>; here it is only done often.</summary>
/// <remarks>A batch of instances is made ready together, then one after another is struck while the others rest: what is measured has the machine for itself, and no
/// round waits for boots. Most rounds end when the standby has answered; some go on until a new GPU serves.</remarks>
internal static class FailoverBench
{
    private const int Guards = 6;
    private const int Batch = 5;
    private const int RecoveryMegabytes = 1000;

    // Prime to the number of kinds of losses, so that each kind is among those that recover.
    private const int RecoveryEvery = 7;

    private static readonly string[] Losses = ["host-killed", "frozen", "cut", "provider-lies", "ssh-dead", "vanished"];
    private static readonly string[] Harmless = ["agent-frozen", "hiccup", "provider-slanders"];

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);

    private static readonly Dictionary<string, string> FastProfile = new()
    {
        ["Standby__HeartbeatInterval"] = "00:00:00.200",
        ["Standby__FailoverThreshold"] = "3",
    };

    public static async Task<int> RunAsync(Repository repository, string[] counts, CancellationToken cancellationToken)
    {
        var (fast, slow, recoveries, flushes) = (CountOf(counts, 0, 50), CountOf(counts, 1, 6), CountOf(counts, 2, 3), CountOf(counts, 3, 5));
        var (text, histograms) = (new StringBuilder(), new StringBuilder());
        await using (var place = await FailoverPlace.OpenAsync(repository, FastProfile, cancellationToken))
        {
            await ReportLossesAsync("200 ms × 3", place, fast, text, histograms, cancellationToken);
            text.Append(CultureInfo.InvariantCulture, $"| false failovers, {string.Join(", ", Harmless)} | {await GuardAsync(place, fast > 0 ? Guards : 0, cancellationToken)} |\n");
            if (recoveries > 0)
            {
                ReportRecoveries(string.Create(CultureInfo.InvariantCulture, $"{RecoveryMegabytes} MB"), await RecoverAsync(place, recoveries, cancellationToken), text);
            }

            if (flushes > 0)
            {
                ReportFlushes(await FlushBench.RunAsync(place, "sync", flushes, cancellationToken), text);
                ReportFlushes(await FlushBench.RunAsync(place, "async", flushes, cancellationToken), text);
            }
        }

        if (slow > 0)
        {
            await using var place = await FailoverPlace.OpenAsync(repository, new Dictionary<string, string>(), cancellationToken);
            await ReportLossesAsync("1 s × 3", place, slow, text, histograms, cancellationToken);
        }

        text.Append("| HTTP through the gateway | not measured: the gateway serves SSH alone |\n");
        var table = text.ToString().TrimEnd('\n');
        await Console.Out.WriteLineAsync($"{table}\n{histograms}");
        await Results.AppendAsync(repository, "failover", $"{table}\n{histograms.ToString().TrimEnd('\n')}", cancellationToken);
        return 0;
    }

    private static async Task ReportLossesAsync(
        string profile, FailoverPlace place, int count, StringBuilder text, StringBuilder histograms, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        var rounds = await LoseAsync(place, count, cancellationToken);
        if (rounds.Count == 0)
        {
            return;
        }

        var each = TimeProvider.System.GetElapsedTime(started) / rounds.Count;
        ReportRounds(profile, rounds, text, histograms);
        text.Append(CultureInfo.InvariantCulture, $"| … failovers that no drill caused | {await place.CountOthersAsync(rounds, cancellationToken)} |\n");
        if (rounds.Where(round => round["recovery_ms"] is not null).ToList() is { Count: > 0 } recovered)
        {
            ReportRecoveries("what was written in the round", recovered, text);
        }

        text.Append(CultureInfo.InvariantCulture, $"| … one round, with its share of the preparation | {each.TotalSeconds:0.0} s |\n");
    }

    private static async Task<IReadOnlyList<JsonObject>> LoseAsync(FailoverPlace place, int count, CancellationToken cancellationToken)
    {
        var rounds = new List<JsonObject>();
        while (rounds.Count < count)
        {
            foreach (var id in await place.MakePairsAsync(Math.Min(Batch, count - rounds.Count), new JsonObject(), cancellationToken))
            {
                var number = rounds.Count;
                if (number % RecoveryEvery != RecoveryEvery - 1)
                {
                    await place.SetAsync(id, new JsonObject { ["auto_recovery"] = false }, cancellationToken);
                }

                var round = await LoseAsync(place, id, Losses[number % Losses.Length], cancellationToken);
                rounds.Add(round);
                await FailoverPlace.TellAsync(number + 1, count, round);
                await place.DropAsync(id, cancellationToken);
            }
        }

        return rounds;
    }

    private static async Task<JsonObject> LoseAsync(FailoverPlace place, string id, string fault, CancellationToken cancellationToken)
    {
        await place.AwaitReadyAsync(id, cancellationToken);
        await place.SshAsync(id, FailoverLoad.Begin, cancellationToken);
        await Task.Delay(WarmUp, TimeProvider.System, cancellationToken);
        var round = await place.DrillAsync(id, fault, cancellationToken);
        var rpo = round["answer_ms"] is not null && round["fault_at"] is { } at
            ? FailoverLoad.AgeAt(DateTimeOffset.Parse(at.ToString(), CultureInfo.InvariantCulture), await place.SshAsync(id, FailoverLoad.Check, cancellationToken))
            : null;
        round["load_rpo_ms"] = rpo is { } age ? Math.Max(0, age.TotalMilliseconds) : null;
        round["rpo_ms"] = round["rpo_seconds"]?.GetValue<double>() * 1000;
        return round;
    }

    /// <summary>Things that must lead to no failover. Says how many did, out of how many.</summary>
    private static async Task<string> GuardAsync(FailoverPlace place, int count, CancellationToken cancellationToken)
    {
        if (count == 0)
        {
            return "not tried";
        }

        var wrong = 0;
        var id = (await place.MakePairsAsync(1, new JsonObject(), cancellationToken))[0];
        for (var i = 0; i < count; i++)
        {
            await place.AwaitReadyAsync(id, cancellationToken);
            var round = await place.DrillAsync(id, Harmless[i % Harmless.Length], cancellationToken);
            wrong += round["passed"]!.GetValue<bool>() ? 0 : 1;
            await FailoverPlace.TellAsync(i + 1, count, round);
        }

        await place.DropAsync(id, cancellationToken);
        return string.Create(CultureInfo.InvariantCulture, $"{wrong} of {count}");
    }

    private static async Task<IReadOnlyList<JsonObject>> RecoverAsync(FailoverPlace place, int count, CancellationToken cancellationToken)
    {
        var rounds = new List<JsonObject>();
        var id = (await place.MakePairsAsync(1, new JsonObject(), cancellationToken))[0];
        var write = string.Create(
            CultureInfo.InvariantCulture, $"i=0; while [ $i -lt 100 ]; do i=$((i+1)); head -c {RecoveryMegabytes * 10_000} /dev/urandom > /workspace/part-$i || exit 1; done");
        await place.SshAsync(id, write, cancellationToken);
        for (var i = 0; i < count; i++)
        {
            await place.AwaitReadyAsync(id, cancellationToken);
            var round = await place.DrillAsync(id, Losses[0], cancellationToken);
            rounds.Add(round);
            await FailoverPlace.TellAsync(i + 1, count, round);
        }

        await place.DropAsync(id, cancellationToken);
        return rounds;
    }

    private static void ReportRounds(string profile, IReadOnlyList<JsonObject> rounds, StringBuilder text, StringBuilder histograms)
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

    private static void ReportRecoveries(string size, IReadOnlyList<JsonObject> rounds, StringBuilder text)
    {
        Row($"recovery on a new GPU, {size}, without renting, booting and preparing it", round => Phase(round, "searching_gpu") + Phase(round, "restoring"));
        Row("… renting, booting and preparing", round => Phase(round, "provisioning"));
        Row("… fault → back on a GPU, all of it", round => Number(round, "recovery_ms"));

        void Row(string name, Func<JsonObject, double?> read) =>
            text.Append(CultureInfo.InvariantCulture, $"| {name} | {Figures(new Distribution(rounds.Select(read).OfType<double>()))} |\n");
    }

    private static void ReportFlushes(FlushFigures flushes, StringBuilder text)
    {
        text.Append(
            CultureInfo.InvariantCulture,
            $"| **acknowledge={flushes.Acknowledge}**: hosts killed while {FlushBench.RecordBytes} B at a time are written and flushed; flushes that had returned | {flushes.Rounds}, {flushes.Returned} |\n");
        text.Append(CultureInfo.InvariantCulture, $"| … bytes acknowledged by fsync and lost; rounds that lost any | {flushes.LostBytes}, {flushes.RoundsWithLoss} |\n");
        text.Append(CultureInfo.InvariantCulture, $"| … one flush | {Figures(flushes.Milliseconds)} |\n");
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
}
