using System.Globalization;
using Dumont.Snapshots.Sync;

namespace Dumont.Snapshots.Tests.Sync;

/// <summary>What goes over the wire: no more than has to.</summary>
public sealed class SyncTransferTests
{
    private const int LargeBytes = 24 << 20;

    [Fact]
    public async Task LargeFile_OnePercentChangedInPlace_SendsFewChunks()
    {
        await using var pair = new SyncPair();
        var path = Path.Combine(pair.From, "model.bin");
        File.WriteAllBytes(path, TreeFacts.Noise(LargeBytes, 1));
        pair.Connect();
        await pair.CaughtUpAsync();
        var before = pair.Wire!.BytesWritten;

        using (var file = File.OpenWrite(path))
        {
            file.Position = LargeBytes / 2;
            file.Write(TreeFacts.Noise(LargeBytes / 100, 2));
        }

        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.Of(pair.From), TreeFacts.Of(pair.To));
        Assert.InRange(pair.Wire.BytesWritten - before, LargeBytes / 100, LargeBytes / 10);
    }

    /// <summary>64 MB; as many as <c>DUMONT_SYNC_FILE_MB</c> says, for a long run.</summary>
    [Fact]
    public async Task LargeFile_OneMegabyteChangedInPlace_SendsTheChunksThatHoldIt()
    {
        const int Changed = 1 << 20;
        var blocks = int.TryParse(Environment.GetEnvironmentVariables()["DUMONT_SYNC_FILE_MB"] as string, CultureInfo.InvariantCulture, out var megabytes) ? megabytes : 64;
        await using var pair = new SyncPair();
        var (path, there) = (Path.Combine(pair.From, "disk.img"), Path.Combine(pair.To, "disk.img"));
        using (var file = File.Create(path))
        {
            for (var block = 0; block < blocks; block++)
            {
                file.Write(TreeFacts.Noise(1 << 20, block));
            }
        }

        pair.Connect();
        await pair.Changes.FlushFileAsync(TreePath.Parse("disk.img"), TestContext.Current.CancellationToken);
        Assert.Equal((long)blocks << 20, pair.Source.Status.BytesTotal);
        var (onTheWire, ofContent) = (pair.Wire!.BytesWritten, pair.Source.Status.BytesTotal);

        using (var file = File.OpenWrite(path))
        {
            file.Position = ((long)blocks << 19) + 12_345;
            file.Write(TreeFacts.Noise(Changed, -1));
        }

        await pair.Changes.FlushFileAsync(TreePath.Parse("disk.img"), TestContext.Current.CancellationToken);

        // The chunks at both ends hold some of what is around, and a list of all chunks goes along.
        (onTheWire, ofContent) = (pair.Wire.BytesWritten - onTheWire, pair.Source.Status.BytesTotal - ofContent);
        TestContext.Current.TestOutputHelper?.WriteLine($"{blocks} MiB, 1 MiB changed in place: {ofContent} bytes of content, {onTheWire} on the wire");
        Assert.InRange(ofContent, Changed, Changed + (2 * SyncLimits.ChunkBytes));
        Assert.InRange(onTheWire, ofContent, ofContent + (blocks * 1024) + 10_000);
        Assert.Equal(DigestOf(path), DigestOf(there));
    }

    [Fact]
    public async Task Rate_PassThatComparesMoreThanItSends_MeasuresNone()
    {
        await using var pair = new SyncPair();
        File.WriteAllBytes(Path.Combine(pair.From, "model.bin"), TreeFacts.Noise(LargeBytes, 1));
        pair.Connect();
        await pair.CaughtUpAsync();
        Assert.True(pair.Source.Status.BytesPerSecond > 0);

        // One that knows nothing of its files reads all of them, and finds that the sink lacks a fifth.
        File.WriteAllBytes(Path.Combine(pair.From, "more.bin"), TreeFacts.Noise(6 << 20, 2));
        await using var other = pair.Beside(generation: 2);
        other.Connect();
        await other.CaughtUpAsync();

        Assert.Equal(TreeFacts.Of(pair.From), TreeFacts.Of(pair.To));
        Assert.True(other.Source.Status.BytesTotal >= 6 << 20);
        Assert.Null(other.Source.Status.BytesPerSecond);
    }

    [Fact]
    public async Task LargeFile_Renamed_SendsNoContent()
    {
        await using var pair = new SyncPair();
        Directory.CreateDirectory(Path.Combine(pair.From, "old"));
        File.WriteAllBytes(Path.Combine(pair.From, "old/model.bin"), TreeFacts.Noise(LargeBytes, 3));
        pair.Connect();
        await pair.CaughtUpAsync();
        var before = pair.Wire!.BytesWritten;

        Directory.Move(Path.Combine(pair.From, "old"), Path.Combine(pair.From, "new"));
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.Of(pair.From), TreeFacts.Of(pair.To));
        Assert.InRange(pair.Wire.BytesWritten - before, 1, 64 << 10);
    }

    [Fact]
    public async Task LargeFile_OfZeros_SendsOneChunkAndStaysSparse()
    {
        await using var pair = new SyncPair();
        using (var file = File.Create(Path.Combine(pair.From, "sparse")))
        {
            file.SetLength(1L << 30);
        }

        pair.Connect();
        await pair.CaughtUpAsync();

        Assert.Equal(1L << 30, new FileInfo(Path.Combine(pair.To, "sparse")).Length);
        Assert.InRange(pair.Wire!.BytesWritten, 1, 4 << 20);
        Assert.True(new DriveInfo(pair.To).TotalFreeSpace > 0);
    }

    [Fact]
    public async Task LargeFile_ModeAndTimeChanged_SendsNoContent()
    {
        await using var pair = new SyncPair();
        var path = Path.Combine(pair.From, "model.bin");
        File.WriteAllBytes(path, TreeFacts.Noise(LargeBytes, 4));
        pair.Connect();
        await pair.CaughtUpAsync();
        var inode = Inode(pair.To, "model.bin");

        File.SetUnixFileMode(path, (UnixFileMode)0b100_000_000);
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.Of(pair.From), TreeFacts.Of(pair.To));
        Assert.Equal(inode, Inode(pair.To, "model.bin"));
    }

    [Fact]
    public async Task LargeFiles_MoreThanStages_WaitForEachOther()
    {
        await using var pair = new SyncPair();
        for (var i = 0; i < SyncLimits.OpenStages * 8; i++)
        {
            File.WriteAllBytes(Path.Combine(pair.From, $"f{i}"), TreeFacts.Noise(FileContent.WholeFileBytes + 1 + i, i));
        }

        pair.Connect();
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.Of(pair.From), TreeFacts.Of(pair.To));
    }

    [Fact]
    public async Task Reconnect_NothingChanged_SendsNothing()
    {
        await using var pair = new SyncPair();
        for (var i = 0; i < 200; i++)
        {
            File.WriteAllBytes(Path.Combine(pair.From, $"f{i}"), TreeFacts.Noise(10_000, i));
        }

        pair.Connect();
        await pair.CaughtUpAsync();
        await pair.CutAsync();
        var files = pair.Source.Status.FilesTotal;

        pair.Connect();
        await pair.CaughtUpAsync();

        Assert.Equal(files, pair.Source.Status.FilesTotal);
        Assert.InRange(pair.Wire!.BytesWritten, 1, 1000);
    }

    [Fact]
    public async Task Reconnect_AfterCutInTheMiddle_SendsOnlyTheRest()
    {
        await using var pair = new SyncPair();
        for (var i = 0; i < 100; i++)
        {
            File.WriteAllBytes(Path.Combine(pair.From, $"f{i}"), TreeFacts.Noise(100_000, i));
        }

        pair.Connect(cutAfterBytes: 6_000_000);
        await pair.ClosedAsync();
        var arrived = Directory.GetFiles(pair.To).Length;

        pair.Connect();
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.Of(pair.From), TreeFacts.Of(pair.To));
        Assert.InRange(arrived, 1, 99);
        Assert.InRange(pair.Wire!.BytesWritten, 1, ((100 - arrived) * 100_200) + 10_000);
    }

    [Fact]
    public async Task Status_SinkDoesNotAnswer_OldestPendingGrows()
    {
        await using var pair = new SyncPair();
        pair.Connect();
        await pair.CaughtUpAsync();
        Assert.Equal(TimeSpan.Zero, pair.Source.Status.OldestPending);
        await pair.CutAsync();

        pair.Changes.Mark(TreePath.Parse("file"));
        var first = pair.Source.Status.OldestPending;
        await Eventually.TrueAsync(() => pair.Source.Status.OldestPending > first, "the age grows");

        Assert.Equal(1, pair.Source.Status.PendingChanges);
        Assert.Equal(SyncPhase.Disconnected, pair.Source.Status.Phase);
        pair.Connect();
        await pair.CaughtUpAsync();
        Assert.Equal(TimeSpan.Zero, pair.Source.Status.OldestPending);
    }

    [Fact]
    public async Task Sink_DiskFull_SaysSoAndHealsWhenThereIsRoom()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Mounting a small file system needs root.");
        await using var pair = new SyncPair();
        using var disk = SmallDisk.Mount(pair.To, 4 << 20);
        File.WriteAllBytes(Path.Combine(pair.From, "fits"), TreeFacts.Noise(1 << 20, 1));
        File.WriteAllBytes(Path.Combine(pair.From, "too big"), TreeFacts.Noise(6 << 20, 2));

        pair.Connect();
        await pair.ClosedAsync();

        Assert.Equal(SyncFault.NoSpace, Assert.IsType<SyncFaultException>(pair.SourceError).Fault);
        Assert.False(File.Exists(Path.Combine(pair.To, "too big")));
        File.Delete(Path.Combine(pair.From, "too big"));
        pair.Connect();
        await pair.CaughtUpAsync();
        Assert.Equal(TreeFacts.Of(pair.From), TreeFacts.Of(pair.To));
    }

    private static ContentHash DigestOf(string path)
    {
        using var file = File.OpenHandle(path);
        return FileContent.DigestOf(FileContent.ReadChunks(file, Chunker.ForSync, CancellationToken.None));
    }

    private static ulong Inode(string folder, string name)
    {
        using var root = TreeRoot.Open(folder);
        return root.Find(TreePath.Parse(name))!.Stamp.Inode;
    }
}
