using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;

namespace Dumont.Server.Standby;

/// <summary>The one next step for an instance and its standby.</summary>
internal enum StandbyStep
{
    /// <summary>Nothing to do until woken.</summary>
    Rest,

    /// <summary>Write down how the pair is doing, and look again.</summary>
    Observe,

    /// <summary>Give the standby machine back.</summary>
    ReleaseStandby,

    /// <summary>The instance is deleted and its standby is kept.</summary>
    KeepOrphan,

    /// <summary>Rent a standby machine.</summary>
    PlaceStandby,

    /// <summary>The writer keeps quiet: ask on a second path whether it is dead, to know when it has been silent for long enough.</summary>
    Confirm,

    /// <summary>A failover was asked for: let the writer send what it has first.</summary>
    DrainWriter,

    /// <summary>Fence the writer and promote the standby.</summary>
    BeginFailover,

    /// <summary>The standby is the writer, without a failover that would bring a GPU: begin with the search for one.</summary>
    BeginRecovery,

    /// <summary>The standby's agent writes: lead users to it.</summary>
    SwitchToStandby,

    /// <summary>Find and rent a GPU like the lost one.</summary>
    PlaceCandidate,

    /// <summary>It is prepared: let it follow the standby.</summary>
    BeginRestore,

    /// <summary>It has caught up: stop user processes on the standby and send the rest.</summary>
    DrainStandby,

    /// <summary>Everything is acknowledged: fence the standby and promote the GPU machine.</summary>
    PromoteCandidate,

    /// <summary>The GPU machine's agent writes: lead users to it and release what is left over.</summary>
    Complete,

    /// <summary>The GPU machine came to nothing: look for another.</summary>
    DropCandidate,

    /// <summary>It cannot be saved.</summary>
    Fail,
}

/// <summary>One machine with what its agent says.</summary>
/// <param name="Machine">The record.</param>
/// <param name="Sighting">The last report; null when there was none since the start.</param>
/// <param name="Silence">How long it has been silent.</param>
internal sealed record Observed(Machine Machine, AgentSighting? Sighting, TimeSpan Silence)
{
    public AgentReport? Report => Sighting?.Report;

    /// <summary>The machine of that id as <paramref name="hub"/> has heard of it; null when it is not among <paramref name="all"/>.</summary>
    public static Observed? Find(IReadOnlyList<Machine> all, MachineId? id, AgentHub hub) =>
        all.FirstOrDefault(machine => machine.Id == id) is { } machine ? new Observed(machine, hub.Find(machine.Id), hub.SilenceOf(machine.Id)) : null;

    /// <summary>Prepared, and heard of within <paramref name="within"/>.</summary>
    public bool IsAlive(TimeSpan within) => Machine is { Phase: MachinePhase.Ready, IsSpent: false } && Report is not null && Silence < within;

    /// <summary>Its agent has taken the role in that generation or a later one.</summary>
    public bool Writes(long generation) => Report is { Role: AgentRole.Writer } && Report.Generation >= generation;
}

/// <summary>What the policy looks at.</summary>
internal sealed record StandbyView(
    Instance Instance, Association Association, FailoverRules Rules, Observed? Writer, Observed? Standby, Observed? Candidate)
{
    public AssociationDocument Document => Association.Document;

    /// <summary>The writer is fenced for a move or a recovery of the instance: who writes next is decided, and will be heard of or given up there.</summary>
    public bool IsMoving { get; init; }

    /// <summary>The standby's agent sends to the candidate, and the candidate has had everything once.</summary>
    public bool CandidateIsLive =>
        Candidate is not null && Standby?.Report?.Sync is { State: AgentSyncState.Live } sync && sync.Peer == Candidate.Machine.Id;
}

/// <summary>Decisions about an instance and its standby. Pure.</summary>
/// <remarks>
/// <code>
///              silent ≥ threshold, dead on a second path          standby's agent writes
///   watching ──────────────────────────────────────────▶ GpuLost ───────────────────────▶ SearchingGpu
///      ▲                                                                                       │ rented
///      │ new GPU's agent writes, leftovers released                                            ▼
///      └──────────────── Restoring ◀──────────────────────────────────────────────────── Provisioning
///                        follow ▸ catch up ▸ drain ▸ fence standby ▸ promote GPU
/// </code>
/// </remarks>
internal static class StandbyPolicy
{
    /// <summary>What to do now.</summary>
    public static StandbyStep Decide(StandbyView view, DateTimeOffset now, StandbyOptions options)
    {
        if (view.Association.Released)
        {
            return view.Standby is { Machine.Desired: not MachineDesired.Gone } || view.Candidate is { Machine.Desired: not MachineDesired.Gone }
                || view.Association.FailoverActive
                ? StandbyStep.ReleaseStandby
                : StandbyStep.Rest;
        }

        if (view.Instance.Desired == InstanceDesired.Deleted)
        {
            return view.Document.State == AssociationState.Orphaned ? StandbyStep.Rest : StandbyStep.KeepOrphan;
        }

        return view.Association.FailoverActive ? Recover(view, now, options) : Watch(view, now, options);
    }

    private static StandbyStep Watch(StandbyView view, DateTimeOffset now, StandbyOptions options)
    {
        if (view.Standby is null or { Machine.IsSpent: true })
        {
            // There would be nothing for it to follow.
            if (view.Writer is { Machine.IsSpent: true })
            {
                return StandbyStep.Observe;
            }

            return view.Document.RetryAt is { } retryAt && now < retryAt ? StandbyStep.Observe : StandbyStep.PlaceStandby;
        }

        if (view.Instance is not { Wanted: InstanceDesired.Running, Generation: > 0 } || view.Writer is null
            || view.Writer.Machine.Desired != MachineDesired.Running
            || IsOnTheWay(view.Writer.Machine))
        {
            return StandbyStep.Observe;
        }

        if (view.Standby.Machine.Id == view.Instance.WriterMachineId)
        {
            return view.Rules.RecoversByItself && view.Standby.IsAlive(view.Rules.SuspectAfter) && view.Standby.Writes(view.Instance.Generation)
                ? StandbyStep.BeginRecovery
                : StandbyStep.Observe;
        }

        if (view.IsMoving)
        {
            return StandbyStep.Observe;
        }

        var canTakeOver = view.Standby.IsAlive(options.PartnerSilence) && view.Association.SyncCount > 0;
        if (!canTakeOver)
        {
            return StandbyStep.Observe;
        }

        if (view.Association.FailoverRequested is not null)
        {
            return IsDrained(view, now, options) ? StandbyStep.BeginFailover : StandbyStep.DrainWriter;
        }

        var quiet = view.Writer.Machine.IsSpent || view.Writer.Silence >= view.Rules.AskAfter;
        return quiet && view.Rules.SwitchesByItself ? StandbyStep.Confirm : StandbyStep.Observe;
    }

    /// <summary>Silence means nothing while a machine stops or starts. One that has failed to start again means that the standby is to take over. The
    /// instance's status does not tell: it may still say pausing of a machine that was lost before it could be stopped, and is wanted again.</summary>
    private static bool IsOnTheWay(Machine writer) => writer is { IsSpent: false, Phase: not MachinePhase.Ready };

    /// <summary>A switch that was asked for waits for the writer's last changes, but not for ever.</summary>
    private static bool IsDrained(StandbyView view, DateTimeOffset now, StandbyOptions options) =>
        view.Writer?.Report?.Sync?.Drained == true
        || view.Writer?.IsAlive(view.Rules.SuspectAfter) != true
        || (view.Document is { Draining: true, PhaseSince: { } since } && now - since >= options.DrainTimeout);

    private static StandbyStep Recover(StandbyView view, DateTimeOffset now, StandbyOptions options) =>
        view.Document.Phase switch
        {
            FailoverPhase.GpuLost => Promote(view, now, options),
            FailoverPhase.FailoverToCpu or FailoverPhase.SearchingGpu => Search(view, now, options),
            FailoverPhase.Provisioning => Provision(view, now, options),
            FailoverPhase.Restoring when now - view.Document.PhaseSince >= options.RestoreTimeout => StandbyStep.DropCandidate,
            FailoverPhase.Restoring => Restore(view, options),
            _ => StandbyStep.Fail,
        };

    private static StandbyStep Promote(StandbyView view, DateTimeOffset now, StandbyOptions options) =>
        view.Standby is null or { Machine.IsSpent: true } ? StandbyStep.Fail
            : view.Document.Pending is { } pending && view.Standby.Writes(pending.Generation) ? StandbyStep.SwitchToStandby
            : now - view.Document.PhaseSince >= options.PromotionTimeout ? StandbyStep.Fail
            : StandbyStep.Observe;

    /// <summary>Who pauses wants no GPU paid for: none is looked for, and the standby is silent because it is stopped. Started again, it has a while to be heard.</summary>
    private static StandbyStep Search(StandbyView view, DateTimeOffset now, StandbyOptions options) =>
        view.Standby is { Machine: var standby } && (IsOnTheWay(standby) || standby is { IsSpent: false, Desired: MachineDesired.Stopped }) ? StandbyStep.Observe
            : StandbyIsLost(view, options) ? (IsFresh(view.Standby, now, options) ? StandbyStep.Observe : StandbyStep.Fail)
            : !view.Rules.RecoversByItself || IsToPause(view) ? StandbyStep.Observe
            : view.Document.RetryAt is { } retryAt && now < retryAt ? StandbyStep.Observe
            : StandbyStep.PlaceCandidate;

    private static StandbyStep Provision(StandbyView view, DateTimeOffset now, StandbyOptions options) =>
        StandbyIsLost(view, options) ? StandbyStep.Fail
            : IsToPause(view) ? StandbyStep.DropCandidate
            : view.Candidate is null or { Machine.IsSpent: true } || IsUnresolved(view.Candidate, now, options) ? StandbyStep.DropCandidate
            : view.Candidate.IsAlive(options.PartnerSilence) ? StandbyStep.BeginRestore
            : AgentIsMissing(view.Candidate, now, options) ? StandbyStep.DropCandidate
            : StandbyStep.Observe;

    private static StandbyStep Restore(StandbyView view, StandbyOptions options)
    {
        if (view.Document.Pending is { } pending)
        {
            return view.Candidate?.Writes(pending.Generation) == true ? StandbyStep.Complete
                : CandidateIsLost(view, options) ? StandbyStep.DropCandidate
                : StandbyStep.Observe;
        }

        if (CandidateIsLost(view, options))
        {
            return StandbyIsLost(view, options) ? StandbyStep.Fail : StandbyStep.DropCandidate;
        }

        if (StandbyIsLost(view, options))
        {
            // What the candidate has acknowledged is the best there is.
            return view.CandidateIsLive ? StandbyStep.PromoteCandidate : StandbyStep.Fail;
        }

        if (IsToPause(view))
        {
            return StandbyStep.DropCandidate;
        }

        if (!view.CandidateIsLive)
        {
            return StandbyStep.Observe;
        }

        return !view.Document.Draining ? StandbyStep.DrainStandby
            : view.Standby!.Report!.Sync!.Drained ? StandbyStep.PromoteCandidate
            : StandbyStep.Observe;
    }

    /// <summary>Asked for long ago, and whether there is one cannot be told, as when the account that was asked is not to be reached any more.</summary>
    private static bool IsUnresolved(Observed observed, DateTimeOffset now, StandbyOptions options) =>
        observed.Machine.Phase == MachinePhase.Asking && now - observed.Machine.Document.PhaseSince >= options.RestoreTimeout;

    /// <summary>Prepared long ago, and its agent is not heard.</summary>
    private static bool AgentIsMissing(Observed observed, DateTimeOffset now, StandbyOptions options) =>
        observed.Machine.Phase == MachinePhase.Ready && now - observed.Machine.Document.PhaseSince >= options.PromotionTimeout;

    /// <summary>As soon as nothing runs for its snapshot any more. Until then, too, no GPU is worth renting.</summary>
    private static bool IsToPause(StandbyView view) => view.Instance.Desired == InstanceDesired.Paused;

    /// <summary>Prepared just now: its agent may not have been heard yet.</summary>
    private static bool IsFresh(Observed? observed, DateTimeOffset now, StandbyOptions options) =>
        observed is { Machine: { Phase: MachinePhase.Ready, IsSpent: false } machine } && now - machine.Document.PhaseSince < options.PartnerSilence;

    private static bool StandbyIsLost(StandbyView view, StandbyOptions options) =>
        view.Standby is null or { Machine.IsSpent: true } || view.Standby.Silence >= options.PartnerSilence;

    private static bool CandidateIsLost(StandbyView view, StandbyOptions options) =>
        view.Candidate is null or { Machine.IsSpent: true } || view.Candidate.Silence >= options.PartnerSilence;

    /// <summary>The state to show for a pair that is not in a failover.</summary>
    public static AssociationState StateOf(StandbyView view, StandbyOptions options) =>
        view.Standby is null or { Machine.Phase: not MachinePhase.Ready } or { Machine.IsSpent: true } ? AssociationState.Provisioning
            : !view.Standby.IsAlive(options.PartnerSilence) ? AssociationState.Provisioning
            : view.Association.SyncEnabled && view.Writer?.Report?.Sync is { State: AgentSyncState.Live } sync && sync.Peer == view.Standby.Machine.Id
                ? AssociationState.Ready
                : AssociationState.Syncing;
}
