namespace Dumont.Snapshots.Tests.Restore;

/// <summary>Out of a real repository.</summary>
public sealed class RepositoryRestoreTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Source => _folder.File("source");

    private string Target => _folder.File("target");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Restore_SnapshotOfATree_IsTheTree(bool isEncrypted)
    {
        await using var store = new DirectoryObjectStore(_folder.File("repository"));
        var (repository, snapshot) = await TakeAsync(store, isEncrypted);

        var result = await RestoreAsync(repository, snapshot, new RestoreOptions { Verify = true });

        Assert.Equal(TreeState.Of(Source, withInodes: false), TreeState.Of(Target, withInodes: false));
        Assert.Equal((8, 0), (result.FilesRestored, result.WarningCount));
    }

    [Fact]
    public async Task Restore_InPlaceAfterChanges_BringsTheTreeBack()
    {
        await using var store = new DirectoryObjectStore(_folder.File("repository"));
        var (repository, snapshot) = await TakeAsync(store, isEncrypted: true);
        await RestoreAsync(repository, snapshot, new RestoreOptions());
        File.AppendAllText(Path.Combine(Target, "large"), "more");
        File.Delete(Path.Combine(Target, "first"));
        Directory.Move(Path.Combine(Target, "same"), Path.Combine(Target, "moved"));

        var result = await RestoreAsync(repository, snapshot, new RestoreOptions { Mode = RestoreMode.InPlace, Delete = true });

        Assert.Equal(TreeState.Of(Source, withInodes: false), TreeState.Of(Target, withInodes: false));
        Assert.True(result.BytesReused >= 3_000_000);
        Assert.Equal(1, result.Removed);
    }

    [Fact]
    public async Task Restore_DamagedPack_NamesTheFileAndLeavesNothing()
    {
        await using var store = new DirectoryObjectStore(_folder.File("repository"));
        var (repository, snapshot) = await TakeAsync(store, isEncrypted: false);
        StoredDamage.FlipInLargest(_folder.File("repository/packs"));

        var failure = await Assert.ThrowsAsync<SnapshotFormatException>(() => RestoreAsync(repository, snapshot, new RestoreOptions()));

        Assert.StartsWith("large: chunk ", failure.Message, StringComparison.Ordinal);
        Assert.False(Path.Exists(Target));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path, ".*"));
    }

    [Fact]
    public async Task Restore_PackGone_SaysSoAndLeavesNothing()
    {
        await using var store = new DirectoryObjectStore(_folder.File("repository"));
        var (repository, snapshot) = await TakeAsync(store, isEncrypted: false);
        await repository.ReloadIndexAsync(TestContext.Current.CancellationToken);
        var manifest = await repository.ReadEntriesAsync(snapshot, TestContext.Current.CancellationToken);
        Assert.True(repository.TryLocate(manifest.Single(entry => entry.Path == TreePath.Parse("large")).Content[0].Chunk, out var location));
        await store.DeleteAsync(repository.PackName(location.Pack), TestContext.Current.CancellationToken);

        var failure = await Assert.ThrowsAsync<ObjectStoreException>(() =>
            new RestoreTree(new RepositoryChunks(repository), new RestoreOptions()).RunAsync(manifest, "s", Target, TestContext.Current.CancellationToken));

        Assert.Equal(ObjectStoreErrorKind.NotFound, failure.Kind);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path, "*target*"));
    }

    private async Task<(Repository Repository, Snapshot Snapshot)> TakeAsync(DirectoryObjectStore store, bool isEncrypted)
    {
        RestoreInPlaceTests.MakeOldTree(_folder.Folder("source"));
        File.WriteAllBytes(Path.Combine(Source, "large"), TreeFacts.Noise(3_000_000, 5));
        File.CreateSymbolicLink(Path.Combine(Source, "same/link"), "../first");
        var secret = isEncrypted ? RepositorySecret.FromPassword("correct horse") : null;
        var repository = await Repository.InitAsync(store, secret, TimeProvider.System, TestContext.Current.CancellationToken);
        var outcome = await SnapshotWriter.WriteAsync(
            repository, new SnapshotOptions { Source = Source }, new SnapshotProgress(), TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Empty(outcome.Warnings);
        return (repository, outcome.Snapshot);
    }

    private Task<RestoreResult> RestoreAsync(Repository repository, Snapshot snapshot, RestoreOptions options) =>
        RepositoryRestore.RunAsync(repository, snapshot, Target, options, TestContext.Current.CancellationToken);
}
