using System.Runtime.InteropServices;

namespace Dumont.Dev;

/// <summary>Processor time of the calling thread: what other programs do on the same cores hardly shows in it.</summary>
internal static unsafe partial class ThreadClock
{
    private const int ThreadProcessorTime = 3;
    private const int WarmUps = 3;
    private const int Runs = 9;

    /// <summary>Median of a few runs, after a few that do not count.</summary>
    public static double MedianSeconds(Action action)
    {
        for (var i = 0; i < WarmUps; i++)
        {
            action();
        }

        var times = new double[Runs];
        for (var i = 0; i < Runs; i++)
        {
            var before = Now();
            action();
            times[i] = Now() - before;
        }

        return Statistics.Median(times);
    }

    /// <summary>Seconds that this thread has used.</summary>
    public static double Now()
    {
        Time time;
        return GetTime(ThreadProcessorTime, &time) == 0
            ? time.Seconds + (time.Nanoseconds * 1e-9)
            : throw new DevException("The system does not tell the time of a thread.");
    }

    [LibraryImport("libc.so.6", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, Time* time);

    [StructLayout(LayoutKind.Sequential)]
    private struct Time
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
