using System.Globalization;

namespace Dumont.Dev;

/// <summary><c>./dumont bench snapshots</c>: our engine, restic, borg and a plain copy on the same files in turn, whole processes, warm cache. Ratios
/// count, and only within one run.</summary>
internal static class SnapshotBench
{
    private static readonly string[] NeededPrograms = ["/usr/bin/time", "/usr/bin/restic"];

    private const int ManyFiles = 100_000;

    public static async Task<int> RunAsync(Repository repository, BenchSettings settings, CancellationToken cancellationToken)
    {
        if (SnapshotCorpus.Find(repository, settings.CorpusScript) is not { } corpus)
        {
            await Console.Out.WriteLineAsync("skipped: the script that makes the files is not here (DUMONT_BENCH_CORPUS_SCRIPT)");
            return 0;
        }

        if (NeededPrograms.FirstOrDefault(program => !File.Exists(program)) is { } missing)
        {
            throw new DevException($"{missing} is missing; install it with apt-get install {Path.GetFileName(missing)}");
        }

        var work = Directory.CreateDirectory(Path.Combine(settings.Folder, $"dumont-bench-{Environment.ProcessId}")).FullName;
        try
        {
            var figures = new Figures();
            await MeasureAsync(repository, corpus, work, settings, figures, cancellationToken);
            await MeasureManyAsync(repository, corpus, work, settings, figures, cancellationToken);
            await MeasureChainAsync(repository, work, figures, cancellationToken);
            var table = figures.Table(settings.Rounds);
            await Console.Out.WriteLineAsync(table);
            await Results.AppendAsync(repository, "snapshots", table, cancellationToken);
            return 0;
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    private static DumontTool Dumont(Repository repository, string work, bool isEncrypted) =>
        new(isEncrypted ? "dumont" : "dumont plain", work, repository.CommandLine, isEncrypted);

    private static async Task MeasureAsync(
        Repository repository, SnapshotCorpus corpus, string work, BenchSettings settings, Figures figures, CancellationToken cancellationToken)
    {
        var source = Path.Combine(work, "corpus");
        await corpus.MakeAsync(source, settings.Scale, cancellationToken);
        for (var round = 0; round <= settings.Rounds; round++)
        {
            // The first round warms caches and the memory of the machine; it is not counted.
            var into = round == 0 ? new Figures() : figures;
            List<SnapshotTool> tools = [Dumont(repository, work, true), new ResticTool(work), Dumont(repository, work, false), new CopyTool(work)];
            if (File.Exists("/usr/bin/borg") && round <= 1)
            {
                tools.Add(new BorgTool(work));
            }

            await Console.Error.WriteLineAsync($"round {round} of {settings.Rounds}");
            await RunRoundAsync(tools, corpus, work, source, round, into, cancellationToken);
        }
    }

    private static async Task RunRoundAsync(
        List<SnapshotTool> tools, SnapshotCorpus corpus, string work, string source, int round, Figures figures, CancellationToken cancellationToken)
    {
        foreach (var tool in tools)
        {
            // What the tools before it wrote may have driven the files out of memory.
            WarmUp(source);
            await tool.InitAsync(cancellationToken);
            figures.Add("first snapshot", tool.Name, await tool.SnapshotAsync(source, cancellationToken));
            figures.AddSize("repository", tool.Name, tool.StoredBytes());
        }

        var keepers = tools.Where(tool => tool is not CopyTool).ToList();
        WarmUp(source);
        foreach (var tool in keepers)
        {
            figures.Add("no change, 20,000 files", tool.Name, await tool.SnapshotAsync(source, cancellationToken));
        }

        await corpus.MutateAsync(source, round + 1, cancellationToken);
        foreach (var tool in keepers)
        {
            var before = tool.StoredBytes();
            figures.Add("1 % changed", tool.Name, await tool.SnapshotAsync(source, cancellationToken));
            figures.AddSize("1 % changed, stored", tool.Name, tool.StoredBytes() - before);
        }

        var small = Path.GetRelativePath(source, Directory.EnumerateFiles(Path.Combine(source, "src"), "*", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal).First(file => new FileInfo(file).Length is > 9000 and < 11_000));
        foreach (var tool in keepers)
        {
            if (tool.CatAsync(source, small, cancellationToken) is { } cat)
            {
                figures.Add("one 10 KB file", tool.Name, await cat);
            }
        }

        foreach (var tool in keepers)
        {
            var target = Path.Combine(work, $"restored-{Guid.NewGuid():N}");
            if (tool.RestoreAsync(target, cancellationToken) is { } restore)
            {
                figures.Add("full restore", tool.Name, await restore);
                Rubbish.PutAway(work, target);
            }
        }

        tools.ForEach(tool => tool.PutAway());
    }

    private static void WarmUp(string folder)
    {
        var buffer = new byte[4 << 20];
        foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(file => File.ResolveLinkTarget(file, returnFinalTarget: false) is null))
        {
            using var stream = File.OpenHandle(file);
            for (var offset = 0L; RandomAccess.Read(stream, buffer, offset) is > 0 and var read; offset += read)
            {
            }
        }
    }

    private static async Task MeasureManyAsync(
        Repository repository, SnapshotCorpus corpus, string work, BenchSettings settings, Figures figures, CancellationToken cancellationToken)
    {
        var source = Path.Combine(work, "many");
        await corpus.MakeManyAsync(source, (int)(ManyFiles * settings.Scale), cancellationToken);
        var tool = Dumont(repository, work, true);
        await tool.InitAsync(cancellationToken);
        figures.Add("first snapshot, 100,000 small files", tool.Name, await tool.SnapshotAsync(source, cancellationToken));
        for (var round = 0; round < settings.Rounds; round++)
        {
            figures.Add("no change, 100,000 small files", tool.Name, await tool.SnapshotAsync(source, cancellationToken));
        }

        tool.PutAway();
    }

    // One file that is saved again and again, as training does, with a twentieth of its blocks changed each time.
    private static async Task MeasureChainAsync(Repository repository, string work, Figures figures, CancellationToken cancellationToken)
    {
        var steps = Directory.EnumerateFiles(Path.Combine(work, "corpus", "ckpt"), "step*.pt").Order(StringComparer.Ordinal).ToList();
        var source = Directory.CreateDirectory(Path.Combine(work, "chain")).FullName;
        var tool = Dumont(repository, work, true);
        await tool.InitAsync(cancellationToken);
        foreach (var step in steps)
        {
            File.Copy(step, Path.Combine(source, "checkpoint.pt"), overwrite: true);
            var added = DumontTool.AddedBytes(await tool.SnapshotAsync(source, cancellationToken));
            if (step != steps[0])
            {
                figures.AddRatio("checkpoint saved again, size by bytes stored", tool.Name, new FileInfo(step).Length / (double)added);
            }
        }

        tool.PutAway();
    }

    /// <summary>Figures by what was done and by tool.</summary>
    private sealed class Figures
    {
        private readonly List<string> _order = [];
        private readonly Dictionary<(string What, string Tool), List<double>> _seconds = [];
        private readonly Dictionary<(string What, string Tool), List<double>> _others = [];
        private readonly Dictionary<string, double> _peaks = [];

        public void Add(string what, string tool, MeasuredRun run)
        {
            Keep(_seconds, what, tool, run.Seconds);
            _peaks[tool] = Math.Max(_peaks.GetValueOrDefault(tool), run.PeakMegabytes);
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"  {what}, {tool}: {run.Seconds:0.000} s, {run.ProcessorSeconds:0.00} s of processors, {run.PeakMegabytes:0} MB"));
        }

        public void AddSize(string what, string tool, long bytes) => Keep(_others, what, tool, bytes / 1048576.0);

        public void AddRatio(string what, string tool, double ratio) => Keep(_others, what, tool, ratio);

        public string Table(int rounds)
        {
            var lines = new List<string>();
            foreach (var what in _order.Distinct())
            {
                var source = _seconds.Keys.Any(key => key.What == what) ? _seconds : _others;
                var unit = ReferenceEquals(source, _seconds) ? "s" : what.StartsWith("checkpoint", StringComparison.Ordinal) ? "×" : "MiB";
                var cells = source.Where(pair => pair.Key.What == what).Select(pair => $"{pair.Key.Tool} {Show(pair.Value)} {unit}{Against(source, pair.Key)}");
                lines.Add($"| {what} | {string.Join(" · ", cells)} |");
            }

            lines.Add($"| peak memory | {string.Join(" · ", _peaks.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} {pair.Value:0} MB")))} |");
            lines.Add($"| rounds | {rounds} and one to warm up; median (least to most) |");
            return string.Join('\n', lines);
        }

        private static string Against(Dictionary<(string What, string Tool), List<double>> source, (string What, string Tool) key)
        {
            var own = key.Tool == "cp -a" ? "dumont plain" : "dumont";
            return key.Tool is "restic" or "borg" or "cp -a" && source.TryGetValue((key.What, own), out var ours)
                ? string.Create(CultureInfo.InvariantCulture, $" (**{Statistics.Median(source[key]) / Statistics.Median(ours):0.00}×** of {own})")
                : "";
        }

        private static string Show(List<double> values) => values.Count == 1
            ? Number(values[0])
            : $"{Number(Statistics.Median(values))} ({Number(values.Min())}–{Number(values.Max())})";

        private static string Number(double value) => value.ToString(value < 10 ? "0.000" : value < 100 ? "0.00" : "0", CultureInfo.InvariantCulture);

        private void Keep(Dictionary<(string What, string Tool), List<double>> source, string what, string tool, double value)
        {
            _order.Add(what);
            if (!source.TryGetValue((what, tool), out var values))
            {
                source[(what, tool)] = values = [];
            }

            values.Add(value);
        }
    }
}
