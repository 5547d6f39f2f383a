using System.Globalization;

namespace Dumont.Dev;

/// <summary>The file of measurements, each with machine, date and commit.</summary>
internal static class Results
{
    /// <summary>Adds one at the end.</summary>
    public static async Task AppendAsync(Repository repository, string name, string table, CancellationToken cancellationToken)
    {
        var (_, commit) = await Command.CaptureAsync(
            repository.Root, "git", ["rev-parse", "--short", "HEAD"], null, TimeSpan.FromMinutes(1), null, cancellationToken);
        var processor = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(": ")[^1] ?? "?";
        // How busy the machine was with other things: a figure means little without it.
        var load = (await File.ReadAllTextAsync("/proc/loadavg", cancellationToken)).Split(' ')[0];
        var date = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        var file = Path.Combine(repository.Root, "bench", "RESULTS.md");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        if (!File.Exists(file))
        {
            await File.WriteAllTextAsync(file, "# Measurements\n\nWritten by `./dumont bench`, newest last.\n", cancellationToken);
        }

        await File.AppendAllTextAsync(
            file,
            string.Create(
                CultureInfo.InvariantCulture,
                $"\n## {name}, {date}, commit {commit.Trim()}\n\n{processor}, {Environment.ProcessorCount} cores, .NET {Environment.Version}, load {load}\n\n| what | figure |\n| --- | --- |\n{table}\n"),
            cancellationToken);
    }
}
