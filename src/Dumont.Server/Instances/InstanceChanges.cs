using System.Collections.Concurrent;
using Dumont.Contracts;

namespace Dumont.Server.Instances;

/// <summary>Tells waiters in this process that an instance was looked at again. A hint, nothing more: who is woken reads the store.</summary>
internal sealed class InstanceChanges(TimeProvider time)
{
    private readonly ConcurrentDictionary<InstanceId, TaskCompletionSource> _waiters = new();

    /// <summary>Raised for every published change, on the publisher's thread.</summary>
    public event Action<InstanceId>? Changed;

    /// <summary>Wakes those who wait for <paramref name="id"/>.</summary>
    public void Publish(InstanceId id)
    {
        Changed?.Invoke(id);
        if (_waiters.TryRemove(id, out var waiter))
        {
            waiter.TrySetResult();
        }
    }

    /// <summary>Asks <paramref name="read"/> after each change until it gives a value or <paramref name="limit"/> has passed; then null.</summary>
    public async Task<T?> WaitForAsync<T>(InstanceId id, Func<Task<T?>> read, TimeSpan limit, CancellationToken cancellationToken)
        where T : class
    {
        var deadline = time.GetUtcNow() + limit;
        while (true)
        {
            // Registered before the read, so that a change in between is not missed.
            var waiter = _waiters.GetOrAdd(id, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            if (await read() is { } value)
            {
                return value;
            }

            var left = deadline - time.GetUtcNow();
            if (left <= TimeSpan.Zero)
            {
                return null;
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
