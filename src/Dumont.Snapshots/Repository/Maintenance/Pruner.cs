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
/// Gives back the space of what no snapshot needs any more, in two phases, under a lease that one process at a time can hold.
/// <code>
/// mark    read every manifest ─▶ copy live chunks out of wasteful packs ─▶ pending record ─▶ index that supersedes all ─▶ delete old indexes
/// sweep   (the same or a later prune) pending records older than the grace period and than every writer: look again, delete the packs
/// </code>
/// </summary>
/// <remarks>Killed between any two steps it leaves a repository in which every snapshot is whole: a pack is deleted only when the index in
/// force does not list it and a fresh look at all snapshots does not need it.</remarks>
public static class Pruner
{
    // Clocks of computers differ, and the index follows the pending record: a writer that began shortly after the mark may have read the old one.
    private static readonly TimeSpan ClockMargin = TimeSpan.FromHours(1);

    // Once for manifests, once for what they list; more only while others come in between.
    private const int ListAgainTries = 16;

    /// <summary>Prunes.</summary>
    /// <exception cref="RepositoryException">Another prune is running.</exception>
    /// <exception cref="SnapshotFormatException">A snapshot or index is damaged: nothing is removed, because what it needs cannot be known.</exception>
    public static async Task<PruneOutcome> PruneAsync(
        Repository repository, PruneOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        if (options.DryRun)
        {
            var dry = await PlanAsync(repository, options, cancellationToken);
            return new PruneOutcome(dry.Remove.Count, dry.BytesRemoved, dry.Rewrite.Count, dry.BytesRewritten, 0, 0, 0);
        }

        await using var prune = await RepositoryLock.AcquirePruneAsync(repository, time, cancellationToken);
        await repository.ReloadIndexAsync(cancellationToken);
        var (deleted, deletedBytes, waiting) = await SweepAsync(repository, prune, options, time, cancellationToken);
        var plan = await PlanAsync(repository, options, cancellationToken);
        if (plan.Remove.Count == 0)
        {
            return new PruneOutcome(0, 0, 0, 0, deleted, deletedBytes, waiting);
        }

        await MarkAsync(repository, prune, plan, time, cancellationToken);
        var marked = plan.Remove.Count;
        if (options.Grace == TimeSpan.Zero)
        {
            var (more, moreBytes, left) = await SweepAsync(repository, prune, options, time, cancellationToken);
            return new PruneOutcome(marked, plan.BytesRemoved, plan.Rewrite.Count, plan.BytesRewritten, deleted + more, deletedBytes + moreBytes, left);
        }

        return new PruneOutcome(marked, plan.BytesRemoved, plan.Rewrite.Count, plan.BytesRewritten, deleted, deletedBytes, waiting + marked);
    }

    /// <summary>Removes snapshots; their space comes back with the next prune.</summary>
    public static async Task ForgetAsync(Repository repository, IEnumerable<Snapshot> snapshots, CancellationToken cancellationToken)
    {
        foreach (var snapshot in snapshots)
        {
            await repository.Store.DeleteAsync(ObjectNames.Snapshot(snapshot.Digest), cancellationToken);
        }
    }

    private static async Task<PrunePlan> PlanAsync(Repository repository, PruneOptions options, CancellationToken cancellationToken)
    {
        var live = await FindLiveAsync(repository, mayListAgain: !options.DryRun, cancellationToken);
        var known = await PendingPacksAsync(repository, cancellationToken);
        var strangers = new List<StoredObject>();
        await foreach (var stored in repository.Store.ListAsync(ObjectNames.Packs, cancellationToken))
        {
            if (ObjectNames.TryParseDigest(stored.Name, out var name) && !repository.Index.HasPack(name) && !known.Contains(name))
            {
                strangers.Add(stored);
            }
        }

        return PrunePlan.Make(repository.Index, live, strangers, options.MaximumWaste);
    }

    private static async Task MarkAsync(
        Repository repository, RepositoryLock prune, PrunePlan plan, TimeProvider time, CancellationToken cancellationToken)
    {
        var rewritten = await PackRewriter.RewriteAsync(repository, plan.Rewrite, cancellationToken);
        await prune.EnsureHeldAsync(cancellationToken);

        // Before the index: a pack that no index lists and no record names would look like one that a writer is just about to list.
        await PendingRecords.PutAsync(repository, new PendingRecord(time.GetUtcNow(), [.. plan.Remove.Select(pack => pack.ToString())]), cancellationToken);

        // Also what a prune that was killed left: it would be in force again when the index that supersedes it goes.
        var superseded = repository.Index.Objects.Concat(repository.Index.Leftovers).ToList();
        await IndexObjects.PutAsync(repository, new IndexObject(superseded, [.. plan.Keep, .. rewritten]), cancellationToken);
        foreach (var index in superseded)
        {
            await prune.EnsureHeldAsync(cancellationToken);
            await repository.Store.DeleteAsync(ObjectNames.Index(index), cancellationToken);
        }

        await FindLiveAsync(repository, mayListAgain: true, cancellationToken);
    }

    private static async Task<(int Packs, long Bytes, int Waiting)> SweepAsync(
        Repository repository, RepositoryLock prune, PruneOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var writers = await RepositoryLock.ListWritersAsync(repository, time, cancellationToken);
        var (packs, bytes, waiting) = (0, 0L, 0);
        var due = new List<(string Name, PendingRecord Record)>();
        var kept = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var (name, content) in repository.ReadAllAsync(ObjectNames.Pending, cancellationToken))
        {
            var record = PendingRecords.Read(repository, name, content);
            if (now - record.MarkedAt < options.Grace || writers.Any(writer => writer.CreatedAt <= record.MarkedAt + ClockMargin))
            {
                waiting += record.Packs.Count;
                kept.UnionWith(record.Packs);
                continue;
            }

            due.Add((name, record));
        }

        if (due.Count > 0)
        {
            await FindLiveAsync(repository, mayListAgain: true, cancellationToken);
        }

        foreach (var (name, record) in due)
        {
            var (deleted, deletedBytes) = await DeletePacksAsync(repository, prune, record.Packs.Where(pack => !kept.Contains(pack)), cancellationToken);
            packs += deleted;
            bytes += deletedBytes;
            await repository.Store.DeleteAsync(name, cancellationToken);
        }

        return (packs, bytes, waiting);
    }

    /// <summary>What the snapshots need. Packs that were marked, and that a snapshot that came since needs, are listed again.</summary>
    private static async Task<LiveChunks> FindLiveAsync(Repository repository, bool mayListAgain, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            // In this order: what a snapshot needs is in the index before the snapshot is there.
            var snapshots = await repository.ListSnapshotsAsync(cancellationToken);
            await repository.ReloadIndexAsync(cancellationToken);
            var live = new LiveChunks(repository);
            foreach (var snapshot in snapshots)
            {
                await live.AddAsync(snapshot, cancellationToken);
            }

            if (live.Missing.Count == 0)
            {
                return live;
            }

            // Again after that: what a manifest needs is known only once the manifest is listed. 
            if (!mayListAgain || attempt == ListAgainTries || !await PrunedMeanwhile.TryListAgainAsync(repository, live.Missing, cancellationToken))
            {
                throw new SnapshotFormatException(
                    $"Snapshots need {live.Missing.Count} chunks that no index knows. Nothing was removed; 'repo verify' tells which snapshots.");
            }
        }
    }

    private static async Task<(int Packs, long Bytes)> DeletePacksAsync(
        Repository repository, RepositoryLock prune, IEnumerable<string> names, CancellationToken cancellationToken)
    {
        var (packs, bytes) = (0, 0L);
        foreach (var text in names)
        {
            if (!ObjectNames.TryParseDigest(text, out var pack) || repository.Index.HasPack(pack))
            {
                continue;
            }

            var name = ObjectNames.Pack(pack);
            if (await repository.Store.FindAsync(name, cancellationToken) is { } stored)
            {
                await prune.EnsureHeldAsync(cancellationToken);
                await repository.Store.DeleteAsync(name, cancellationToken);
                packs++;
                bytes += stored.SizeBytes;
            }
        }

        return (packs, bytes);
    }

    private static async Task<HashSet<ContentHash>> PendingPacksAsync(Repository repository, CancellationToken cancellationToken)
    {
        var packs = new HashSet<ContentHash>();
        await foreach (var (name, content) in repository.ReadAllAsync(ObjectNames.Pending, cancellationToken))
        {
            foreach (var text in PendingRecords.Read(repository, name, content).Packs)
            {
                if (ObjectNames.TryParseDigest(text, out var pack))
                {
                    packs.Add(pack);
                }
            }
        }

        return packs;
    }
}
