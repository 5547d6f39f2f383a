namespace Dumont.Snapshots;

/// <summary>A chunk to be fetched once and written to all its places.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Location">Where it is stored.</param>
/// <param name="FirstPlace">In <see cref="ReadPlan.Places"/>.</param>
/// <param name="PlaceCount">How many follow from there.</param>
internal readonly record struct PlannedChunk(ContentHash Id, ChunkLocation Location, int FirstPlace, int PlaceCount);

/// <summary>Where a chunk goes.</summary>
internal readonly record struct ChunkPlace(RestoreItem Item, long OffsetBytes);

/// <summary>A stretch of a pack that is read in one go.</summary>
internal readonly record struct ReadRange(int Pack, int OffsetBytes, int LengthBytes, int FirstChunk, int ChunkCount);

/// <summary>Which stretches of which packs have to be read, in the order of the packs: what was written together is read together.</summary>
internal sealed class ReadPlan
{
    /// <summary>A range reaches over unwanted bytes when there are fewer: reading them costs less than another request.</summary>
    public const int GapBytes = 256 << 10;

    /// <summary>Longest range, and room for the longest frame.</summary>
    public const int RangeBytes = ChunkEntry.MaximumChunkBytes + 4096;

    private ReadPlan(PlannedChunk[] chunks, ChunkPlace[] places, List<ReadRange> ranges, List<Range> packs)
    {
        Chunks = chunks;
        Places = places;
        Ranges = ranges;
        Packs = packs;
    }

    public PlannedChunk[] Chunks { get; }

    public ChunkPlace[] Places { get; }

    public List<ReadRange> Ranges { get; }

    /// <summary>For each pack, its part of <see cref="Ranges"/>: what one worker does before it takes another.</summary>
    public List<Range> Packs { get; }

    public long BytesToFetch => Ranges.Sum(static range => (long)range.LengthBytes);

    /// <summary>Locates every chunk that the files need.</summary>
    /// <exception cref="SnapshotFormatException">One is not in the repository or has another length; names the file.</exception>
    public static ReadPlan Create(IEnumerable<RestoreItem> files, IChunkSource source)
    {
        var numbers = new Dictionary<ContentHash, int>();
        var found = new List<(ContentHash Id, ChunkLocation Location, int Count)>();
        var uses = new List<(int Chunk, ChunkPlace Place)>();
        foreach (var file in files)
        {
            var offset = 0L;
            for (var i = 0; i < file.Entry.Content.Count; i++)
            {
                var extent = file.Entry.Content[i];
                if (!extent.IsHole && file.EqualExtents is not { } equal || file.EqualExtents is { } known && !extent.IsHole && !known[i])
                {
                    if (!numbers.TryGetValue(extent.Chunk, out var number))
                    {
                        number = found.Count;
                        numbers.Add(extent.Chunk, number);
                        found.Add((extent.Chunk, Locate(file, extent, source), 0));
                    }

                    var chunk = found[number];
                    if (chunk.Location.RawBytes != extent.LengthBytes)
                    {
                        throw ManifestCheck.Refuse(file.Entry.Path, $"wants {extent.LengthBytes} bytes of chunk {extent.Chunk}, which has {chunk.Location.RawBytes}");
                    }

                    found[number] = chunk with { Count = chunk.Count + 1 };
                    uses.Add((number, new ChunkPlace(file, offset)));
                    file.Remaining++;
                }

                offset += extent.LengthBytes;
            }
        }

        return Arrange(found, uses);
    }

    private static ChunkLocation Locate(RestoreItem file, Extent extent, IChunkSource source)
    {
        if (!source.TryLocate(extent.Chunk, out var location))
        {
            throw ManifestCheck.Refuse(file.Entry.Path, $"chunk {extent.Chunk} of it is not in the repository");
        }

        return location is { RawBytes: > 0 and <= ChunkEntry.MaximumChunkBytes, StoredBytes: >= 0 and <= RangeBytes, OffsetBytes: >= 0 }
            ? location
            : throw ManifestCheck.Refuse(file.Entry.Path, $"chunk {extent.Chunk} of it has an impossible length");
    }

    private static ReadPlan Arrange(List<(ContentHash Id, ChunkLocation Location, int Count)> found, List<(int Chunk, ChunkPlace Place)> uses)
    {
        var order = new int[found.Count];
        var keys = new ulong[found.Count];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
            keys[i] = ((ulong)(uint)found[i].Location.Pack << 32) | (uint)found[i].Location.OffsetBytes;
        }

        Array.Sort(keys, order);
        var chunks = new PlannedChunk[order.Length];
        var next = new int[order.Length];
        var first = 0;
        for (var i = 0; i < order.Length; i++)
        {
            var (id, location, count) = found[order[i]];
            chunks[i] = new PlannedChunk(id, location, first, count);
            next[order[i]] = first;
            first += count;
        }

        var places = new ChunkPlace[uses.Count];
        foreach (var (chunk, place) in uses)
        {
            places[next[chunk]++] = place;
        }

        var (ranges, packs) = Coalesce(chunks);
        return new ReadPlan(chunks, places, ranges, packs);
    }

    private static (List<ReadRange> Ranges, List<Range> Packs) Coalesce(PlannedChunk[] chunks)
    {
        var ranges = new List<ReadRange>();
        var packs = new List<Range>();
        var firstOfPack = 0;
        for (var i = 0; i < chunks.Length; i++)
        {
            var location = chunks[i].Location;
            var end = (long)location.OffsetBytes + location.StoredBytes;
            if (ranges.Count > 0 && ranges[^1] is var last && last.Pack == location.Pack &&
                location.OffsetBytes - (last.OffsetBytes + last.LengthBytes) < GapBytes && end - last.OffsetBytes <= RangeBytes)
            {
                var length = Math.Max(last.LengthBytes, (int)(end - last.OffsetBytes));
                ranges[^1] = last with { LengthBytes = length, ChunkCount = last.ChunkCount + 1 };
                continue;
            }

            if (ranges.Count > 0 && ranges[^1].Pack != location.Pack)
            {
                packs.Add(firstOfPack..ranges.Count);
                firstOfPack = ranges.Count;
            }

            ranges.Add(new ReadRange(location.Pack, location.OffsetBytes, location.StoredBytes, i, 1));
        }

        if (ranges.Count > firstOfPack)
        {
            packs.Add(firstOfPack..ranges.Count);
        }

        return (ranges, packs);
    }
}
