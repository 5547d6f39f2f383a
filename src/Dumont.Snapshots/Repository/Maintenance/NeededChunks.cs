namespace Dumont.Snapshots;

/// <summary>What snapshots need of a repository, and which of it is only in marked packs and has to be copied out.</summary>
/// <param name="Live">Of all packs, the marked ones too.</param>
/// <param name="Index">The index without the marked packs.</param>
/// <param name="Aside">Marked packs, each with those of its chunks that are needed and have no other place.</param>
/// <param name="Broken">Short ids of the snapshots that need what is nowhere.</param>
internal sealed record NeededChunks(LiveChunks Live, RepositoryIndex Index, IReadOnlyList<PackContent> Aside, IReadOnlyList<string> Broken)
{
    // A prune at the same time may copy a chunk out and delete its pack between the reading of the index and of the marks.
    private const int Tries = 4;

    /// <summary>Loads the index and looks. The repository then finds the chunks of the marked packs too, if any is needed.</summary>
    /// <param name="repository">Whose.</param>
    /// <param name="snapshots">Listed before: what a snapshot needs is in the index before the snapshot is there.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="SnapshotFormatException">A manifest or index is damaged.</exception>
    public static async Task<NeededChunks> FindAsync(Repository repository, IReadOnlyList<Snapshot> snapshots, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var found = await TryFindAsync(repository, snapshots, cancellationToken);
                if (found.Broken.Count == 0 || attempt == Tries)
                {
                    return found;
                }
            }
            catch (ObjectStoreException e) when (e.Kind == ObjectStoreErrorKind.NotFound && attempt < Tries)
            {
                // A pack with a manifest went: what is needed of it was copied before.
            }
        }
    }

    private static async Task<NeededChunks> TryFindAsync(Repository repository, IReadOnlyList<Snapshot> snapshots, CancellationToken cancellationToken)
    {
        await repository.LoadIndexToWriteAsync(cancellationToken);
        var index = repository.Index;
        var (live, broken) = await MarkAsync(repository, snapshots, cancellationToken);
        if (broken.Count == 0)
        {
            return new NeededChunks(live, index, [], []);
        }

        var marked = await MarkedPacks.ReadAsync(repository, cancellationToken);
        repository.UseIndex(index.With(marked));
        (live, broken) = await MarkAsync(repository, snapshots, cancellationToken);
        var aside = marked
            .Select(pack => pack with { Chunks = [.. pack.Chunks.Where(chunk => live.IsLive(chunk.Id) && repository.Index.IsIn(pack.Name, chunk.Id))] })
            .Where(pack => pack.Chunks.Count > 0)
            .ToList();
        return new NeededChunks(live, index, aside, broken);
    }

    private static async Task<(LiveChunks Live, List<string> Broken)> MarkAsync(
        Repository repository, IReadOnlyList<Snapshot> snapshots, CancellationToken cancellationToken)
    {
        var live = new LiveChunks(repository);
        var broken = new List<string>();
        foreach (var snapshot in snapshots)
        {
            if (!await live.TryAddAsync(snapshot, cancellationToken))
            {
                broken.Add(snapshot.ShortId);
            }
        }

        return (live, broken);
    }
}
