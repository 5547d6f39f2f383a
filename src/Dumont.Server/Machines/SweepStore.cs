using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Machines;

/// <summary>The sweep's writes. It runs beside the machine reconciler, so it writes only rows that the latter has closed, and wakes the others.</summary>
internal sealed class SweepStore(Database database, WorkQueue queue, TimeProvider time)
{
    /// <summary>Opens a closed record again for a machine that turned up late; the machine reconciler then releases it.</summary>
    public async Task ReopenAsync(Machine record, string providerMachineId, Fence fence, CancellationToken cancellationToken)
    {
        await database.WriteAsync(
            async transaction =>
            {
                if (!await WorkQueue.HoldsAsync(transaction, fence))
                {
                    throw new StaleWriteException("The sweep");
                }

                var opened = record.Enter(MachinePhase.Releasing, time.GetUtcNow());
                var changed = await transaction.Connection!.ExecuteAsync(
                    """
                    UPDATE machines SET phase = 'Releasing', provider_machine_id = @provider, document = @document, version = version + 1
                    WHERE id = @id AND version = @version
                    """,
                    new
                    {
                        id = record.Id.Value,
                        version = record.Version,
                        provider = providerMachineId,
                        document = Columns.Document(opened.Document with { DestroyAskedAt = null }),
                    },
                    transaction);
                if (changed > 0)
                {
                    await WorkQueue.WakeAsync(transaction, WorkKinds.Machine, record.Id.Value, time.GetUtcNow());
                }
            },
            cancellationToken);
        queue.Pulse();
    }

    /// <summary>Has the machine reconciler look at a machine that a listing lacks.</summary>
    public Task LookAgainAsync(MachineId id, CancellationToken cancellationToken) => queue.WakeAsync(WorkKinds.Machine, id.Value, cancellationToken);

    /// <summary>Makes sure that the sweep is in the queue.</summary>
    public Task EnsureScheduledAsync(CancellationToken cancellationToken) => queue.WakeAsync(WorkKinds.Sweep, 1, cancellationToken);
}
