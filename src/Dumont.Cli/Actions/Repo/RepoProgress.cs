using System.Globalization;
using Dumont.Cli.Output;

namespace Dumont.Cli.Actions.Repo;

/// <summary>Shows how far a command is while it runs: part, rate, time left.</summary>
internal static class RepoProgress
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    /// <summary>Runs <paramref name="work"/> and reports what <paramref name="read"/> says.</summary>
    public static async Task<T> ShowAsync<T>(CommandContext context, Text phase, Func<(long Done, long Total)> read, Task<T> work)
    {
        var time = context.Environment.Time;
        var started = time.GetTimestamp();
        using var timer = new PeriodicTimer(Interval, time);
        while (!work.IsCompleted)
        {
            var tick = timer.WaitForNextTickAsync(CancellationToken.None).AsTask();
            if (await Task.WhenAny(work, tick) == tick)
            {
                context.Progress.Report(context.Say(phase), Describe(context, read(), time.GetElapsedTime(started)));
            }
        }

        context.Progress.End();
        return await work;
    }

    private static string Describe(CommandContext context, (long Done, long Total) at, TimeSpan elapsed)
    {
        if (at.Total == 0)
        {
            return "";
        }

        var rate = at.Done / Math.Max(0.001, elapsed.TotalSeconds);
        var left = rate > 0 ? TimeSpan.FromSeconds((at.Total - at.Done) / rate) : TimeSpan.Zero;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{100.0 * at.Done / at.Total:0}%  {CellFormat.Bytes(at.Done)} / {CellFormat.Bytes(at.Total)}  {CellFormat.Bytes((long)rate)}/s  {context.Say(new("left", "faltam"))} {left:mm\\:ss}");
    }
}
