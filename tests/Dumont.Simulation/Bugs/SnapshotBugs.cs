using System.Data.Common;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Dumont.Server.Snapshots;
using Dumont.Simulation.Server;

namespace Dumont.Simulation.Bugs;

/// <summary>What a machine says of the work before is taken for the end of the present one.</summary>
internal sealed class TrustOldAnswer : Bug
{
    public override string Name => "trust old answer";

    public override IReconciler Wrap(IReconciler reconciler, Database database, SimServer server) =>
        reconciler.Kind == WorkKinds.SnapshotOperation ? new Reconciler(reconciler, server) : reconciler;

    private sealed class Reconciler(IReconciler reconciler, SimServer server) : IReconciler
    {
        public string Kind => reconciler.Kind;

        public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
        {
            if (await server.Operations.FindAsync(fence.Key, cancellationToken) is not { Kind: OperationKind.Snapshot, State: OperationState.Running, SnapshotId: { } id } operation
                || (await server.Snapshots.ListOfUserAsync(operation.UserId, operation.InstanceId, cancellationToken)).FirstOrDefault(each => each.IsUsable) is not { } old)
            {
                return await reconciler.ReconcileAsync(fence, cancellationToken);
            }

            await server.Operations.SaveAsync(
                operation,
                operation with { State = OperationState.Done },
                fence,
                transaction => SnapshotStore.FinishAsync(transaction, id, SnapshotStatus.Completed, old.EngineSnapshotId, old.Document),
                cancellationToken);
            return Next.WhenWoken;
        }
    }
}

/// <summary>That the instance runs for its snapshot only is forgotten when the snapshot is done.</summary>
internal sealed class ForgetPause : Bug
{
    public override string Name => "forget pause";

    public override IReconciler Wrap(IReconciler reconciler, Database database, SimServer server) =>
        reconciler.Kind == WorkKinds.SnapshotOperation ? new AfterSnapshotOfPaused(reconciler, server, database, (transaction, operation) =>
            server.Instances.RunForAsync(transaction, operation.InstanceId!.Value, operation.Id)) : reconciler;
}

/// <summary>After its snapshot the instance is paused, whatever the user has said meanwhile.</summary>
internal sealed class OverrideWish : Bug
{
    public override string Name => "override wish";

    public override IReconciler Wrap(IReconciler reconciler, Database database, SimServer server) =>
        reconciler.Kind == WorkKinds.SnapshotOperation ? new AfterSnapshotOfPaused(reconciler, server, database, (transaction, operation) =>
            server.Instances.SetDesiredAsync(transaction, operation.UserId, operation.InstanceId!.Value, InstanceDesired.Paused)) : reconciler;
}

/// <summary>Does something wrong when the operation has ended for which an instance ran.</summary>
internal sealed class AfterSnapshotOfPaused(IReconciler reconciler, SimServer server, Database database, Func<DbTransaction, SnapshotOperation, Task<bool>> act) : IReconciler
{
    public string Kind => reconciler.Kind;

    public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
    {
        var before = await server.Operations.FindAsync(fence.Key, cancellationToken);
        var ran = before is { IsOver: false, InstanceId: { } id } && (await server.Instances.FindAsync(id, cancellationToken))?.RunsFor == fence.Key;
        var next = await reconciler.ReconcileAsync(fence, cancellationToken);
        if (ran && await server.Operations.FindAsync(fence.Key, cancellationToken) is { IsOver: true } ended)
        {
            await database.WriteAsync(transaction => act(transaction, ended), cancellationToken);
        }

        return next;
    }
}

/// <summary>A schedule takes its turn and makes its snapshot in two steps.</summary>
internal sealed class TurnApart : Bug
{
    public override string Name => "turn apart";

    public override IReconciler Wrap(IReconciler reconciler, Database database, SimServer server) =>
        reconciler.Kind == WorkKinds.SnapshotSchedule ? new Reconciler(reconciler, server) : reconciler;

    private sealed class Reconciler(IReconciler reconciler, SimServer server) : IReconciler
    {
        public string Kind => reconciler.Kind;

        public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
        {
            var id = new InstanceId(fence.Key);
            var now = server.Time.GetUtcNow();
            if (await server.Schedules.FindAsync(id, cancellationToken) is { Rule.IsEnabled: true } schedule && schedule.NextAt <= now
                && await server.Instances.FindAsync(id, cancellationToken) is { Status: InstanceStatus.Running })
            {
                await server.SnapshotService.CreateAsync(
                    schedule.UserId, new CreateSnapshotRequest { InstanceId = id, Tags = [ScheduleReconciler.Tag] }, also: null, cancellationToken);
                await server.Schedules.PassTurnAsync(schedule, schedule.Rule.NextAfter(now), fence, cancellationToken);
            }

            return await reconciler.ReconcileAsync(fence, cancellationToken);
        }
    }
}

/// <summary>A cleanup drops every snapshot, whatever the rules keep.</summary>
internal sealed class DropAll : Bug
{
    public override string Name => "drop all";

    public override IReconciler Wrap(IReconciler reconciler, Database database, SimServer server) =>
        reconciler.Kind == WorkKinds.SnapshotCleanup ? new Reconciler(server) : reconciler;

    private sealed class Reconciler(SimServer server) : IReconciler
    {
        public string Kind => WorkKinds.SnapshotCleanup;

        public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
        {
            var user = new UserId(fence.Key);
            var all = (await server.Snapshots.ListOfUserAsync(user, null, cancellationToken)).Where(each => each.IsUsable).ToList();
            await server.Retention.ApplyAsync(user, new RetentionPlan(all, 0), cancellationToken);
            return Next.After(TimeSpan.FromHours(1));
        }
    }
}
