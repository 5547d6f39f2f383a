namespace Dumont.Snapshots.Sync;

/// <summary>
/// The lowest generation whose writes are taken. It only rises. Every batch of writes happens inside <see cref="TryEnter"/>, and
/// <see cref="Raise"/> waits for the batch in progress: once it has returned, nothing of a lower generation is ever written again.
/// </summary>
/// <remarks>Thread safe.</remarks>
public sealed class SyncFence(long generation)
{
    private readonly Lock _lock = new();
    private long _generation = generation;

    /// <summary>Lowest generation accepted.</summary>
    public long Generation => Interlocked.Read(ref _generation);

    /// <summary>Shuts out every generation below <paramref name="generation"/>; lower values than the present one change nothing.</summary>
    public void Raise(long generation)
    {
        lock (_lock)
        {
            if (generation > _generation)
            {
                Interlocked.Exchange(ref _generation, generation);
            }
        }
    }

    /// <summary>Runs <paramref name="write"/> if <paramref name="generation"/> is still let in.</summary>
    /// <returns>False, and nothing was run, when it is shut out.</returns>
    public bool TryEnter(long generation, Action write)
    {
        lock (_lock)
        {
            if (generation < _generation)
            {
                return false;
            }

            write();
            return true;
        }
    }
}
