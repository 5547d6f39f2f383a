using System.Data.Common;
using System.Diagnostics;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Agents;
using Dumont.Server.Machines;
using Dumont.Server.Offers;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Instances;

/// <summary>Brings one instance to what its user wants: creates, substitutes, pauses, resumes, deletes. Who writes after the first machine is the
/// standby feature's business.</summary>
internal sealed class InstanceReconciler(
    InstanceStore store,
    AssociationStore associations,
    MigrationStore migrations,
    RecoveryStore recoveries,
    MachineStore machines,
    MachinePlacement placement,
    FailoverSettings failover,
    ServiceStore services,
    AgentHub hub,
    InstanceChanges changes,
    EventStore events,
    TimeProvider time,
    IOptions<InstancesOptions> options,
    ILogger<InstanceReconciler> logger) : IReconciler
{
    private static readonly TimeSpan Shortly = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan NoOfferDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LinkedWithin = TimeSpan.FromSeconds(5);

    /// <inheritdoc />
    public string Kind => WorkKinds.Instance;

    /// <inheritdoc />
    public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
    {
        if (await store.FindAsync(new InstanceId(fence.Key), cancellationToken) is not { } instance)
        {
            return Next.WhenWoken;
        }

        var view = await LoadAsync(instance, cancellationToken);
        if (instance.WriterMachineId is { } writer && hub.Find(writer)?.Report.Hook is { State: AgentServiceState.Ended or AgentServiceState.TimedOut } hook)
        {
            await services.TellAsync(instance.UserId, instance.Id, hook, fence, cancellationToken);
        }

        var step = InstancePolicy.Decide(view, time.GetUtcNow(), options.Value);
        var next = await ActAsync(step, view, fence, cancellationToken);
        foreach (var machine in view.Machines.Where(machine => machine.IsFinal))
        {
            hub.Forget(machine.Id);
        }

        await hub.RefreshOrdersAsync(instance.Id, view.Machines.Where(machine => !machine.IsFinal), cancellationToken);

        changes.Publish(instance.Id);
        return next;
    }

    private async Task<InstanceView> LoadAsync(Instance instance, CancellationToken cancellationToken)
    {
        var all = await machines.ListAsync(instance.Id, cancellationToken);
        var association = await associations.FindAsync(instance.Id, cancellationToken);
        var migration = await migrations.FindOpenAsync(instance.Id, cancellationToken);
        var recovery = await recoveries.FindLastAsync(instance.Id, cancellationToken);
        var writer = instance.Generation == 0
            ? all.FirstOrDefault(machine => machine.Role == MachineRole.Gpu && !machine.IsSpent)?.Id
            : instance.WriterMachineId;
        var sighting = writer is { } id ? hub.Find(id) : null;
        var report = sighting?.Report;
        return new InstanceView(
            instance,
            all,
            association?.StandbyMachineId,
            KeepsStandby: association is { Released: false } && instance.Desired == InstanceDesired.Deleted,
            WriterLinked: sighting is { Connected: true } && time.GetUtcNow() - sighting.LastSeenAt < LinkedWithin,
            WriterWrites: report is { Role: AgentRole.Writer } && report.Generation == Math.Max(instance.Generation, 1),
            WriterDrained: report?.Sync?.Drained == true,
            HasSync: association is { Released: false, SyncEnabled: true } && report?.Sync is { State: AgentSyncState.Live },
            FailoverActive: association is { Released: false, FailoverActive: true },
            StandbyTakesOver: association is { Released: false, SyncCount: > 0, Document.State: AssociationState.Ready or AssociationState.Syncing }
                && (await failover.GetAsync(instance.UserId, instance.Id, cancellationToken)).SwitchesByItself)
        {
            RestsOnStandby = association is { Released: false, RestsOnStandby: true },
            LostMachineId = association?.Document.LostMachineId,
            KeptMachineId = migration?.KeptMachineId,
            IsSwitching = migration is { IsSwitching: true } || recovery is { IsSwitching: true },
            IsRecovering = recovery is { IsRunning: true },
            // What was said of an earlier loss is over with the first sign of life.
            LossMessage = association is { Released: false, Document: { IsWithheld: true, Message: var withheld } } ? withheld
                : sighting?.LastSeenAt > recovery?.EndedAt ? null
                : recovery?.MessageFor(instance),
        };
    }

    private async Task<Next> ActAsync(InstanceStep step, InstanceView view, Fence fence, CancellationToken cancellationToken)
    {
        var (instance, now) = (view.Instance, time.GetUtcNow());
        switch (step)
        {
            case InstanceStep.Rest:
                return Next.WhenWoken;
            case InstanceStep.Wait:
                return Next.After(Shortly);
            case InstanceStep.BeginWriting:
                var first = view.UsableGpus.First();
                await SaveAsync(
                    instance,
                    instance.Enter(InstanceStatus.Running, now) with
                    {
                        Document = instance.Enter(InstanceStatus.Running, now).Document with { StartedAt = now },
                    },
                    fence,
                    InstanceEvents.Running(first.Document.Offer.GpuName, now - instance.CreatedAt),
                    transaction => store.MoveWriterAsync(transaction, instance.Id, 0, 1, first.Id),
                    cancellationToken);
                return Next.Now;
            case InstanceStep.Substitute:
                return await SubstituteAsync(view, fence, cancellationToken);
            case InstanceStep.FailCreation:
                return await FailCreationAsync(view, fence, cancellationToken);
            case InstanceStep.ShowRunning:
                return await ShowAsync(instance, InstanceStatus.Running, null, fence, cancellationToken);
            case InstanceStep.ShowLost:
                return await ShowAsync(
                    instance,
                    InstanceStatus.Error,
                    view.LossMessage ?? view.Writer?.Document.FailureReason ?? view.Writer?.Document.StatusMessage ?? "The machine is lost.",
                    fence,
                    cancellationToken);
            case InstanceStep.Drain:
                await ShowAsync(instance, InstanceStatus.Pausing, null, fence, cancellationToken);
                return Next.After(Shortly);
            case InstanceStep.StopMachines:
                await SetDesiredAsync(view, view.Machines, MachineDesired.Stopped, InstanceStatus.Pausing, fence, cancellationToken);
                return Next.After(Shortly);
            case InstanceStep.ShowPaused:
                return await ShowAsync(instance, InstanceStatus.Paused, null, fence, cancellationToken);
            case InstanceStep.StartMachines:
                await SetDesiredAsync(view, view.Needed, MachineDesired.Running, InstanceStatus.Resuming, fence, cancellationToken);
                return Next.After(Shortly);
            case InstanceStep.ReleaseMachines:
                await SetDesiredAsync(view, view.Own, MachineDesired.Gone, InstanceStatus.Deleting, fence, cancellationToken);
                return Next.After(Shortly);
            case InstanceStep.ShowDeleted:
                return await ShowAsync(instance, InstanceStatus.Deleted, null, fence, cancellationToken);
            default:
                throw new UnreachableException();
        }
    }

    private async Task<Next> SubstituteAsync(InstanceView view, Fence fence, CancellationToken cancellationToken)
    {
        var instance = view.Instance;
        IReadOnlyList<FoundOffer> offers;
        try
        {
            offers = await placement.FindSubstitutesAsync(instance, view.Machines, maxPriceFactor: null, cancellationToken);
        }
        catch (ProviderException exception)
        {
            InstancesLog.SearchFailed(logger, instance.Id, exception.Kind);
            return Next.After(NoOfferDelay);
        }

        if (offers.Count == 0)
        {
            return Next.After(NoOfferDelay);
        }

        var failed = view.Machines.Last(machine => machine.Role == MachineRole.Gpu);
        await SaveAsync(
            instance,
            instance,
            fence,
            InstanceEvents.Substitute(failed.Document.Offer.Id, failed.Document.FailureReason),
            async transaction =>
            {
                // Nothing was ever written on those that came before.
                foreach (var machine in view.Machines.Where(machine => machine is { Role: MachineRole.Gpu, IsSpent: true, IsFinal: false }))
                {
                    await machines.SetDesiredAsync(transaction, machine.Id, MachineDesired.Gone);
                }

                await placement.PlaceGpuAsync(transaction, instance.Id, instance.UserId, instance.Document.Spec, offers);
            },
            cancellationToken);
        return Next.After(Shortly);
    }

    private async Task<Next> FailCreationAsync(InstanceView view, Fence fence, CancellationToken cancellationToken)
    {
        var (instance, now) = (view.Instance, time.GetUtcNow());
        var last = view.Machines.LastOrDefault(machine => machine.Role == MachineRole.Gpu)?.Document;
        var reason = last?.FailureReason ?? $"Not running within {options.Value.CreationTimeout}.";
        await SaveAsync(
            instance,
            instance.Enter(InstanceStatus.Error, now, reason),
            fence,
            InstanceEvents.Failed(last?.FailureReason, options.Value.CreationTimeout),
            async transaction =>
            {
                foreach (var machine in view.Machines)
                {
                    await machines.SetDesiredAsync(transaction, machine.Id, MachineDesired.Gone);
                }

                await associations.ReleaseAsync(transaction, instance.Id);
            },
            cancellationToken);
        return Next.WhenWoken;
    }

    private async Task SetDesiredAsync(
        InstanceView view, IEnumerable<Machine> which, MachineDesired desired, InstanceStatus status, Fence fence, CancellationToken cancellationToken)
    {
        var (instance, now) = (view.Instance, time.GetUtcNow());
        var targets = which.Where(machine => desired == MachineDesired.Gone ? !machine.IsFinal : !machine.IsSpent || machine.CanBeRetried).ToList();
        await SaveAsync(
            instance,
            instance.Enter(status, now),
            fence,
            status == instance.Status ? null : InstanceEvents.Entered(status, null),
            async transaction =>
            {
                foreach (var machine in targets)
                {
                    await machines.SetDesiredAsync(transaction, machine.Id, desired);
                }
            },
            cancellationToken);
    }

    private async Task<Next> ShowAsync(Instance instance, InstanceStatus status, string? message, Fence fence, CancellationToken cancellationToken)
    {
        if (instance.Status != status || instance.Document.StatusMessage != message)
        {
            await SaveAsync(
                instance,
                instance.Enter(status, time.GetUtcNow(), message),
                fence,
                status == instance.Status ? null : InstanceEvents.Entered(status, message),
                also: null,
                cancellationToken);
        }

        return Next.WhenWoken;
    }

    private async Task SaveAsync(
        Instance before,
        Instance after,
        Fence fence,
        NewEvent? happened,
        Func<DbTransaction, Task>? also,
        CancellationToken cancellationToken) =>
        await store.SaveAsync(
            before,
            after,
            fence,
            async transaction =>
            {
                if (also is not null)
                {
                    await also(transaction);
                }

                if (happened is not null)
                {
                    await events.AppendAsync(transaction, before.UserId, before.Id, happened);
                }
            },
            cancellationToken);
}
