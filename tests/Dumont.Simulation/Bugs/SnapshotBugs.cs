using Dumont.Contracts;
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

/// <summary>That the instance was paused before its snapshot is forgotten.</summary>
internal sealed class ForgetPause : Bug
{
    public override string Name => "forget pause";

    public override IReconciler Wrap(IReconciler reconciler, Database database, SimServer server) =>
        reconciler.Kind == WorkKinds.SnapshotOperation ? new Reconciler(reconciler, server) : reconciler;

    private sealed class Reconciler(IReconciler reconciler, SimServer server) : IReconciler
    {
        public string Kind => reconciler.Kind;

        public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
        {
            if (await server.Operations.FindAsync(fence.Key, cancellationToken) is { IsOver: false, Document: { PausesAgain: true, OrderedAt: not null } document } operation)
            {
                await server.Operations.SaveAsync(operation, operation with { Document = document with { PausesAgain = false } }, fence, null, cancellationToken);
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
