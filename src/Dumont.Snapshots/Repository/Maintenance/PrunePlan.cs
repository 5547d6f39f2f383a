namespace Dumont.Snapshots;

/// <summary>What a prune will do. Pure: from an index and what is needed of it.</summary>
/// <param name="Keep">Stay as they are.</param>
/// <param name="Rewrite">What is needed of these is copied: of packs that go now, and of packs that are marked already.</param>
/// <param name="Remove">Are marked: those without anything needed, those rewritten, and those that no index lists.</param>
/// <param name="BytesRemoved">Size of <paramref name="Remove"/>.</param>
/// <param name="BytesRewritten">Size of what is copied.</param>
internal sealed record PrunePlan(
    IReadOnlyList<PackContent> Keep,
    IReadOnlyList<PackContent> Rewrite,
    IReadOnlyList<ContentHash> Remove,
    long BytesRemoved,
    long BytesRewritten)
{
    /// <summary>Decides.</summary>
    /// <param name="needed">What the snapshots need.</param>
    /// <param name="old">Packs that no writer at work can have written: what its snapshot will need is not known yet.</param>
    /// <param name="maximumWaste">Part of a pack that may be of no use.</param>
    public static PrunePlan Make(NeededChunks needed, IReadOnlySet<ContentHash> old, double maximumWaste)
    {
        var keep = new List<PackContent>();
        var rewrite = new List<PackContent>(needed.Aside);
        var remove = new List<ContentHash>();
        var index = needed.Index;
        foreach (var pack in index.Contents())
        {
            // A chunk that two packs hold is read from one of them; the copy in the other is waste.
            var live = pack.Chunks.Where(c => needed.Live.IsLive(c.Id) && index.IsIn(pack.Name, c.Id)).ToList();
            var liveBytes = live.Sum(chunk => (long)chunk.StoredBytes);
            var allBytes = pack.Chunks.Sum(chunk => (long)chunk.StoredBytes);
            if (!old.Contains(pack.Name) || (live.Count > 0 && allBytes - liveBytes <= maximumWaste * allBytes))
            {
                keep.Add(pack);
                continue;
            }

            remove.Add(pack.Name);
            if (live.Count > 0)
            {
                rewrite.Add(pack with { Chunks = live });
            }
        }

        remove.AddRange(index.Stored.Present.Keys.Where(pack => old.Contains(pack) && !index.HasPack(pack) && !index.Stored.Marked.Contains(pack)));
        return new PrunePlan(
            keep,
            rewrite,
            remove,
            remove.Sum(pack => index.Stored.Present[pack].SizeBytes),
            rewrite.Sum(pack => pack.Chunks.Sum(chunk => (long)chunk.StoredBytes)));
    }
}
