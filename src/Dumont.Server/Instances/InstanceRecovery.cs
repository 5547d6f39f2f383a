using System.Globalization;
using Dumont.Contracts;

namespace Dumont.Server.Instances;

/// <summary>What there is left to do about a recovery.</summary>
internal enum RecoveryState
{
    /// <summary>It is under way.</summary>
    Running,

    /// <summary>Nothing.</summary>
    Ended,
}

/// <summary>Steps of a recovery.</summary>
/// <remarks>
/// <code>
/// Searching ▸ Provisioning ▸ Restoring ▸ Switching ▸ Complete
///     ▲            │             │           │
///     └────────────┴─────────────┴───────────┘     (Failed, Cancelled: before Switching)
///        machine came to nothing
/// </code>
/// </remarks>
internal enum RecoveryPhase
{
    /// <summary>A machine is looked for.</summary>
    Searching,

    /// <summary>It is rented and prepared.</summary>
    Provisioning,

    /// <summary>The snapshot is brought back on it.</summary>
    Restoring,

    /// <summary>The lost machine is fenced and the new one promoted, in the next generation.</summary>
    Switching,

    Complete,
    Failed,
    Cancelled,
}

/// <summary>What the machine of a recovery must be; what is null follows the machine that was lost.</summary>
/// <param name="GpuName">Any spelling.</param>
/// <param name="MaxUsdPerHour">Most that it may cost, $/h.</param>
/// <param name="Region">US, EU or ASIA.</param>
internal sealed record RecoveryGoal(string? GpuName = null, decimal? MaxUsdPerHour = null, string? Region = null)
{
    /// <summary>Somebody has said what it must be.</summary>
    public bool IsNamed => this != new RecoveryGoal();
}

/// <summary>What the reconciler of recoveries knows of one; it alone writes it after the beginning.</summary>
internal sealed record RecoveryDocument
{
    public RecoveryGoal Goal { get; init; } = new();

    /// <summary>Nobody asked for it.</summary>
    public bool IsAutomatic { get; init; }

    public RecoveryPhase Phase { get; init; } = RecoveryPhase.Searching;

    /// <summary>When it entered its phase.</summary>
    public DateTimeOffset PhaseSince { get; init; }

    /// <summary>The snapshot that is brought back, as users write it; null where there is none.</summary>
    public string? SnapshotId { get; init; }

    /// <summary>The moment from which on changes may be missing in it.</summary>
    public DateTimeOffset? SnapshotAt { get; init; }

    /// <summary>The machine that wrote.</summary>
    public required MachineId LostMachineId { get; init; }

    /// <summary>When that was last heard of; when its loss was found where nobody has heard of it since the server's start.</summary>
    public required DateTimeOffset LostAt { get; init; }

    /// <summary>The machine that is to write; null while there is none.</summary>
    public MachineId? TargetMachineId { get; init; }

    /// <summary>The operation that brings the snapshot back on it.</summary>
    public long? OperationId { get; init; }

    /// <summary>Machines that were tried.</summary>
    public int Attempts { get; init; }

    public DateTimeOffset? RetryAt { get; init; }

    /// <summary>Fenced off the lost machine, not yet confirmed by the new one.</summary>
    public PendingWriter? Pending { get; init; }

    /// <summary>Its record in the history of failovers.</summary>
    public string? FailoverId { get; init; }

    /// <summary>What became of the last machine that was tried.</summary>
    public string? Trouble { get; init; }

    /// <summary>Why it failed, for the user; null while it has not.</summary>
    public string? Error { get; init; }

    /// <summary>Age of the snapshot when the machine was lost: what was written in that time is missing afterwards.</summary>
    public double? RpoSeconds => SnapshotAt is { } at ? Math.Round(Math.Max(0, (LostAt - at).TotalSeconds), 1) : null;

    /// <summary>Enters <paramref name="phase"/> at <paramref name="now"/>.</summary>
    public RecoveryDocument Enter(RecoveryPhase phase, DateTimeOffset now) => this with { Phase = phase, PhaseSince = now };
}

/// <summary>The recovery of an instance whose machine is lost, from a snapshot onto a new machine.</summary>
internal sealed record InstanceRecovery(
    long Id,
    InstanceId InstanceId,
    UserId UserId,
    RecoveryState State,
    long Version,
    DateTimeOffset CreatedAt,
    DateTimeOffset? EndedAt,
    RecoveryDocument Document)
{
    /// <summary>It is under way.</summary>
    public bool IsRunning => State == RecoveryState.Running;

    /// <summary>The lost machine is fenced, and the new one has not said yet that it writes: nobody else may choose one.</summary>
    public bool IsSwitching => IsRunning && Document.Pending is not null;

    /// <summary>What the user of <paramref name="instance"/> is told while its machine is lost; null where this is about another loss.</summary>
    public string? MessageFor(Instance instance) =>
        instance.WriterMachineId != Document.LostMachineId ? null
            : IsRunning ? string.Create(CultureInfo.InvariantCulture, $"Its machine is lost; a new one is brought to the state of snapshot {Document.SnapshotId}.")
            : Document.Phase == RecoveryPhase.Failed ? Document.Error
            : null;
}
