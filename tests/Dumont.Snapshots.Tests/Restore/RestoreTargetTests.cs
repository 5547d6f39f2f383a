namespace Dumont.Snapshots.Tests.Restore;

/// <summary>Targets that cannot be restored into: refused with the reason, nothing changed.</summary>
public sealed class RestoreTargetTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(RestoreMode.NewTree)]
    [InlineData(RestoreMode.InPlace)]
    public async Task Target_IsAFile_IsRefused(RestoreMode mode)
    {
        File.WriteAllText(_folder.File("target"), "mine");

        await RefusedAsync("is not a directory", "target", new RestoreOptions { Mode = mode });

        Assert.Equal("mine", await File.ReadAllTextAsync(_folder.File("target"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Target_NotEmpty_IsRefused()
    {
        File.WriteAllText(Path.Combine(_folder.Folder("target"), "mine"), "mine");

        await RefusedAsync("is not empty", "target", new RestoreOptions());
    }

    [Fact]
    public async Task Target_ParentMissing_IsRefused() => await RefusedAsync("does not exist", "missing/target", new RestoreOptions());

    [Theory]
    [InlineData("x/.dumont-restore/new")]
    [InlineData(".target.dumont-restore/y")]
    [InlineData("x/.dumont-tmp")]
    public async Task Target_InAStagingDirectory_IsRefused(string target) => await RefusedAsync("restores use themselves", target, new RestoreOptions());

    [Fact]
    public async Task Target_EmptyDirectory_IsRestoredInto()
    {
        var target = _folder.Folder("target");

        await new TestTree().File("a", "x").RestoreAsync(target);

        Assert.Equal([Path.Combine(target, "a")], Directory.GetFileSystemEntries(target));
    }

    [Fact]
    public async Task Target_ReadOnlyDisk_IsRefused()
    {
        Assert.SkipUnless(Me.IsRoot, "only root may mount");
        using var disk = Sync.SmallDisk.Mount(_folder.Folder("disk"), 1 << 20, readOnly: true);

        await RefusedAsync("Read-only file system", "disk/target", new RestoreOptions());
        await RefusedAsync("Read-only file system", "disk", new RestoreOptions { Mode = RestoreMode.InPlace });
    }

    [Theory]
    [InlineData(RestoreMode.NewTree)]
    [InlineData(RestoreMode.InPlace)]
    public async Task Target_DiskTooSmall_IsRefusedBeforeAnythingIsFetched(RestoreMode mode)
    {
        Assert.SkipUnless(Me.IsRoot, "only root may mount");
        using var disk = Sync.SmallDisk.Mount(_folder.Folder("disk"), 1 << 20);
        var tree = new TestTree().File("large", [.. Enumerable.Range(0, 20).Select(i => TreeFacts.Noise(100_000, i))]);

        var failure = await Assert.ThrowsAsync<RestoreException>(() => tree.RestoreAsync(_folder.File("disk/target"), new RestoreOptions { Mode = mode }));

        Assert.Contains("make room", failure.Message, StringComparison.Ordinal);
        Assert.Empty(tree.Chunks.Opened);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.File("disk")));
    }

    [Fact]
    public async Task Target_DiskFillsUpMeanwhile_NamesTheFileAndLeavesNothing()
    {
        Assert.SkipUnless(Me.IsRoot, "only root may mount");
        using var disk = Sync.SmallDisk.Mount(_folder.Folder("disk"), 4 << 20);
        var tree = new TestTree();
        for (var i = 0; i < 20; i++)
        {
            tree.File($"f{i}", [TreeFacts.Noise(100_000, i)]);
        }

        tree.Chunks.OnOpen = count =>
        {
            if (count == 5)
            {
                File.WriteAllBytes(_folder.File("disk/other"), new byte[5 << 19]);
            }
        };

        var failure = await Assert.ThrowsAsync<RestoreException>(() => tree.RestoreAsync(_folder.File("disk/target"), new RestoreOptions { Workers = 1 }));

        Assert.Matches("^f[0-9]+: the disk of the target is full", failure.Message);
        Assert.Equal([_folder.File("disk/other")], Directory.GetFileSystemEntries(_folder.File("disk")));
    }

    private async Task RefusedAsync(string reason, string target, RestoreOptions options)
    {
        var before = Directory.GetFileSystemEntries(_folder.Path);

        var failure = await Assert.ThrowsAsync<RestoreException>(() => new TestTree().File("a", "x").RestoreAsync(_folder.File(target), options));

        Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
        Assert.Equal(before, Directory.GetFileSystemEntries(_folder.Path));
    }
}
