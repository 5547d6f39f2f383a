namespace Dumont.Snapshots.Tests.Restore;

/// <summary>A tree that is there becomes the one of the manifest, or stays as it was.</summary>
public sealed class RestoreInPlaceTests : IDisposable
{
    private static readonly RestoreOptions InPlace = new() { Mode = RestoreMode.InPlace, Durable = false, Workers = 2 };

    private readonly TempFolder _folder = new();
    private readonly string _target;

    public RestoreInPlaceTests() => _target = _folder.Folder("target");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task InPlace_SameTree_FetchesAndChangesNothing()
    {
        var tree = Mixed();
        await tree.RestoreAsync(_target, InPlace);
        var before = TreeState.Of(_target);
        tree.Chunks.Opened.Clear();

        var result = await tree.RestoreAsync(_target, InPlace);

        Assert.Equal(before, TreeState.Of(_target));
        Assert.Empty(tree.Chunks.Opened);
        Assert.Equal((0, 6), (result.FilesRestored, result.FilesSkipped));
    }

    [Fact]
    public async Task InPlace_ManyDifferences_BecomesTheManifest()
    {
        var expected = _folder.File("expected");
        await Mixed().RestoreAsync(expected);
        MakeOldTree(_target);

        var result = await Mixed().RestoreAsync(_target, InPlace with { Delete = true });

        Assert.Equal(TreeState.Of(expected, withInodes: false), TreeState.Of(_target, withInodes: false));
        Assert.Equal(2, result.Removed);
    }

    [Fact]
    public async Task InPlace_WithoutDelete_KeepsWhatTheSnapshotLacks()
    {
        File.WriteAllText(Path.Combine(_target, "mine"), "mine");

        await new TestTree().File("a", "x").RestoreAsync(_target, InPlace);

        Assert.Equal("mine", await File.ReadAllTextAsync(Path.Combine(_target, "mine"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task InPlace_FileWhereAFullDirectoryIs_NeedsDelete()
    {
        Directory.CreateDirectory(Path.Combine(_target, "a"));
        File.WriteAllText(Path.Combine(_target, "a/mine"), "mine");
        var before = TreeState.Of(_target);

        var failure = await Assert.ThrowsAsync<RestoreException>(() => new TestTree().File("a", "x").RestoreAsync(_target, InPlace));

        Assert.StartsWith("a: ", failure.Message, StringComparison.Ordinal);
        Assert.Equal(before, TreeState.Of(_target));
    }

    [Fact]
    public async Task InPlace_DeleteWithPatterns_OnlyRemovesWhatTheySelect()
    {
        foreach (var name in (string[])["logs/old", "logs/keep", "data/old", "other"])
        {
            Directory.CreateDirectory(Path.Combine(_target, name, ".."));
            File.WriteAllText(Path.Combine(_target, name), name);
        }

        await new TestTree().Folder("data").Folder("logs").File("logs/new", "n")
            .RestoreAsync(_target, InPlace with { Delete = true, Include = ["/logs"], Exclude = ["keep"] });

        Assert.Equal(
            ["data", "data/old", "logs", "logs/keep", "logs/new", "other"],
            Directory.GetFileSystemEntries(_target, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(_target, path)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task InPlace_SameContentOtherTime_OnlyGetsTheTime()
    {
        var tree = new TestTree().File("a", [TreeFacts.Noise(100_000, 1), TreeFacts.Noise(100_000, 2)]);
        await tree.RestoreAsync(_target, InPlace);
        var before = TreeState.Of(_target);
        RestoreTreeTests.SetTime(Path.Combine(_target, "a"), 77);
        tree.Chunks.Opened.Clear();

        var result = await tree.RestoreAsync(_target, InPlace);

        Assert.Empty(tree.Chunks.Opened);
        Assert.Equal(before[before.IndexOf('\n', StringComparison.Ordinal)..], TreeState.Of(_target)[before.IndexOf('\n', StringComparison.Ordinal)..]);
        Assert.Equal(1, result.FilesSkipped);
    }

    [Fact]
    public async Task InPlace_OneChunkDiffers_OnlyThatOneIsFetched()
    {
        var chunks = Enumerable.Range(0, 8).Select(i => TreeFacts.Noise(100_000, i)).ToArray();
        var tree = new TestTree().File("a", chunks);
        await tree.RestoreAsync(_target, InPlace);
        using (var file = File.OpenHandle(Path.Combine(_target, "a"), FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.Write(file, "damage"u8, 350_000);
        }

        tree.Chunks.Opened.Clear();
        var result = await tree.RestoreAsync(_target, InPlace);

        Assert.Equal(tree.Entries[0].Content[3].Chunk, Assert.Single(tree.Chunks.Opened).Key);
        Assert.Equal(700_000, result.BytesReused);
        Assert.Equal(chunks.SelectMany(chunk => chunk), await File.ReadAllBytesAsync(Path.Combine(_target, "a"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task InPlace_LinkWhereADirectoryShallBe_IsNeverFollowed()
    {
        var outside = _folder.Folder("outside");
        File.CreateSymbolicLink(Path.Combine(_target, "a"), outside);

        await new TestTree().Folder("a").File("a/x", "x").RestoreAsync(_target, InPlace);

        Assert.Empty(Directory.GetFileSystemEntries(outside));
        Assert.Null(new DirectoryInfo(Path.Combine(_target, "a")).LinkTarget);
        Assert.Equal("x", await File.ReadAllTextAsync(Path.Combine(_target, "a/x"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task InPlace_BrokenChunk_LeavesTheTargetAsItWas()
    {
        MakeOldTree(_target);
        var before = TreeState.Of(_target);
        var tree = Mixed();
        tree.Chunks.Broken.Add(tree.Entries.Last(entry => entry.Content.Count > 1).Content[1].Chunk);

        await Assert.ThrowsAsync<SnapshotFormatException>(() => tree.RestoreAsync(_target, InPlace with { Delete = true }));

        Assert.Equal(before, TreeState.Of(_target));
    }

    [Fact]
    public async Task InPlace_LastStepFails_EverythingIsUndone()
    {
        MakeOldTree(_target);
        var before = TreeState.Of(_target);
        var tree = Mixed();

        // Somebody replaces an entry after it was looked at: the exchange of it must not happen, and all others are taken back.
        var victim = Path.Combine(_target, "to-folder");
        var changed = false;
        var options = InPlace with
        {
            Delete = true,
            OnProgress = progress =>
            {
                if (progress.Phase == RestorePhase.Placing && !changed)
                {
                    changed = true;
                    Directory.Delete(Path.Combine(_target, "same"), recursive: true);
                }
            },
        };

        var failure = await Assert.ThrowsAnyAsync<IOException>(() => tree.RestoreAsync(_target, options));

        Assert.Contains("same", failure.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(victim));
        var after = TreeState.Of(_target).Split('\n').Skip(1);
        Assert.Empty(after.Except(before.Split('\n')));
    }

    [Fact]
    public async Task InPlace_AnotherRestoreAtWork_IsRefused()
    {
        var tree = new TestTree().File("a", "x");
        Task<RestoreResult>? second = null;
        tree.Chunks.OnOpen = _ => second = new TestTree().File("b", "y").RestoreAsync(_target, InPlace);

        await tree.RestoreAsync(_target, InPlace);

        var failure = await Assert.ThrowsAsync<RestoreException>(() => second!);
        Assert.Contains("another restore is at work", failure.Message, StringComparison.Ordinal);
        Assert.Equal([Path.Combine(_target, "a")], Directory.GetFileSystemEntries(_target));
    }

    [Fact]
    public async Task InPlace_StagingOfAnotherUser_IsRefused()
    {
        Assert.SkipUnless(Me.IsRoot, "only root can make a folder of another user");
        Directory.CreateDirectory(Path.Combine(_target, TreePath.RestoreStagingName), (UnixFileMode)0b111_111_111);

        File.SetUnixFileMode(Path.Combine(_target, TreePath.RestoreStagingName), (UnixFileMode)0b111_111_111);

        await Assert.ThrowsAsync<RestoreException>(() => new TestTree().File("a", "x").RestoreAsync(_target, InPlace));
    }

    [Fact]
    public async Task InPlace_MountedFileSystemInTheWay_IsRefusedAndNeverEmptied()
    {
        Assert.SkipUnless(Me.IsRoot, "only root may mount");
        var mounted = Directory.CreateDirectory(Path.Combine(_target, "a/mounted")).FullName;
        using var disk = Sync.SmallDisk.Mount(mounted, 1 << 20);
        File.WriteAllText(Path.Combine(mounted, "precious"), "precious");

        await Assert.ThrowsAsync<RestoreException>(() => new TestTree().Folder("a").Folder("a/mounted").File("a/mounted/x", "x").RestoreAsync(_target, InPlace));
        await new TestTree().File("b", "x").RestoreAsync(_target, InPlace with { Delete = true });

        Assert.Equal("precious", await File.ReadAllTextAsync(Path.Combine(mounted, "precious"), TestContext.Current.CancellationToken));
    }

    /// <summary>A manifest with everything in it.</summary>
    internal static TestTree Mixed()
    {
        var noise = TreeFacts.Noise(400_000, 9);
        return new TestTree().Root()
            .Folder("same").File("same/kept", "kept").File("same/changed", [noise[..100_000], noise[100_000..250_000]])
            .Folder("new").Folder("new/deep").File("new/deep/file", [noise[250_000..]]).Link("new/link", "../same/kept")
            .File("first", "hard").HardLink("new/second", "first")
            .File("was-folder", "now a file").Folder("to-folder").Link("to-folder/link", "/etc").Link("retargeted", "new-target");
    }

    /// <summary>A tree that differs from <see cref="Mixed"/> in every way.</summary>
    internal static void MakeOldTree(string target)
    {
        Directory.CreateDirectory(Path.Combine(target, "same"));
        File.WriteAllText(Path.Combine(target, "same/kept"), "kept");
        RestoreTreeTests.SetTime(Path.Combine(target, "same/kept"), TestTree.Time);
        File.WriteAllText(Path.Combine(target, "same/changed"), "old content");
        File.WriteAllText(Path.Combine(target, "same/surplus"), "surplus");
        Directory.CreateDirectory(Path.Combine(target, "surplus/deep"));
        File.WriteAllText(Path.Combine(target, "surplus/deep/file"), "surplus");
        Directory.CreateDirectory(Path.Combine(target, "was-folder"));
        File.WriteAllText(Path.Combine(target, "was-folder/in it"), "gone");
        File.WriteAllText(Path.Combine(target, "to-folder"), "was a file");
        File.CreateSymbolicLink(Path.Combine(target, "retargeted"), "old-target");
        File.WriteAllText(Path.Combine(target, "first"), "soft");
    }
}
