using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Reconcile;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Snapshots;

/// <summary>Takes the snapshots of one instance's schedule as they fall due, and drops what the rules no longer keep. Turns that were missed while nothing
/// ran, or while a snapshot was being made, are made up for by one.</summary>
internal sealed class ScheduleReconciler(
    ScheduleStore store,
    InstanceStore instances,
    OperationStore operations,
    SnapshotService service,
    Retention retention,
    TimeProvider time,
    IOptions<SnapshotsOptions> options) : IReconciler
{
    /// <summary>Every snapshot of a schedule bears it.</summary>
    public const string Tag = "scheduled";

    /// <inheritdoc />
    public string Kind => WorkKinds.SnapshotSchedule;

    /// <inheritdoc />
    public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
    {
        var id = new InstanceId(fence.Key);
        if (await store.FindAsync(id, cancellationToken) is not { Rule.IsEnabled: true } schedule)
        {
            return Next.WhenWoken;
        }

        if (await instances.FindOfUserAsync(schedule.UserId, id, cancellationToken) is not { } instance)
        {
            await store.RemoveAsync(id, cancellationToken);
            return Next.WhenWoken;
        }

        var now = time.GetUtcNow();
        if (schedule.NextAt > now)
        {
            return Next.After(schedule.NextAt - now);
        }

        if ((await operations.ListLiveOfInstanceAsync(id, cancellationToken)).Any(each => each.Kind == OperationKind.Snapshot))
        {
            return Next.After(options.Value.WatchInterval);
        }

        var next = schedule.Rule.NextAfter(now);
        await TakeTurnAsync(schedule, instance, next, fence, cancellationToken);
        var plan = await retention.PlanAsync(schedule.UserId, id, rules: null, onlyAutomatic: true, cancellationToken);
        if (plan.Dropped.Count > 0)
        {
            await retention.ApplyAsync(schedule.UserId, plan, cancellationToken);
        }

        return Next.After(next - now);
    }

    private async Task TakeTurnAsync(SnapshotSchedule schedule, Instance instance, DateTimeOffset next, Fence fence, CancellationToken cancellationToken)
    {
        // A paused workspace does not change; it is not started for a schedule.
        var isTaken = instance.Status == InstanceStatus.Running
            && await service.CreateAsync(
                schedule.UserId,
                new CreateSnapshotRequest { InstanceId = instance.Id, Tags = [Tag] },
                (transaction, operation) => ScheduleStore.TakeTurnAsync(transaction, schedule, next, operation, fence),
                cancellationToken) is SnapshotResult.Accepted;
        if (!isTaken)
        {
            await store.PassTurnAsync(schedule, next, fence, cancellationToken);
        }
    }
}
