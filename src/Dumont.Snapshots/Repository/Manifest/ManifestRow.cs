namespace Dumont.Snapshots;

/// <summary>
/// One row of a directory in a manifest.
/// <code>
/// varint length, name | <see cref="ManifestStat"/> | varint length, payload
/// payload  varint attributes, each: varint length, name, varint length, value
///          link, hard link:  varint length, target
///          file:             varint extents, each: varint (length · 2 + 1 for a hole), 32 bytes of id unless it is one
/// </code>
/// </summary>
internal ref struct ManifestRow
{
    // The kernel's own limits: 64 KiB for a value and for all names together.
    private const int MaximumAttributeBytes = 64 << 10;

    public ReadOnlySpan<byte> Name;
    public ManifestStat Stat;
    public ReadOnlySpan<byte> Payload;

    /// <summary>The row with its lengths, as it stands in the manifest.</summary>
    public int RowBytes;

    public static ManifestRow Read(scoped ref SpanReader reader)
    {
        var start = reader.Position;
        var row = new ManifestRow
        {
            Name = reader.ReadBytes(TreePath.MaximumNameBytes),
            Stat = ManifestStat.Read(reader.Take(ManifestStat.Bytes)),
            Payload = reader.ReadBytes(int.MaxValue),
        };
        row.RowBytes = reader.Position - start;
        return row;
    }

    /// <summary>The row as an entry.</summary>
    /// <exception cref="SnapshotFormatException">A payload that does not fit the kind, or sizes that contradict each other.</exception>
    public readonly ManifestEntry ToEntry(TreePath path, string what)
    {
        var reader = new SpanReader(Payload, what);
        if (Stat.Mode > ManifestStat.ModeMask || Stat.SizeBytes < 0)
        {
            throw reader.Broken($"has a mode or size at '{path}' that no file has");
        }

        var attributes = ExtendedAttributes.Parse(ref reader);
        byte[]? target = null;
        IReadOnlyList<Extent> content = [];
        switch (Stat.Kind)
        {
            case EntryKind.File:
                content = ReadExtents(ref reader, path);
                break;
            case EntryKind.Link or EntryKind.HardLink:
                target = reader.ReadBytes(TreePath.MaximumBytes).ToArray();
                break;
            case EntryKind.Directory or EntryKind.Fifo:
                break;
            default:
                throw reader.Broken($"has an entry of unknown kind {(byte)Stat.Kind} at '{path}'");
        }

        reader.End();
        return new ManifestEntry(
            path, Stat.Kind, Stat.Mode, Stat.UserId, Stat.GroupId, Stat.ModifiedNs, Stat.SizeBytes, target, attributes, content);
    }

    /// <summary>Whether every chunk of a file is in an index. One that was lost is stored again when the file is read, not passed on.</summary>
    public readonly bool HasAllChunks(ChunkIndex index)
    {
        var reader = new SpanReader(Payload, Manifest.What);
        for (var attributes = reader.ReadVarint(); attributes > 0; attributes--)
        {
            reader.ReadBytes(MaximumAttributeBytes);
            reader.ReadBytes(MaximumAttributeBytes);
        }

        for (var extents = reader.ReadVarint(); extents > 0; extents--)
        {
            if ((reader.ReadVarint() & 1) == 0 && !index.Contains(reader.ReadHash()))
            {
                return false;
            }
        }

        return true;
    }

    private readonly Extent[] ReadExtents(ref SpanReader reader, TreePath path)
    {
        var extents = new Extent[reader.ReadCount(reader.ReadVarint(), itemBytes: 1)];
        var total = 0L;
        for (var i = 0; i < extents.Length; i++)
        {
            var length = reader.ReadVarint();
            var isHole = (length & 1) != 0;
            length >>= 1;
            if (length == 0 || length > (ulong)(long.MaxValue - total) || (!isHole && length > ChunkEntry.MaximumChunkBytes))
            {
                throw reader.Broken($"has a stretch of {length} bytes in '{path}'");
            }

            total += (long)length;
            extents[i] = new Extent(isHole ? default : reader.ReadHash(), (long)length, isHole);
        }

        return total == Stat.SizeBytes ? extents : throw reader.Broken($"says that '{path}' has {Stat.SizeBytes} bytes, and lists {total}");
    }
}
