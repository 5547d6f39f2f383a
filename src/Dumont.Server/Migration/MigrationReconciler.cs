using System.Data.Common;
using System.Diagnostics;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Offers;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Standby;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Migration;

/// <summary>What one tick works on.</summary>
internal sealed record MigrationTick(MigrationView View, IReadOnlyList<Machine> Machines, Fence Fence, DateTimeOffset Now)
{
    public MigrationDocument Document => View.Document;
}

/// <summary>Moves an instance to another machine, which follows the writer until nothing is missing, and then writes.</summary>
internal sealed class MigrationReconciler(
    MigrationStore migrations,
    InstanceStore instances,
    AssociationStore associations,
    MachineStore machines,
    MigrationPlacement placement,
    AgentHub hub,
    InstanceChanges changes,
    EventStore events,
    MigrationMetrics metrics,
    TimeProvider time,
    IOptions<MigrationOptions> options) : IReconciler
{
    private static readonly TimeSpan Shortly = TimeSpan.FromMilliseconds(250);

    // Nobody can write meanwhile.
    private static readonly TimeSpan AtOnce = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan KeptLook = TimeSpan.FromSeconds(30);

    /// <summary>Progress is written down this often.</summary>
    private static readonly TimeSpan NoteInterval = TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    public string Kind => WorkKinds.Migration;

    /// <inheritdoc />
    public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
    {
        if (await migrations.FindAsync(fence.Key, cancellationToken) is not { } migration)
        {
            return Next.WhenWoken;
        }

        // The association before the instance: a failover that begins after this read changes its version, and the switch notices.
        var association = await associations.FindAsync(migration.InstanceId, cancellationToken);
        if (await instances.FindAsync(migration.InstanceId, cancellationToken) is not { } instance)
        {
            return Next.WhenWoken;
        }

        var all = await machines.ListAsync(instance.Id, cancellationToken);
        var view = new MigrationView(
            migration,
            instance,
            association,
            Observed.Find(all, migration.Document.SourceMachineId, hub),
            Observed.Find(all, migration.Document.TargetMachineId, hub));
        var tick = new MigrationTick(view, all, fence, time.GetUtcNow());
        var next = await ActAsync(MigrationPolicy.Decide(view, tick.Now, options.Value), tick, cancellationToken);
        await hub.RefreshOrdersAsync(
            instance.Id, (await machines.ListAsync(instance.Id, cancellationToken)).Where(machine => !machine.IsFinal), cancellationToken);
        changes.Publish(instance.Id);
        return next;
    }

    private async Task<Next> ActAsync(MigrationStep step, MigrationTick tick, CancellationToken cancellationToken)
    {
        switch (step)
        {
            case MigrationStep.Rest:
                return Next.WhenWoken;
            case MigrationStep.Observe:
                return await NoteAsync(tick, cancellationToken);
            case MigrationStep.Place:
                return await PlaceAsync(tick, cancellationToken);
            case MigrationStep.DropTarget(var why):
                await SaveAsync(
                    tick,
                    tick.Document.Drop(why, tick.Now),
                    MigrationEvents.Dropped(why),
                    transaction => machines.ReleaseAsync(transaction, tick.View.Target?.Machine.Id),
                    cancellationToken);
                metrics.Sent(tick.Document);
                return Next.Now;
            case MigrationStep.Enter(var phase):
                var entered = Copied(tick).Enter(phase, tick.Now);
                await SaveAsync(
                    tick,
                    phase == MigrationPhase.Verifying ? entered with { TargetCheck = entered.TargetCheck + 1 } : entered,
                    phase switch
                    {
                        MigrationPhase.Copying => MigrationEvents.Copying(),
                        MigrationPhase.Verifying => MigrationEvents.Verifying(),
                        _ => MigrationEvents.Switching(),
                    },
                    also: null,
                    cancellationToken);
                return Next.Now;
            case MigrationStep.CheckSource:
                await SaveAsync(tick, tick.Document with { SourceCheck = tick.Document.TargetCheck }, null, also: null, cancellationToken);
                return Next.After(Shortly);
            case MigrationStep.Promote:
                return await PromoteAsync(tick, cancellationToken);
            case MigrationStep.Complete:
                return await CompleteAsync(tick, cancellationToken);
            case MigrationStep.GiveBack:
                await SaveAsync(
                    tick,
                    tick.Document.Enter(MigrationPhase.Returning, tick.Now) with
                    {
                        Pending = new PendingWriter(tick.Document.SourceMachineId, tick.Document.Pending!.Generation + 1),
                    },
                    null,
                    also: null,
                    cancellationToken);
                return Next.Now;
            case MigrationStep.Abandon(var phase, var why):
                return await AbandonAsync(tick, phase, why, cancellationToken);
            case MigrationStep.ReleaseSource:
                return await ReleaseSourceAsync(tick, cancellationToken);
            default:
                throw new UnreachableException();
        }
    }

    private async Task<Next> NoteAsync(MigrationTick tick, CancellationToken cancellationToken)
    {
        if (tick.View.Migration.State == MigrationState.Kept)
        {
            return Next.After(KeptLook);
        }

        var noted = Copied(tick);
        if (noted.BytesCopied != tick.Document.BytesCopied && tick.Document.Phase is MigrationPhase.Copying or MigrationPhase.Verifying
            && tick.Now - (tick.Document.NotedAt ?? tick.Document.PhaseSince) >= NoteInterval)
        {
            await SaveAsync(tick, noted with { NotedAt = tick.Now }, null, also: null, cancellationToken);
        }

        return Next.After(tick.Document.Phase is MigrationPhase.Draining or MigrationPhase.Switching or MigrationPhase.Returning ? AtOnce : Shortly);
    }

    private static MigrationDocument Copied(MigrationTick tick) =>
        tick.View is { Copy: { } copy, Source.Report.BootId: var bootId } ? tick.Document.Count(bootId, copy) : tick.Document;

    private async Task<Next> PlaceAsync(MigrationTick tick, CancellationToken cancellationToken)
    {
        var (instance, document) = (tick.View.Instance, tick.Document);
        var retry = document with { RetryAt = tick.Now + options.Value.RentRetry };
        var choice = await placement.FindAsync(instance, document.Goal, tick.Machines, document.TriedOffers, cancellationToken);
        if (choice is not TargetChoice.Found { Offers: var offers })
        {
            // None at present, or nobody to ask: whether to go on trying is a matter of time.
            await SaveAsync(tick, retry with { LastTrouble = MigrationService.ProblemOf(choice).Detail }, null, also: null, cancellationToken);
            return Next.After(options.Value.RentRetry);
        }

        await migrations.SaveAsync(
            tick.View.Migration,
            transaction => PlaceFirstAsync(transaction, tick, retry, offers),
            tick.Fence,
            cancellationToken);
        return Next.Now;
    }

    /// <summary>The intent to rent and the record of it are one transaction. When every offer is being bought by others of ours, only the attempt is noted.</summary>
    private async Task<MigrationDocument> PlaceFirstAsync(DbTransaction transaction, MigrationTick tick, MigrationDocument retry, IReadOnlyList<FoundOffer> offers)
    {
        var instance = tick.View.Instance;
        foreach (var found in offers)
        {
            if (await machines.InsertAsync(transaction, MigrationPlacement.MachineOf(instance, retry.Goal, found)) is { } placed)
            {
                await events.AppendAsync(transaction, instance.UserId, instance.Id, MigrationEvents.Renting(found.Offer.Id, found.Offer.UsdPerHour));
                return retry.Enter(MigrationPhase.Provisioning, tick.Now) with
                {
                    TargetMachineId = placed,
                    Attempts = retry.Attempts + 1,
                    TriedOffers = [.. retry.TriedOffers, found.Offer.Id],
                };
            }
        }

        return retry;
    }

    private async Task<Next> PromoteAsync(MigrationTick tick, CancellationToken cancellationToken)
    {
        await SaveAsync(
            tick,
            Copied(tick).Enter(MigrationPhase.Switching, tick.Now) with
            {
                Pending = new PendingWriter(tick.View.Target!.Machine.Id, tick.View.Instance.Generation + 1),
            },
            null,
            async transaction =>
            {
                if (tick.View.Association is { } association)
                {
                    await AssociationStore.TouchAsync(transaction, association);
                }
            },
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> CompleteAsync(MigrationTick tick, CancellationToken cancellationToken)
    {
        var (view, goal, pending, now) = (tick.View, tick.Document.Goal, tick.Document.Pending!, time.GetUtcNow());
        var document = tick.Document.Enter(MigrationPhase.Complete, now) with { Pending = null };
        var pause = PauseOf(document);
        await migrations.SaveAsync(
            view.Migration,
            view.Migration with { State = goal.KeepSource ? MigrationState.Kept : MigrationState.Ended, EndedAt = now, Document = document },
            tick.Fence,
            async transaction =>
            {
                await InstanceStore.RetargetAsync(transaction, view.Instance, view.Target!.Machine.Document.Offer, goal.DiskGb);
                await instances.MoveWriterAsync(transaction, view.Instance.Id, view.Instance.Generation, pending.Generation, pending.MachineId);
                await machines.SetDesiredAsync(transaction, tick.Document.SourceMachineId, goal.KeepSource ? MachineDesired.Stopped : MachineDesired.Gone);
                var seconds = pause?.TotalSeconds ?? 0;
                await events.AppendAsync(
                    transaction,
                    view.Instance.UserId,
                    view.Instance.Id,
                    goal.KeepSource ? MigrationEvents.CompletedKept(seconds) : MigrationEvents.Completed(seconds));
            },
            cancellationToken);
        metrics.Ended(document, now - view.Migration.CreatedAt, pause);
        return goal.KeepSource ? Next.After(KeptLook) : Next.WhenWoken;
    }

    private async Task<Next> AbandonAsync(MigrationTick tick, MigrationPhase phase, string why, CancellationToken cancellationToken)
    {
        var view = tick.View;
        var document = Copied(tick).Enter(phase, tick.Now) with { Pending = null, Error = why };
        await migrations.SaveAsync(
            view.Migration,
            view.Migration with { State = MigrationState.Ended, EndedAt = tick.Now, Document = document },
            tick.Fence,
            async transaction =>
            {
                await machines.ReleaseAsync(transaction, view.Target?.Machine.Id);

                // A generation that was given out is used up, whether or not its writer ever came to be.
                if (tick.Document.Pending is { } pending && view.Instance.Desired != InstanceDesired.Deleted)
                {
                    await instances.MoveWriterAsync(
                        transaction, view.Instance.Id, view.Instance.Generation, pending.Generation, tick.Document.SourceMachineId);
                }

                await events.AppendAsync(
                    transaction,
                    view.Instance.UserId,
                    view.Instance.Id,
                    phase == MigrationPhase.Cancelled ? MigrationEvents.Cancelled(why) : MigrationEvents.Failed(why));
            },
            cancellationToken);
        metrics.Ended(document, tick.Now - view.Migration.CreatedAt, pause: null);
        return Next.WhenWoken;
    }

    private async Task<Next> ReleaseSourceAsync(MigrationTick tick, CancellationToken cancellationToken)
    {
        var view = tick.View;
        await migrations.SaveAsync(
            view.Migration,
            view.Migration with { State = MigrationState.Ended },
            tick.Fence,
            async transaction =>
            {
                await machines.ReleaseAsync(transaction, view.Source?.Machine.Id);
                await events.AppendAsync(transaction, view.Instance.UserId, view.Instance.Id, MigrationEvents.SourceReleased());
            },
            cancellationToken);
        return Next.WhenWoken;
    }

    /// <summary>How long nothing could be written: from the end of user processes to the word that users are led elsewhere.</summary>
    internal static TimeSpan? PauseOf(MigrationDocument document) =>
        document.Timeline.LastOrDefault(mark => mark.Phase == MigrationPhase.Draining) is { } begin
        && document.Timeline.LastOrDefault(mark => mark.Phase == MigrationPhase.Complete) is { } end
            ? end.At - begin.At
            : null;

    private Task<InstanceMigration> SaveAsync(
        MigrationTick tick, MigrationDocument document, NewEvent? happened, Func<DbTransaction, Task>? also, CancellationToken cancellationToken) =>
        migrations.SaveAsync(
            tick.View.Migration,
            tick.View.Migration with { Document = document },
            tick.Fence,
            events.With(tick.View.Instance.UserId, tick.View.Instance.Id, happened, also),
            cancellationToken);
}
