using System.Diagnostics;
using System.Globalization;

namespace Dumont.Dev;

/// <summary>What one run of a program took.</summary>
/// <param name="Seconds">By the clock on the wall, from start to end.</param>
/// <param name="ProcessorSeconds">Of all its threads.</param>
/// <param name="PeakMegabytes">Of its memory.</param>
/// <param name="Output">What it wrote.</param>
internal sealed record MeasuredRun(double Seconds, double ProcessorSeconds, double PeakMegabytes, string Output)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(20);

    /// <summary>Runs a program under <c>/usr/bin/time</c>.</summary>
    public static async Task<MeasuredRun> OfAsync(
        string folder, string program, string[] arguments, IReadOnlyDictionary<string, string> environment, CancellationToken cancellationToken)
    {
        var figures = Path.Combine(folder, $".time-{Guid.NewGuid():N}");
        var started = Stopwatch.GetTimestamp();
        var (code, output) = await Command.CaptureAsync(
            folder, "/usr/bin/time", ["-f", "%U %S %M", "-o", figures, program, .. arguments], environment, Patience, null, cancellationToken);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        if (code != 0)
        {
            throw new DevException($"{Path.GetFileName(program)} {string.Join(' ', arguments.Take(2))} ended with code {code}: {output.Trim()}");
        }

        var parts = (await File.ReadAllTextAsync(figures, cancellationToken)).Trim().Split('\n')[^1].Split(' ');
        File.Delete(figures);
        double Number(int part) => double.Parse(parts[part], CultureInfo.InvariantCulture);
        return new MeasuredRun(seconds, Number(0) + Number(1), Number(2) / 1024, output);
    }
}
