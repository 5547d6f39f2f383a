using Dumont.Contracts;

namespace Dumont.Server.Instances;

/// <summary>What there is left to do about a migration.</summary>
internal enum MigrationState
{
    /// <summary>It is under way.</summary>
    Running,

    /// <summary>It is complete; the machine that the instance came from is kept, stopped, until the user gives it up.</summary>
    Kept,

    /// <summary>Nothing.</summary>
    Ended,
}

/// <summary>What the user asks of a migration that is there; the API alone writes it.</summary>
internal enum MigrationWish
{
    /// <summary>Leave everything as it was.</summary>
    Cancel,

    /// <summary>Give the kept source back.</summary>
    ReleaseSource,
}

/// <summary>Steps of a migration.</summary>
/// <remarks>
/// <code>
/// Searching ▸ Provisioning ▸ Copying ▸ Verifying ▸ Draining ▸ Switching ▸ Complete
///     ▲            │            │           │          │           │ target lost
///     └────────────┴────────────┴───────────┘          │           ▼
///        target came to nothing                     Failed ◀── Returning      (Cancelled: before Switching)
/// </code>
/// </remarks>
internal enum MigrationPhase
{
    /// <summary>A machine to move to is looked for.</summary>
    Searching,

    /// <summary>It is rented and prepared.</summary>
    Provisioning,

    /// <summary>It follows the writer, which the user goes on using.</summary>
    Copying,

    /// <summary>Both machines read their files again and compare them by hash; the user goes on.</summary>
    Verifying,

    /// <summary>User processes on the source are ended, and what is left is sent.</summary>
    Draining,

    /// <summary>The source is fenced and the target promoted, in the next generation.</summary>
    Switching,

    /// <summary>The target was lost in that moment: the source is given the word back.</summary>
    Returning,

    Complete,
    Failed,
    Cancelled,
}

/// <summary>When a migration entered a phase.</summary>
internal sealed record MigrationMark(MigrationPhase Phase, DateTimeOffset At);

/// <summary>Where to move; as it was asked for, with the defaults filled in.</summary>
/// <param name="WithGpu">To a GPU machine rather than a CPU machine.</param>
/// <param name="GpuName">Any spelling; null for a CPU machine and for an offer that is named.</param>
/// <param name="MaxUsdPerHour">Most that the machine may cost, $/h.</param>
/// <param name="Region">US, EU or ASIA; null for anywhere.</param>
/// <param name="DiskGb">Disk to rent.</param>
/// <param name="KeepSource">The source is stopped rather than given back.</param>
/// <param name="OfferId">Exactly this offer; null for the cheapest that fits.</param>
/// <param name="Provider">vast, gcp or ssh; null for any.</param>
internal sealed record MigrationGoal(
    bool WithGpu, string? GpuName, decimal MaxUsdPerHour, string? Region, double DiskGb, bool KeepSource, string? OfferId, string? Provider);

/// <summary>What the reconciler of migrations knows of one; it alone writes it.</summary>
internal sealed record MigrationDocument
{
    public required MigrationGoal Goal { get; init; }

    public MigrationPhase Phase { get; init; } = MigrationPhase.Searching;

    public IReadOnlyList<MigrationMark> Timeline { get; init; } = [];

    /// <summary>The machine that writes when it begins.</summary>
    public required MachineId SourceMachineId { get; init; }

    /// <summary>The machine that is to write; null while there is none.</summary>
    public MachineId? TargetMachineId { get; init; }

    /// <summary>Machines that were tried.</summary>
    public int Attempts { get; init; }

    public DateTimeOffset? RetryAt { get; init; }

    /// <summary>Number of the comparison by content that the target is told of; 0 before.</summary>
    public long TargetCheck { get; init; }

    /// <summary>The same of the source, which is told when the target has forgotten what it knew.</summary>
    public long SourceCheck { get; init; }

    /// <summary>Fenced off the one machine, not yet confirmed by the other.</summary>
    public PendingWriter? Pending { get; init; }

    /// <summary>Size of the workspace when it began; null when unknown.</summary>
    public long? WorkspaceBytes { get; init; }

    /// <summary>What was sent to the target.</summary>
    public long BytesCopied { get; init; }

    /// <summary>When that was last written down.</summary>
    public DateTimeOffset? NotedAt { get; init; }

    /// <summary>As the copy measured it.</summary>
    public double? BytesPerSecond { get; init; }

    /// <summary>What the user was told to expect.</summary>
    public double EstimatedSeconds { get; init; }

    /// <summary>The same in dollars.</summary>
    public decimal EstimatedUsd { get; init; }

    /// <summary>Why it failed, for the user; null while it has not.</summary>
    public string? Error { get; init; }

    /// <summary>When it entered its phase.</summary>
    public DateTimeOffset PhaseSince => Timeline.Count == 0 ? default : Timeline[^1].At;

    /// <summary>Enters <paramref name="phase"/> at <paramref name="now"/>.</summary>
    public MigrationDocument Enter(MigrationPhase phase, DateTimeOffset now) =>
        this with { Phase = phase, Timeline = [.. Timeline, new MigrationMark(phase, now)] };
}

/// <summary>The move of an instance from the machine that writes to another one, which then writes.</summary>
internal sealed record InstanceMigration(
    long Id,
    InstanceId InstanceId,
    UserId UserId,
    MigrationState State,
    MigrationWish? Wish,
    long Version,
    DateTimeOffset CreatedAt,
    DateTimeOffset? EndedAt,
    MigrationDocument Document)
{
    /// <summary>The writer is fenced, and who writes next has not said so yet: nobody else may choose one.</summary>
    public bool IsSwitching => State == MigrationState.Running && Document.Pending is not null;

    /// <summary>User processes on the writer are to be ended for the switch.</summary>
    public bool IsDraining => State == MigrationState.Running && Document.Phase == MigrationPhase.Draining;

    /// <summary>The source, when it is kept for the user although nothing needs it.</summary>
    public MachineId? KeptMachineId => State == MigrationState.Kept ? Document.SourceMachineId : null;

    /// <summary>The machine that follows <paramref name="writer"/> in order to take over from it; null when none does.</summary>
    public MachineId? FollowerOf(MachineId? writer) =>
        State == MigrationState.Running && writer == Document.SourceMachineId ? Document.TargetMachineId : null;
}
