using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Standby;

/// <summary>Keeps a standby behind an instance, and notices when the writer is lost. What happens then is in <see cref="FailoverSteps"/>.</summary>
internal sealed class StandbyReconciler(
    InstanceStore instances,
    AssociationStore associations,
    MigrationStore migrations,
    RecoveryStore recoveries,
    MachineStore machines,
    AgentHub hub,
    StandbyPlacement placement,
    LossConfirmation confirmation,
    FailoverSteps steps,
    FailoverRecorder failovers,
    PairRecorder pairs,
    FailoverSettings settings,
    InstanceChanges changes,
    EventStore events,
    TimeProvider time,
    IOptions<StandbyOptions> options) : IReconciler
{
    /// <summary>Counters of a pair that is well are written down this often.</summary>
    private static readonly TimeSpan RecordInterval = TimeSpan.FromSeconds(10);

    /// <summary>How far the standby is, where nothing else is worth a write.</summary>
    private static readonly TimeSpan InStepInterval = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan FailoverInterval = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc />
    public string Kind => WorkKinds.Standby;

    /// <inheritdoc />
    public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
    {
        var id = new InstanceId(fence.Key);
        if (await associations.FindAsync(id, cancellationToken) is not { } association
            || await instances.FindAsync(id, cancellationToken) is not { } instance)
        {
            return Next.WhenWoken;
        }

        var view = await LoadAsync(instance, association, cancellationToken);
        var tick = new StandbyTick(view, fence, time.GetUtcNow());
        var step = StandbyPolicy.Decide(view, tick.Now, options.Value);
        var next = await ActAsync(step, tick, cancellationToken);
        await hub.RefreshOrdersAsync(id, (await machines.ListAsync(id, cancellationToken)).Where(machine => !machine.IsFinal), cancellationToken);

        changes.Publish(id);
        return next;
    }

    private async Task<StandbyView> LoadAsync(Instance instance, Association association, CancellationToken cancellationToken)
    {
        var rules = await settings.GetAsync(instance.UserId, instance.Id, cancellationToken);
        var all = await machines.ListAsync(instance.Id, cancellationToken);
        return new StandbyView(
            instance,
            association,
            rules,
            Observed.Find(all, instance.WriterMachineId, hub),
            Observed.Find(all, association.StandbyMachineId, hub),
            Observed.Find(all, association.Document.CandidateMachineId, hub))
        {
            // Read after the association: a switch that begins later changes that one's version, and with it what is decided here comes to nothing.
            IsMoving = await migrations.FindOpenAsync(instance.Id, cancellationToken) is { IsSwitching: true }
                || await recoveries.FindLastAsync(instance.Id, cancellationToken) is { IsSwitching: true },
        };
    }

    private async Task<Next> ActAsync(StandbyStep step, StandbyTick tick, CancellationToken cancellationToken)
    {
        switch (step)
        {
            case StandbyStep.Rest:
                return Next.WhenWoken;
            case StandbyStep.Observe:
                return await RecordAsync(tick, cancellationToken);
            case StandbyStep.ReleaseStandby:
                return await ReleaseStandbyAsync(tick, cancellationToken);
            case StandbyStep.KeepOrphan:
                return await KeepOrphanAsync(tick, cancellationToken);
            case StandbyStep.PlaceStandby:
                return await PlaceStandbyAsync(tick, cancellationToken);
            case StandbyStep.Confirm:
                return await ConfirmAsync(tick, cancellationToken);
            default:
                return await steps.TakeAsync(step, tick, cancellationToken);
        }
    }

    /// <summary>Notes state and counters, rarely enough, and says when to look again: before the writer could become suspect.</summary>
    private async Task<Next> RecordAsync(StandbyTick tick, CancellationToken cancellationToken)
    {
        var (view, document) = (tick.View, CountSyncs(tick));
        if (view.Association is { FailoverRequested: not null, FailoverActive: false })
        {
            // It would begin some day, when nobody thinks of it any more.
            await WithdrawAsync(tick, cancellationToken);
            return Next.Now;
        }

        if (!view.Association.FailoverActive && view.Instance.Generation > 0)
        {
            var state = StandbyPolicy.StateOf(view, options.Value);
            document = PromisePolicy.Look(view, document, tick.Now, options.Value) with
            {
                State = state,
                Draining = false,
                PhaseSince = null,

                // Whoever is followed is there, be it the machine that came back or one that another part of the server has put in its place.
                GpuFailed = document.GpuFailed && state != AssociationState.Ready,
                FailureReason = state == AssociationState.Ready ? null : document.FailureReason,
            };
        }

        var due = document.LastSyncAt is { } at && (tick.Document.LastSyncAt is not { } recorded || at - recorded >= RecordInterval);
        due |= document.InStepAt is { } inStep && (tick.Document.InStepAt is not { } noted || inStep - noted >= InStepInterval);
        if (document.State != tick.Document.State || document.Draining != tick.Document.Draining || due
            || document.Promise != tick.Document.Promise || document.CutSince != tick.Document.CutSince || document.Message != tick.Document.Message
            || (document.SyncCountNow > 0 && view.Association.SyncCount == 0))
        {
            await pairs.SaveAsync(tick, document, PromisePolicy.EventOf(tick.Document.Promise, document.Promise), also: null, cancellationToken);
        }

        return Next.After(view.Association.FailoverActive ? FailoverInterval : UntilQuiet(view));
    }

    /// <summary>Not a look too late: the moment at which the writer, should nothing be heard of it meanwhile, has been quiet for long enough to ask.</summary>
    private static TimeSpan UntilQuiet(StandbyView view)
    {
        var usual = view.Rules.LookInterval;
        var left = view.Rules.AskAfter - (view.Writer?.Silence ?? TimeSpan.Zero);
        return left > TimeSpan.Zero && left < usual ? left : usual;
    }

    private Task<Association> WithdrawAsync(StandbyTick tick, CancellationToken cancellationToken) =>
        associations.SaveAsync(
            tick.View.Association,
            tick.View.Association with { FailoverRequested = null, Document = tick.Document with { Draining = false, PhaseSince = null } },
            tick.Fence,
            transaction => events.AppendAsync(transaction, tick.View.Instance.UserId, tick.View.Instance.Id, StandbyEvents.RequestWithdrawn()),
            cancellationToken);

    private static AssociationDocument CountSyncs(StandbyTick tick)
    {
        var document = tick.Document;
        if (tick.View.Writer is not { Sighting: { } sighting, Report: { Sync: { } sync } report } || sync.Peer != tick.View.Association.StandbyMachineId)
        {
            return document;
        }

        if (sync.OldestUnackedSeconds is { } behind && sighting.LastSeenAt - TimeSpan.FromSeconds(behind) is var inStep && !(document.InStepAt >= inStep))
        {
            document = document with { InStepAt = inStep };
        }

        return report.BootId == document.CountedBootId
            ? document with { SyncCountNow = sync.RoundsCompleted, LastSyncAt = sync.LastSuccessAt ?? document.LastSyncAt }
            : document with
            {
                SyncCountBefore = document.SyncCountBefore + document.SyncCountNow,
                SyncCountNow = sync.RoundsCompleted,
                CountedBootId = report.BootId,
                LastSyncAt = sync.LastSuccessAt ?? document.LastSyncAt,
            };
    }

    private async Task<Next> ReleaseStandbyAsync(StandbyTick tick, CancellationToken cancellationToken)
    {
        var running = await failovers.FindAsync(tick.Document.FailoverId, cancellationToken);
        await pairs.SaveAsync(
            tick,
            tick.Document with { FailoverId = null, Phase = null, PhaseSince = null, Pending = null, CandidateMachineId = null, Draining = false },
            null,
            async transaction =>
            {
                await pairs.ReleaseAsync(transaction, tick.View.Standby, tick.View.Candidate);
                await FailoverRecorder.EndAsync(transaction, running, FailoverPhase.Failed, "The standby was given up.", tick.Now);
            },
            cancellationToken);
        return Next.WhenWoken;
    }

    private async Task<Next> KeepOrphanAsync(StandbyTick tick, CancellationToken cancellationToken)
    {
        var reason = await instances.FindDeleteReasonAsync(tick.View.Instance.Id, cancellationToken) ?? DeleteReason.UserRequest;
        var document = tick.Document with
        {
            State = AssociationState.Orphaned,
            GpuFailed = reason != DeleteReason.UserRequest,
            FailureReason = InstanceViews.Word(reason),
            FailedAt = tick.Now,
            FailoverId = null,
            Phase = null,
            Pending = null,
            CandidateMachineId = null,
        };
        var running = await failovers.FindAsync(tick.Document.FailoverId, cancellationToken);
        await pairs.SaveAsync(
            tick,
            document,
            StandbyEvents.Orphaned(),
            async transaction =>
            {
                await pairs.ReleaseAsync(transaction, tick.View.Candidate);
                await FailoverRecorder.EndAsync(transaction, running, FailoverPhase.Failed, "The instance was deleted.", tick.Now);
            },
            cancellationToken);
        return Next.WhenWoken;
    }

    private async Task<Next> PlaceStandbyAsync(StandbyTick tick, CancellationToken cancellationToken)
    {
        var all = await machines.ListAsync(tick.View.Instance.Id, cancellationToken);
        var wish = await placement.FindStandbyAsync(tick.View.Instance, tick.View.Association, all, cancellationToken);
        var retry = tick.Document with { RetryAt = tick.Now + options.Value.RentRetry };
        if (wish.Machine is not { } machine)
        {
            await pairs.SaveAsync(tick, retry with { State = AssociationState.Error, Message = wish.Trouble }, null, also: null, cancellationToken);
            return Next.After(options.Value.RentRetry);
        }

        await associations.SaveWithMachineAsync(
            tick.View.Association,
            tick.View.Association with
            {
                // Nothing that an earlier standby had is on this one: it may take over only after a pass of its own.
                Document = retry with
                {
                    State = AssociationState.Provisioning,
                    Message = null,
                    SyncCountBefore = 0,
                    SyncCountNow = 0,
                    CountedBootId = null,
                    LastSyncAt = null,
                    InStepAt = null,
                    Promise = PromisePolicy.AfterChange(retry.Promise),
                    CutSince = null,
                },
            },
            tick.Fence,
            transaction => machines.InsertAsync(transaction, machine),
            async transaction =>
            {
                if (tick.View.Standby?.Machine.Id != tick.View.Instance.WriterMachineId)
                {
                    await pairs.ReleaseAsync(transaction, tick.View.Standby);
                }

                await events.AppendAsync(
                    transaction, tick.View.Instance.UserId, tick.View.Instance.Id, StandbyEvents.Renting(machine.Document.Offer.Geolocation));
            },
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> ConfirmAsync(StandbyTick tick, CancellationToken cancellationToken)
    {
        var writer = tick.View.Writer!;

        // One that was given up may still be heard of, for instance when only its sshd is dead; its agent is fenced like any other.
        if (!writer.Machine.IsSpent && !await confirmation.IsDeadAsync(writer.Machine, tick.View.Rules.AnswerLimit, cancellationToken))
        {
            return Next.After(2 * tick.View.Rules.LookInterval);
        }

        // Dead as the second path may look: only who has been silent for as long as was agreed is given up.
        if (!writer.Machine.IsSpent && tick.View.Rules.SuspectAfter - hub.SilenceOf(writer.Machine.Id) is var left && left > TimeSpan.Zero)
        {
            return Next.After(left < tick.View.Rules.HealthCheckInterval ? left : tick.View.Rules.HealthCheckInterval);
        }

        return PromisePolicy.IsWithheld(tick.View) ? await WithholdAsync(tick, cancellationToken) : await steps.BeginAsync(tick, "gpu_failure", cancellationToken);
    }

    /// <summary>Says once that nothing is switched, and why.</summary>
    private async Task<Next> WithholdAsync(StandbyTick tick, CancellationToken cancellationToken)
    {
        if (!tick.Document.IsWithheld)
        {
            await pairs.SaveAsync(
                tick,
                tick.Document with { State = AssociationState.Error, Message = AssociationDocument.WithheldMessage },
                StandbyEvents.Withheld(),
                also: null,
                cancellationToken);
        }

        return Next.After(2 * tick.View.Rules.LookInterval);
    }
}
