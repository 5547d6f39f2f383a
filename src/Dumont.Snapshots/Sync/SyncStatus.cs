namespace Dumont.Snapshots.Sync;

/// <summary>Where a source or a sink is.</summary>
public enum SyncPhase
{
    /// <summary>No connection.</summary>
    Disconnected,

    /// <summary>Connected; the trees are being evened out for the first time on this connection.</summary>
    Initial,

    /// <summary>The first pass of this connection is acknowledged.</summary>
    Live,
}

/// <summary>What one side knows about the sync at an instant.</summary>
/// <param name="Phase">Where it is.</param>
/// <param name="PeerMachineId">The other machine; 0 when unknown.</param>
/// <param name="SentSequence">Last change sent (source) or received (sink), counted over all connections.</param>
/// <param name="AckedSequence">Last of them that is durable on the sink.</param>
/// <param name="PendingChanges">Paths known to differ and not acknowledged; 0 on a sink.</param>
/// <param name="OldestPending">Age of the oldest of them; zero when there is none, null until a first pass ever ended.</param>
/// <param name="RoundsCompleted">Times the sink reached the source's state.</param>
/// <param name="FilesTotal">Files sent or received.</param>
/// <param name="BytesTotal">Payload bytes sent or received.</param>
/// <param name="LastSuccessAt">When the trees were last known to be equal.</param>
/// <param name="BytesPerSecond">What a source measured in its last first pass that sent enough to tell; null before one did.</param>
public sealed record SyncStatus(
    SyncPhase Phase,
    long PeerMachineId,
    long SentSequence,
    long AckedSequence,
    int PendingChanges,
    TimeSpan? OldestPending,
    long RoundsCompleted,
    long FilesTotal,
    long BytesTotal,
    DateTimeOffset? LastSuccessAt,
    double? BytesPerSecond = null);
