namespace Dumont.Snapshots;

/// <summary>How to prune.</summary>
public sealed record PruneOptions
{
    /// <summary>How long a pack that is no longer needed stays. Readers and writers that began before may still use it.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromHours(24);

    /// <summary>A pack is rewritten when more than this part of it is no longer needed, 0 to 1. Less rewrites more and wastes less.</summary>
    public double MaximumWaste { get; init; } = 0.3;

    /// <summary>Only tell what would be done.</summary>
    public bool DryRun { get; init; }
}

/// <summary>What a prune did, or would do.</summary>
/// <param name="PacksMarked">Left the index; deleted after the grace period.</param>
/// <param name="BytesMarked">Their size.</param>
/// <param name="PacksRewritten">Of these, what was still needed in them was copied.</param>
/// <param name="BytesRewritten">Size of the copies.</param>
/// <param name="PacksDeleted">Gone now.</param>
/// <param name="BytesDeleted">Their size.</param>
/// <param name="PacksWaiting">Marked and not yet deleted: within their grace period, or a writer may still use them.</param>
public sealed record PruneOutcome(
    int PacksMarked, long BytesMarked, int PacksRewritten, long BytesRewritten, int PacksDeleted, long BytesDeleted, int PacksWaiting);

/// <summary>
/// Gives back the space of what no snapshot needs any more, in two phases.
/// <code>
/// mark    read every manifest ─▶ copy live chunks out of wasteful packs ─▶ pending record ─▶ index that supersedes all ─▶ delete old indexes
/// sweep   (the same or a later prune) pending records older than the grace period and than every writer: look again, delete the packs
/// </code>
/// </summary>
/// <remarks>Killed between any two steps, or standing still there for as long as it may be, it leaves a repository in which every snapshot is whole. A
/// mark is never taken back, and a pack is deleted only after a look at all snapshots that came after its mark and found another place for all that they
/// need; who acknowledges a snapshot later has seen the mark (<see cref="SnapshotConfirmation"/>). So a deletion may come as late as it likes, and two
/// prunes may even run at once. The leases and the grace period only see to it that nobody has to do work again.</remarks>
public static class Pruner
{
    // Clocks of computers and stores differ, and the index follows the pending record. Wrong by more, they cost work: nothing is lost.
    private static readonly TimeSpan ClockMargin = TimeSpan.FromHours(1);

    private const int Tries = 4;

    // Twice when nobody is in the way; more only while others come in between.
    private const int SettleTries = 16;

    /// <summary>Prunes.</summary>
    /// <exception cref="RepositoryException">Another prune is running.</exception>
    /// <exception cref="SnapshotFormatException">A snapshot or index is damaged: nothing is removed, because what it needs cannot be known.</exception>
    public static async Task<PruneOutcome> PruneAsync(
        Repository repository, PruneOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        if (options.DryRun)
        {
            var (dry, _) = await PlanAsync(repository, options, time, cancellationToken);
            return new PruneOutcome(dry.Remove.Count, dry.BytesRemoved, dry.Rewrite.Count, dry.BytesRewritten, 0, 0, 0);
        }

        await using var prune = await RepositoryLock.AcquirePruneAsync(repository, time, cancellationToken);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await PruneAsync(repository, prune, options, time, cancellationToken);
            }
            catch (ObjectStoreException e) when (e.Kind == ObjectStoreErrorKind.NotFound && attempt < Tries)
            {
                // A prune that had stood still deleted what was being copied. What is needed of it is elsewhere by now.
                await prune.EnsureHeldAsync(cancellationToken);
            }
        }
    }

    /// <summary>Removes snapshots; their space comes back with the next prune.</summary>
    public static async Task ForgetAsync(Repository repository, IEnumerable<Snapshot> snapshots, CancellationToken cancellationToken)
    {
        foreach (var snapshot in snapshots)
        {
            await repository.Store.DeleteAsync(ObjectNames.Snapshot(snapshot.Digest), cancellationToken);
        }
    }

    private static async Task<PruneOutcome> PruneAsync(
        Repository repository, RepositoryLock prune, PruneOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        var (deleted, deletedBytes, waiting) = await SweepAsync(repository, prune, options, time, cancellationToken);
        var (plan, index) = await PlanAsync(repository, options, time, cancellationToken);
        if (plan.Remove.Count == 0 && plan.Rewrite.Count == 0 && !index.ListsOthers)
        {
            return new PruneOutcome(0, 0, 0, 0, deleted, deletedBytes, waiting);
        }

        await MarkAsync(repository, prune, plan, index, time, cancellationToken);
        var marked = plan.Remove.Count;
        if (options.Grace == TimeSpan.Zero)
        {
            var (more, moreBytes, left) = await SweepAsync(repository, prune, options, time, cancellationToken);
            return new PruneOutcome(marked, plan.BytesRemoved, plan.Rewrite.Count, plan.BytesRewritten, deleted + more, deletedBytes + moreBytes, left);
        }

        return new PruneOutcome(marked, plan.BytesRemoved, plan.Rewrite.Count, plan.BytesRewritten, deleted, deletedBytes, waiting + marked);
    }

    private static async Task<(PrunePlan Plan, RepositoryIndex Index)> PlanAsync(
        Repository repository, PruneOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        var old = await FindOldPacksAsync(repository, time, cancellationToken);
        var needed = await FindNeededAsync(repository, cancellationToken);
        return (PrunePlan.Make(needed, old, options.MaximumWaste), needed.Index);
    }

    // Packs that no writer at work can have written. In this order: the packs, then the writers, then (by the caller) the snapshots. The lock of a
    // pack's writer was there before the pack and goes after the snapshot.
    private static async Task<HashSet<ContentHash>> FindOldPacksAsync(Repository repository, TimeProvider time, CancellationToken cancellationToken)
    {
        var packs = await StoredPacks.ListAsync(repository.Store, cancellationToken);
        var writers = await RepositoryLock.ListWritersAsync(repository, removesExpired: false, time, cancellationToken);
        var oldest = writers.Select(writer => (DateTimeOffset?)writer.CreatedAt).Min();
        return [.. packs.Where(pack => oldest is null || pack.Value.ModifiedAt + ClockMargin < oldest).Select(pack => pack.Key)];
    }

    private static async Task<NeededChunks> FindNeededAsync(Repository repository, CancellationToken cancellationToken)
    {
        // In this order: what a snapshot needs is in the index before the snapshot is there.
        var snapshots = await repository.ListSnapshotsAsync(cancellationToken);
        var needed = await NeededChunks.FindAsync(repository, snapshots, cancellationToken);
        return needed.Broken.Count == 0
            ? needed
            : throw new SnapshotFormatException(
                $"Something that these snapshots need is nowhere: {string.Join(", ", needed.Broken)}. Nothing was removed. 'repo verify' tells more; prune again when they are forgotten.");
    }

    private static async Task MarkAsync(
        Repository repository, RepositoryLock prune, PrunePlan plan, RepositoryIndex index, TimeProvider time, CancellationToken cancellationToken)
    {
        var rewritten = await PackRewriter.RewriteAsync(repository, plan.Rewrite, cancellationToken);
        await prune.EnsureHeldAsync(cancellationToken);
        if (plan.Remove.Count > 0)
        {
            // Before the index: what leaves it is found in the packs of the record.
            await PendingRecords.PutAsync(repository, new PendingRecord(time.GetUtcNow(), [.. plan.Remove.Select(pack => pack.ToString())]), cancellationToken);
        }

        await ReplaceIndexAsync(repository, index, [.. plan.Keep, .. rewritten], cancellationToken);
        await SettleAsync(repository, prune, cancellationToken);
    }

    private static async Task ReplaceIndexAsync(
        Repository repository, RepositoryIndex index, IReadOnlyList<PackContent> packs, CancellationToken cancellationToken)
    {
        // Also what a prune that was killed left: it would be in force again when the index that supersedes it goes.
        var superseded = index.Objects.Concat(index.Leftovers).ToList();
        await IndexObjects.PutAsync(repository, new IndexObject(superseded, packs), cancellationToken);
        foreach (var name in superseded)
        {
            await repository.Store.DeleteAsync(ObjectNames.Index(name), cancellationToken);
        }
    }

    /// <summary>Returns when no snapshot needs a marked pack. In this order, which is what makes it safe to delete them: no index in force lists one; then
    /// the snapshots are listed; then all that they need is found elsewhere.</summary>
    private static async Task SettleAsync(Repository repository, RepositoryLock prune, CancellationToken cancellationToken)
    {
        await repository.LoadIndexToWriteAsync(cancellationToken);
        var isUnlisted = !repository.Index.ListsOthers;
        for (var attempt = 0; attempt < SettleTries; attempt++)
        {
            var needed = await FindNeededAsync(repository, cancellationToken);
            if (isUnlisted && needed.Aside.Count == 0)
            {
                return;
            }

            isUnlisted = !needed.Index.ListsOthers;
            if (!isUnlisted || needed.Aside.Count > 0)
            {
                var copies = await PackRewriter.RewriteAsync(repository, needed.Aside, cancellationToken);
                await prune.EnsureHeldAsync(cancellationToken);
                await ReplaceIndexAsync(repository, needed.Index, [.. needed.Index.Contents(), .. copies], cancellationToken);
            }
        }

        throw new RepositoryException(RepositoryErrorKind.Locked, "Others changed the repository again and again while it was pruned. Try again when they have ended.");
    }

    private static async Task<(int Packs, long Bytes, int Waiting)> SweepAsync(
        Repository repository, RepositoryLock prune, PruneOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var writers = await RepositoryLock.ListWritersAsync(repository, removesExpired: true, time, cancellationToken);
        var (packs, bytes) = (0, 0L);
        var records = (await PendingRecords.ReadAllAsync(repository, cancellationToken)).ToLookup(pending =>
            now - pending.Record.MarkedAt >= options.Grace && writers.All(writer => writer.CreatedAt > pending.Record.MarkedAt + ClockMargin));
        var kept = records[false].SelectMany(pending => pending.Record.PackNames).ToHashSet();
        if (records[true].Any())
        {
            await SettleAsync(repository, prune, cancellationToken);
        }

        foreach (var (name, record) in records[true])
        {
            await prune.EnsureHeldAsync(cancellationToken);
            foreach (var pack in record.PackNames.Where(pack => !kept.Contains(pack)))
            {
                if (repository.Index.Stored.Present.TryGetValue(pack, out var stored))
                {
                    await repository.Store.DeleteAsync(stored.Name, cancellationToken);
                    packs++;
                    bytes += stored.SizeBytes;
                }
            }

            // A mark stays until its packs are gone.
            if (!record.PackNames.Any(kept.Contains))
            {
                await repository.Store.DeleteAsync(name, cancellationToken);
            }
        }

        return (packs, bytes, records[false].Sum(pending => pending.Record.Packs.Count));
    }
}
