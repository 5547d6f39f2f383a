namespace Dumont.LocalCloud.Machines;

/// <summary>Something that is done again and again until the program ends.</summary>
internal static partial class Rounds
{
    /// <summary>Does it at once and then at every interval. A round that fails is logged and does not end the rest: a full disk, say, may not
    /// be full the next time.</summary>
    /// <param name="interval">From the begin of one to the begin of the next.</param>
    /// <param name="round">One round.</param>
    /// <param name="time">Clock of the intervals.</param>
    /// <param name="logger">Where failures go.</param>
    /// <param name="stopping">The program ends.</param>
    public static async Task RunAsync(TimeSpan interval, Func<CancellationToken, Task> round, TimeProvider time, ILogger logger, CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(interval, time);
        try
        {
            do
            {
                await TryAsync(round, logger, stopping);
            }
            while (await timer.WaitForNextTickAsync(stopping));
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The program ends.
        }
    }

    private static async Task TryAsync(Func<CancellationToken, Task> round, ILogger logger, CancellationToken stopping)
    {
        try
        {
            await round(stopping);
        }
        catch (Exception e) when (!stopping.IsCancellationRequested)
        {
            Failed(logger, e);
        }
    }

    [LoggerMessage(LogLevel.Error, "A round failed")]
    private static partial void Failed(ILogger logger, Exception exception);
}
