using Dumont.Snapshots.Tests.Restore;

namespace Dumont.Snapshots.Tests;

/// <summary>What the product writes, another program reads that knows only the documents; and both go on reading what was written once.</summary>
public sealed class SecondReaderTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Restore_EveryCodingAndKind_IsTheSourceToTheByte(bool isEncrypted)
    {
        PythonReader.Require();
        using var folder = new TempFolder();
        var source = folder.Folder("source");
        var place = folder.Folder("repository");
        var keyText = RepositorySecret.CreateKeyFileText();
        await File.WriteAllTextAsync(folder.File("key"), keyText, Bench.Token);
        var keyFile = isEncrypted ? folder.File("key") : null;
        var secret = isEncrypted ? RepositorySecret.FromKeyFileText(keyText) : null;
        await using var store = new DirectoryObjectStore(place);
        await Repository.InitAsync(store, secret, TimeProvider.System, Bench.Token);

        Trees.WriteFirst(source);
        var first = await TakeAsync(store, secret, source, ChunkCompression.Fast);
        var firstState = TreeState.Of(source, withInodes: false);
        Trees.WriteSecond(source);
        var second = await TakeAsync(store, secret, source, ChunkCompression.Dense);
        var secondState = TreeState.Of(source, withInodes: false);

        Assert.Equal(ExpectedCodings(), await CodingsAsync(store, secret));
        var (code, output) = PythonReader.Run(place, keyFile, "check");
        Assert.True(code == 0, output);
        Assert.Equal((firstState, secondState), (RestoreWithPython(first, "one"), RestoreWithPython(second, "two")));
        foreach (var (id, state, name) in new[] { (first, firstState, "three"), (second, secondState, "four") })
        {
            var repository = await Repository.OpenAsync(store, secret, Bench.Token);
            await RepositoryRestore.RunAsync(
                repository, await repository.GetSnapshotAsync(id, Bench.Token), folder.File(name), new RestoreOptions { Fifos = true, PreservePrivileged = true }, Bench.Token);
            Assert.Equal(state, TreeState.Of(folder.File(name), withInodes: false));
        }

        string RestoreWithPython(string id, string name)
        {
            var (exit, text) = PythonReader.Run(place, keyFile, "restore", id, folder.File(name));
            Assert.True(exit == 0, text);
            return TreeState.Of(folder.File(name), withInodes: false);
        }
    }

    // Written when the format was new. If this fails, the format changed: that needs a new version, not a new fixture.
    [Fact]
    public async Task Fixture_OfVersionOne_IsReadByBoth()
    {
        using var folder = new TempFolder();
        var fixture = Path.Combine(AppContext.BaseDirectory, "Fixtures", "repository-v1");
        var expected = await File.ReadAllTextAsync(Path.Combine(fixture, "expected.txt"), Bench.Token);
        var keyFile = Path.Combine(fixture, "key");
        var secret = RepositorySecret.FromKeyFileText(await File.ReadAllTextAsync(keyFile, Bench.Token));
        var place = Path.Combine(fixture, "repository");
        await using var store = new DirectoryObjectStore(place);

        Assert.True((await Bench.VerifyAsync(store, secret)).IsSound);
        var files = await Bench.ReadAsync(store, secret, "latest");

        Assert.Equal(expected, Trees.Listing(files));
        Assert.Equal(expected, Trees.Listing(await Bench.ReadAsync(store, RepositorySecret.FromPassword("correct horse battery staple"), "latest")));
        PythonReader.Require();
        var (code, output) = PythonReader.Run(place, keyFile, "check");
        Assert.True(code == 0, output);
        var repository = await Repository.OpenAsync(store, secret, Bench.Token);
        var id = (await repository.GetSnapshotAsync("latest", Bench.Token)).Id;
        (code, output) = PythonReader.Run(place, keyFile, "restore", id, folder.File("restored"));
        Assert.True(code == 0, output);
        var restored = Bench.FilesOf(folder.File("restored"));
        Assert.Equal(expected, Trees.Listing(restored.Where(file => files.ContainsKey(file.Key)).ToDictionary()));
        Assert.Equal(files["noise"], restored["other name"]);
    }

    // As somebody leaves it who stood still: indexes that list what is gone, and a snapshot that needs what was marked.
    [Fact]
    public async Task Read_PacksThatAreGoneOrMarked_FindsEveryChunk()
    {
        PythonReader.Require();
        using var folder = new TempFolder();
        var source = folder.Folder("source");
        var place = folder.Folder("repository");
        await using var store = new DirectoryObjectStore(place);
        await Repository.InitAsync(store, null, TimeProvider.System, Bench.Token);
        Trees.WriteFirst(source);
        await TakeAsync(store, null, source, ChunkCompression.Fast);
        Trees.WriteSecond(source);
        var id = await TakeAsync(store, null, source, ChunkCompression.Fast);
        var state = TreeState.Of(source, withInodes: false);
        var repository = await Repository.OpenAsync(store, null, Bench.Token);
        await repository.LoadIndexAsync(Bench.Token);
        var packs = repository.Index.Contents();
        var gone = packs.Select(pack => pack with { Name = ContentHash.Of(pack.Salt) }).ToList();
        for (var i = 0; i < 5; i++)
        {
            await IndexObjects.PutAsync(repository, new IndexObject([], gone), Bench.Token);
        }

        await ExpectReadByBothAsync("one");
        await PendingRecords.PutAsync(repository, new PendingRecord(DateTimeOffset.UnixEpoch, [.. packs.Select(pack => pack.Name.ToString())]), Bench.Token);
        await repository.ReloadIndexAsync(Bench.Token);
        await IndexObjects.PutAsync(repository, new IndexObject(repository.Index.Objects, []), Bench.Token);
        await ExpectReadByBothAsync("two");

        async Task ExpectReadByBothAsync(string name)
        {
            Assert.NotEmpty(await Bench.ReadAsync(store, null, id));
            var outcome = await Bench.VerifyAsync(store, null);
            Assert.True(outcome.IsSound, string.Join("; ", outcome.Damages));
            var (exit, text) = PythonReader.Run(place, null, "check");
            Assert.True(exit == 0, text);
            (exit, text) = PythonReader.Run(place, null, "restore", id, folder.File(name));
            Assert.True(exit == 0, text);
            Assert.Equal(state, TreeState.Of(folder.File(name), withInodes: false));
        }
    }

    private static async Task<string> TakeAsync(IObjectStore store, RepositorySecret? secret, string source, ChunkCompression compression) =>
        (await Bench.WriteAsync(store, secret, new SnapshotOptions { Source = source, Compression = compression }, TimeProvider.System)).Snapshot.Id;

    private static string ExpectedCodings() => string.Join(' ', Enum.GetValues<ChunkCoding>().Where(coding => coding != ChunkCoding.Zstd || Zstd.IsAvailable));

    private static async Task<string> CodingsAsync(IObjectStore store, RepositorySecret? secret)
    {
        var repository = await Repository.OpenAsync(store, secret, Bench.Token);
        await repository.LoadIndexAsync(Bench.Token);
        return string.Join(' ', repository.Index.Chunks.All.Select(chunk => chunk.Location.Coding).Distinct().Order());
    }
}
