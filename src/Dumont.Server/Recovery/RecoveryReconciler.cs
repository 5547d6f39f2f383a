using System.Data.Common;
using System.Diagnostics;
using Dumont.Contracts;
using Dumont.Providers.Ssh;
using Dumont.Server.Agents;
using Dumont.Server.Hosts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Offers;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Snapshots;
using Dumont.Server.Standby;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Recovery;

/// <summary>Notices an instance whose machine is lost and from which nothing can take over, and brings it back from its last snapshot on a new machine.</summary>
internal sealed class RecoveryReconciler(
    InstanceStore instances,
    MigrationStore migrations,
    MachineStore machines,
    SnapshotStore snapshots,
    SnapshotService snapshotService,
    HostHistory hosts,
    RecoveryReader reader,
    RecoveryPlacement placement,
    RecoveryBeginning beginning,
    RecoveryRecorder recorder,
    LossConfirmation confirmation,
    AgentHub hub,
    InstanceChanges changes,
    RecoveryMetrics metrics,
    TimeProvider time,
    IOptions<StandbyOptions> standby,
    IOptions<RecoveryOptions> options) : IReconciler
{
    private static readonly TimeSpan Shortly = TimeSpan.FromMilliseconds(250);

    // Nobody can write meanwhile.
    private static readonly TimeSpan AtOnce = TimeSpan.FromMilliseconds(50);

    /// <inheritdoc />
    public string Kind => WorkKinds.Recovery;

    /// <inheritdoc />
    public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
    {
        if (await instances.FindAsync(new InstanceId(fence.Key), cancellationToken) is not { } instance)
        {
            return Next.WhenWoken;
        }

        var (view, all) = await reader.ReadAsync(instance, cancellationToken);
        var tick = new RecoveryTick(view, all, fence, time.GetUtcNow());
        var next = await ActAsync(RecoveryPolicy.Decide(view, tick.Now, standby.Value, options.Value), tick, cancellationToken);
        if (view.Running is not null)
        {
            await hub.RefreshOrdersAsync(
                instance.Id, (await machines.ListAsync(instance.Id, cancellationToken)).Where(machine => !machine.IsFinal), cancellationToken);
            changes.Publish(instance.Id);
        }

        return next;
    }

    private async Task<Next> ActAsync(RecoveryStep step, RecoveryTick tick, CancellationToken cancellationToken)
    {
        switch (step)
        {
            case RecoveryStep.Rest:
                return Next.WhenWoken;
            case RecoveryStep.Watch:
                return Next.After(UntilNeeded(tick.View));
            case RecoveryStep.Confirm:
                return await ConfirmAsync(tick, cancellationToken);
            case RecoveryStep.Observe:
                return Next.After(tick.Document.Pending is null ? Shortly : AtOnce);
            case RecoveryStep.CancelMigration:
                await migrations.SetWishAsync(tick.View.Migration!, MigrationWish.Cancel, cancellationToken);
                return Next.After(Shortly);
            case RecoveryStep.Place:
                return await PlaceAsync(tick, cancellationToken);
            case RecoveryStep.DropTarget(var why):
                await recorder.SaveAsync(tick, Dropped(tick, why), RecoveryEvents.Dropped(why), transaction => ReleaseTargetAsync(transaction, tick), cancellationToken);
                return Next.Now;
            case RecoveryStep.Fill:
                return await FillAsync(tick, cancellationToken);
            case RecoveryStep.Promote:
                return await PromoteAsync(tick, cancellationToken);
            case RecoveryStep.Complete:
                return await CompleteAsync(tick, cancellationToken);
            case RecoveryStep.TakeBack:
                return await TakeBackAsync(tick, cancellationToken);
            case RecoveryStep.Abandon(var phase, var why):
                return await AbandonAsync(tick, phase, why, cancellationToken);
            default:
                throw new UnreachableException();
        }
    }

    /// <summary>Not a look too late: the moment at which the machine, should nothing be heard of it meanwhile, has been silent for long enough.</summary>
    private TimeSpan UntilNeeded(RecoveryView view)
    {
        var needed = RecoveryPolicy.SilenceNeeded(view.Writer!.Machine, view.Rules, options.Value);
        var left = needed == TimeSpan.MaxValue ? needed : needed - view.Writer.Silence;
        return left > TimeSpan.Zero && left < options.Value.LookInterval ? left : options.Value.LookInterval;
    }

    private async Task<Next> ConfirmAsync(RecoveryTick tick, CancellationToken cancellationToken)
    {
        var (view, writer) = (tick.View, tick.View.Writer!.Machine);
        if (!await confirmation.IsDeadAsync(writer, view.Rules.AnswerLimit, cancellationToken))
        {
            return Next.After(options.Value.LookInterval);
        }

        if (RecoveryPoint.Choose(await snapshots.ListOfUserAsync(view.Instance.UserId, view.Instance.Id, cancellationToken)) is { } snapshot)
        {
            await beginning.BeginAsync(view, snapshot, new RecoveryGoal(), reason: null, tick.Fence, also: null, cancellationToken);
        }
        else
        {
            await beginning.NoteMissingAsync(view, tick.Fence, cancellationToken);
        }

        changes.Publish(view.Instance.Id);
        return Next.Now;
    }

    private async Task<Next> PlaceAsync(RecoveryTick tick, CancellationToken cancellationToken)
    {
        var (instance, document) = (tick.View.Instance, tick.Document);
        var (offers, trouble) = await placement.FindAsync(instance, document.Goal, tick.Machines, document.LostMachineId, cancellationToken);
        var retry = document with { RetryAt = tick.Now + standby.Value.RentRetry };
        if (offers.Count == 0)
        {
            await recorder.SaveAsync(tick, retry with { Trouble = trouble }, null, also: null, cancellationToken);
            return Next.After(standby.Value.RentRetry);
        }

        await recorder.PlaceAsync(tick, transaction => PlaceFirstAsync(transaction, tick, retry, offers), cancellationToken);
        return Next.Now;
    }

    private async Task<(RecoveryDocument Document, NewEvent? Happened)> PlaceFirstAsync(
        DbTransaction transaction, RecoveryTick tick, RecoveryDocument retry, IReadOnlyList<FoundOffer> offers)
    {
        foreach (var found in offers)
        {
            if (await machines.InsertAsync(transaction, RecoveryPlacement.MachineOf(tick.View.Instance, found)) is { } placed)
            {
                return (
                    retry.Enter(RecoveryPhase.Provisioning, tick.Now) with { TargetMachineId = placed, OperationId = null },
                    RecoveryEvents.Renting(found.Offer.Id, found.Offer.UsdPerHour));
            }
        }

        return (retry, null);
    }

    private async Task<Next> FillAsync(RecoveryTick tick, CancellationToken cancellationToken)
    {
        var (view, document) = (tick.View, tick.Document);
        if (SnapshotNumber.TryParse(document.SnapshotId) is not { } number
            || await snapshots.FindOfUserAsync(view.Instance.UserId, number, cancellationToken) is not { } snapshot)
        {
            return await AbandonAsync(tick, RecoveryPhase.Failed, "The snapshot was deleted.", cancellationToken);
        }

        // Deleted in this very moment: nothing is saved, and the next look says so.
        await recorder.PlaceAsync(
            tick,
            async transaction => (
                document.Enter(RecoveryPhase.Restoring, tick.Now) with
                {
                    OperationId = await snapshotService.InsertFillAsync(transaction, snapshot, view.Instance.Id, view.Target!.Machine.Id)
                        ?? throw new StaleWriteException($"Snapshot {number}"),
                },
                RecoveryEvents.Restoring($"{number}")),
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> PromoteAsync(RecoveryTick tick, CancellationToken cancellationToken)
    {
        await recorder.SaveAsync(
            tick,
            tick.Document.Enter(RecoveryPhase.Switching, tick.Now) with
            {
                Pending = new PendingWriter(tick.View.Target!.Machine.Id, tick.View.Instance.Generation + 1),
            },
            RecoveryEvents.Switching(),
            async transaction =>
            {
                if (tick.View.Association is { } association)
                {
                    await AssociationStore.TouchAsync(transaction, association);
                }

                await MigrationStore.EnsureNoneRunsAsync(transaction, tick.View.Instance.Id);
            },
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> CompleteAsync(RecoveryTick tick, CancellationToken cancellationToken)
    {
        var (view, document, now) = (tick.View, tick.Document, time.GetUtcNow());
        var (pending, target, took) = (document.Pending!, view.Target!.Machine, Math.Round((now - document.LostAt).TotalSeconds, 1));
        var ended = document.Enter(RecoveryPhase.Complete, now) with { Pending = null };
        await recorder.EndAsync(
            tick,
            ended,
            RecoveryEvents.Completed(document.SnapshotId ?? "", document.RpoSeconds ?? 0, took),
            async transaction =>
            {
                if (document.Goal.IsNamed)
                {
                    await InstanceStore.RetargetAsync(transaction, view.Instance, target.Document.Offer, target.Document.Spec.DiskGb);
                }

                await instances.MoveWriterAsync(transaction, view.Instance.Id, view.Instance.Generation, pending.Generation, target.Id);
                await NoteHostAsync(transaction, view.Writer?.Machine);
                foreach (var left in LeftOver(tick))
                {
                    await machines.SetDesiredAsync(transaction, left.Id, MachineDesired.Gone);
                }
            },
            cancellationToken);
        metrics.Ended(ended, now);
        return Next.Now;
    }

    /// <summary>What was before: the lost machine, one that an earlier failover kept, and a standby that had more than the snapshot, since it would be changed
    /// file by file into what it is behind. Not a standby that has had nothing yet.</summary>
    private static IEnumerable<Machine> LeftOver(RecoveryTick tick)
    {
        var pair = tick.View.Association;
        return tick.Machines.Where(machine => !machine.IsFinal
            && (machine.Id == tick.Document.LostMachineId || machine.Id == pair?.Document.LostMachineId || (pair is { SyncCount: > 0 } && machine.Id == pair.StandbyMachineId)));
    }

    /// <summary>The host counts as one that has failed. Where the provider said so, that is noted already; an own machine is its owner's alone.</summary>
    private async Task NoteHostAsync(DbTransaction transaction, Machine? lost)
    {
        if (lost is { Document: { Failure: null, Offer: { HostMachineId: { } host } offer } } && lost.Provider != SshProvider.ProviderName)
        {
            await hosts.RecordAsync(transaction, lost.Provider, host, offer.GpuName, succeeded: false, "ready", "It fell silent and was given up.");
        }
    }

    private async Task<Next> TakeBackAsync(RecoveryTick tick, CancellationToken cancellationToken)
    {
        const string why = "It was lost in the moment of the switch.";
        var (view, pending) = (tick.View, tick.Document.Pending!);
        await recorder.SaveAsync(
            tick,
            Dropped(tick, why) with { Pending = null },
            RecoveryEvents.Dropped(why),
            async transaction =>
            {
                await ReleaseTargetAsync(transaction, tick);

                // A generation that was given out is used up, whether or not its writer ever came to be.
                await instances.MoveWriterAsync(transaction, view.Instance.Id, view.Instance.Generation, pending.Generation + 1, tick.Document.LostMachineId);
            },
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> AbandonAsync(RecoveryTick tick, RecoveryPhase phase, string why, CancellationToken cancellationToken)
    {
        var ended = tick.Document.Enter(phase, tick.Now) with { Pending = null, Error = why };
        await recorder.EndAsync(
            tick,
            ended,
            phase == RecoveryPhase.Cancelled ? RecoveryEvents.Cancelled(why) : RecoveryEvents.Failed(why),
            transaction => ReleaseTargetAsync(transaction, tick),
            cancellationToken);
        metrics.Ended(ended, tick.Now);
        return Next.Now;
    }

    // What could not be had at all says nothing about how often to try.
    private RecoveryDocument Dropped(RecoveryTick tick, string why)
    {
        var (document, target) = (tick.Document, tick.View.Target?.Machine);
        return document.Enter(RecoveryPhase.Searching, tick.Now) with
        {
            TargetMachineId = null,
            OperationId = null,
            Attempts = document.Attempts + (target?.ProviderMachineId is null ? 0 : 1),
            Trouble = why,
            RetryAt = target?.Document.Failure == MachineFailure.InsufficientCredit ? tick.Now + standby.Value.CreditRetry : document.RetryAt,
        };
    }

    private async Task ReleaseTargetAsync(DbTransaction transaction, RecoveryTick tick)
    {
        if (tick.View.Target is { } target)
        {
            await machines.SetDesiredAsync(transaction, target.Machine.Id, MachineDesired.Gone);
        }
    }
}
