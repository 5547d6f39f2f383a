using Dumont.Snapshots.Sync;

namespace Dumont.Snapshots.Tests.Sync;

/// <summary>What belongs to an entry besides its content: owner, extended attributes, times, and that several names are one file.</summary>
public sealed class SyncMetadataTests
{
    private static readonly SyncOptions OfBefore = new() { Debounce = TimeSpan.FromMilliseconds(1), RescanPeriod = TimeSpan.FromSeconds(30), Version = 2 };

    [Fact]
    public async Task Metadata_OfEveryKind_Arrives()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Giving files away needs root.");
        await using var pair = new SyncPair();
        Directory.CreateDirectory(Path.Combine(pair.From, "folder"));
        File.WriteAllText(Path.Combine(pair.From, "folder/small"), "small");
        File.WriteAllBytes(Path.Combine(pair.From, "large"), TreeFacts.Noise(600_000, 1));
        File.CreateSymbolicLink(Path.Combine(pair.From, "link"), "large");
        foreach (var (name, owner) in new[] { ("folder/small", 1000), ("large", 1001), ("link", 1002), ("folder", 1003) })
        {
            Kernel.SetOwner(Path.Combine(pair.From, name), owner, owner + 10);
        }

        Kernel.SetAttribute(Path.Combine(pair.From, "folder/small"), "user.origin", "a small file"u8);
        Kernel.SetAttribute(Path.Combine(pair.From, "large"), "user.empty", []);
        Kernel.SetAttribute(Path.Combine(pair.From, "folder"), "user.kind", "of a folder"u8);
        Kernel.SetAttribute(Path.Combine(pair.From, "large"), "security.capability", NetBindService);
        Kernel.SetAttribute(Path.Combine(pair.From, "folder"), "system.posix_acl_default", AccessListOf(user: 1234));

        pair.Connect();
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
        using var root = TreeRoot.Open(pair.To);
        Assert.Equal((1000u, 1010u), Owner(root, "folder/small"));
        Assert.Equal((1002u, 1012u), Owner(root, "link"));
        Assert.Equal(["security.capability", "user.empty"], Attributes(root, "large"));
        Assert.Equal(["system.posix_acl_default", "user.kind"], Attributes(root, "folder"));
        Assert.Equal(["user.origin"], Attributes(root, "folder/small"));
        Assert.Null(pair.Sink.Trouble);
    }

    [Fact]
    public async Task Metadata_AloneChanged_IsSentWithoutContent()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Giving files away needs root.");
        await using var pair = new SyncPair();
        Directory.CreateDirectory(Path.Combine(pair.From, "folder"));
        File.WriteAllBytes(Path.Combine(pair.From, "small"), TreeFacts.Noise(200_000, 1));
        File.WriteAllBytes(Path.Combine(pair.From, "large"), TreeFacts.Noise(8_000_000, 2));
        File.CreateSymbolicLink(Path.Combine(pair.From, "link"), "large");
        pair.Connect();
        await pair.CaughtUpAsync();
        var before = pair.Wire!.BytesWritten;

        foreach (var change in new Action<string>[]
        {
            name => Kernel.SetOwner(Path.Combine(pair.From, name), 77, 78),
            name => Kernel.SetAttribute(Path.Combine(pair.From, name), "user.a", "one"u8),
            name => Kernel.SetAttribute(Path.Combine(pair.From, name), "user.a", "two"u8),
            name => Kernel.RemoveAttribute(Path.Combine(pair.From, name), "user.a"),
            name => File.SetUnixFileMode(Path.Combine(pair.From, name), (UnixFileMode)0b111_000_000),
        })
        {
            foreach (var name in new[] { "small", "large", "folder" })
            {
                change(name);
            }

            await pair.CaughtUpAsync();
            Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
        }

        Kernel.SetOwner(Path.Combine(pair.From, "link"), 5, 6);
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
        Assert.InRange(pair.Wire.BytesWritten - before, 500, 10_000);
    }

    [Fact]
    public async Task Metadata_DiffersAtTheFirstConnection_IsEvenedOut()
    {
        await using var pair = new SyncPair();
        var time = new DateTime(2020, 1, 2, 3, 4, 5, DateTimeKind.Utc);
        foreach (var folder in new[] { pair.From, pair.To })
        {
            Directory.CreateDirectory(Path.Combine(folder, "folder"));
            File.WriteAllText(Path.Combine(folder, "file"), "the same");
            File.SetLastWriteTimeUtc(Path.Combine(folder, "file"), time);
            Directory.SetLastWriteTimeUtc(Path.Combine(folder, "folder"), time);
        }

        Kernel.SetAttribute(Path.Combine(pair.From, "file"), "user.ours", "1"u8);
        Kernel.SetAttribute(Path.Combine(pair.To, "file"), "user.theirs", "2"u8);
        Kernel.SetAttribute(Path.Combine(pair.To, "folder"), "user.theirs", "3"u8);

        pair.Connect();
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
        Assert.Equal(0, pair.Source.Status.FilesTotal);
        await pair.CutAsync();
        pair.Connect();
        await pair.CaughtUpAsync();
        Assert.InRange(pair.Wire!.BytesWritten, 1, 200);
    }

    [Fact]
    public async Task Directory_TimeWithNanoseconds_IsKeptWhenItsContentChanges()
    {
        await using var pair = new SyncPair();
        var folder = Directory.CreateDirectory(Path.Combine(pair.From, "folder")).FullName;
        pair.Connect();
        await pair.CaughtUpAsync();

        File.WriteAllText(Path.Combine(folder, "file"), "x");
        Directory.SetLastWriteTimeUtc(folder, new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc).AddTicks(1_234_567));
        await pair.CaughtUpAsync();

        using var root = TreeRoot.Open(pair.To);
        Assert.Equal(123_456_700, root.Find(TreePath.Parse("folder"))!.Stamp.ModifiedNs % 1_000_000_000);
    }

    [Theory]
    [InlineData(50_000)]
    [InlineData(3_000_000)]
    public async Task HardLink_NewName_SendsNoContentAndIsOneFileThere(int size)
    {
        await using var pair = new SyncPair();
        File.WriteAllBytes(Path.Combine(pair.From, "a"), TreeFacts.Noise(size, 1));
        pair.Connect();
        await pair.CaughtUpAsync();
        var before = pair.Wire!.BytesWritten;

        Kernel.Link(Path.Combine(pair.From, "a"), Path.Combine(pair.From, "b"));
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
        Assert.Equal(Inode(pair.To, "a"), Inode(pair.To, "b"));
        Assert.InRange(pair.Wire.BytesWritten - before, 1, 4000);
    }

    [Theory]
    [InlineData(50_000)]
    [InlineData(3_000_000)]
    public async Task HardLink_FirstSync_SendsContentOnce(int size)
    {
        await using var pair = new SyncPair();
        Directory.CreateDirectory(Path.Combine(pair.From, "z"));
        File.WriteAllBytes(Path.Combine(pair.From, "a"), TreeFacts.Noise(size, 1));
        Kernel.Link(Path.Combine(pair.From, "a"), Path.Combine(pair.From, "b"));
        Kernel.Link(Path.Combine(pair.From, "a"), Path.Combine(pair.From, "z/c"));

        pair.Connect();
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
        Assert.Equal(Inode(pair.To, "a"), Inode(pair.To, "z/c"));
        Assert.InRange(pair.Wire!.BytesWritten, size, size + 10_000);
    }

    [Theory]
    [InlineData(50_000)]
    [InlineData(3_000_000)]
    public async Task HardLink_WrittenThroughTheNameThatIsNotNoticed_BothNamesFollow(int size)
    {
        await using var pair = new SyncPair();
        File.WriteAllBytes(Path.Combine(pair.From, "a"), TreeFacts.Noise(size, 1));
        Kernel.Link(Path.Combine(pair.From, "a"), Path.Combine(pair.From, "b"));
        pair.Connect();
        await pair.CaughtUpAsync();

        File.AppendAllText(Path.Combine(pair.From, "a"), "more");

        // As a watcher would: it tells the name that was used, nothing compares.
        await pair.Changes.FlushFileAsync(TreePath.Parse("a"), TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => pair.Source.Status.PendingChanges == 0, "the other name follows");

        Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
    }

    [Fact]
    public async Task HardLink_ReplacedByAFileWithTheSameContent_IsTwoFilesThere()
    {
        await using var pair = new SyncPair();
        foreach (var size in new[] { 10, 3_000_000 })
        {
            var content = TreeFacts.Noise(size, 1);
            File.WriteAllBytes(Path.Combine(pair.From, $"a{size}"), content);
            Kernel.Link(Path.Combine(pair.From, $"a{size}"), Path.Combine(pair.From, $"b{size}"));
        }

        pair.Connect();
        await pair.CaughtUpAsync();
        foreach (var size in new[] { 10, 3_000_000 })
        {
            File.Copy(Path.Combine(pair.From, $"a{size}"), Path.Combine(pair.From, "copy"));
            File.Move(Path.Combine(pair.From, "copy"), Path.Combine(pair.From, $"b{size}"), overwrite: true);
        }

        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
        Assert.NotEqual(Inode(pair.To, "a10"), Inode(pair.To, "b10"));
        Assert.NotEqual(Inode(pair.To, "a3000000"), Inode(pair.To, "b3000000"));
    }

    [Fact]
    public async Task HardLinks_DifferAtTheFirstConnection_AreEvenedOut()
    {
        await using var pair = new SyncPair();
        foreach (var name in new[] { "a", "b", "c", "d", "e" })
        {
            File.WriteAllText(Path.Combine(pair.To, name), "x");
        }

        File.Delete(Path.Combine(pair.To, "c"));
        Kernel.Link(Path.Combine(pair.To, "b"), Path.Combine(pair.To, "c"));
        File.WriteAllText(Path.Combine(pair.From, "a"), "x");
        Kernel.Link(Path.Combine(pair.From, "a"), Path.Combine(pair.From, "b"));
        Kernel.Link(Path.Combine(pair.From, "a"), Path.Combine(pair.From, "d"));
        File.WriteAllText(Path.Combine(pair.From, "c"), "x");
        Kernel.Link(Path.Combine(pair.From, "c"), Path.Combine(pair.From, "e"));

        pair.Connect();
        await pair.CaughtUpAsync();
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
    }

    [Fact]
    public async Task HardLink_IntoTheStagingDirectoryOrOutside_IsRefused()
    {
        foreach (var (path, target, fault) in new[]
        {
            ("a", ".dumont-tmp/0", SyncFault.Protocol), (".dumont-tmp/0", "a", SyncFault.Protocol), ("a", "missing", SyncFault.TreeDiffers), ("a", "door/precious", SyncFault.TreeDiffers),
        })
        {
            await using var sink = new BareSink();
            File.CreateSymbolicLink(Path.Combine(sink.Tree, "door"), sink.Outside);
            File.WriteAllText(Path.Combine(sink.Outside, "precious"), "precious");
            await sink.GreetAsync(SyncLimits.Version);

            await sink.SendAsync(new HardLinkMessage(1, TreePath.Parse(path), TreePath.Parse(target)));

            Assert.Equal(fault, (await sink.FaultAsync()).Fault);
            Assert.False(File.Exists(Path.Combine(sink.Tree, "a")));
        }
    }

    [Fact]
    public async Task Metadata_NamesThatNoKernelTakes_AreAProtocolError()
    {
        foreach (var name in new[] { new string('n', 300), "user.a\0b" })
        {
            await using var sink = new BareSink();
            await sink.GreetAsync(SyncLimits.Version);

            await sink.SendAsync(new FileMessage(
                1, TreePath.Parse("a"), 0b110_000_000, 0, "x"u8.ToArray(), EntryMetadata.Of(0, 0, [new ExtendedAttribute([.. "user."u8, .. System.Text.Encoding.ASCII.GetBytes(name)], [1])])));

            Assert.Equal(SyncFault.Protocol, (await sink.FaultAsync()).Fault);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Peer_OfBefore_GetsWhatItKnows(bool sinkIsOld)
    {
        await using var pair = sinkIsOld ? new SyncPair(sinkOptions: OfBefore) : new SyncPair(OfBefore, sinkOptions: new SyncOptions());
        File.WriteAllText(Path.Combine(pair.From, "a"), "x");
        File.WriteAllBytes(Path.Combine(pair.From, "large"), TreeFacts.Noise(600_000, 1));
        Kernel.Link(Path.Combine(pair.From, "a"), Path.Combine(pair.From, "b"));
        Kernel.SetAttribute(Path.Combine(pair.From, "a"), "user.a", "one"u8);

        pair.Connect();
        await pair.CaughtUpAsync();
        File.AppendAllText(Path.Combine(pair.From, "b"), "y");
        File.SetUnixFileMode(Path.Combine(pair.From, "large"), (UnixFileMode)0b111_000_000);
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.Of(pair.From), TreeFacts.Of(pair.To));
        using var root = TreeRoot.Open(pair.To);
        Assert.Empty(Attributes(root, "a"));
        Assert.NotEqual(Inode(pair.To, "a"), Inode(pair.To, "b"));
    }

    // struct vfs_cap_data, version 2, effective: CAP_NET_BIND_SERVICE permitted.
    private static byte[] NetBindService => [0x01, 0, 0, 0x02, 0, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    // Version 2, then tag, permissions and id of owner, one user, group, mask and others.
    private static byte[] AccessListOf(int user)
    {
        var entries = new (short Tag, short Permissions, int Id)[] { (1, 7, -1), (2, 6, user), (4, 5, -1), (16, 7, -1), (32, 5, -1) };
        return [2, 0, 0, 0, .. entries.SelectMany(entry => (byte[])[.. BitConverter.GetBytes(entry.Tag), .. BitConverter.GetBytes(entry.Permissions), .. BitConverter.GetBytes(entry.Id)])];
    }

    private static (uint User, uint Group) Owner(TreeRoot root, string path) => root.Find(TreePath.Parse(path)) is { } entry ? (entry.UserId, entry.GroupId) : default;

    private static IEnumerable<string> Attributes(TreeRoot root, string path) =>
        root.ReadMetadata(root.Find(TreePath.Parse(path))!).Attributes.Select(attribute => System.Text.Encoding.ASCII.GetString(attribute.Name));

    private static ulong Inode(string folder, string path)
    {
        using var root = TreeRoot.Open(folder);
        return root.Find(TreePath.Parse(path))!.Stamp.Inode;
    }
}
