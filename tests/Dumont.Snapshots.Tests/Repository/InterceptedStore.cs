namespace Dumont.Snapshots.Tests;

/// <summary>What is asked of a store.</summary>
internal enum StoreCall
{
    Put,
    Read,
    Find,
    List,
    Delete,
}

/// <summary>A store whose every call goes through a test first, which may wait, throw, or let it pass.</summary>
/// <param name="inner">Does the work.</param>
/// <param name="around">Gets the call, the object's name and the work itself, which it must run to let the call pass.</param>
internal sealed class InterceptedStore(IObjectStore inner, Func<StoreCall, string, Func<Task>, Task> around) : IObjectStore
{
    public StoreTraits Traits => inner.Traits;

    public async ValueTask<bool> PutAsync(string name, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken)
    {
        var result = false;
        await around(StoreCall.Put, name, async () => result = await inner.PutAsync(name, content, mode, cancellationToken));
        return result;
    }

    public async ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        var result = 0;
        await around(StoreCall.Read, name, async () => result = await inner.ReadAsync(name, offset, destination, cancellationToken));
        return result;
    }

    public async ValueTask<StoredObject?> FindAsync(string name, CancellationToken cancellationToken)
    {
        StoredObject? result = null;
        await around(StoreCall.Find, name, async () => result = await inner.FindAsync(name, cancellationToken));
        return result;
    }

    public async IAsyncEnumerable<StoredObject> ListAsync(
        string prefix, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var found = new List<StoredObject>();
        await around(StoreCall.List, prefix, async () =>
        {
            await foreach (var stored in inner.ListAsync(prefix, cancellationToken))
            {
                found.Add(stored);
            }
        });
        foreach (var stored in found)
        {
            yield return stored;
        }
    }

    public async ValueTask DeleteAsync(string name, CancellationToken cancellationToken) =>
        await around(StoreCall.Delete, name, async () => await inner.DeleteAsync(name, cancellationToken));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
