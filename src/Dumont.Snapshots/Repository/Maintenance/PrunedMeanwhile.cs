namespace Dumont.Snapshots;

/// <summary>
/// A snapshot may rely on a chunk that a prune took out of the index after the snapshot had looked it up. Its pack is still there, because packs
/// are not deleted while a writer that began before the prune holds a lease; it only has to be listed again.
/// </summary>
internal static class PrunedMeanwhile
{
    /// <summary>Called after a snapshot is written and before it is acknowledged. Whatever a prune does at the same time, either it sees the
    /// snapshot, or this sees the prune's index.</summary>
    /// <param name="repository">With the index that the snapshot was written against.</param>
    /// <param name="snapshot">Just written.</param>
    /// <param name="known">The indexes that were looked up, and the snapshot's own.</param>
    /// <param name="cancellationToken">Stops; the snapshot is not acknowledged then.</param>
    /// <exception cref="SnapshotFormatException">A chunk is gone; the snapshot was removed again.</exception>
    public static async Task RepairAsync(Repository repository, Snapshot snapshot, HashSet<ContentHash> known, CancellationToken cancellationToken)
    {
        if (!await HasChangedAsync(repository, known, cancellationToken))
        {
            return;
        }

        await repository.ReloadIndexAsync(cancellationToken);
        if (known.All(repository.Index.Objects.Contains))
        {
            // Other writers, no prune.
            return;
        }

        for (var attempt = 0; await MissingAsync(repository, snapshot, cancellationToken) is { Count: > 0 } missing; attempt++)
        {
            // Twice at most: once for the manifest, and once for what it lists.
            if (attempt == 2 || !await TryListAgainAsync(repository, missing, cancellationToken))
            {
                await repository.Store.DeleteAsync(ObjectNames.Snapshot(snapshot.Digest), cancellationToken);
                throw new SnapshotFormatException("The repository was pruned while the snapshot was taken, and something that it needs is gone. Take it again.");
            }
        }
    }

    /// <summary>Lists packs again that a prune left aside and that hold some of these chunks.</summary>
    /// <returns>False when none does.</returns>
    public static async Task<bool> TryListAgainAsync(
        Repository repository, IReadOnlyCollection<ContentHash> missing, CancellationToken cancellationToken)
    {
        var wanted = missing.ToHashSet();
        var packs = (await ReadMarkedAsync(repository, cancellationToken)).Where(pack => pack.Chunks.Any(chunk => wanted.Contains(chunk.Id))).ToList();
        if (packs.Count == 0)
        {
            return false;
        }

        await IndexObjects.PutAsync(repository, new IndexObject([], packs), cancellationToken);
        await repository.ReloadIndexAsync(cancellationToken);
        return true;
    }

    /// <summary>Lets a reader find what is only in packs that a prune left aside. For a moment, or longer if the prune was killed, a snapshot that
    /// came during it relies on them; the next prune lists them again. Not for writers: nobody keeps these packs for them.</summary>
    public static async Task LearnMarkedAsync(Repository repository, CancellationToken cancellationToken)
    {
        var marked = await ReadMarkedAsync(repository, cancellationToken);
        var fresh = await RepositoryIndex.LoadAsync(repository, cancellationToken);
        repository.UseIndex(repository.Index.With(fresh.Contents().Concat(marked)));
    }

    // Packs of the pending records that no index lists and that are still there.
    private static async Task<List<PackContent>> ReadMarkedAsync(Repository repository, CancellationToken cancellationToken)
    {
        var packs = new Dictionary<ContentHash, PackContent>();
        await foreach (var (name, content) in repository.ReadAllAsync(ObjectNames.Pending, cancellationToken))
        {
            foreach (var text in PendingRecords.Read(repository, name, content).Packs)
            {
                if (ObjectNames.TryParseDigest(text, out var pack) && !repository.Index.HasPack(pack) && !packs.ContainsKey(pack) &&
                    await IndexObjects.TryReadPackAsync(repository, pack, cancellationToken) is { } found)
                {
                    packs.Add(pack, found);
                }
            }
        }

        return [.. packs.Values];
    }

    private static async Task<bool> HasChangedAsync(Repository repository, HashSet<ContentHash> known, CancellationToken cancellationToken)
    {
        var seen = 0;
        await foreach (var stored in repository.Store.ListAsync(ObjectNames.Indexes, cancellationToken))
        {
            if (!ObjectNames.TryParseDigest(stored.Name, out var name) || !known.Contains(name))
            {
                return true;
            }

            seen++;
        }

        return seen != known.Count;
    }

    private static async Task<IReadOnlyCollection<ContentHash>> MissingAsync(
        Repository repository, Snapshot snapshot, CancellationToken cancellationToken)
    {
        var live = new LiveChunks(repository);
        await live.AddAsync(snapshot, cancellationToken);
        return live.Missing;
    }
}
