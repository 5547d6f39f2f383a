namespace Dumont.Dev;

/// <summary>The files that snapshots are measured on. They are made by a script outside this repository; without it there is nothing to measure.</summary>
internal sealed class SnapshotCorpus(string script)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    /// <summary>Finds the script: <c>DUMONT_BENCH_CORPUS_SCRIPT</c>, or next to the checkout.</summary>
    public static SnapshotCorpus? Find(Repository repository, string? named)
    {
        var script = named ?? Path.Combine(Path.GetDirectoryName(repository.Root) ?? "/", "shared", "bench", "make_corpus.py");
        return File.Exists(script) ? new SnapshotCorpus(script) : null;
    }

    /// <summary>The whole corpus; <paramref name="scale"/> 1 is 4 GiB.</summary>
    public Task MakeAsync(string folder, double scale, CancellationToken cancellationToken)
    {
        string Mebibytes(int all) => ((int)Math.Ceiling(all * scale)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        return RunAsync(
            [
                folder, "--weights", Mebibytes(2048), "--src", Mebibytes(500), "--text", Mebibytes(500), "--rand", Mebibytes(500), "--ckpt", Mebibytes(500),
                "--src-files", Mebibytes(20_000),
            ],
            cancellationToken);
    }

    /// <summary>Changes about one percent in place.</summary>
    public Task MutateAsync(string folder, int generation, CancellationToken cancellationToken) =>
        RunAsync([folder, "--mutate", "1", "--generation", $"{generation}"], cancellationToken);

    /// <summary>Many small files.</summary>
    public Task MakeManyAsync(string folder, int count, CancellationToken cancellationToken) =>
        RunAsync([folder, "--many-files", $"{count}"], cancellationToken);

    private async Task RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        // The system's own Python: that one has numpy when the distribution's package is installed.
        var (code, output) = await Command.CaptureAsync("/", "/usr/bin/python3", [script, .. arguments], null, Patience, null, cancellationToken);
        if (code != 0)
        {
            throw new DevException($"The corpus could not be made (it needs python3-numpy): {output.Trim()}");
        }
    }
}
