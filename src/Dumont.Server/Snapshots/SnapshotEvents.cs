using Dumont.Server.Platform.Events;

namespace Dumont.Server.Snapshots;

/// <summary>What can happen to snapshots.</summary>
internal static class SnapshotEvents
{
    public static NewEvent Requested(string name) => new("snapshot.requested", new { name });

    public static NewEvent Deleted(string name) => new("snapshot.deleted", new { name });

    public static NewEvent Dropped(int count) => new("snapshot.dropped", new { count });

    /// <summary>How the work of a machine ended.</summary>
    public static NewEvent OfMachineWork(OperationKind kind, OperationState state, Snapshot? snapshot, OperationDocument document) =>
        (kind, state) switch
        {
            (OperationKind.Snapshot, OperationState.Done) => Created(snapshot?.Name, document.Result!.BytesProcessed, document.Result.BytesAdded),
            (OperationKind.Snapshot, _) => Failed(snapshot?.Name, document.Message),
            (_, OperationState.Done) => Restored(snapshot?.Name, document.Result!.FilesNew),
            _ => RestoreFailed(snapshot?.Name, document.Message),
        };

    /// <summary>How the server's own work ended.</summary>
    public static NewEvent OfRepositoryWork(OperationKind kind, long operation, RepositoryOutcome outcome) =>
        outcome.Failure is not null ? RepositoryFailed(operation, outcome.Message)
        : kind == OperationKind.Verify ? Verified(operation, outcome.Damage.Count)
        : Pruned(operation, outcome.BytesFreed);

    private static NewEvent Created(string? name, long bytes, long added) => new("snapshot.created", new { name, bytes, added });

    private static NewEvent Failed(string? name, string? reason) => new("snapshot.failed", new { name, reason });

    private static NewEvent Restored(string? name, long files) => new("snapshot.restored", new { name, files });

    private static NewEvent RestoreFailed(string? name, string? reason) => new("snapshot.restore_failed", new { name, reason });

    private static NewEvent RepositoryFailed(long operation, string? reason) => new("snapshot.repository_failed", new { operation, reason });

    private static NewEvent Verified(long operation, int damaged) => new("snapshot.verified", new { operation, damaged });

    private static NewEvent Pruned(long operation, long freed) => new("snapshot.pruned", new { operation, freed });
}
