namespace Dumont.Contracts;

/// <summary>Drops all but the newest snapshots of each instance.</summary>
public sealed record PruneSnapshotsRequest
{
    /// <summary>How many of each instance stay, 1 to 10,000; default 10. Those kept for ever stay besides.</summary>
    public int? KeepLast { get; init; }

    /// <summary>Of this instance only.</summary>
    public InstanceId? InstanceId { get; init; }
}

/// <summary>What a prune or cleanup dropped.</summary>
/// <param name="Success">It has not failed.</param>
/// <param name="Removed">Ids that are gone, or would be in a dry run.</param>
/// <param name="Kept">How many are left.</param>
/// <param name="DryRun">Nothing was changed.</param>
/// <param name="BytesFreed">Space that came back so far.</param>
/// <param name="OperationId">The operation that gives the space back; null when there is nothing to do.</param>
/// <param name="Status">Where that operation is.</param>
public sealed record PruneSnapshotsResponse(
    bool Success, IReadOnlyList<string> Removed, int Kept, bool DryRun, long BytesFreed, long? OperationId, string Status)
{
    /// <summary>How many are gone.</summary>
    public int RemovedCount => Removed.Count;
}

/// <summary>Whether a snapshot is kept whatever the rules say.</summary>
public sealed record KeepForeverRequest
{
    /// <summary>Default true.</summary>
    public bool? KeepForever { get; init; }
}

/// <summary>Which snapshots a cleanup keeps. A snapshot that any rule keeps is kept.</summary>
public sealed record RetentionPolicyRequest
{
    /// <summary>Kept for so many days, 0 to 3650.</summary>
    public int? RetentionDays { get; init; }

    /// <summary>So many of an instance are always kept, 0 to 10,000.</summary>
    public int? MinSnapshotsToKeep { get; init; }

    /// <summary>Beyond so many of an instance the oldest go even where another rule keeps them, 1 to 10,000.</summary>
    public int? MaxSnapshotsPerInstance { get; init; }

    /// <summary>Whether cleanups run by themselves, once an hour.</summary>
    public bool? CleanupEnabled { get; init; }

    /// <summary>The last of each of so many hours.</summary>
    public int? KeepHourly { get; init; }

    /// <summary>The last of each of so many days.</summary>
    public int? KeepDaily { get; init; }

    /// <summary>The last of each of so many weeks.</summary>
    public int? KeepWeekly { get; init; }

    /// <summary>The last of each of so many months.</summary>
    public int? KeepMonthly { get; init; }

    /// <summary>The last of each of so many years.</summary>
    public int? KeepYearly { get; init; }

    /// <summary>Those that bear one of these tags.</summary>
    public IReadOnlyList<string>? KeepTags { get; init; }

    /// <summary>For this instance; without, for all that have no rules of their own.</summary>
    public InstanceId? InstanceId { get; init; }
}

/// <summary>Which snapshots a cleanup keeps.</summary>
public sealed record RetentionPolicyResponse(
    int RetentionDays,
    int MinSnapshotsToKeep,
    int MaxSnapshotsPerInstance,
    bool CleanupEnabled,
    int KeepHourly,
    int KeepDaily,
    int KeepWeekly,
    int KeepMonthly,
    int KeepYearly,
    IReadOnlyList<string> KeepTags,
    InstanceId? InstanceId,
    bool IsInstancePolicy);

/// <summary>Asks for a cleanup.</summary>
public sealed record CleanupSnapshotsRequest
{
    /// <summary>Only say what would go; default false.</summary>
    public bool? DryRun { get; init; }

    /// <summary>Of this instance only.</summary>
    public InstanceId? InstanceId { get; init; }
}

/// <summary>What cleanups and prunes did.</summary>
/// <param name="Days">Over so many days.</param>
/// <param name="Runs">How many ended well.</param>
/// <param name="Failures">How many failed.</param>
/// <param name="SnapshotsDeleted">Snapshots that they dropped.</param>
/// <param name="BytesFreed">Space that they gave back.</param>
/// <param name="LastRunAt">When the last one ended.</param>
public sealed record CleanupMetricsResponse(int Days, int Runs, int Failures, int SnapshotsDeleted, long BytesFreed, DateTimeOffset? LastRunAt);
