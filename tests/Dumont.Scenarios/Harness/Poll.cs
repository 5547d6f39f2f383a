namespace Dumont.Scenarios.Harness;

/// <summary>Waiting for what other processes do: a condition and a deadline, never a fixed sleep.</summary>
internal static class Poll
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <summary>Asks until there is a value.</summary>
    /// <param name="what">Names it in the failure.</param>
    /// <param name="limit">After this the test fails.</param>
    /// <param name="read">Gives the value, or null for not yet.</param>
    /// <param name="cancellationToken">Of the test.</param>
    /// <param name="explain">What to add to the failure: the state in which things are stuck.</param>
    public static async Task<T> UntilAsync<T>(
        string what, TimeSpan limit, Func<Task<T?>> read, CancellationToken cancellationToken, Func<Task<string>>? explain = null)
        where T : class
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (await read() is { } value)
            {
                return value;
            }

            if (TimeProvider.System.GetElapsedTime(started) > limit)
            {
                var why = explain is null ? "" : $": {await explain()}";
                throw new TimeoutException($"Not within {limit.TotalSeconds:0} s: {what}{why}");
            }

            await Task.Delay(Interval, TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>Asks until it is so.</summary>
    public static Task UntilAsync(
        string what, TimeSpan limit, Func<Task<bool>> isSo, CancellationToken cancellationToken, Func<Task<string>>? explain = null) =>
        UntilAsync(what, limit, async () => await isSo() ? "so" : null, cancellationToken, explain);
}
