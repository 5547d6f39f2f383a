namespace Dumont.Snapshots;

/// <summary>
/// Makes sure that a snapshot which was just written can be acknowledged: that every chunk of it is in a pack that is there, that an index in force
/// lists, and that no prune has marked. Whoever deletes a pack marks it first and looks at the snapshots after that. So either the deleter sees the
/// snapshot and keeps what it needs, or this sees the mark; how long anybody stood still in between, and what clocks say, is of no matter.
/// </summary>
internal static class SnapshotConfirmation
{
    // Once is enough but for a prune that comes in between, each time anew.
    private const int Tries = 8;

    /// <summary>Confirms a snapshot, copying what it needs out of marked packs.</summary>
    /// <param name="repository">Opened.</param>
    /// <param name="snapshot">It is in the store.</param>
    /// <param name="seen">The index that it was written against; null: not known, everything is looked up.</param>
    /// <param name="own">The index object of its own packs; null: it needed none.</param>
    /// <param name="packs">Its own packs.</param>
    /// <param name="cancellationToken">Stops; the snapshot is not acknowledged then.</param>
    /// <exception cref="SnapshotFormatException">Something that it needs is gone, or damaged.</exception>
    public static async Task ConfirmAsync(
        Repository repository,
        Snapshot snapshot,
        RepositoryIndex? seen,
        ContentHash? own,
        IReadOnlyList<PackContent> packs,
        CancellationToken cancellationToken)
    {
        if (seen is not null && await IsUntouchedAsync(repository, seen, own, packs, cancellationToken))
        {
            return;
        }

        for (var attempt = 0; attempt < Tries; attempt++)
        {
            try
            {
                if (await IsWholeAsync(repository, snapshot, seen, packs, cancellationToken))
                {
                    return;
                }
            }
            catch (ObjectStoreException e) when (e.Kind == ObjectStoreErrorKind.NotFound)
            {
                // A prune deleted a pack while it was copied from: look again.
            }
        }

        throw new SnapshotFormatException("The repository was pruned while the snapshot was taken, and something that it needs is gone. Take it again.");
    }

    // No prune has put an index since, so nothing that was looked up has left it; and what the snapshot brought is there and not marked. In this order:
    // a mark goes only when its packs are gone.
    private static async Task<bool> IsUntouchedAsync(
        Repository repository, RepositoryIndex seen, ContentHash? own, IReadOnlyList<PackContent> packs, CancellationToken cancellationToken)
    {
        var known = seen.Objects.Concat(seen.Leftovers).ToHashSet();
        if (own is { } name)
        {
            known.Add(name);
        }

        var count = 0;
        await foreach (var stored in repository.Store.ListAsync(ObjectNames.Indexes, cancellationToken))
        {
            if (!ObjectNames.TryParseDigest(stored.Name, out var index) || !known.Contains(index))
            {
                return false;
            }

            count++;
        }

        return count == known.Count && (packs.Count == 0 || await AreOwnPacksGoodAsync(repository, seen, packs, cancellationToken));
    }

    private static async Task<bool> AreOwnPacksGoodAsync(
        Repository repository, RepositoryIndex seen, IReadOnlyList<PackContent> packs, CancellationToken cancellationToken)
    {
        await foreach (var stored in repository.Store.ListAsync(ObjectNames.Pending, cancellationToken))
        {
            // A record that was there before the packs does not name them.
            if (!seen.Stored.Records.Contains(stored.Name))
            {
                return false;
            }
        }

        foreach (var batch in packs.Chunk(Math.Max(1, repository.Store.Traits.Concurrency)))
        {
            var found = await Task.WhenAll(batch.Select(pack => repository.Store.FindAsync(ObjectNames.Pack(pack.Name), cancellationToken).AsTask()));
            if (found.Any(pack => pack is null))
            {
                return false;
            }
        }

        return true;
    }

    // False when something had to be copied out, or is nowhere at the moment: that has to be looked at again.
    private static async Task<bool> IsWholeAsync(
        Repository repository, Snapshot snapshot, RepositoryIndex? seen, IReadOnlyList<PackContent> packs, CancellationToken cancellationToken)
    {
        await repository.LoadIndexToWriteAsync(cancellationToken);
        if (seen is not null && seen.Objects.All(repository.Index.Objects.Contains) && packs.All(pack => repository.Index.HasPack(pack.Name)))
        {
            // Other writers, no prune.
            return true;
        }

        var needed = await NeededChunks.FindAsync(repository, [snapshot], cancellationToken);
        if (needed.Broken.Count > 0)
        {
            return false;
        }

        if (needed.Aside.Count == 0)
        {
            return true;
        }

        var copies = await PackRewriter.RewriteAsync(repository, needed.Aside, cancellationToken);
        await IndexObjects.PutAsync(repository, new IndexObject([], copies), cancellationToken);
        return false;
    }
}
