using System.Collections.Concurrent;

namespace Dumont.Server.Snapshots;

/// <summary>Tells waiters in this process that an operation was looked at again. A hint: who is woken reads the store.</summary>
internal sealed class OperationChanges(TimeProvider time)
{
    private readonly ConcurrentDictionary<long, TaskCompletionSource> _waiters = new();

    /// <summary>Wakes those who wait for <paramref name="id"/>.</summary>
    public void Publish(long id)
    {
        if (_waiters.TryRemove(id, out var waiter))
        {
            waiter.TrySetResult();
        }
    }

    /// <summary>Asks <paramref name="read"/> after each look until it gives an operation that is over, or <paramref name="limit"/> has passed.</summary>
    /// <returns>The operation as it then is.</returns>
    public async Task<SnapshotOperation?> WaitForEndAsync(
        long id, Func<Task<SnapshotOperation?>> read, TimeSpan limit, CancellationToken cancellationToken)
    {
        var deadline = time.GetUtcNow() + limit;
        while (true)
        {
            // Registered before the read, so that a change in between is not missed.
            var waiter = _waiters.GetOrAdd(id, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            var operation = await read();
            var left = deadline - time.GetUtcNow();
            if (operation is null or { IsOver: true } || left <= TimeSpan.Zero)
            {
                return operation;
            }

            try
            {
                await waiter.Task.WaitAsync(left, time, cancellationToken);
            }
            catch (TimeoutException)
            {
                // One last look.
            }
        }
    }
}
