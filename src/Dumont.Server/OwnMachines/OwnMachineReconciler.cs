using Dumont.Server.Platform.Reconcile;
using Microsoft.Extensions.Options;

namespace Dumont.Server.OwnMachines;

/// <summary>Asks one own machine, again and again, whether it answers and who has it.</summary>
internal sealed class OwnMachineReconciler(OwnMachineStore store, OwnMachineService service, IOptions<OwnMachineOptions> options) : IReconciler
{
    /// <inheritdoc />
    public string Kind => WorkKinds.OwnMachine;

    /// <inheritdoc />
    public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
    {
        if (await store.FindAsync(fence.Key, cancellationToken) is not { RemovedAt: null } machine)
        {
            return Next.WhenWoken;
        }

        await service.CheckAsync(machine, isFull: false, cancellationToken);
        return Next.After(options.Value.CheckInterval);
    }
}
