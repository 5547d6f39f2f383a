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

    /// <summary>Their offers, none of which is tried again.</summary>
    public IReadOnlyList<string> TriedOffers { get; init; } = [];

    /// <summary>Why the last of them came to nothing, or why none could be rented; null where nothing went wrong.</summary>
    public string? LastTrouble { get; init; }

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

    /// <summary>The part of it that syncs before the present one have sent: each counts from 0.</summary>
    public long BytesBefore { get; init; }

    /// <summary>The present sync: the start of the source's agent and the number of the comparison.</summary>
    public string? CountedSync { get; init; }

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

    /// <summary>What of the way to the end lies behind it. A phase is done when the next one was entered; a step back takes back what it gives up.</summary>
    public IReadOnlyList<MigrationPhase> ListPhasesDone()
    {
        var done = new List<MigrationPhase>();
        for (var i = 0; i < Timeline.Count; i++)
        {
            var phase = Timeline[i].Phase;
            done.RemoveAll(earlier => earlier >= phase);
            if (phase == MigrationPhase.Complete || (i + 1 < Timeline.Count && Timeline[i + 1].Phase == Next(phase)))
            {
                done.Add(phase);
            }
        }

        return done;
    }

    /// <summary>Enters <paramref name="phase"/> at <paramref name="now"/>.</summary>
    public MigrationDocument Enter(MigrationPhase phase, DateTimeOffset now) =>
        this with { Phase = phase, Timeline = [.. Timeline, new MigrationMark(phase, now)] };

    /// <summary>Adds what the sync with the target has sent. One that has begun anew counts from 0. It measures the line while it fills the target; later it
    /// compares more than it sends.</summary>
    public MigrationDocument Count(string bootId, AgentSyncReport copy)
    {
        var sync = $"{bootId}/{copy.Check}";
        var before = sync == CountedSync ? BytesBefore : BytesCopied;
        return this with
        {
            CountedSync = sync,
            BytesBefore = before,
            BytesCopied = Math.Max(BytesCopied, before + copy.BytesTotal),
            BytesPerSecond = Phase == MigrationPhase.Copying ? copy.BytesPerSecond ?? BytesPerSecond : BytesPerSecond,
        };
    }

    /// <summary>The target came to nothing: another one is looked for.</summary>
    public MigrationDocument Drop(string why, DateTimeOffset now) =>
        Enter(MigrationPhase.Searching, now) with
        {
            TargetMachineId = null,
            TargetCheck = 0,
            SourceCheck = 0,
            BytesCopied = 0,
            BytesBefore = 0,
            CountedSync = null,
            NotedAt = null,
            LastTrouble = why,
        };

    private static MigrationPhase? Next(MigrationPhase phase) =>
        phase switch
        {
            MigrationPhase.Searching => MigrationPhase.Provisioning,
            MigrationPhase.Provisioning => MigrationPhase.Copying,
            MigrationPhase.Copying => MigrationPhase.Verifying,
            MigrationPhase.Verifying => MigrationPhase.Draining,
            MigrationPhase.Draining => MigrationPhase.Switching,
            MigrationPhase.Switching => MigrationPhase.Complete,
            MigrationPhase.Returning or MigrationPhase.Complete or MigrationPhase.Failed or MigrationPhase.Cancelled => null,
        };
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
