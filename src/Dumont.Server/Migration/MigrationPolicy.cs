using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Standby;

namespace Dumont.Server.Migration;

/// <summary>The one next step of a migration.</summary>
internal abstract record MigrationStep
{
    private MigrationStep()
    {
    }

    /// <summary>Nothing is left to do.</summary>
    public sealed record Rest : MigrationStep;

    /// <summary>Note how far it is, and look again.</summary>
    public sealed record Observe : MigrationStep;

    /// <summary>Rent a machine to move to.</summary>
    public sealed record Place : MigrationStep;

    /// <summary>The machine came to nothing: give it back and look for another.</summary>
    public sealed record DropTarget(string Why) : MigrationStep;

    /// <summary>It is there: <paramref name="Phase"/> begins.</summary>
    public sealed record Enter(MigrationPhase Phase) : MigrationStep;

    /// <summary>The target is ready to be compared: tell the source.</summary>
    public sealed record CheckSource : MigrationStep;

    /// <summary>Everything is acknowledged: fence the source and promote the target.</summary>
    public sealed record Promote : MigrationStep;

    /// <summary>The target's agent writes: lead users to it and see the source off.</summary>
    public sealed record Complete : MigrationStep;

    /// <summary>The target was lost after the source was fenced: give the source the word back.</summary>
    public sealed record GiveBack : MigrationStep;

    /// <summary>It is over without a move: give the target back.</summary>
    public sealed record Abandon(MigrationPhase Phase, string Why) : MigrationStep;

    /// <summary>The kept source is not wanted any more, or is gone.</summary>
    public sealed record ReleaseSource : MigrationStep;
}

/// <summary>What the policy looks at.</summary>
internal sealed record MigrationView(InstanceMigration Migration, Instance Instance, Association? Association, Observed? Source, Observed? Target)
{
    public MigrationDocument Document => Migration.Document;

    /// <summary>What the source's agent says of its sync with the target; null while it has not begun.</summary>
    public AgentSyncReport? Copy => Source?.Report?.Migration is { } sync && Target is not null && sync.Peer == Target.Machine.Id ? sync : null;

    /// <summary>Another part of the server chooses who writes.</summary>
    public bool IsFailingOver => Association is { Released: false } association && (association.FailoverActive || association.FailoverRequested is not null);
}

/// <summary>Decisions about a migration. Pure.</summary>
/// <remarks>Until the source is fenced everything can be taken back by giving the target away; from then on by giving the source the word back, in a generation
/// above the one that never came to be. A failover that begins first has its way.</remarks>
internal static class MigrationPolicy
{
    /// <summary>What to do now.</summary>
    public static MigrationStep Decide(MigrationView view, DateTimeOffset now, MigrationOptions options) =>
        view.Migration.State switch
        {
            MigrationState.Running => Run(view, now, options),
            MigrationState.Kept => Keep(view),
            MigrationState.Ended => new MigrationStep.Rest(),
        };

    private static MigrationStep Keep(MigrationView view) =>
        view.Migration.Wish == MigrationWish.ReleaseSource || view.Instance.Desired == InstanceDesired.Deleted || view.Source is null or { Machine.IsSpent: true }
            ? new MigrationStep.ReleaseSource()
            : new MigrationStep.Observe();

    private static MigrationStep Run(MigrationView view, DateTimeOffset now, MigrationOptions options)
    {
        if (view.Instance.Desired == InstanceDesired.Deleted)
        {
            return new MigrationStep.Abandon(MigrationPhase.Cancelled, "The instance was deleted.");
        }

        if (view.Document.Pending is { } pending)
        {
            return Switch(view, pending, now, options);
        }

        return WhyNot(view) ?? Advance(view, now, options);
    }

    /// <summary>What ends a migration whose source still writes.</summary>
    private static MigrationStep.Abandon? WhyNot(MigrationView view) =>
        view.Migration.Wish == MigrationWish.Cancel ? new MigrationStep.Abandon(MigrationPhase.Cancelled, "It was cancelled.")
            : view.IsFailingOver || view.Instance.WriterMachineId != view.Document.SourceMachineId
                ? new MigrationStep.Abandon(MigrationPhase.Failed, "The machine that wrote was lost, and a failover began.")
            : view.Instance.Wanted != InstanceDesired.Running ? new MigrationStep.Abandon(MigrationPhase.Cancelled, "The instance was paused.")
            : view.Source is null or { Machine.IsSpent: true } ? new MigrationStep.Abandon(MigrationPhase.Failed, "The machine that wrote was lost.")
            : null;

    private static MigrationStep Advance(MigrationView view, DateTimeOffset now, MigrationOptions options)
    {
        var since = now - view.Document.PhaseSince;
        return view.Document.Phase switch
        {
            MigrationPhase.Searching => Search(view, since, now, options),
            MigrationPhase.Provisioning => Provision(view, now, options),
            _ when IsLost(view.Target, options) => view.Document.Phase == MigrationPhase.Draining
                ? new MigrationStep.Abandon(MigrationPhase.Failed, "The target was lost just before the switch.")
                : new MigrationStep.DropTarget("It was lost while it was being filled."),
            MigrationPhase.Copying => view.Copy is { State: AgentSyncState.Live } ? new MigrationStep.Enter(MigrationPhase.Verifying) : Await(since, options),
            MigrationPhase.Verifying => Verify(view, since, options),
            MigrationPhase.Draining => view.Copy is { Drained: true } ? new MigrationStep.Promote()
                : since >= options.DrainTimeout
                    ? new MigrationStep.Abandon(MigrationPhase.Failed, "The last changes did not arrive in time; the source goes on.")
                : new MigrationStep.Observe(),
            _ => new MigrationStep.Abandon(MigrationPhase.Failed, "It was in no state to go on."),
        };
    }

    private static MigrationStep Search(MigrationView view, TimeSpan since, DateTimeOffset now, MigrationOptions options) =>
        view.Document.Attempts >= (view.Document.Goal.OfferId is null ? options.OfferAttempts : 1)
            ? new MigrationStep.Abandon(MigrationPhase.Failed, WithTrouble("No machine to move to could be had: the offers that were tried came to nothing.", view))
            : since >= options.SearchTimeout
                ? new MigrationStep.Abandon(MigrationPhase.Failed, WithTrouble("No offer that fits could be rented.", view))
            : view.Document.RetryAt is { } retryAt && now < retryAt ? new MigrationStep.Observe()
            : new MigrationStep.Place();

    private static string WithTrouble(string sentence, MigrationView view) =>
        view.Document.LastTrouble is { } trouble ? $"{sentence} The last trouble: {trouble}" : sentence;

    private static MigrationStep Provision(MigrationView view, DateTimeOffset now, MigrationOptions options) =>
        // No other offer of the account would fare better.
        view.Target is { Machine.Document: { Failure: MachineFailure.InsufficientCredit, FailureReason: var noCredit } }
            ? new MigrationStep.Abandon(MigrationPhase.Failed, noCredit ?? "The provider account has not enough credit.")
            : view.Target is null or { Machine.IsSpent: true }
            ? new MigrationStep.DropTarget(view.Target?.Machine.Document.FailureReason ?? "It came to nothing.")
            : view.Target.IsAlive(options.TargetSilence) ? new MigrationStep.Enter(MigrationPhase.Copying)
            : view.Target.Machine.Phase is MachinePhase.Ready or MachinePhase.Asking && now - view.Target.Machine.Document.PhaseSince >= options.HearTimeout
                ? new MigrationStep.DropTarget("It was not heard of.")
            : new MigrationStep.Observe();

    private static MigrationStep Verify(MigrationView view, TimeSpan since, MigrationOptions options)
    {
        // The target first: what it tells of its files from then on, it has read from its disk.
        if (view.Document.SourceCheck != view.Document.TargetCheck)
        {
            return view.Target!.Report is { Role: AgentRole.Follower, Sync: { } sync } && sync.Check == view.Document.TargetCheck
                ? new MigrationStep.CheckSource()
                : Await(since, options);
        }

        return view.Copy is { State: AgentSyncState.Live, OldestUnackedSeconds: { } lag } copy && copy.Check == view.Document.SourceCheck
            && lag <= options.SwitchLag.TotalSeconds
                ? new MigrationStep.Enter(MigrationPhase.Draining)
                : Await(since, options);
    }

    private static MigrationStep Await(TimeSpan since, MigrationOptions options) =>
        since >= options.CopyTimeout
            ? new MigrationStep.Abandon(MigrationPhase.Failed, "The workspace could not be brought over in time; the source goes on.")
            : new MigrationStep.Observe();

    private static MigrationStep Switch(MigrationView view, PendingWriter pending, DateTimeOffset now, MigrationOptions options)
    {
        var (isReturn, late) = (pending.MachineId == view.Document.SourceMachineId, now - view.Document.PhaseSince >= options.PromotionTimeout);
        if (isReturn)
        {
            // Lost as well, or not heard of: that generation is used up all the same, and whoever watches the writer decides.
            return view.Source?.Writes(pending.Generation) == true || view.Source is null or { Machine.IsSpent: true } || late
                ? new MigrationStep.Abandon(MigrationPhase.Failed, "The target was lost in the moment of the switch; the source goes on.")
                : new MigrationStep.Observe();
        }

        return view.Target?.Writes(pending.Generation) == true ? new MigrationStep.Complete()
            : IsLost(view.Target, options) || late ? new MigrationStep.GiveBack()
            : new MigrationStep.Observe();
    }

    private static bool IsLost(Observed? target, MigrationOptions options) =>
        target is null or { Machine.IsSpent: true } || target.Silence >= options.TargetSilence;
}
