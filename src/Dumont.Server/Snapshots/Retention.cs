using Dumont.Contracts;

namespace Dumont.Server.Snapshots;

/// <summary>What is to go, by the rules.</summary>
/// <param name="Dropped">Snapshots that go.</param>
/// <param name="Kept">How many stay.</param>
internal sealed record RetentionPlan(IReadOnlyList<Snapshot> Dropped, int Kept);

/// <summary>Applies the rules of a user to what there is.</summary>
internal sealed class Retention(
    SnapshotStore snapshots, OperationStore operations, RetentionStore store, SnapshotService service, Repositories repositories, TimeProvider time)
{
    /// <summary>What would go; of one instance or of all. <paramref name="rules"/> stand in for those that were set.</summary>
    public async Task<RetentionPlan> PlanAsync(
        UserId user, InstanceId? instance, RetentionRules? rules, bool onlyAutomatic, CancellationToken cancellationToken)
    {
        var all = (await snapshots.ListOfUserAsync(user, instance, cancellationToken)).Where(each => each.Status != SnapshotStatus.Creating).ToList();
        var read = await ListReadAsync(all, cancellationToken);
        var dropped = new List<Snapshot>();
        foreach (var group in all.GroupBy(each => each.InstanceId))
        {
            var applied = rules ?? await store.GetAsync(user, group.Key, cancellationToken);
            if (onlyAutomatic && !applied.IsAutomatic)
            {
                continue;
            }

            // What failed takes no place among those kept.
            var ids = RetentionPolicy.Drop(
                group.Where(each => each.IsUsable).Select(each => new RetentionCandidate(each.Id.Value, each.CreatedAt, each.Document.Tags, each.KeepForever)),
                applied,
                time.GetUtcNow()).ToHashSet();
            dropped.AddRange(group.Where(each => ids.Contains(each.Id.Value) && !read.Contains(each.Id)));
        }

        return new RetentionPlan(dropped, all.Count(each => each.IsUsable) - dropped.Count);
    }

    // Being brought back at present.
    private async Task<HashSet<SnapshotNumber>> ListReadAsync(List<Snapshot> all, CancellationToken cancellationToken)
    {
        var read = new HashSet<SnapshotNumber>();
        foreach (var repository in all.Select(each => each.RepositoryId).Distinct())
        {
            read.UnionWith((await operations.ListLiveAsync(repository, cancellationToken)).Select(each => each.SnapshotId).OfType<SnapshotNumber>());
        }

        return read;
    }

    /// <summary>Drops what the plan says, and gives the space back: one operation for each repository.</summary>
    /// <returns>The first operation, or why there is none.</returns>
    public async Task<SnapshotResult> ApplyAsync(UserId user, RetentionPlan plan, CancellationToken cancellationToken)
    {
        if (plan.Dropped.Count == 0)
        {
            // The space of deleted snapshots comes back all the same.
            var present = await repositories.EnsureOfUserAsync(user, cancellationToken);
            return present.IsReady ? await service.PruneAsync(user, present.Id, [], cancellationToken) : new SnapshotResult.Nothing();
        }

        SnapshotResult? first = null;
        foreach (var group in plan.Dropped.GroupBy(each => each.RepositoryId))
        {
            var result = await service.PruneAsync(user, group.Key, [.. group], cancellationToken);
            first ??= result;
        }

        return first!;
    }
}
