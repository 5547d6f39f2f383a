using System.Globalization;

namespace Dumont.Dev;

/// <summary>How to measure, from the environment.</summary>
/// <param name="Folder">Where files are made; <c>DUMONT_BENCH_FOLDER</c>, else the temporary folder.</param>
/// <param name="CorpusScript"><c>DUMONT_BENCH_CORPUS_SCRIPT</c>.</param>
/// <param name="Scale">Of the files; <c>DUMONT_BENCH_SCALE</c>, 1 by default.</param>
/// <param name="Rounds"><c>DUMONT_BENCH_ROUNDS</c>, 3 by default.</param>
internal sealed record BenchSettings(string Folder, string? CorpusScript, double Scale, int Rounds)
{
    public static BenchSettings Read(Func<string, string?> variable) => new(
        variable("DUMONT_BENCH_FOLDER") ?? Path.GetTempPath(),
        variable("DUMONT_BENCH_CORPUS_SCRIPT"),
        double.Parse(variable("DUMONT_BENCH_SCALE") ?? "1", CultureInfo.InvariantCulture),
        int.Parse(variable("DUMONT_BENCH_ROUNDS") ?? "3", CultureInfo.InvariantCulture));
}
