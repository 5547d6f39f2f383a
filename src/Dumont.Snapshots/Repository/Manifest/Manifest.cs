using System.Text;

namespace Dumont.Snapshots;

/// <summary>
/// The listing of a snapshot: one block a directory, blocks and the rows in them in byte order.
/// <code>
/// "DMTREE01" | row of the root, with an empty name
/// block: varint length, path | varint rows | u32 bytes of the rows | rows        (the root's block has the empty path)
/// </code>
/// </summary>
/// <remarks>Kept as the bytes that were stored: comparing a tree with its parent copies unchanged rows without taking them apart.</remarks>
internal sealed class Manifest
{
    public const string What = "the manifest";

    private readonly byte[] _content;
    private readonly Lazy<Dictionary<string, (int Start, int Length)>> _blocks;

    public Manifest(byte[] content)
    {
        _content = content;
        if (!content.AsSpan().StartsWith(Magic))
        {
            throw new SnapshotFormatException($"{What} does not begin like one");
        }

        _blocks = new(FindBlocks);
    }

    public static ReadOnlySpan<byte> Magic => "DMTREE01"u8;

    /// <summary>Every entry, the root first, each directory before what is in it.</summary>
    /// <exception cref="SnapshotFormatException">Damaged: an order, a name or a length that cannot be.</exception>
    public IEnumerable<ManifestEntry> Entries
    {
        get
        {
            var position = Magic.Length;
            yield return ReadRoot(ref position);
            var announced = new HashSet<TreePath> { TreePath.Root };
            TreePath? previous = null;
            while (position < _content.Length)
            {
                var block = ReadBlock(ref position, previous);
                previous = block.Path;
                if (!announced.Remove(block.Path))
                {
                    throw new SnapshotFormatException($"{What} lists the content of '{block.Path}', which is no directory in it");
                }

                foreach (var entry in ReadRows(block))
                {
                    if (entry.Kind == EntryKind.Directory)
                    {
                        announced.Add(entry.Path);
                    }

                    yield return entry;
                }
            }

            if (announced.Count != 0)
            {
                throw new SnapshotFormatException($"{What} ends before the content of '{announced.First()}'");
            }
        }
    }

    /// <summary>The root's own row.</summary>
    public ManifestRow Root
    {
        get
        {
            var reader = new SpanReader(_content.AsSpan(Magic.Length), What);
            return ManifestRow.Read(ref reader);
        }
    }

    /// <summary>Whether it is this one, byte by byte.</summary>
    public bool IsSame(ReadOnlySpan<byte> content) => content.SequenceEqual(_content);

    /// <summary>The rows of a directory; empty when it is not there.</summary>
    public ReadOnlySpan<byte> RowsOf(string directory) =>
        _blocks.Value.TryGetValue(directory, out var place) ? _content.AsSpan(place.Start, place.Length) : [];

    private Dictionary<string, (int Start, int Length)> FindBlocks()
    {
        var blocks = new Dictionary<string, (int Start, int Length)>(StringComparer.Ordinal);
        var position = Magic.Length;
        ReadRoot(ref position);
        while (position < _content.Length)
        {
            var block = ReadBlock(ref position, previous: null);
            blocks.TryAdd(block.Path.Raw, (block.Start, block.Length));
        }

        return blocks;
    }

    private ManifestEntry ReadRoot(ref int position)
    {
        var reader = new SpanReader(_content.AsSpan(position), What);
        var row = ManifestRow.Read(ref reader);
        position += reader.Position;
        return row.Name.IsEmpty && row.Stat.Kind == EntryKind.Directory
            ? row.ToEntry(TreePath.Root, What)
            : throw reader.Broken("does not begin with the root");
    }

    private Block ReadBlock(ref int position, TreePath? previous)
    {
        var reader = new SpanReader(_content.AsSpan(position), What);
        var bytes = reader.ReadBytes(TreePath.MaximumBytes);
        var path = TreePath.Root;
        if (!bytes.IsEmpty && !TreePath.TryCreate(bytes, out path))
        {
            throw reader.Broken($"has the path '{Printable(bytes)}', which could lead out of the tree");
        }

        if (previous is { } before && path <= before)
        {
            throw reader.Broken($"lists '{path}' after '{before}'");
        }

        var rows = reader.ReadVarint();
        var length = reader.ReadUInt32();
        var start = position + reader.Position;
        reader.Take(reader.ReadCount(length, itemBytes: 1));
        position += reader.Position;
        return new Block(path, rows, start, (int)length);
    }

    private List<ManifestEntry> ReadRows(Block block)
    {
        var reader = new SpanReader(_content.AsSpan(block.Start, block.Length), What);
        var entries = new List<ManifestEntry>();
        ReadOnlySpan<byte> previous = [];
        while (reader.Remaining > 0)
        {
            var row = ManifestRow.Read(ref reader);
            if (!block.Path.TryAppend(row.Name, out var path))
            {
                throw reader.Broken($"has the name '{Printable(row.Name)}' in '{block.Path}', which no file can have");
            }

            if (row.Name.SequenceCompareTo(previous) <= 0)
            {
                throw reader.Broken($"lists '{path}' twice or out of order");
            }

            previous = row.Name;
            entries.Add(row.ToEntry(path, What));
        }

        return (ulong)entries.Count == block.Rows ? entries : throw reader.Broken($"has {entries.Count} rows in '{block.Path}' and claims {block.Rows}");
    }

    private static string Printable(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes[..Math.Min(bytes.Length, 80)]).Replace('\0', '␀');

    private readonly record struct Block(TreePath Path, ulong Rows, int Start, int Length);
}
