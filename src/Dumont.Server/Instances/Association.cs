using System.Text.Json.Serialization;
using Dumont.Contracts;
using Dumont.Server.Agents;

namespace Dumont.Server.Instances;

/// <summary>Where the pair of an instance and its standby is.</summary>
internal enum AssociationState
{
    /// <summary>A standby machine is being rented or prepared.</summary>
    Provisioning,

    /// <summary>The standby does not have everything yet, or sync is off.</summary>
    Syncing,

    /// <summary>The standby follows and could take over.</summary>
    Ready,

    /// <summary>The standby has taken over.</summary>
    FailoverActive,

    /// <summary>A new GPU machine is being brought to the standby's state.</summary>
    Recovering,

    /// <summary>The GPU side is gone for good; the standby is kept until the user releases it.</summary>
    Orphaned,

    /// <summary>No standby could be had, or a failover failed.</summary>
    Error,
}

/// <summary>Steps of a failover, in order.</summary>
internal enum FailoverPhase
{
    /// <summary>The writer is silent; being confirmed by a second path.</summary>
    Detecting,

    /// <summary>Confirmed; the old generation is being fenced and the standby promoted.</summary>
    GpuLost,

    /// <summary>The standby writes; users are connected to it.</summary>
    FailoverToCpu,

    /// <summary>Looking for a GPU like the lost one.</summary>
    SearchingGpu,

    /// <summary>It is being rented and prepared.</summary>
    Provisioning,

    /// <summary>The workspace is being copied back, then users are switched over.</summary>
    Restoring,

    Complete,
    Failed,
}

/// <summary>A machine that is about to become the writer: fenced off the old one, not yet confirmed by its agent.</summary>
internal sealed record PendingWriter(MachineId MachineId, long Generation);

/// <summary>How far it holds that what a process has flushed on the writer is on the follower.</summary>
internal enum FlushPromise
{
    /// <summary>Nobody asked for it.</summary>
    None,

    /// <summary>It does not hold; flushes pass.</summary>
    Suspended,

    /// <summary>Flushes wait already; what was flushed before is on its way.</summary>
    Renewing,

    /// <summary>It holds.</summary>
    InForce,
}

/// <summary>What the standby reconciler knows; it alone writes it.</summary>
internal sealed record AssociationDocument
{
    /// <summary>Why a standby that could take over does not.</summary>
    public const string WithheldMessage =
        "The GPU is lost, and the standby may lack what was flushed last. Order a failover to go on without it, or wait for the GPU.";

    public AssociationState State { get; init; } = AssociationState.Provisioning;

    /// <summary>Zone asked for, or null for the nearest to the GPU.</summary>
    public string? Zone { get; init; }

    public bool GpuFailed { get; init; }

    public string? FailureReason { get; init; }

    public DateTimeOffset? FailedAt { get; init; }

    public string? Message { get; init; }

    /// <summary>The writer is lost, and nothing is switched unless somebody orders it.</summary>
    [JsonIgnore]
    public bool IsWithheld => Message == WithheldMessage;

    /// <summary>Times that the follower reached the writer's state, before the agent process of <see cref="CountedBootId"/>.</summary>
    public long SyncCountBefore { get; init; }

    /// <summary>The same, of that agent process.</summary>
    public long SyncCountNow { get; init; }

    public string? CountedBootId { get; init; }

    public DateTimeOffset? LastSyncAt { get; init; }

    /// <summary>The standby has every change that is older than this.</summary>
    public DateTimeOffset? InStepAt { get; init; }

    /// <summary>The running failover; null when none.</summary>
    public string? FailoverId { get; init; }

    public FailoverPhase? Phase { get; init; }

    public DateTimeOffset? PhaseSince { get; init; }

    /// <summary>The GPU machine that was lost.</summary>
    public MachineId? LostMachineId { get; init; }

    /// <summary>The GPU machine that is to take over from the standby.</summary>
    public MachineId? CandidateMachineId { get; init; }

    public PendingWriter? Pending { get; init; }

    /// <summary>The standby has been told to stop user processes and send what is left.</summary>
    public bool Draining { get; init; }

    /// <summary>What flushes on the writer can rely on.</summary>
    public FlushPromise Promise { get; init; }

    /// <summary>Counts how often it was renewed: an agent that says that it holds says which.</summary>
    public long PromiseNumber { get; init; }

    /// <summary>Since when the writer has not been sending to a follower, where flushes wait for one.</summary>
    public DateTimeOffset? CutSince { get; init; }

    /// <summary>No new attempt at renting before this.</summary>
    public DateTimeOffset? RetryAt { get; init; }
}

/// <summary>An instance and the CPU machine that follows it. <c>SyncEnabled</c> and <c>Released</c> belong to the API; it also asks
/// for a failover by <c>FailoverRequested</c>, which the reconciler takes back when it begins.</summary>
internal sealed record Association(
    InstanceId InstanceId,
    UserId UserId,
    MachineId? StandbyMachineId,
    bool SyncEnabled,
    bool Released,
    string? FailoverRequested,
    long Version,
    DateTimeOffset CreatedAt,
    AssociationDocument Document)
{
    /// <summary>A failover is going on: the writer is the standby feature's to choose.</summary>
    public bool FailoverActive => Document.FailoverId is not null;

    /// <summary>The standby has taken over, and no GPU machine is being brought to its state: nothing is under way that a pause would break off.</summary>
    public bool RestsOnStandby =>
        Document is { FailoverId: not null, Phase: FailoverPhase.FailoverToCpu or FailoverPhase.SearchingGpu, Pending: null, CandidateMachineId: null };

    /// <summary>The writer sends its changes to its follower. The way back from the standby is no matter of the user's switch: without it no GPU machine could
    /// ever take over, and one after the other would be rented in vain.</summary>
    public bool Sends => !Released && (SyncEnabled || FailoverActive);

    /// <summary>When flushes on the writer return.</summary>
    public AgentAcknowledge Acknowledge => Released ? AgentAcknowledge.Async : Document.Promise switch
    {
        FlushPromise.None => AgentAcknowledge.Async,
        FlushPromise.Suspended => AgentAcknowledge.Suspended,
        FlushPromise.Renewing or FlushPromise.InForce => AgentAcknowledge.Sync,
    };

    /// <summary>Times that the follower reached the writer's state.</summary>
    public long SyncCount => Document.SyncCountBefore + Document.SyncCountNow;

    /// <summary>What the machine that follows <paramref name="writer"/> may lack, in seconds, when that was last heard of: the age of the oldest change that it has
    /// not acknowledged or, of a standby that is sent nothing, the time since it last had everything. Null before it ever had, and when the writer has not been
    /// heard of since the server's start.</summary>
    public double? RpoSeconds(MachineId? writer, AgentSighting? heard) =>
        heard is null ? null
            : heard.Report.Sync is { OldestUnackedSeconds: { } age } sync && sync.Peer == FollowerOf(writer) ? age
            : writer != StandbyMachineId && Document.InStepAt is { } since ? Math.Round(Math.Max(0, (heard.LastSeenAt - since).TotalSeconds), 3)
            : null;

    /// <summary>The machine that follows <paramref name="writer"/> at present; null when none does.</summary>
    public MachineId? FollowerOf(MachineId? writer) =>
        writer is null || writer != StandbyMachineId ? StandbyMachineId : Document.CandidateMachineId;
}
