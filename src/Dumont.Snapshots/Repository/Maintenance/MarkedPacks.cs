namespace Dumont.Snapshots;

/// <summary>Packs that wait to be deleted. What only they have can still be read, and be copied out.</summary>
internal static class MarkedPacks
{
    /// <summary>Lets a reader find what is only in them. A snapshot that came while a prune ran may rely on them until the next prune has copied
    /// out what it needs. Not for writers: whatever is marked may be gone at any moment.</summary>
    public static async Task LearnAsync(Repository repository, CancellationToken cancellationToken)
    {
        // In this order: what is copied out is listed before the pack goes.
        var marked = await ReadAsync(repository, cancellationToken);
        var fresh = await RepositoryIndex.LoadAsync(repository, isForReading: true, cancellationToken);
        repository.UseIndex(repository.Index.With(fresh.Contents().Concat(marked)));
    }

    /// <summary>The packs of the pending records that are still there and that the loaded index does not count.</summary>
    public static async Task<List<PackContent>> ReadAsync(Repository repository, CancellationToken cancellationToken)
    {
        var packs = new Dictionary<ContentHash, PackContent>();
        var listed = repository.Index.Aside.DistinctBy(pack => pack.Name).ToDictionary(pack => pack.Name);
        foreach (var (_, record) in await PendingRecords.ReadAllAsync(repository, cancellationToken))
        {
            foreach (var pack in record.PackNames.Where(pack => !repository.Index.HasPack(pack) && !packs.ContainsKey(pack)))
            {
                var found = listed.TryGetValue(pack, out var known) && repository.Index.Stored.Present.ContainsKey(pack)
                    ? known
                    : await IndexObjects.TryReadPackAsync(repository, pack, cancellationToken);
                if (found is not null)
                {
                    packs.Add(pack, found);
                }
            }
        }

        return [.. packs.Values];
    }
}
