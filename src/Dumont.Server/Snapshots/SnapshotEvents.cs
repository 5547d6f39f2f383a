using Dumont.Server.Platform.Events;

namespace Dumont.Server.Snapshots;

/// <summary>What can happen to snapshots.</summary>
internal static class SnapshotEvents
{
    public static NewEvent Requested(string name) => new("snapshot.requested", new { name });

    /// <summary>Of an instance that is wanted paused.</summary>
    public static NewEvent RunsPaused(string name) => new("snapshot.runs_paused", new { name });

    public static NewEvent Created(string name, long bytes, long added) => new("snapshot.created", new { name, bytes, added });

    public static NewEvent Failed(string name, string? reason) => new("snapshot.failed", new { name, reason });

    public static NewEvent Restored(string name, long files) => new("snapshot.restored", new { name, files });

    public static NewEvent RestoreFailed(string name, string? reason) => new("snapshot.restore_failed", new { name, reason });

    public static NewEvent Deleted(string name) => new("snapshot.deleted", new { name });

    /// <summary>By a prune or a cleanup.</summary>
    public static NewEvent Dropped(int count) => new("snapshot.dropped", new { count });

    public static NewEvent Pruned(long operation, long freed) => new("snapshot.pruned", new { operation, freed });

    public static NewEvent Verified(long operation, int damaged) => new("snapshot.verified", new { operation, damaged });

    /// <summary>The server's own work in a repository came to nothing.</summary>
    public static NewEvent RepositoryFailed(long operation, string? reason) => new("snapshot.repository_failed", new { operation, reason });
}
