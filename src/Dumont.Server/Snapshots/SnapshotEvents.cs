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

    /// <summary>Something may have been removed for it; null where nothing was to be.</summary>
    public static NewEvent Restored(string name, long files, long? removed) =>
        removed is null ? new("snapshot.restored", new { name, files }) : new("snapshot.restored_exactly", new { name, files, removed });

    public static NewEvent RestoreFailed(string name, string? reason) => new("snapshot.restore_failed", new { name, reason });

    public static NewEvent Deleted(string name) => new("snapshot.deleted", new { name });

    /// <summary>By a prune or a cleanup.</summary>
    public static NewEvent Dropped(int count) => new("snapshot.dropped", new { count });

    public static NewEvent Pruned(long operation, long freed) => new("snapshot.pruned", new { operation, freed });

    public static NewEvent Verified(long operation, int damaged) => new("snapshot.verified", new { operation, damaged });

    /// <summary>Damage that was not known before. <paramref name="snapshots"/> cannot be restored whole; null: the engine cannot tell.</summary>
    public static NewEvent Damaged(string location, int damaged, int? snapshots) => new("snapshot.damaged", new { location, damaged, snapshots });

    /// <summary>The server's own work in a repository came to nothing.</summary>
    public static NewEvent RepositoryFailed(long operation, string? reason) => new("snapshot.repository_failed", new { operation, reason });
}
