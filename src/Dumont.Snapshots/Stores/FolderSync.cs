using System.Collections.Concurrent;

namespace Dumont.Snapshots;

/// <summary>Makes the names in folders durable. Calls that come while a folder is being synced share the next sync of it.</summary>
internal sealed class FolderSync
{
    private readonly ConcurrentDictionary<string, Turnstile> _folders = new(StringComparer.Ordinal);

    /// <summary>Returns when every name that was put into the folder before the call is durable.</summary>
    /// <exception cref="PosixException">The folder could not be synced.</exception>
    public void Run(string folder)
    {
        var turnstile = _folders.GetOrAdd(folder, static _ => new Turnstile());
        var ticket = Interlocked.Increment(ref turnstile.Entered);
        lock (turnstile.Gate)
        {
            if (turnstile.Synced >= ticket)
            {
                return;
            }

            var covered = Volatile.Read(ref turnstile.Entered);
            Durable.SyncDirectory(folder);
            turnstile.Synced = covered;
        }
    }

    private sealed class Turnstile
    {
        public readonly Lock Gate = new();
        public long Entered;
        public long Synced;
    }
}
