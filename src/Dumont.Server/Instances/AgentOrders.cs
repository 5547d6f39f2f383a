using Dapper;
using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Instances;

/// <summary>What each machine of an instance should be doing. Pure.</summary>
internal static class AgentOrderPolicy
{
    /// <summary>Role and generation of <paramref name="machine"/>. Whoever is neither writer, nor about to be, nor follower, is fenced.</summary>
    public static (AgentRole Role, long Generation) RoleOf(
        Machine machine, Instance instance, Association? association, InstanceMigration? migration = null, InstanceRecovery? recovery = null)
    {
        // Never two: each is recorded only where no other is, on the association's version.
        var pending = (association is { Released: false } ? association.Document.Pending : null)
            ?? (migration is { IsSwitching: true } ? migration.Document.Pending : null)
            ?? (recovery is { IsSwitching: true } ? recovery.Document.Pending : null);
        var generation = Math.Max(instance.Generation, 1);
        if (association is { Released: false } && machine.Id == association.StandbyMachineId && instance.Desired == InstanceDesired.Deleted)
        {
            // An orphan keeps what it has until the user decides.
            return (AgentRole.Follower, generation);
        }

        if (instance.Desired == InstanceDesired.Deleted || machine.Desired == MachineDesired.Gone)
        {
            // An agent that was promoted in vain has seen the pending generation and ignores orders of an older one.
            return (AgentRole.Fenced, Math.Max(generation, pending?.Generation ?? 0));
        }

        if (pending is not null)
        {
            return machine.Id == pending.MachineId ? (AgentRole.Writer, pending.Generation) : (AgentRole.Fenced, pending.Generation);
        }

        return instance.Generation == 0 && machine is { Role: MachineRole.Gpu, IsSpent: false } ? (AgentRole.Writer, generation)
            : machine.Id == instance.WriterMachineId ? (AgentRole.Writer, generation)
            : machine.Id == association?.FollowerOf(instance.WriterMachineId) || machine.Id == migration?.FollowerOf(instance.WriterMachineId)
                ? (AgentRole.Follower, generation)
            : (AgentRole.Fenced, generation);
    }
}

/// <summary>Puts the order for one machine together from what is recorded.</summary>
internal sealed class AgentOrders(
    InstanceStore instances,
    AssociationStore associations,
    MigrationStore migrations,
    RecoveryStore recoveries,
    MachineStore store,
    InstanceKeyStore keys,
    FailoverSettings failover,
    ServiceStore services,
    Database database) : IAgentOrders
{
    private const string Workspace = "/workspace";

    /// <inheritdoc />
    public async Task<IReadOnlyList<AgentOrder?>> ListAsync(InstanceId instanceId, IReadOnlyList<Machine> machines, CancellationToken cancellationToken)
    {
        if (await instances.FindAsync(instanceId, cancellationToken) is not { } instance)
        {
            return [.. machines.Select(_ => (AgentOrder?)null)];
        }

        var association = await associations.FindAsync(instanceId, cancellationToken);
        var migration = await migrations.FindOpenAsync(instanceId, cancellationToken);
        var recovery = await recoveries.FindLastAsync(instanceId, cancellationToken);
        var userKeys = await UserKeysAsync(instance.UserId, cancellationToken);
        var rules = await failover.GetAsync(instance.UserId, instanceId, cancellationToken);
        var declared = await services.GetAsync(instanceId, cancellationToken);
        var found = new List<AgentOrder?>();
        foreach (var machine in machines)
        {
            var (role, generation) = AgentOrderPolicy.RoleOf(machine, instance, association, migration, recovery);
            var writes = role == AgentRole.Writer && instance.WriterMachineId == machine.Id;
            var target = writes && association is { Sends: true }
                ? await FindTargetAsync(instance, association.FollowerOf(instance.WriterMachineId), cancellationToken)
                : null;
            var next = writes ? migration?.FollowerOf(machine.Id) : null;
            var drain = writes && (association?.Document.Draining == true || (next is not null && migration!.IsDraining)
                || instance is { Wanted: InstanceDesired.Paused, Status: InstanceStatus.Pausing });
            // Not before the generation is recorded: a machine may be promoted in vain.
            var (kept, hook) = writes && generation == Math.Max(instance.Generation, 1) ? declared.OrderFor(machine.Role, machine.Document.Offer.GpuCount > 0, generation) : default;
            found.Add(new AgentOrder(generation, role, Workspace, target, drain, userKeys, ReportInterval: rules.ReportInterval)
            {
                MigrationTarget = await FindTargetAsync(instance, next, cancellationToken),
                Check = next is not null ? migration!.Document.SourceCheck
                    : role == AgentRole.Follower && machine.Id == migration?.FollowerOf(instance.WriterMachineId) ? migration!.Document.TargetCheck
                    : 0,
                Acknowledge = role == AgentRole.Writer && association is not null ? association.Acknowledge : AgentAcknowledge.Async,
                PromiseNumber = association?.Document.PromiseNumber ?? 0,
                Services = kept,
                Hook = hook,
                SyncExcludes = writes ? rules.SyncExcludes : null,
                SyncBytesPerSecond = writes ? rules.SyncBytesPerSecond : null,
            });
        }

        return found;
    }

    private async Task<AgentSyncTarget?> FindTargetAsync(Instance instance, MachineId? followerId, CancellationToken cancellationToken)
    {
        var follower = followerId is { } id ? await store.FindAsync(id, cancellationToken) : null;
        return follower is { Phase: MachinePhase.Ready, IsSpent: false, Ssh: { } endpoint }
            && await keys.FindHostPublicKeyAsync(instance.Id, cancellationToken) is { } hostKey
            ? new AgentSyncTarget(endpoint.Host, endpoint.Port, hostKey, follower.Id)
            : null;
    }

    private Task<IReadOnlyList<string>> UserKeysAsync(UserId userId, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<string>>(
            async connection => (await connection.QueryAsync<string>(
                "SELECT public_key FROM ssh_keys WHERE user_id = @user ORDER BY id", new { user = userId.Value })).ToList(),
            cancellationToken);
}
