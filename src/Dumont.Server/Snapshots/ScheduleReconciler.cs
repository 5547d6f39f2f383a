using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Reconcile;

namespace Dumont.Server.Snapshots;

/// <summary>Takes the snapshots of one instance's schedule as they fall due, and drops what the rules no longer keep. A turn that was missed while nothing
/// ran is not made up for.</summary>
internal sealed class ScheduleReconciler(
    ScheduleStore store, InstanceStore instances, SnapshotService service, Retention retention, TimeProvider time) : IReconciler
{
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

        var next = schedule.Rule.NextAfter(now);
        if (await store.TakeTurnAsync(schedule, next, fence, cancellationToken))
        {
            // A paused workspace does not change; it is not started for a schedule.
            if (instance.Status == InstanceStatus.Running)
            {
                var request = new CreateSnapshotRequest { InstanceId = id, Tags = ["scheduled"] };
                if (await service.CreateAsync(schedule.UserId, request, cancellationToken) is SnapshotResult.Accepted(var operation, _))
                {
                    await store.NoteAsync(id, operation, cancellationToken);
                }
            }

            var plan = await retention.PlanAsync(schedule.UserId, id, rules: null, onlyAutomatic: true, cancellationToken);
            if (plan.Dropped.Count > 0)
            {
                await retention.ApplyAsync(schedule.UserId, plan, cancellationToken);
            }
        }

        return Next.After(next - now);
    }
}
