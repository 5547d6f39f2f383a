namespace Dumont.Snapshots.Tests;

/// <summary>Somebody stands still for longer than his lease, in the worst moment, while others go on as if he were dead; then he goes on too.</summary>
public sealed class LeaseTests : IDisposable
{
    private readonly TempFolder _source = new();
    private readonly ManualTime _time = new();
    private readonly MemoryObjectStore _store;

    public LeaseTests() => _store = new MemoryObjectStore { Time = _time };

    public void Dispose() => _source.Dispose();

    // The packs of the writer are taken for leftovers and deleted. Its index then lists what is not there.
    [Fact]
    public async Task Writer_FrozenBeforeItsIndex_NobodyReliesOnWhatItLists()
    {
        await Repository.InitAsync(_store, null, _time, Bench.Token);
        Bench.Write(_source.Path, "file", Bench.Noise(9000, 1));
        var frozen = new Freeze(_store, StoreCall.Put, ObjectNames.Indexes);
        var writing = Record.ExceptionAsync(() => Bench.SnapshotAsync(frozen.Store, null, _source.Path, _time));
        await frozen.IsReached;
        _time.Advance(TimeSpan.FromHours(2));
        await Bench.PruneAsync(_store, null, _time);
        frozen.GoOn();

        Assert.Contains("Take it again", Assert.IsType<SnapshotFormatException>(await writing).Message, StringComparison.Ordinal);
        Assert.Contains(_store.Names, name => name.StartsWith(ObjectNames.Indexes, StringComparison.Ordinal));
        await ExpectSnapshotWorksAsync();
    }

    // Its packs are marked, for nothing needs them yet, and wait for the end of the grace period.
    [Theory]
    [InlineData(ObjectNames.Indexes)]
    [InlineData(ObjectNames.Snapshots)]
    public async Task Writer_FrozenWhileItsPacksAreMarked_CopiesThemAndIsAcknowledged(string before)
    {
        await Repository.InitAsync(_store, null, _time, Bench.Token);
        Bench.Write(_source.Path, "file", Bench.Noise(9000, 1));
        var frozen = new Freeze(_store, StoreCall.Put, before);
        var writing = Bench.SnapshotAsync(frozen.Store, null, _source.Path, _time);
        await frozen.IsReached;
        _time.Advance(TimeSpan.FromHours(2));
        await Bench.PruneAsync(_store, null, _time, TimeSpan.FromHours(24));
        Assert.Contains(_store.Names, name => name.StartsWith(ObjectNames.Pending, StringComparison.Ordinal));
        frozen.GoOn();
        var snapshot = await writing;

        await ExpectStaysAsync(snapshot);
    }

    // What it relies on is marked, and is about to be deleted by a prune that stands still in its turn.
    [Fact]
    public async Task Prune_FrozenBeforeItDeletes_DeletesNothingThatIsNeededByThen()
    {
        await Repository.InitAsync(_store, null, _time, Bench.Token);
        Bench.Write(_source.Path, "file", Bench.Noise(9000, 1));
        var first = await Bench.SnapshotAsync(_store, null, _source.Path, _time);
        _time.Advance(TimeSpan.FromHours(3));
        var writer = new Freeze(_store, StoreCall.Put, ObjectNames.Snapshots);
        var writing = Bench.SnapshotAsync(writer.Store, null, _source.Path, _time);
        await writer.IsReached;
        await Bench.ForgetAsync(_store, null, first.Id);
        _time.Advance(TimeSpan.FromHours(3));
        var prune = new Freeze(_store, StoreCall.Delete, ObjectNames.Packs);
        var pruning = Bench.PruneAsync(prune.Store, null, _time);
        await prune.IsReached;
        writer.GoOn();
        var snapshot = await writing;
        prune.GoOn();
        await pruning;

        Bench.AssertSame(Bench.FilesOf(_source.Path), await Bench.ReadAsync(_store, null, snapshot.Id));
        await ExpectStaysAsync(snapshot);
    }

    // A prune dies when it has marked the packs of the writer and has put no index, so that no index tells of it; the next one deletes them.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Writer_FrozenWhileAPruneDiesAfterItsMark_IsNotAcknowledgedWithoutItsPacks(bool isDeletedFirst)
    {
        await Repository.InitAsync(_store, null, _time, Bench.Token);
        Bench.Write(_source.Path, "file", Bench.Noise(9000, 1));
        var writer = new Freeze(_store, StoreCall.Put, ObjectNames.Indexes);
        var writing = Record.ExceptionAsync(() => Bench.SnapshotAsync(writer.Store, null, _source.Path, _time)).AsTask();
        await writer.IsReached;
        await LetAPruneDieAfterItsMarkAsync();
        var prune = new Freeze(_store, StoreCall.Delete, ObjectNames.Packs);
        var pruning = Bench.PruneAsync(prune.Store, null, _time);
        await prune.IsReached;
        (isDeletedFirst ? prune : writer).GoOn();
        await (isDeletedFirst ? pruning : writing);
        (isDeletedFirst ? writer : prune).GoOn();
        await pruning;

        Assert.Equal(isDeletedFirst, await writing is SnapshotFormatException);
        foreach (var snapshot in await (await OpenAsync(_store)).ListSnapshotsAsync(Bench.Token))
        {
            Bench.AssertSame(Bench.FilesOf(_source.Path), await Bench.ReadAsync(_store, null, snapshot.Id));
        }
    }

    // The same, but the packs were there before and the index that the writer knows still lists them.
    [Fact]
    public async Task Writer_FrozenWhileAPruneDiesAfterItsMark_IsNotAcknowledgedWithoutWhatItFound()
    {
        await Repository.InitAsync(_store, null, _time, Bench.Token);
        Bench.Write(_source.Path, "file", Bench.Noise(9000, 1));
        var first = await Bench.SnapshotAsync(_store, null, _source.Path, _time);
        _time.Advance(TimeSpan.FromHours(3));
        var writer = new Freeze(_store, StoreCall.Put, ObjectNames.Snapshots);
        var writing = Record.ExceptionAsync(() => Bench.SnapshotAsync(writer.Store, null, _source.Path, _time));
        await writer.IsReached;
        await Bench.ForgetAsync(_store, null, first.Id);
        await LetAPruneDieAfterItsMarkAsync();
        var prune = new Freeze(_store, StoreCall.Delete, ObjectNames.Pending);
        var pruning = Bench.PruneAsync(prune.Store, null, _time);
        await prune.IsReached;
        writer.GoOn();

        Assert.IsType<SnapshotFormatException>(await writing);
        prune.GoOn();
        await pruning;
        await ExpectSnapshotWorksAsync();
    }

    // Another one deletes what its index keeps.
    [Theory]
    [InlineData(ObjectNames.Pending)]
    [InlineData(ObjectNames.Indexes)]
    public async Task Prune_FrozenBeforeItsIndex_NobodyReliesOnWhatItLists(string before)
    {
        await Repository.InitAsync(_store, null, _time, Bench.Token);
        Bench.Write(_source.Path, "passing", Bench.Noise(3000, 2));
        var first = await Bench.SnapshotAsync(_store, null, _source.Path, _time);
        File.Delete(_source.File("passing"));
        Bench.Write(_source.Path, "file", Bench.Noise(9000, 1));
        var second = await Bench.SnapshotAsync(_store, null, _source.Path, _time);
        await Bench.ForgetAsync(_store, null, first.Id);
        _time.Advance(TimeSpan.FromHours(3));
        var frozen = new Freeze(_store, StoreCall.Put, before);
        var pruning = Record.ExceptionAsync(() => Bench.PruneAsync(frozen.Store, null, _time));
        await frozen.IsReached;
        _time.Advance(TimeSpan.FromHours(3));
        await Bench.ForgetAsync(_store, null, second.Id);
        await Bench.PruneAsync(_store, null, _time);
        frozen.GoOn();

        // It stops when it finds its lease gone, or ends with nothing left to do.
        Assert.True(await pruning is null or RepositoryException { Kind: RepositoryErrorKind.Locked });
        await ExpectSnapshotWorksAsync();
    }

    // A process that began in its place finds the snapshot, which nobody has confirmed.
    [Fact]
    public async Task Confirm_SnapshotThatLostItsPacks_IsRefused()
    {
        await Repository.InitAsync(_store, null, _time, Bench.Token);
        Bench.Write(_source.Path, "file", Bench.Noise(9000, 1));
        var snapshot = await Bench.SnapshotAsync(_store, null, _source.Path, _time);
        var broken = _store.Copy();
        broken.Remove(broken.Names.First(name => name.StartsWith(ObjectNames.Packs, StringComparison.Ordinal)));

        Assert.True(await SnapshotWriter.TryConfirmAsync(await OpenAsync(_store), snapshot, _time, Bench.Token));
        Assert.False(await SnapshotWriter.TryConfirmAsync(await OpenAsync(broken), snapshot, _time, Bench.Token));
    }

    private static Task<Repository> OpenAsync(IObjectStore store) => Repository.OpenAsync(store, null, Bench.Token);

    private async Task LetAPruneDieAfterItsMarkAsync()
    {
        _time.Advance(TimeSpan.FromHours(3));
        var isDead = false;
        var dying = new InterceptedStore(_store, async (call, name, work) =>
        {
            isDead |= call == StoreCall.Put && name.StartsWith(ObjectNames.Indexes, StringComparison.Ordinal);
            if (isDead)
            {
                throw new ObjectStoreException(ObjectStoreErrorKind.Transient, "dead");
            }

            await work();
        });
        await Assert.ThrowsAsync<ObjectStoreException>(() => Bench.PruneAsync(dying, null, _time));
        Assert.Contains(_store.Names, name => name.StartsWith(ObjectNames.Pending, StringComparison.Ordinal));
        _time.Advance(TimeSpan.FromHours(3));
    }

    private async Task ExpectSnapshotWorksAsync()
    {
        var snapshot = await Bench.SnapshotAsync(_store, null, _source.Path, _time);
        Bench.AssertSame(Bench.FilesOf(_source.Path), await Bench.ReadAsync(_store, null, snapshot.Id));
        await ExpectStaysAsync(snapshot);
    }

    private async Task ExpectStaysAsync(Snapshot snapshot)
    {
        for (var i = 0; i < 2; i++)
        {
            _time.Advance(TimeSpan.FromDays(2));
            await Bench.PruneAsync(_store, null, _time);
            Bench.AssertSame(Bench.FilesOf(_source.Path), await Bench.ReadAsync(_store, null, snapshot.Id));
        }

        var outcome = await Bench.VerifyAsync(_store, null);
        Assert.True(outcome.IsSound, string.Join("; ", outcome.Damages));
        Assert.Equal(0, outcome.UnlistedPacks);
    }

    /// <summary>Stands still before its first call of a kind until it is told to go on.</summary>
    private sealed class Freeze
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Freeze(IObjectStore store, StoreCall call, string prefix) => Store = new InterceptedStore(store, async (made, name, work) =>
        {
            if (made == call && name.StartsWith(prefix, StringComparison.Ordinal) && _reached.TrySetResult())
            {
                await _goOn.Task;
            }

            await work();
        });

        public IObjectStore Store { get; }

        public Task IsReached => _reached.Task;

        public void GoOn() => _goOn.SetResult();
    }
}
