using System.Text;

namespace Dumont.Snapshots.Tests.Restore;

/// <summary>A manifest under construction, with the chunks of its files.</summary>
internal sealed class TestTree
{
    public const long Time = 1_600_000_000_123_456_789;

    public FakeChunks Chunks { get; init; } = new();

    public List<ManifestEntry> Entries { get; } = [];

    public TestTree Root(int mode = 0b111_101_101, long time = Time) => Add(Entry(TreePath.Root, EntryKind.Directory, mode, time));

    public TestTree Folder(string path, int mode = 0b111_101_101, long time = Time, params ExtendedAttribute[] attributes) =>
        Add(Entry(TreePath.Parse(path), EntryKind.Directory, mode, time) with { Attributes = attributes });

    public TestTree File(string path, string content, int mode = 0b110_100_100, long time = Time, params ExtendedAttribute[] attributes) =>
        File(path, [Encoding.UTF8.GetBytes(content)], mode, time, attributes);

    /// <summary>A file of several chunks; null is a hole of 64 KiB.</summary>
    public TestTree File(string path, byte[]?[] chunks, int mode = 0b110_100_100, long time = Time, params ExtendedAttribute[] attributes)
    {
        var extents = chunks.Where(chunk => chunk is null or { Length: > 0 })
            .Select(chunk => chunk is null ? new Extent(default, 64 << 10, IsHole: true) : Chunks.Add(chunk)).ToArray();
        return Add(Entry(TreePath.Parse(path), EntryKind.File, mode, time) with
        {
            SizeBytes = extents.Sum(extent => extent.LengthBytes),
            Content = extents,
            Attributes = attributes,
        });
    }

    public TestTree Link(string path, string target) =>
        Add(Entry(TreePath.Parse(path), EntryKind.Link, 0b111_111_111, Time) with { LinkTarget = Encoding.UTF8.GetBytes(target) });

    public TestTree HardLink(string path, string first) =>
        Add(Entry(TreePath.Parse(path), EntryKind.HardLink, 0b110_100_100, Time) with { LinkTarget = Encoding.UTF8.GetBytes(first) });

    public TestTree Fifo(string path) => Add(Entry(TreePath.Parse(path), EntryKind.Fifo, 0b110_100_100, Time));

    public TestTree Add(ManifestEntry entry)
    {
        Entries.Add(entry);
        return this;
    }

    /// <summary>Changes the entry that was added last.</summary>
    public TestTree Change(Func<ManifestEntry, ManifestEntry> change)
    {
        Entries[^1] = change(Entries[^1]);
        return this;
    }

    /// <summary>Makes the index claim something about the first chunk of the entry that was added last.</summary>
    public TestTree Claim(Func<ChunkLocation, ChunkLocation> change)
    {
        Chunks.Claim(Entries[^1].Content[0].Chunk, change);
        return this;
    }

    public Task<RestoreResult> RestoreAsync(string target, RestoreOptions? options = null, string identity = "snapshot") =>
        new RestoreTree(Chunks, options ?? new RestoreOptions { Durable = false, Workers = 2 }).RunAsync(Entries, identity, target, TestContext.Current.CancellationToken);

    public static ManifestEntry Entry(TreePath path, EntryKind kind, int mode, long time) =>
        new(path, kind, mode, Me.User, Me.Group, time, 0, null, [], []);

    public static ExtendedAttribute Attribute(string name, string value) => new(Encoding.UTF8.GetBytes(name), Encoding.UTF8.GetBytes(value));
}
