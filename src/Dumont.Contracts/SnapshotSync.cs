namespace Dumont.Contracts;

/// <summary>What a sync did.</summary>
public sealed record SyncResponse
{
    /// <summary>It is done.</summary>
    public required bool Success { get; init; }

    /// <summary>Of which instance.</summary>
    public required InstanceId InstanceId { get; init; }

    /// <summary>The snapshot that was made.</summary>
    public required string SnapshotId { get; init; }

    /// <summary>Its status.</summary>
    public required string Status { get; init; }

    /// <summary>Files that the sync before did not have.</summary>
    public required long FilesNew { get; init; }

    /// <summary>Files that it had otherwise.</summary>
    public required long FilesChanged { get; init; }

    /// <summary>Files as before.</summary>
    public required long FilesUnmodified { get; init; }

    /// <summary>What was sent, for people: <c>1.2 MB</c>.</summary>
    public required string DataAdded { get; init; }

    /// <summary>What was sent.</summary>
    public required long DataAddedBytes { get; init; }

    /// <summary>Time on the machine.</summary>
    public required double DurationSeconds { get; init; }

    /// <summary>An earlier snapshot was compared with.</summary>
    public required bool IsIncremental { get; init; }

    /// <summary>Why it failed; null when it did not.</summary>
    public required string? Error { get; init; }
}

/// <summary>Where the syncs of an instance are.</summary>
public sealed record SyncStatusResponse
{
    /// <summary>Of which instance.</summary>
    public required InstanceId InstanceId { get; init; }

    /// <summary>There has been one.</summary>
    public required bool Synced { get; init; }

    /// <summary>The same, in the words of another reader.</summary>
    public bool SyncEnabled => Synced;

    /// <summary>One is under way.</summary>
    public required bool IsSyncing { get; init; }

    /// <summary><c>never</c>, <c>syncing</c>, <c>synced</c> or <c>failed</c>.</summary>
    public required string SyncStatus { get; init; }

    /// <summary>When the last one was made.</summary>
    public required DateTimeOffset? LastSync { get; init; }

    /// <summary>Seconds since.</summary>
    public required double? LastSyncAgo { get; init; }

    /// <summary>Its snapshot.</summary>
    public required string? LastSnapshotId { get; init; }

    /// <summary>How many were made.</summary>
    public required int SyncCount { get; init; }

    /// <summary>What all of them sent.</summary>
    public required long BytesSynced { get; init; }

    /// <summary>What is kept.</summary>
    public required string SourcePath { get; init; }

    /// <summary>What the last one did.</summary>
    public required SyncResponse? LastStats { get; init; }

    /// <summary>Why the last one failed; null when it did not.</summary>
    public required string? Error { get; init; }
}

/// <summary>Syncs of all instances.</summary>
/// <param name="Syncs">One an instance.</param>
/// <param name="Count">How many.</param>
public sealed record SyncListResponse(IReadOnlyList<SyncStatusResponse> Syncs, int Count);

/// <summary>When an instance's snapshots are taken by themselves.</summary>
public sealed record SnapshotScheduleRequest
{
    /// <summary>Every so many minutes, 5 to 10,080.</summary>
    public int? EveryMinutes { get; init; }

    /// <summary>Or each day at this time, UTC: <c>03:30</c>.</summary>
    public string? DailyAt { get; init; }

    /// <summary>Off without being forgotten; default true.</summary>
    public bool? Enabled { get; init; }
}

/// <summary>When an instance's snapshots are taken by themselves.</summary>
public sealed record SnapshotScheduleResponse(
    InstanceId InstanceId, int? EveryMinutes, string? DailyAt, bool Enabled, DateTimeOffset? NextAt, string? LastStatus);
