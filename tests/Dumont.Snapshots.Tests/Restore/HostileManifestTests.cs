using System.Text;

namespace Dumont.Snapshots.Tests.Restore;

/// <summary>Manifests that nobody's workspace could have made. Each is refused with the path, or restored harmlessly inside the target.</summary>
public sealed class HostileManifestTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string _outside;

    public HostileManifestTests()
    {
        _outside = _folder.Folder("outside");
        File.WriteAllText(Path.Combine(_outside, "precious"), "precious");
    }

    public void Dispose() => _folder.Dispose();

    // Paths never come to a restore other than as a TreePath: what cannot be one is refused where it is read.
    public static TheoryData<string> Paths => new(
        "", "/", "//", ".", "..", "../x", "../../x", "/etc/passwd", "//etc/passwd", "a/../x", "a/../../x", "a/..", "a/.", "./a", "a/./b", "a//b", "a/", "/a",
        "a\0b", "\0", "a/\0", ".../../x", "a/b/../../../x",
        string.Concat(Enumerable.Repeat('n', 256)), $"a/{string.Concat(Enumerable.Repeat('n', 300))}", string.Join('/', Enumerable.Repeat("d", 2049)));

    [Theory]
    [MemberData(nameof(Paths))]
    public void Path_ThatCouldLeadOut_IsNone(string path) => Assert.False(TreePath.TryCreate(Encoding.UTF8.GetBytes(path), out _));

    public static TheoryData<string, string> Refused
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var (name, path, _) in RefusedCases)
            {
                data.Add(name, path);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Manifest_Refused_NamesThePathAndTouchesNothing(string name, string path)
    {
        foreach (var mode in (RestoreMode[])[RestoreMode.NewTree, RestoreMode.InPlace])
        {
            var tree = new TestTree();
            RefusedCases.Single(refused => refused.Name == name).Build(tree, _outside);
            var target = mode == RestoreMode.InPlace ? _folder.Folder("target") : _folder.File("new");

            var failure = await Assert.ThrowsAnyAsync<IOException>(() => tree.RestoreAsync(target, new RestoreOptions { Mode = mode, Delete = true, Durable = false, Fifos = true }));

            Assert.True(failure is SnapshotFormatException or RestoreException or PosixException, failure.ToString());
            Assert.Contains(path, failure.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\u202e', failure.Message);
            Assert.Empty(mode == RestoreMode.InPlace ? Directory.GetFileSystemEntries(target) : Directory.GetFileSystemEntries(_folder.Path, "*new*"));
            AssertOutsideUntouched();
        }
    }

    public static TheoryData<string> Harmless => new(HarmlessCases.Select(harmless => harmless.Name));

    [Theory]
    [MemberData(nameof(Harmless))]
    public async Task Manifest_Odd_IsRestoredInsideTheTarget(string name)
    {
        var tree = new TestTree();
        var (_, build, check) = HarmlessCases.Single(harmless => harmless.Name == name);
        build(tree, _outside);
        foreach (var mode in (RestoreMode[])[RestoreMode.NewTree, RestoreMode.InPlace])
        {
            var target = Path.Combine(_folder.Folder(mode.ToString()), "target");

            var result = await tree.RestoreAsync(target, new RestoreOptions { Mode = mode, Durable = false });

            check(target, result);
            Assert.Equal([target], Directory.GetFileSystemEntries(Path.Combine(_folder.Path, mode.ToString())));
            AssertOutsideUntouched();
        }
    }

    [Fact]
    public async Task Manifest_OfAMillionEntries_IsPlanned()
    {
        var tree = new TestTree();
        for (var i = 0; i < 1000; i++)
        {
            tree.Folder($"d{i}");
            for (var j = 0; j < 1000; j++)
            {
                tree.File($"d{i}/{j}", "");
            }
        }

        var result = await tree.RestoreAsync(_folder.File("target"), new RestoreOptions { DryRun = true });

        Assert.Equal(1_000_000, result.FilesRestored);
    }

    [Fact]
    public void Escape_NamesThatDeceive_ShowWhatTheyAre()
    {
        Assert.Equal("cod\\u{202e}gnp.exe", RestoreWarnings.Escape("cod\u202egnp.exe"u8));
        Assert.Equal("\\u{1b}[2J\\u{a}x", RestoreWarnings.Escape("\u001b[2J\nx"u8));
        Assert.Equal("\\xff\\xfe caf\u00e9 \\\\", RestoreWarnings.Escape([0xff, 0xfe, (byte)' ', .. "caf\u00e9 \\"u8]));
        Assert.Equal("a\\u{200b}b", RestoreWarnings.Escape("a\u200bb"u8));
    }

    private static (string Name, string Path, Action<TestTree, string> Build)[] RefusedCases =>
    [
        ("file through a link", "door/x", (t, outside) => t.Link("door", outside).File("door/x", "evil")),
        ("file through a link, parent repeated as directory", "door", (t, outside) => t.Link("door", outside).Folder("door").File("door/x", "evil")),
        ("directory made a link afterwards", "door", (t, outside) => t.Folder("door").Link("door", outside).File("door/x", "evil")),
        ("link through a link", "door/y", (t, outside) => t.Link("door", outside).Link("door/y", "precious")),
        ("directory through a link", "door/d", (t, outside) => t.Link("door", outside).Folder("door/d")),
        ("file in a file", "a/x", (t, _) => t.File("a", "1").File("a/x", "2")),
        ("file in a FIFO", "pipe/x", (t, _) => t.Fifo("pipe").File("pipe/x", "2")),
        ("file in a hard link", "b/x", (t, _) => t.File("a", "1").HardLink("b", "a").File("b/x", "2")),
        ("directory missing", "a/x", (t, _) => t.File("a/x", "1")),
        ("directory after its content", "a/x", (t, _) => t.File("a/x", "1").Folder("a")),
        ("grandparent missing", "a/b", (t, _) => t.Folder("a/b").File("a/b/x", "1")),
        ("twice", "a", (t, _) => t.File("a", "1").File("a", "2")),
        ("twice, other kind", "a", (t, _) => t.Folder("a").File("a", "2")),
        ("root twice", ".", (t, _) => t.Root().Root()),
        ("root is a file", ".", (t, _) => t.Add(TestTree.Entry(TreePath.Root, EntryKind.File, 0, 0))),
        ("root is a link", ".", (t, outside) => t.Add(TestTree.Entry(TreePath.Root, EntryKind.Link, 0, 0) with { LinkTarget = Encoding.UTF8.GetBytes(outside) })),
        ("kind 0", "a", (t, _) => t.Add(Of("a", 0))),
        ("character device", "a", (t, _) => t.Add(Of("a", (EntryKind)6))),
        ("block device", "a", (t, _) => t.Add(Of("a", (EntryKind)7))),
        ("socket", "a", (t, _) => t.Add(Of("a", (EntryKind)8))),
        ("kind 255", "a", (t, _) => t.Add(Of("a", (EntryKind)255))),
        ("hard link out, absolute", "a", (t, outside) => t.HardLink("a", $"{outside}/precious")),
        ("hard link out, relative", "a", (t, _) => t.HardLink("a", "../outside/precious")),
        ("hard link to nothing", "a", (t, _) => t.HardLink("a", "b")),
        ("hard link to itself", "a", (t, _) => t.HardLink("a", "a")),
        ("hard link forwards", "a", (t, _) => t.HardLink("a", "b").File("b", "1")),
        ("hard link to a directory", "b", (t, _) => t.Folder("a").HardLink("b", "a")),
        ("hard link to a link", "b", (t, outside) => t.Link("a", $"{outside}/precious").HardLink("b", "a")),
        ("hard link to a hard link", "c", (t, _) => t.File("a", "1").HardLink("b", "a").HardLink("c", "b")),
        ("hard link without target", "a", (t, _) => t.Add(Of("a", EntryKind.HardLink))),
        ("hard link with content", "b", (t, _) => t.File("a", "1").HardLink("b", "a").Change(e => e with { Content = [new Extent(default, 5, true)] })),
        ("link without target", "a", (t, _) => t.Add(Of("a", EntryKind.Link))),
        ("link to nothing at all", "a", (t, _) => t.Link("a", "")),
        ("link target with NUL", "a", (t, _) => t.Link("a", "b\0c")),
        ("link target too long", "a", (t, _) => t.Link("a", new string('x', 4096))),
        ("link with content", "a", (t, _) => t.Link("a", "b").Change(e => e with { Content = [new Extent(default, 5, true)] })),
        ("directory with content", "a", (t, _) => t.Folder("a").Change(e => e with { Content = [new Extent(default, 5, true)] })),
        ("directory with target", "a", (t, outside) => t.Folder("a").Change(e => e with { LinkTarget = Encoding.UTF8.GetBytes(outside) })),
        ("file with target", "a", (t, outside) => t.File("a", "1").Change(e => e with { LinkTarget = Encoding.UTF8.GetBytes(outside) })),
        ("mode with a thirteenth bit", "a", (t, _) => t.File("a", "1", 0x1000)),
        ("mode negative", "a", (t, _) => t.File("a", "1", -1)),
        ("size negative", "a", (t, _) => t.File("a", "1").Change(e => e with { SizeBytes = -1 })),
        ("claims more than its extents", "a", (t, _) => t.File("a", "1").Change(e => e with { SizeBytes = 10L << 30 })),
        ("claims less than its extents", "a", (t, _) => t.File("a", "12").Change(e => e with { SizeBytes = 1 })),
        ("extent of length 0", "a", (t, _) => t.File("a", "1").Change(e => e with { Content = [.. e.Content, new Extent(default, 0, true)] })),
        ("extent of negative length", "a", (t, _) => t.File("a", "1").Change(e => e with { Content = [new Extent(default, 5, true), new Extent(default, -4, true)] })),
        ("extents that overflow", "a", (t, _) => t.File("a", "1").Change(e => e with
        {
            SizeBytes = 0,
            Content = [new Extent(default, long.MaxValue, true), new Extent(default, long.MaxValue, true), new Extent(default, 2, true)],
        })),
        ("a hole of an exbibyte", "a", (t, _) => t.File("a", "1").Change(e => e with { SizeBytes = 1L << 60, Content = [new Extent(default, 1L << 60, true)] })),
        ("chunk that is not there", "a", (t, _) => t.File("a", "1").Change(e => e with { Content = [new Extent(ContentHash.Of("none"u8), 1, false)] })),
        ("chunk of another length", "b", (t, _) => t.File("a", "12345").File("b", "1").Change(e => e with { Content = [t.Entries[0].Content[0] with { LengthBytes = 1 }] })),
        ("chunk longer than the index says", "b", (t, _) => t.File("b", "12345").Claim(location => location with { RawBytes = 4 })),
        ("chunk of a gigabyte", "a", (t, _) => t.File("a", "1").Change(e => e with { SizeBytes = 1 << 30, Content = [e.Content[0] with { LengthBytes = 1 << 30 }] })
            .Claim(location => location with { RawBytes = 1 << 30 })),
        ("chunk of negative length", "a", (t, _) => t.File("a", "1").Claim(location => location with { RawBytes = -1 })),
        ("frame of negative length", "a", (t, _) => t.File("a", "1").Claim(location => location with { StoredBytes = -1 })),
        ("frame before its pack", "a", (t, _) => t.File("a", "1").Claim(location => location with { OffsetBytes = -1 })),
        ("frame behind its pack", "a", (t, _) => t.File("a", "1").Claim(location => location with { OffsetBytes = 1 << 20 })),
        ("frame of a gigabyte", "a", (t, _) => t.File("a", "1").Claim(location => location with { StoredBytes = 1 << 30 })),
        ("damaged chunk under a deceiving name", "cod\\u{202e}gnp", (t, _) =>
        {
            t.File("cod\u202egnp", "x");
            t.Chunks.Broken.Add(t.Entries[0].Content[0].Chunk);
        }),
        ("attribute without a name", "a", (t, _) => t.File("a", "1", 0, 0, TestTree.Attribute("", "x"))),
        ("attribute name with NUL", "a", (t, _) => t.File("a", "1", 0, 0, TestTree.Attribute("user.\0x", "x"))),
        ("attribute name too long", "a", (t, _) => t.File("a", "1", 0, 0, TestTree.Attribute("user." + new string('x', 251), "x"))),
        ("attribute value too long", "a", (t, _) => t.File("a", "1", 0, 0, TestTree.Attribute("user.x", new string('x', 65537)))),
        ("attributes without end", "a", (t, _) => t.File("a", "1", 0, 0, [.. Enumerable.Range(0, 5000).Select(i => TestTree.Attribute($"user.{i}", "x"))])),
        ("more bytes than the disk has", "the disk of the target", (t, _) =>
        {
            var chunk = t.Chunks.Add(new byte[4 << 20]);
            t.File("a", "").Change(e => e with { SizeBytes = 4L << 40, Content = [.. Enumerable.Repeat(chunk, 1 << 20)] });
        }),
    ];

    private static (string Name, Action<TestTree, string> Build, Action<string, RestoreResult> Check)[] HarmlessCases =>
    [
        ("link out", (t, outside) => t.Link("a", $"{outside}/precious").Link("b", "../../../../etc"), (target, _) =>
            Assert.NotNull(new FileInfo(Path.Combine(target, "a")).LinkTarget)),
        ("link to itself", (t, _) => t.Link("a", "a"), (target, _) => Assert.Equal("a", new FileInfo(Path.Combine(target, "a")).LinkTarget)),
        ("link to the root", (t, _) => t.Folder("d").Link("d/up", ".."), (target, _) => Assert.Equal("..", new FileInfo(Path.Combine(target, "d/up")).LinkTarget)),
        ("set-user-id and set-group-id", (t, _) => t.Folder("d", 0b110_111_101_101).File("d/a", "x", 0b111_111_101_101), (target, result) =>
        {
            Assert.Equal((UnixFileMode)0b001_111_101_101, File.GetUnixFileMode(Path.Combine(target, "d/a")));
            Assert.Equal((UnixFileMode)0b111_101_101, File.GetUnixFileMode(Path.Combine(target, "d")));
            Assert.Equal(2, result.WarningCount);
        }),
        ("file capability", (t, _) => t.File("a", "x", 0b111_101_101, 0, TestTree.Attribute("security.capability", "xxxx")), (_, result) => Assert.Equal(1, result.WarningCount)),
        ("FIFO", (t, _) => t.Fifo("a"), (target, result) =>
        {
            Assert.Empty(Directory.GetFileSystemEntries(target));
            Assert.Equal("a", result.Warnings[0].Path);
        }),
        ("sparse file of ten gigabytes", (t, _) => t.File("a", "1").Change(e => e with
        {
            SizeBytes = (10L << 30) + 1,
            Content = [new Extent(default, 10L << 30, true), e.Content[0]],
        }), (target, _) => Assert.Equal((10L << 30) + 1, new FileInfo(Path.Combine(target, "a")).Length)),
        ("names that differ in case", (t, _) => t.File("README", "1").File("readme", "2"), (target, _) => Assert.Equal("2", File.ReadAllText(Path.Combine(target, "readme")))),
        ("name that turns the text around", (t, _) => t.File("cod\u202egnp.exe", "x").Fifo("a\u202eb"), (target, result) =>
        {
            Assert.True(File.Exists(Path.Combine(target, "cod\u202egnp.exe")));
            Assert.Equal("a\\u{202e}b", result.Warnings[0].Path);
        }),
        ("name of control characters", (t, _) => t.File("\u001b[2J\r\n", "x"), (target, _) => Assert.Single(Directory.GetFiles(target))),
        ("name that is no UTF-8", (t, _) => t.Add(Of("x", EntryKind.File) with { Path = PathOf([0xff, 0xfe, 0x80]) }), (target, _) => RemoveRaw(target, [0xff, 0xfe, 0x80, 0])),
        ("longest name", (t, _) => t.File(string.Concat(Enumerable.Repeat('n', 255)), "x"), (target, _) => Assert.Single(Directory.GetFiles(target))),
        ("names like options and patterns", (t, _) => t.File("-rf", "x").File("*", "y").File("$(id)", "z").File("~", "h"), (target, _) =>
            Assert.Equal(4, Directory.GetFiles(target).Length)),
        ("nesting as deep as a path can be", (t, _) =>
        {
            var path = "d";
            for (t.Folder(path); path.Length < 4000; t.Folder(path))
            {
                path += "/d";
            }

            t.File(path + "/x", "x");
        }, (_, result) => Assert.Equal(1, result.FilesRestored)),
        ("time before 1970", (t, _) => t.File("a", "x", 0b110_100_100, -1_000_000_001), (target, _) =>
            Assert.Contains(" -1000000001 ", TreeState.Of(target), StringComparison.Ordinal)),
        ("time at either end", (t, _) => t.File("a", "x", 0b110_100_100, long.MaxValue).File("b", "x", 0b110_100_100, long.MinValue).Folder("c", 0b111_101_101, long.MinValue),
            (target, _) => Assert.Equal("x", File.ReadAllText(Path.Combine(target, "b")))),
        ("attributes that cannot be set", (t, _) => t.File("a", "x", 0b110_100_100, 0, TestTree.Attribute("nospace", "x"), TestTree.Attribute("user.x", "y")), (_, result) =>
            Assert.Equal(1, result.WarningCount)),
        ("another chunk of the same length", (t, _) => t.File("a", "1").File("b", "2").Change(e => e with { Content = t.Entries[0].Content }), (target, _) =>
            Assert.Equal("1", File.ReadAllText(Path.Combine(target, "b")))),
        ("mode without any right", (t, _) => t.Folder("d", 0).File("d/a", "x", 0), (target, _) =>
        {
            Assert.Equal((UnixFileMode)0, File.GetUnixFileMode(Path.Combine(target, "d")));
            File.SetUnixFileMode(Path.Combine(target, "d"), (UnixFileMode)0b111_000_000);
            Assert.Equal((UnixFileMode)0, File.GetUnixFileMode(Path.Combine(target, "d/a")));
        }),
        ("staging directories with a journal in one", (t, _) => t.Folder(".dumont-tmp").File(".dumont-tmp/0", "1").Folder(".dumont-restore")
            .File(".dumont-restore/journal", "x").HardLink("a", ".dumont-tmp/0"), (target, result) =>
        {
            Assert.Equal([Path.Combine(target, "a")], Directory.GetFileSystemEntries(target));
            Assert.Equal(2, result.WarningCount);
        }),
        ("link as staging directory", (t, outside) => t.Link(".dumont-restore", outside), (target, _) => Assert.Empty(Directory.GetFileSystemEntries(target))),
        ("nothing at all", (_, _) => { }, (target, _) => Assert.Empty(Directory.GetFileSystemEntries(target))),
    ];

    private static ManifestEntry Of(string path, EntryKind kind) => TestTree.Entry(TreePath.Parse(path), kind, 0b110_100_100, TestTree.Time);

    private static TreePath PathOf(byte[] bytes) => TreePath.TryCreate(bytes, out var path) ? path : throw new InvalidOperationException();

    // The base library cannot name it, not even to delete it.
    private static void RemoveRaw(string folder, byte[] name)
    {
        using var root = TreeRoot.Open(folder);
        Assert.True(Posix.TryStat((int)root.Handle.DangerousGetHandle(), name, out _));
        Posix.Unlink((int)root.Handle.DangerousGetHandle(), name);
    }

    private void AssertOutsideUntouched()
    {
        Assert.Equal([Path.Combine(_outside, "precious")], Directory.GetFileSystemEntries(_outside));
        Assert.Equal("precious", File.ReadAllText(Path.Combine(_outside, "precious")));
    }
}
