using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Snapshots;
using Dumont.Server.Standby;

namespace Dumont.Server.Recovery;

/// <summary>Reads what decisions about a recovery are made of.</summary>
internal sealed class RecoveryReader(
    AssociationStore associations,
    MigrationStore migrations,
    RecoveryStore recoveries,
    MachineStore machines,
    OperationStore operations,
    FailoverSettings settings,
    AgentHub hub)
{
    /// <summary>What there is about <paramref name="instance"/>, with all its machines.</summary>
    public async Task<(RecoveryView View, IReadOnlyList<Machine> Machines)> ReadAsync(Instance instance, CancellationToken cancellationToken)
    {
        // The association first: a failover that begins after this read changes its version, and the switch notices.
        var association = await associations.FindAsync(instance.Id, cancellationToken);
        var last = await recoveries.FindLastAsync(instance.Id, cancellationToken);
        var rules = await settings.GetAsync(instance.UserId, instance.Id, cancellationToken);
        var all = await machines.ListAsync(instance.Id, cancellationToken);
        var running = last is { IsRunning: true } ? last.Document : null;
        var view = new RecoveryView(
            instance,
            association,
            rules,
            last,
            Observe(all, instance.WriterMachineId),
            Observe(all, association?.StandbyMachineId),
            Observe(all, running?.TargetMachineId),
            running?.OperationId is { } filling ? await operations.FindAsync(filling, cancellationToken) : null)
        {
            Migration = await migrations.FindOpenAsync(instance.Id, cancellationToken),
        };
        return (view, all);
    }

    private Observed? Observe(IReadOnlyList<Machine> all, MachineId? id) =>
        all.FirstOrDefault(machine => machine.Id == id) is { } machine ? new Observed(machine, hub.Find(machine.Id), hub.SilenceOf(machine.Id)) : null;
}
