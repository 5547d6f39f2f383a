namespace Dumont.Snapshots.Tests;

/// <summary>Packs that go into the store in pieces, as a folder takes them, are the same packs.</summary>
public sealed class PackPiecesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(4096, 1, false)]
    [InlineData(4096, 3, true)]
    [InlineData(100_000, 2, false)]
    [InlineData(100_000, 8, true)]
    public async Task Snapshot_PacksInPieces_IsReadBackAndSound(int pieceBytes, int atOnce, bool isEncrypted)
    {
        var secret = isEncrypted ? Bench.Key : null;
        var source = _folder.Folder("source");
        for (var i = 0; i < 40; i++)
        {
            // Most pieces end within a frame, some chunks are longer than a piece.
            Bench.Write(source, $"file{i}", Bench.Noise(i % 8 == 0 ? 200_000 : 700 * i, i));
        }

        var store = new MemoryObjectStore(TimeProvider.System) { Traits = new StoreTraits(300_000, 1) { PieceBytes = pieceBytes, PiecesAtOnce = atOnce } };
        await Repository.InitAsync(store, secret, TimeProvider.System, Bench.Token);
        var outcome = await Bench.WriteAsync(store, secret, new SnapshotOptions { Source = source, Workers = 2 }, TimeProvider.System);

        Assert.True(store.Names.Count(name => name.StartsWith("packs/", StringComparison.Ordinal)) >= 3);
        Bench.AssertSame(Bench.FilesOf(source), await Bench.ReadAsync(store, secret, outcome.Snapshot.Id));
        var verified = await Bench.VerifyAsync(store, secret);
        Assert.True(verified.IsSound, string.Join("; ", verified.Damages));
    }

    [Fact]
    public async Task Snapshot_PieceThatCannotBeStored_SaysWhyAndPublishesNothing()
    {
        var source = _folder.Folder("source");
        Bench.Write(source, "file", Bench.Noise(3_000_000, 1));
        var inner = new MemoryObjectStore(TimeProvider.System) { Traits = new StoreTraits(1_000_000, 1) { PieceBytes = 100_000, PiecesAtOnce = 2 } };
        await Repository.InitAsync(inner, null, TimeProvider.System, Bench.Token);
        var store = new InterceptedStore(inner, (call, name, work) => call == StoreCall.Put && name.StartsWith("packs/", StringComparison.Ordinal)
            ? throw new ObjectStoreException(ObjectStoreErrorKind.Full, "no space is left")
            : work());

        var failure = await Assert.ThrowsAsync<ObjectStoreException>(() => Bench.SnapshotAsync(store, null, source, TimeProvider.System));

        Assert.Equal(ObjectStoreErrorKind.Full, failure.Kind);
        Assert.DoesNotContain(inner.Names, name => name.StartsWith("packs/", StringComparison.Ordinal) || name.StartsWith("snapshots/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Rewrite_PackThatCannotBeStored_SaysWhy()
    {
        var source = _folder.Folder("source");
        Bench.Write(source, "file", Bench.Noise(3_000_000, 1));
        var inner = new MemoryObjectStore(TimeProvider.System) { Traits = new StoreTraits(100_000, 1) };
        await Repository.InitAsync(inner, null, TimeProvider.System, Bench.Token);
        await Bench.SnapshotAsync(inner, null, source, TimeProvider.System);
        var repository = await Repository.OpenAsync(
            new InterceptedStore(inner, (call, _, work) => call == StoreCall.Put ? throw new ObjectStoreException(ObjectStoreErrorKind.Full, "no space is left") : work()), null, Bench.Token);
        await repository.LoadIndexAsync(Bench.Token);

        var failure = await Assert.ThrowsAsync<ObjectStoreException>(() => PackRewriter.RewriteAsync(repository, repository.Index.Contents(), Bench.Token));

        Assert.Equal(ObjectStoreErrorKind.Full, failure.Kind);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Snapshot_LongIntoAFolder_IsReadBackSoundAndLeavesNoTemporaryFile(bool isEncrypted)
    {
        var secret = isEncrypted ? Bench.Key : null;
        var source = _folder.Folder("source");
        Bench.Write(source, "long", Bench.Noise(21_000_000, 5));
        await using var store = new DirectoryObjectStore(_folder.File("repository"));
        await Repository.InitAsync(store, secret, TimeProvider.System, Bench.Token);

        var snapshot = await Bench.SnapshotAsync(store, secret, source, TimeProvider.System);

        Bench.AssertSame(Bench.FilesOf(source), await Bench.ReadAsync(store, secret, snapshot.Id));
        var verified = await Bench.VerifyAsync(store, secret);
        Assert.True(verified.IsSound, string.Join("; ", verified.Damages));
        Assert.Empty(Directory.GetFiles(_folder.File("repository/.tmp")));
    }
}
