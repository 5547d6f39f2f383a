using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Dumont.Simulation.Server;

namespace Dumont.Simulation.Bugs;

/// <summary>The new machine of a recovery is promoted while its snapshot is still being brought back.</summary>
internal sealed class PromoteEmpty : Bug
{
    public override string Name => "promote empty";

    public override IReconciler Wrap(IReconciler reconciler, Database database, SimServer server) =>
        reconciler.Kind == WorkKinds.Recovery ? new Reconciler(reconciler, server) : reconciler;

    private sealed class Reconciler(IReconciler reconciler, SimServer server) : IReconciler
    {
        public string Kind => reconciler.Kind;

        public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
        {
            var id = new InstanceId(fence.Key);
            if (await server.Recoveries.FindLastAsync(id, cancellationToken) is { IsRunning: true, Document: { Phase: RecoveryPhase.Restoring, TargetMachineId: { } target } } running
                && await server.Instances.FindAsync(id, cancellationToken) is { } instance)
            {
                var document = running.Document.Enter(RecoveryPhase.Switching, server.Time.GetUtcNow()) with { Pending = new PendingWriter(target, instance.Generation + 1) };
                await server.Recoveries.SaveAsync(running, running with { Document = document }, fence, also: null, cancellationToken);
            }

            return await reconciler.ReconcileAsync(fence, cancellationToken);
        }
    }
}
