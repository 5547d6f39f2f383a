using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Reconcile;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Standby;

/// <summary>What came of asking for a failover.</summary>
internal abstract record FailoverRequest
{
    private FailoverRequest()
    {
    }

    /// <summary>It is recorded; the reconciler begins with it.</summary>
    public sealed record Recorded(FailoverReadiness Before) : FailoverRequest;

    /// <summary>The user has no such instance.</summary>
    public sealed record UnknownInstance : FailoverRequest;

    /// <summary>Nothing can take over.</summary>
    public sealed record NoTarget(FailoverReadiness Readiness) : FailoverRequest;

    /// <summary>One is running; its id is null where it has been asked for and has not begun.</summary>
    public sealed record Running(string? FailoverId) : FailoverRequest;

    /// <summary>The instance is moving to another machine, which a failover would end.</summary>
    public sealed record Moving(long MigrationId) : FailoverRequest;
}

/// <summary>Says how ready instances are, and records that a failover is asked for. The only way to ask for one.</summary>
internal sealed class FailoverService(
    InstanceStore instances,
    AssociationStore associations,
    MigrationStore migrations,
    MachineStore machines,
    AgentHub hub,
    FailoverSettings settings,
    InstanceChanges changes,
    WorkQueue queue,
    IOptions<StandbyOptions> options,
    IColdRecovery? cold = null)
{
    private static readonly TimeSpan StartWait = TimeSpan.FromSeconds(3);

    /// <summary>How ready an instance is; null when the user has no such instance.</summary>
    public async Task<FailoverReadiness?> FindReadinessAsync(UserId user, InstanceId id, CancellationToken cancellationToken)
    {
        if (await instances.FindOfUserAsync(user, id, cancellationToken) is not { } instance)
        {
            return null;
        }

        var association = await associations.FindAsync(id, cancellationToken);
        var all = await machines.ListAsync(id, cancellationToken);
        var rules = await settings.GetAsync(user, id, cancellationToken);
        var readiness = FailoverReadiness.Of(
            instance, association, Observed.Find(all, instance.WriterMachineId, hub), Observed.Find(all, association?.StandbyMachineId, hub), rules, options.Value);
        return readiness with { Cold = cold is null ? null : await cold.FindAsync(instance, rules, cancellationToken) };
    }

    /// <summary>Asks for a failover.</summary>
    /// <param name="user">Whose instance.</param>
    /// <param name="id">Which one.</param>
    /// <param name="reason">Noted in the report.</param>
    /// <param name="isForced">Whether it is done although the strategy is <c>disabled</c>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<FailoverRequest> RequestAsync(UserId user, InstanceId id, string reason, bool isForced, CancellationToken cancellationToken)
    {
        while (await FindReadinessAsync(user, id, cancellationToken) is { } readiness)
        {
            // After the pair: a move that begins later changes the pair's version.
            if (await FindMoveAsync(id, cancellationToken) is { } move)
            {
                return new FailoverRequest.Moving(move);
            }

            if (readiness.Association is { FailoverActive: true, Document.FailoverId: var running })
            {
                return new FailoverRequest.Running(running);
            }

            if (readiness.Association is { FailoverRequested: not null })
            {
                return new FailoverRequest.Running(null);
            }

            if (!(isForced ? readiness.IsStandbyReady : readiness.IsReady))
            {
                return new FailoverRequest.NoTarget(readiness);
            }

            // Only of the pair as it was just seen: of two at the same time one is refused, and none is left over for after a failover.
            if (await associations.RequestFailoverAsync(readiness.Association!, reason, cancellationToken))
            {
                queue.Pulse();
                return new FailoverRequest.Recorded(readiness);
            }
        }

        return new FailoverRequest.UnknownInstance();
    }

    /// <summary>The move of an instance that is under way; null when there is none. It would fail if a failover began.</summary>
    public async Task<long?> FindMoveAsync(InstanceId id, CancellationToken cancellationToken) =>
        await migrations.FindOpenAsync(id, cancellationToken) is { State: MigrationState.Running, Id: var move } ? move : null;

    /// <summary>The pair once its failover has begun; null when that takes longer than a request should: the writer may have much to send first.</summary>
    public Task<Association?> WaitForBeginAsync(InstanceId id, CancellationToken cancellationToken) =>
        changes.WaitForAsync(
            id, async () => await associations.FindAsync(id, cancellationToken) is { FailoverActive: true } begun ? begun : null, StartWait, cancellationToken);
}
