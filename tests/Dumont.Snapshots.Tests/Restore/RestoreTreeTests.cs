using System.Text;

namespace Dumont.Snapshots.Tests.Restore;

/// <summary>A manifest becomes a tree that was not there.</summary>
public sealed class RestoreTreeTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Target => _folder.File("target");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task NewTree_EveryKind_IsAsTheManifestSays()
    {
        var noise = TreeFacts.Noise(300_000, 1);
        var tree = new TestTree().Root(0b111_101_000, 7_000_000_001)
            .Folder("a", 0b111_000_000, 5).File("a/small", "small", 0b100_000_000, -1)
            .File("large", [noise[..100_000], noise[100_000..200_000], noise[200_000..]], 0b111_101_101, 1_999_999_999)
            .File("empty", "").Link("link", "a/small").Link("dangling", "/nowhere").HardLink("second", "large");

        var result = await tree.RestoreAsync(Target);

        Assert.Equal("small", await File.ReadAllTextAsync(Path.Combine(Target, "a/small"), TestContext.Current.CancellationToken));
        Assert.Equal(noise, await File.ReadAllBytesAsync(Path.Combine(Target, "second"), TestContext.Current.CancellationToken));
        var state = TreeState.Of(Target, withInodes: false);
        Assert.StartsWith($"d . 750 {Me.User} {Me.Group} 7000000001 ", state, StringComparison.Ordinal);
        Assert.Contains($"\nd a 700 {Me.User} {Me.Group} 5 ", state, StringComparison.Ordinal);
        Assert.Contains($"\nf a/small 400 {Me.User} {Me.Group} -1 1 ", state, StringComparison.Ordinal);
        Assert.Contains($"\nf large 755 {Me.User} {Me.Group} 1999999999 2 ", state, StringComparison.Ordinal);
        Assert.Contains($"\nl link 777 {Me.User} {Me.Group} {TestTree.Time} 1 0 a/small", state, StringComparison.Ordinal);
        Assert.Equal((3, 2, 4, 0), (result.FilesRestored, result.DirectoriesMade, result.LinksMade + 1, result.WarningCount));
        Assert.Equal([Target], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task NewTree_OneChunkInManyPlaces_IsOpenedOnce()
    {
        var chunk = TreeFacts.Noise(50_000, 2);
        var tree = new TestTree().File("a", [chunk]).File("b", [chunk, chunk, chunk]).File("c", [null, chunk]);

        await tree.RestoreAsync(Target);

        Assert.Equal(1, Assert.Single(tree.Chunks.Opened).Value);
        Assert.Equal(chunk, (await File.ReadAllBytesAsync(Path.Combine(Target, "b"), TestContext.Current.CancellationToken))[100_000..]);
        Assert.Equal(chunk, (await File.ReadAllBytesAsync(Path.Combine(Target, "c"), TestContext.Current.CancellationToken))[65536..]);
    }

    [Fact]
    public async Task NewTree_Holes_StayHoles()
    {
        var tree = new TestTree().File("sparse", [.. Enumerable.Repeat<byte[]?>(null, 1600), [1]]);

        await tree.RestoreAsync(Target);

        Assert.Equal((1600 << 16) + 1, new FileInfo(Path.Combine(Target, "sparse")).Length);
        Assert.True(DiskUse(Target) < 1 << 20);
    }

    [Fact]
    public async Task NewTree_ThousandsOfFilesOverManyPacks_AllArrive()
    {
        var tree = new TestTree();
        var random = new SeededRandom(3);
        var content = new Dictionary<string, byte[]>();
        for (var folder = 0; folder < 150; folder++)
        {
            tree.Folder($"d{folder}");
            for (var file = 0; file < 20; file++)
            {
                var bytes = TreeFacts.Noise(random.Below(4000), (folder * 100) + file);
                content.Add($"d{folder}/f{file}", bytes);
                tree.File($"d{folder}/f{file}", [.. bytes.Chunk(1 + random.Below(3000))]);
            }
        }

        var result = await tree.RestoreAsync(Target, new RestoreOptions { Workers = 3, Verify = true, Durable = false });

        Assert.Equal(3000, result.FilesRestored);
        Assert.All(content, file => Assert.Equal(file.Value, File.ReadAllBytes(Path.Combine(Target, file.Key))));
    }

    [Fact]
    public async Task NewTree_LargeFilesInOddPieces_AreRightWhenTheyGoPastThePageCache()
    {
        var random = new SeededRandom(11);
        var tree = new TestTree { Chunks = new FakeChunks { PackBytes = 3 << 20 } };
        var content = new Dictionary<string, byte[]>();
        var shared = TreeFacts.Noise(70_001, 99);
        for (var i = 0; i < 6; i++)
        {
            var chunks = new List<byte[]?>();
            while (chunks.Sum(chunk => chunk?.Length ?? 65536) < 9 << 20)
            {
                chunks.Add(random.Below(12) switch
                {
                    0 => new byte[1 + random.Below(200_000)],
                    1 => shared,
                    2 when i % 2 == 0 => null,
                    _ => TreeFacts.Noise(1 + random.Below(700_000), (i * 1000) + chunks.Count),
                });
            }

            tree.File($"f{i}", [.. chunks]);
            content.Add($"f{i}", [.. chunks.SelectMany(chunk => chunk ?? new byte[65536])]);
        }

        await tree.RestoreAsync(Target, new RestoreOptions { Workers = 3, Verify = true });

        Assert.All(content, file => Assert.Equal(file.Value, File.ReadAllBytes(Path.Combine(Target, file.Key))));
    }

    [Fact]
    public async Task NewTree_ChunksFarApart_AreNotReadTogether()
    {
        var tree = new TestTree();
        tree.Chunks.Add(TreeFacts.Noise(10, 1));
        tree.File("a", [TreeFacts.Noise(10, 2)]);
        tree.Chunks.Add(TreeFacts.Noise(ReadPlan.GapBytes, 3));
        tree.File("b", [TreeFacts.Noise(10, 4)]);

        await tree.RestoreAsync(Target);

        Assert.Equal(20, tree.Chunks.Reads.Sum(read => read.Length));
    }

    [Fact]
    public async Task NewTree_PatternsSelect_WithTheDirectoriesOnTheWay()
    {
        var tree = new TestTree().Folder("a").Folder("a/b").File("a/b/keep.txt", "1").File("a/b/drop.bin", "2").Folder("c").File("c/x", "3")
            .Folder("d").File("d/keep.txt", "4").File("d/secret.txt", "5");

        await tree.RestoreAsync(Target, new RestoreOptions { Include = ["*.txt"], Exclude = ["secret*"], Durable = false });

        Assert.Equal(
            ["a", "a/b", "a/b/keep.txt", "d", "d/keep.txt"],
            Directory.GetFileSystemEntries(Target, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Target, path)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task NewTree_FirstNameNotSelected_SecondBecomesTheFile()
    {
        var tree = new TestTree().Folder("a").File("a/first", "content").Folder("b").HardLink("b/second", "a/first").HardLink("b/third", "a/first");

        await tree.RestoreAsync(Target, new RestoreOptions { Include = ["/b"], Durable = false });

        Assert.Equal("content", await File.ReadAllTextAsync(Path.Combine(Target, "b/third"), TestContext.Current.CancellationToken));
        Assert.False(Directory.Exists(Path.Combine(Target, "a")));
        Assert.Contains(" 2 ", TreeState.Of(Target).Split('\n').Single(line => line.Contains("b/second", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task NewTree_ExtendedAttributes_UserOnesAreSetOthersCounted()
    {
        var tree = new TestTree().File(
            "a", [[1]], 0b100_100_100, TestTree.Time, TestTree.Attribute("user.comment", "hello"), TestTree.Attribute("security.capability", "x"));

        var result = await tree.RestoreAsync(Target);

        Assert.Contains("hello", TreeState.Of(Target), StringComparison.Ordinal);
        Assert.Equal("a", Assert.Single(result.Warnings).Path);
    }

    [Fact]
    public async Task NewTree_SetUserId_IsDroppedUnlessAsked()
    {
        var tree = new TestTree().File("program", "x", 0b110_111_101_101);

        Assert.Equal(1, (await tree.RestoreAsync(Target)).WarningCount);
        await tree.RestoreAsync(_folder.File("second"), new RestoreOptions { PreservePrivileged = true, Durable = false });

        Assert.Equal((UnixFileMode)0b111_101_101, File.GetUnixFileMode(Path.Combine(Target, "program")));
        Assert.Equal((UnixFileMode)0b110_111_101_101, File.GetUnixFileMode(Path.Combine(_folder.Path, "second/program")));
    }

    [Fact]
    public async Task NewTree_Owners_AreSetByRoot()
    {
        Assert.SkipUnless(Me.IsRoot, "only root may give files away");
        var tree = new TestTree().File("a", "x");
        tree.Entries[0] = tree.Entries[0] with { UserId = 1234, GroupId = 4321 };

        await tree.RestoreAsync(Target);

        Assert.Contains("f a 644 1234 4321 ", TreeState.Of(Target), StringComparison.Ordinal);
    }

    [Fact]
    public async Task NewTree_Fifo_IsLeftOutUnlessAsked()
    {
        var tree = new TestTree().Fifo("pipe");

        Assert.Equal(1, (await tree.RestoreAsync(Target)).WarningCount);
        await tree.RestoreAsync(_folder.File("second"), new RestoreOptions { Fifos = true, Durable = false });

        Assert.Empty(Directory.GetFileSystemEntries(Target));
        Assert.Contains("\n? pipe 644 ", TreeState.Of(_folder.File("second")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task NewTree_BrokenChunk_NamesTheFileAndLeavesNothing()
    {
        var tree = new TestTree().Folder("a").File("a/good", "good").File("a/bad", "bad");
        tree.Chunks.Broken.Add(tree.Entries[^1].Content[0].Chunk);

        var failure = await Assert.ThrowsAsync<SnapshotFormatException>(() => tree.RestoreAsync(Target));

        Assert.StartsWith("a/bad: ", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task NewTree_Cancelled_LeavesNothing()
    {
        using var stop = new CancellationTokenSource();
        var tree = new TestTree();
        for (var i = 0; i < 50; i++)
        {
            tree.File($"f{i}", [TreeFacts.Noise(20_000, i), TreeFacts.Noise(20_000, -i)]);
        }

        tree.Chunks.OnOpen = count =>
        {
            if (count == 20)
            {
                stop.Cancel();
            }
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new RestoreTree(tree.Chunks, new RestoreOptions()).RunAsync(tree.Entries, "s", Target, stop.Token));

        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task NewTree_SecondTryAfterAFailure_GoesOnFromThere()
    {
        var tree = new TestTree();
        for (var i = 0; i < 60; i++)
        {
            tree.File($"f{i}", [TreeFacts.Noise(30_000, i)]);
        }

        var options = new RestoreOptions { KeepPartial = true, Durable = false, Workers = 1 };
        tree.Chunks.Broken.Add(tree.Entries[40].Content[0].Chunk);
        await Assert.ThrowsAsync<SnapshotFormatException>(() => tree.RestoreAsync(Target, options));
        tree.Chunks.Broken.Clear();
        tree.Chunks.Opened.Clear();

        var result = await tree.RestoreAsync(Target, options);

        Assert.Equal(60, result.FilesRestored);
        Assert.Equal(20, tree.Chunks.Opened.Count);
        Assert.All(Enumerable.Range(0, 60), i => Assert.Equal(TreeFacts.Noise(30_000, i), File.ReadAllBytes(Path.Combine(Target, $"f{i}"))));
        Assert.Equal([Target], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task NewTree_SecondTryVerified_DoesNotTrustTheStagedFiles()
    {
        var tree = new TestTree().File("a", "first content").File("b", "second content");
        var options = new RestoreOptions { KeepPartial = true, Durable = false, Workers = 1 };
        tree.Chunks.Broken.Add(tree.Entries[1].Content[0].Chunk);
        await Assert.ThrowsAsync<SnapshotFormatException>(() => tree.RestoreAsync(Target, options));
        var staged = Path.Combine(_folder.Path, ".target.dumont-restore/new/tree/a");
        var time = File.GetLastWriteTimeUtc(staged);
        await File.WriteAllTextAsync(staged, "FIRST content", TestContext.Current.CancellationToken);
        File.SetLastWriteTimeUtc(staged, time);
        SetTime(staged, TestTree.Time);
        tree.Chunks.Broken.Clear();

        await tree.RestoreAsync(Target, options with { Verify = true });

        Assert.Equal("first content", await File.ReadAllTextAsync(Path.Combine(Target, "a"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task NewTree_OtherSnapshotLeftHalf_IsNotMixedIn()
    {
        var options = new RestoreOptions { KeepPartial = true, Durable = false, Workers = 1 };
        var old = new TestTree().File("a", "old").File("b", "bad");
        old.Chunks.Broken.Add(old.Entries[1].Content[0].Chunk);
        await Assert.ThrowsAsync<SnapshotFormatException>(() => old.RestoreAsync(Target, options, "old"));

        await new TestTree().File("a", "new").RestoreAsync(Target, options, "new");

        Assert.Equal("new", await File.ReadAllTextAsync(Path.Combine(Target, "a"), TestContext.Current.CancellationToken));
        Assert.Equal([Path.Combine(Target, "a")], Directory.GetFileSystemEntries(Target));
    }

    [Fact]
    public async Task NewTree_DryRun_WritesNothing()
    {
        var result = await new TestTree().File("a", "x").Folder("b").RestoreAsync(Target, new RestoreOptions { DryRun = true });

        Assert.Equal((1, 2), (result.FilesRestored, result.DirectoriesMade));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task Lazy_FirstPart_IsInPlaceBeforeTheRestIsFetched()
    {
        var seen = new List<bool>();
        var tree = new TestTree().Folder("model").File("model/index", "i").Folder("logs").File("logs/a", "l");
        tree.Chunks.OnOpen = _ => seen.Add(File.Exists(Path.Combine(Target, "model/index")));

        var result = await tree.RestoreAsync(Target, new RestoreOptions { First = ["/model"], Durable = false, Workers = 1 });

        Assert.Equal([false, true], seen);
        Assert.Equal((2, 0), (result.FilesRestored, result.FilesSkipped));
        Assert.Equal("l", await File.ReadAllTextAsync(Path.Combine(Target, "logs/a"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Progress_Restore_EndsWithEverythingDone()
    {
        var last = default(RestoreProgress);
        var tree = new TestTree().File("a", [TreeFacts.Noise(10_000, 1), TreeFacts.Noise(20_000, 2)]).File("b", "x");

        await tree.RestoreAsync(Target, new RestoreOptions { Durable = false, Workers = 1, OnProgress = progress => last = progress.Phase == RestorePhase.Restoring ? progress : last });

        Assert.Equal(new RestoreProgress(RestorePhase.Restoring, 2, 2, 30_001, 30_001), last);
    }

    internal static void SetTime(string path, long modifiedNs)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        Assert.Equal(0, Posix.SetTimes((int)file.DangerousGetHandle(), [], modifiedNs));
    }

    private static long DiskUse(string path)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("du", ["-sB1", path]) { RedirectStandardOutput = true })!;
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return long.Parse(Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).Split('\t')[0], System.Globalization.CultureInfo.InvariantCulture);
    }
}
