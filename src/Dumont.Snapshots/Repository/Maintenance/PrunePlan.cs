namespace Dumont.Snapshots;

/// <summary>What a prune will do. Pure: from an index and what is needed of it.</summary>
/// <param name="Keep">Stay as they are.</param>
/// <param name="Rewrite">What is needed of these is copied; then they go.</param>
/// <param name="Remove">Leave the index: those without anything needed, those rewritten, and those that no index lists.</param>
/// <param name="BytesRemoved">Size of <paramref name="Remove"/>.</param>
/// <param name="BytesRewritten">Size of what is copied.</param>
internal sealed record PrunePlan(
    IReadOnlyList<PackContent> Keep,
    IReadOnlyList<PackContent> Rewrite,
    IReadOnlyList<ContentHash> Remove,
    long BytesRemoved,
    long BytesRewritten)
{
    public static PrunePlan Make(RepositoryIndex index, LiveChunks live, IReadOnlyList<StoredObject> strangers, double maximumWaste)
    {
        var keep = new List<PackContent>();
        var rewrite = new List<PackContent>();
        var remove = new List<ContentHash>();
        var (removed, rewritten) = (0L, 0L);
        foreach (var pack in index.Contents())
        {
            // A chunk that two packs hold is read from the first one that lists it; the copy in the other is waste.
            var needed = pack.Chunks.Where(c => live.IsLive(c.Id) && index.IsIn(pack.Name, c.Id)).ToList();
            var neededBytes = needed.Sum(chunk => (long)chunk.StoredBytes);
            var allBytes = pack.Chunks.Sum(chunk => (long)chunk.StoredBytes);
            if (needed.Count > 0 && allBytes - neededBytes <= maximumWaste * allBytes)
            {
                keep.Add(pack);
                continue;
            }

            remove.Add(pack.Name);
            removed += pack.SizeBytes;
            if (needed.Count > 0)
            {
                rewrite.Add(pack with { Chunks = needed });
                rewritten += neededBytes;
            }
        }

        foreach (var stranger in strangers)
        {
            if (ObjectNames.TryParseDigest(stranger.Name, out var name))
            {
                remove.Add(name);
                removed += stranger.SizeBytes;
            }
        }

        return new PrunePlan(keep, rewrite, remove, removed, rewritten);
    }
}
