using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Cli.Drills;
using Dumont.Cli.Grammar;
using Dumont.Cli.Output;
using Dumont.Cli.Session;

namespace Dumont.Cli.Actions;

/// <summary><c>test-sync-real-data</c>: fills a folder of the workspace, changes it for a while, and measures how far the standby is behind.</summary>
internal static class SyncTrialActions
{
    private const string Folder = "/workspace/.dumont-sync-trial";
    private const long FileBytes = 64 << 20;

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ReportInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan CatchUpLimit = TimeSpan.FromMinutes(2);

    // The slowest link at which the first pass is waited for.
    private const double LeastBytesPerSecond = 1e6;

    private static readonly Dictionary<string, double> Units = new(StringComparer.OrdinalIgnoreCase)
    {
        ["TB"] = 1e12,
        ["GB"] = 1e9,
        ["MB"] = 1e6,
        ["KB"] = 1e3,
        ["B"] = 1,
    };

    public static async Task<ExitCode> RunAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var members = context.Invocation.Members;
        var bytes = ReadSize(members["workspace_size"]?.ToString() ?? "1GB");
        var seconds = members["duration"] is { } given ? (long)CellFormat.NumberOf(given)! : 60;
        if (seconds is < 1 or > 86_400)
        {
            throw new UsageException(new("duration: from 1 to 86400 seconds", "duration: de 1 a 86400 segundos"), "duration=60");
        }

        var id = members["gpu_instance_id"]?.ToString() ?? await FindOnlyAsync(context, cancellationToken);
        var (log, style) = DrillActions.OpenLog(context);
        var shell = await SshShell.OpenAsync(context, id, cancellationToken);
        var trial = new Trial(context, log, shell, id);
        JsonObject result;
        try
        {
            result = await trial.RunAsync(bytes, TimeSpan.FromSeconds(seconds), cancellationToken);
        }
        finally
        {
            await shell.RunAsync($"rm -rf {Folder}", TimeSpan.FromMinutes(1), CancellationToken.None);
        }

        context.Output.Write(result, context.Command);
        var passed = result["passed"]!.GetValue<bool>();
        if (context.Output.IsForPeople)
        {
            context.Environment.Out.WriteLine(passed
                ? style.Green(context.Say(new("PASSED", "APROVADO")))
                : style.Red(context.Say(new("FAILED", "REPROVADO"))));
        }

        return passed ? ExitCode.Ok : ExitCode.Failure;
    }

    /// <summary>Reads <c>10GB</c>, <c>500MB</c>, <c>1.5GB</c>.</summary>
    /// <exception cref="UsageException">Anything else, below 1 MB, or above 100 TB.</exception>
    public static long ReadSize(string text)
    {
        var unit = Units.Keys.FirstOrDefault(unit => text.EndsWith(unit, StringComparison.OrdinalIgnoreCase));
        return unit is not null
            && double.TryParse(text[..^unit.Length].Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number * Units[unit] is >= 1e6 and <= 1e14 and var bytes
                ? (long)bytes
                : throw new UsageException(
                    new($"workspace_size: '{text}' is not a size from 1MB to 100TB", $"workspace_size: '{text}' não é um tamanho de 1MB a 100TB"), "workspace_size=10GB");
    }

    private static async Task<string> FindOnlyAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var answer = await context.Session.SendAsync(ApiMethod.Get, "/api/v1/standby/associations", null, cancellationToken);
        var ready = (answer?["associations"] as JsonObject ?? []).Where(pair => CellFormat.Field(pair.Value, "state")?.ToString() == "ready").Select(pair => pair.Key).ToList();
        return ready is [var only] ? only : throw new CliException(
            ready.Count == 0 ? ExitCode.Conflict : ExitCode.Usage,
            ready.Count == 0
                ? new("no instance has a standby that is ready", "nenhuma instância tem reserva pronta")
                : new($"several instances have a standby: {string.Join(", ", ready)}", $"várias instâncias têm reserva: {string.Join(", ", ready)}"),
            ready.Count == 0
                ? new("give one to it: dumont standby provision <instance>", "dê uma: dumont standby provision <instância>")
                : new("say which: gpu_instance_id=…", "diga qual: gpu_instance_id=…"));
    }

    private sealed class Trial(CommandContext context, DrillLog log, SshShell shell, string id)
    {
        private readonly TimeProvider _time = context.Environment.Time;

        public async Task<JsonObject> RunAsync(long bytes, TimeSpan duration, CancellationToken cancellationToken)
        {
            var roundsBefore = Number(await PairAsync(cancellationToken), "sync_count");
            var began = _time.GetTimestamp();
            await FillAsync(bytes, cancellationToken);
            var patience = CatchUpLimit + TimeSpan.FromSeconds(bytes / LeastBytesPerSecond);
            var filled = await CatchUpAsync(patience, cancellationToken);
            var firstSeconds = _time.GetElapsedTime(began).TotalSeconds;
            log.Write(filled ? DrillLevel.Sync : DrillLevel.Error, new(
                Line($"{CellFormat.Bytes(bytes)} on the standby after {firstSeconds:0.0} s"), Line($"{CellFormat.Bytes(bytes)} na reserva após {firstSeconds:0.0} s")));

            var (lags, good) = await ChangeAsync(bytes, duration, cancellationToken);
            var caughtUp = await CatchUpAsync(CatchUpLimit, cancellationToken);
            var rounds = Number(await PairAsync(cancellationToken), "sync_count") - roundsBefore;
            return new JsonObject
            {
                ["passed"] = filled && caughtUp && good && lags.Count > 0 && lags.Percentile(0.99) <= DrillResult.RpoLimit.TotalSeconds,
                ["instance_id"] = id,
                ["workspace_bytes"] = bytes,
                ["first_sync_seconds"] = Math.Round(firstSeconds, 1),
                ["first_sync_mb_per_second"] = Math.Round(bytes / 1e6 / firstSeconds, 1),
                ["sync_rounds"] = rounds,
                ["duration_seconds"] = Math.Round(duration.TotalSeconds, 0),
                ["rpo_seconds"] = lags.Count == 0 ? null : new JsonObject
                {
                    ["p50"] = Math.Round(lags.Percentile(0.5), 3),
                    ["p99"] = Math.Round(lags.Percentile(0.99), 3),
                    ["max"] = Math.Round(lags.Max, 3),
                },
                ["caught_up"] = filled && caughtUp,
            };
        }

        private async Task FillAsync(long bytes, CancellationToken cancellationToken)
        {
            log.Write(DrillLevel.Info, new($"Writing {CellFormat.Bytes(bytes)}...", $"Escrevendo {CellFormat.Bytes(bytes)}..."));
            var file = 0;
            for (var left = bytes; left > 0; left -= FileBytes)
            {
                await shell.GetAsync(
                    Line($"mkdir -p {Folder} && head -c {Math.Min(left, FileBytes)} /dev/urandom > {Folder}/data-{++file}"), TimeSpan.FromMinutes(5), cancellationToken);
            }
        }

        /// <summary>Changes the files in place, appends and makes small ones, and looks meanwhile how old the oldest change is that the standby lacks.</summary>
        private async Task<(Distribution Lags, bool Good)> ChangeAsync(long bytes, TimeSpan duration, CancellationToken cancellationToken)
        {
            var files = Math.Max(1, (bytes + FileBytes - 1) / FileBytes);
            var script = Line(
                $$"""
                cd {{Folder}} && end=$((SECONDS + {{(long)duration.TotalSeconds}})) && i=0
                while [ $SECONDS -lt $end ]; do
                  i=$((i+1))
                  dd if=/dev/urandom of=data-$((i % {{files}} + 1)) bs=64k count=4 seek=$((RANDOM % 16)) conv=notrunc status=none
                  head -c 65536 /dev/urandom >> log-$((i / 500))
                  head -c 4096 /dev/urandom > small-$((i % 1000))
                  sleep 0.02
                done
                echo $i
                """);
            var writing = shell.RunAsync(script, duration + TimeSpan.FromMinutes(2), cancellationToken);
            var (lags, told) = (new List<double>(), _time.GetTimestamp());
            while (!writing.IsCompleted)
            {
                if (CellFormat.NumberOf(CellFormat.Field(await PairAsync(cancellationToken), "rpo_seconds")) is { } lag)
                {
                    lags.Add(lag);
                    if (_time.GetElapsedTime(told) >= ReportInterval)
                    {
                        told = _time.GetTimestamp();
                        log.Write(DrillLevel.Sync, new(Line($"the standby is {lag:0.00} s behind"), Line($"a reserva está {lag:0.00} s atrás")));
                    }
                }

                await Task.Delay(PollInterval, _time, cancellationToken);
            }

            return (new Distribution(lags), (await writing).IsGood);
        }

        private async Task<bool> CatchUpAsync(TimeSpan limit, CancellationToken cancellationToken)
        {
            // A figure of zero may be older than the writing. A mark that is written now brings another round, whose time is the machine's own.
            var began = _time.GetTimestamp();
            var mark = await shell.GetAsync(Line($"echo $EPOCHREALTIME | tee {Folder}/mark"), TimeSpan.FromMinutes(1), cancellationToken);
            var written = DateTimeOffset.UnixEpoch.AddSeconds(double.Parse(mark.Replace(',', '.'), CultureInfo.InvariantCulture));
            while (_time.GetElapsedTime(began) < limit)
            {
                var pair = await PairAsync(cancellationToken);
                if (CellFormat.NumberOf(CellFormat.Field(pair, "rpo_seconds")) == 0
                    && DateTimeOffset.TryParse(CellFormat.Field(pair, "last_sync_at")?.ToString(), CultureInfo.InvariantCulture, out var last) && last >= written)
                {
                    return true;
                }

                await Task.Delay(PollInterval, _time, cancellationToken);
            }

            return false;
        }

        private Task<JsonNode?> PairAsync(CancellationToken cancellationToken) =>
            context.Session.SendAsync(ApiMethod.Get, $"/api/v1/standby/associations/{id}", null, cancellationToken);

        private static long Number(JsonNode? node, string field) => (long)(CellFormat.NumberOf(CellFormat.Field(node, field)) ?? 0);

        private static string Line(FormattableString text) => FormattableString.Invariant(text);
    }
}
