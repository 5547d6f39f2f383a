namespace Dumont.Snapshots;

/// <summary>What a repository holds and what it takes.</summary>
/// <param name="Snapshots">How many.</param>
/// <param name="Files">Of all snapshots, each counted in each.</param>
/// <param name="Bytes">Sum of the sizes of these files: what restoring all of them would write.</param>
/// <param name="Chunks">Distinct ones.</param>
/// <param name="ChunkBytes">Their sum before they are encoded.</param>
/// <param name="Packs">That an index lists.</param>
/// <param name="StoredBytes">Of all objects in the store.</param>
public sealed record RepositoryStatistics(int Snapshots, long Files, long Bytes, int Chunks, long ChunkBytes, int Packs, long StoredBytes)
{
    /// <summary>What deduplication and encoding save together: 4 means a quarter of the space.</summary>
    public double Ratio => StoredBytes == 0 ? 1 : (double)Bytes / StoredBytes;

    /// <summary>Counts.</summary>
    public static async Task<RepositoryStatistics> ReadAsync(Repository repository, CancellationToken cancellationToken)
    {
        await repository.LoadIndexAsync(cancellationToken);
        var snapshots = await repository.ListSnapshotsAsync(cancellationToken);
        var stored = 0L;
        await foreach (var found in repository.Store.ListAsync("", cancellationToken))
        {
            stored += found.SizeBytes;
        }

        return new RepositoryStatistics(
            snapshots.Count,
            snapshots.Sum(s => s.Statistics.Files),
            snapshots.Sum(s => s.Statistics.Bytes),
            repository.Index.Chunks.Count,
            repository.Index.Chunks.All.Sum(chunk => (long)chunk.Location.RawBytes),
            repository.Index.Packs.Count,
            stored);
    }
}
