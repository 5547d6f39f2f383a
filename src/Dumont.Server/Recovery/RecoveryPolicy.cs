using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Snapshots;
using Dumont.Server.Standby;

namespace Dumont.Server.Recovery;

/// <summary>The one next step for the recovery of an instance.</summary>
internal abstract record RecoveryStep
{
    private RecoveryStep()
    {
    }

    /// <summary>Nothing to do until woken.</summary>
    public sealed record Rest : RecoveryStep;

    /// <summary>All is well, or others see to it: look again.</summary>
    public sealed record Watch : RecoveryStep;

    /// <summary>Silent for long enough: begin if it is dead on a second path, too.</summary>
    public sealed record Confirm : RecoveryStep;

    /// <summary>It runs; look again shortly.</summary>
    public sealed record Observe : RecoveryStep;

    /// <summary>A move from the lost machine is under way: end it.</summary>
    public sealed record CancelMigration : RecoveryStep;

    /// <summary>Rent a machine.</summary>
    public sealed record Place : RecoveryStep;

    /// <summary>The machine came to nothing: give it back and look for another.</summary>
    public sealed record DropTarget(string Why) : RecoveryStep;

    /// <summary>It is prepared: bring the snapshot back on it.</summary>
    public sealed record Fill : RecoveryStep;

    /// <summary>It has everything that the snapshot has: fence the lost machine and promote it.</summary>
    public sealed record Promote : RecoveryStep;

    /// <summary>Its agent writes: lead users to it and release what was before.</summary>
    public sealed record Complete : RecoveryStep;

    /// <summary>It was lost after the other was fenced: its generation is used up, and another machine is looked for.</summary>
    public sealed record TakeBack : RecoveryStep;

    /// <summary>It is over, and nothing has changed: give the machine back.</summary>
    public sealed record Abandon(RecoveryPhase Phase, string Why) : RecoveryStep;
}

/// <summary>What the policy looks at.</summary>
/// <param name="Instance">The instance.</param>
/// <param name="Association">Its pair; null where it never had one.</param>
/// <param name="Rules">Settings that hold for it.</param>
/// <param name="Last">The last recovery, under way or not; null when there was none.</param>
/// <param name="Writer">The machine that writes.</param>
/// <param name="Standby">The machine of the pair.</param>
/// <param name="Target">The machine that is to take over; null without one.</param>
/// <param name="Filling">The operation that brings the snapshot back on it.</param>
internal sealed record RecoveryView(
    Instance Instance,
    Association? Association,
    FailoverRules Rules,
    InstanceRecovery? Last,
    Observed? Writer,
    Observed? Standby,
    Observed? Target,
    SnapshotOperation? Filling)
{
    /// <summary>The move that is open; null when none is.</summary>
    public InstanceMigration? Migration { get; init; }

    /// <summary>The recovery that is under way.</summary>
    public InstanceRecovery? Running => Last is { IsRunning: true } ? Last : null;

    /// <summary>The standby feature is choosing who writes, or has been asked to.</summary>
    public bool IsFailingOver => Association is { Released: false } pair && (pair.FailoverActive || pair.FailoverRequested is not null);

    /// <summary>A standby that has had everything once is there.</summary>
    public bool StandbyCanServe(StandbyOptions options) =>
        Association is { Released: false, SyncCount: > 0 } && Standby is not null && Standby.Machine.Id != Instance.WriterMachineId
        && Standby.IsAlive(options.PartnerSilence);

    /// <summary>The machine that writes is heard. That of a server which has just begun to listen is not known to be.</summary>
    public bool WriterIsHeard =>
        Writer is { Sighting: not null, Machine: { Desired: not MachineDesired.Gone } machine } && !IsOver(machine) && Writer.Silence < Rules.SuspectAfter;

    /// <summary>The provider has it no more, or it is being given back: nothing on it will be seen again.</summary>
    public static bool IsOver(Machine machine) => machine.Phase is MachinePhase.Releasing or MachinePhase.Gone or MachinePhase.Failed;
}

/// <summary>Decisions about bringing a lost instance back from a snapshot. Pure.</summary>
/// <remarks>Until the new machine is promoted nothing is given up: whoever has more than the snapshot and comes back meanwhile, the lost machine or the standby,
/// has its way.</remarks>
internal static class RecoveryPolicy
{
    /// <summary>What to do now.</summary>
    public static RecoveryStep Decide(RecoveryView view, DateTimeOffset now, StandbyOptions standby, RecoveryOptions options) =>
        view.Running is { } running ? Run(view, running, now, standby, options) : Watch(view, standby, options);

    private static RecoveryStep Watch(RecoveryView view, StandbyOptions standby, RecoveryOptions options)
    {
        if (view.Instance is not { Wanted: InstanceDesired.Running, Generation: > 0 } || !view.Rules.RecoversFromSnapshot || view.Writer is not { } writer)
        {
            return new RecoveryStep.Rest();
        }

        if (view.IsFailingOver || view.Migration is { IsSwitching: true } || view.StandbyCanServe(standby) || view.WriterIsHeard || IsGivenUp(view, writer))
        {
            return new RecoveryStep.Watch();
        }

        return writer.Silence >= SilenceNeeded(writer.Machine, view.Rules, options) ? new RecoveryStep.Confirm() : new RecoveryStep.Watch();
    }

    /// <summary>How long a machine must be silent before its instance is recovered without being asked; for ever, where it is stopped, starts, or has only failed
    /// to start: its disk is there, and more is on it than in any snapshot.</summary>
    public static TimeSpan SilenceNeeded(Machine machine, FailoverRules rules, RecoveryOptions options) =>
        RecoveryView.IsOver(machine) ? rules.SuspectAfter
            : machine is { Desired: MachineDesired.Running, Phase: MachinePhase.Ready, Document.Failure: null or MachineFailure.Lost } ? rules.SuspectAfter + options.Patience
            : TimeSpan.MaxValue;

    /// <summary>A recovery from this very loss has failed. By hand it can be tried again.</summary>
    private static bool IsGivenUp(RecoveryView view, Observed writer) =>
        view.Last is { Document: { Phase: RecoveryPhase.Failed } last, EndedAt: { } ended } && last.LostMachineId == writer.Machine.Id
        && !(writer.Sighting?.LastSeenAt > ended);

    private static RecoveryStep Run(RecoveryView view, InstanceRecovery running, DateTimeOffset now, StandbyOptions standby, RecoveryOptions options)
    {
        if (view.Instance.Desired == InstanceDesired.Deleted)
        {
            return new RecoveryStep.Abandon(RecoveryPhase.Cancelled, "The instance was deleted.");
        }

        if (running.Document.Pending is { } pending)
        {
            return view.Target?.Writes(pending.Generation) == true ? new RecoveryStep.Complete()
                : IsLost(view.Target, standby) || now - running.Document.PhaseSince >= standby.PromotionTimeout ? new RecoveryStep.TakeBack()
                : new RecoveryStep.Observe();
        }

        return WhyNot(view, running, standby) ?? Advance(view, running, now, standby, options);
    }

    /// <summary>What ends a recovery that nobody was fenced for yet.</summary>
    private static RecoveryStep.Abandon? WhyNot(RecoveryView view, InstanceRecovery running, StandbyOptions standby) =>
        view.Instance.WriterMachineId != running.Document.LostMachineId ? new(RecoveryPhase.Cancelled, "Another machine writes by now.")
            : view.Instance.Wanted != InstanceDesired.Running ? new(RecoveryPhase.Cancelled, "The instance was paused.")
            : view.WriterIsHeard ? new(RecoveryPhase.Cancelled, "Its machine has come back.")
            : view.IsFailingOver || view.StandbyCanServe(standby) ? new(RecoveryPhase.Cancelled, "The standby has come back and can take over.")
            : null;

    private static RecoveryStep Advance(RecoveryView view, InstanceRecovery running, DateTimeOffset now, StandbyOptions standby, RecoveryOptions options)
    {
        if (view.Migration is { State: MigrationState.Running } migration)
        {
            // One that is switching has decided who writes next, and will say so.
            return migration is { IsSwitching: false, Wish: null } ? new RecoveryStep.CancelMigration() : new RecoveryStep.Observe();
        }

        return running.Document.Phase switch
        {
            RecoveryPhase.Searching => Search(running, now, options),
            RecoveryPhase.Provisioning => Provision(view, now, standby),
            RecoveryPhase.Restoring => Restore(view, standby),
            _ => new RecoveryStep.Abandon(RecoveryPhase.Failed, "It was in no state to go on."),
        };
    }

    private static RecoveryStep Search(InstanceRecovery running, DateTimeOffset now, RecoveryOptions options) =>
        running.Document.Attempts >= options.MachineAttempts
            ? new RecoveryStep.Abandon(
                RecoveryPhase.Failed, running.Document.Trouble ?? "The machines that were rented came to nothing.")
            : running.Document.RetryAt is { } retryAt && now < retryAt ? new RecoveryStep.Observe()
            : new RecoveryStep.Place();

    private static RecoveryStep Provision(RecoveryView view, DateTimeOffset now, StandbyOptions standby) =>
        view.Target is null or { Machine.IsSpent: true } ? new RecoveryStep.DropTarget(view.Target?.Machine.Document.FailureReason ?? "It came to nothing.")
            : view.Target.IsAlive(standby.PartnerSilence) ? new RecoveryStep.Fill()
            : IsOverdue(view.Target.Machine, now, standby) ? new RecoveryStep.DropTarget("It was not heard of.")
            : new RecoveryStep.Observe();

    // Prepared long ago and not heard; or asked for so long ago that whether there is one cannot be told.
    private static bool IsOverdue(Machine machine, DateTimeOffset now, StandbyOptions standby) =>
        now - machine.Document.PhaseSince is var since && machine.Phase switch
        {
            MachinePhase.Ready => since >= standby.PromotionTimeout,
            MachinePhase.Asking => since >= standby.RestoreTimeout,
            _ => false,
        };

    private static RecoveryStep Restore(RecoveryView view, StandbyOptions standby) =>
        IsLost(view.Target, standby) ? new RecoveryStep.DropTarget("It was lost while it was being filled.")
            : view.Filling switch
            {
                { State: OperationState.Done } => new RecoveryStep.Promote(),
                { State: OperationState.Failed } failed => new RecoveryStep.DropTarget(failed.Document.Message ?? "It came to nothing."),
                { State: OperationState.Cancelled } => new RecoveryStep.Abandon(RecoveryPhase.Failed, "The restore was cancelled."),
                null => new RecoveryStep.DropTarget("It came to nothing."),
                _ => new RecoveryStep.Observe(),
            };

    private static bool IsLost(Observed? target, StandbyOptions standby) =>
        target is null or { Machine.IsSpent: true } || target.Silence >= standby.PartnerSilence;
}
