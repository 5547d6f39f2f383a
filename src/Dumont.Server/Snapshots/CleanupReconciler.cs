using Dumont.Contracts;
using Dumont.Server.Platform.Reconcile;

namespace Dumont.Server.Snapshots;

/// <summary>Drops, once an hour, what the rules of one user no longer keep, for those rules that say so.</summary>
internal sealed class CleanupReconciler(RetentionStore store, Retention retention) : IReconciler
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <inheritdoc />
    public string Kind => WorkKinds.SnapshotCleanup;

    /// <inheritdoc />
    public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
    {
        var user = new UserId(fence.Key);
        if (!await store.IsAutomaticAsync(user, cancellationToken))
        {
            return Next.WhenWoken;
        }

        var plan = await retention.PlanAsync(user, instance: null, rules: null, onlyAutomatic: true, cancellationToken);
        if (plan.Dropped.Count > 0)
        {
            await retention.ApplyAsync(user, plan, cancellationToken);
        }

        return Next.After(Interval);
    }
}
