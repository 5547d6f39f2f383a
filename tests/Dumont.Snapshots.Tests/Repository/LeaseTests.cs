namespace Dumont.Snapshots.Tests;

/// <summary>Somebody stands still for longer than his lease, in the worst moment, while others go on as if he were dead; then he goes on too.</summary>
public sealed class LeaseTests : IAsyncLifetime
{
    private readonly TempFolder _source = new();
    private readonly ManualTime _time = new();
    private readonly MemoryObjectStore _store;

    public LeaseTests() => _store = new MemoryObjectStore(_time);

    public async ValueTask InitializeAsync()
    {
        await Repository.InitAsync(_store, null, _time, Bench.Token);
        Bench.Write(_source.Path, "file", Bench.Noise(9000, 1));
    }

    public ValueTask DisposeAsync()
    {
        _source.Dispose();
        return _store.DisposeAsync();
    }

    // The packs of the writer are taken for leftovers and deleted. Its index then lists what is not there.
    [Fact]
    public async Task Writer_FrozenBeforeItsIndex_NobodyReliesOnWhatItLists()
    {
        var frozen = new Freeze(_store, StoreCall.Put, ObjectNames.Indexes);
        var writing = Bench.SnapshotAsync(frozen.Store, null, _source.Path, _time);
        await frozen.ReachedByAsync(writing);
        _time.Advance(TimeSpan.FromHours(2));
        await Bench.PruneAsync(_store, null, _time);
        frozen.GoOn();

        Assert.Contains("Take it again", (await Assert.ThrowsAsync<SnapshotFormatException>(() => writing)).Message, StringComparison.Ordinal);
        Assert.Contains(_store.Names, name => name.StartsWith(ObjectNames.Indexes, StringComparison.Ordinal));
        await ExpectSnapshotWorksAsync();
    }

    // Its packs are marked, for nothing needs them yet, and wait for the end of the grace period.
    [Theory]
    [InlineData(ObjectNames.Indexes)]
    [InlineData(ObjectNames.Snapshots)]
    public async Task Writer_FrozenWhileItsPacksAreMarked_CopiesThemAndIsAcknowledged(string before)
    {
        var frozen = new Freeze(_store, StoreCall.Put, before);
        var writing = Bench.SnapshotAsync(frozen.Store, null, _source.Path, _time);
        await frozen.ReachedByAsync(writing);
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
        var first = await Bench.SnapshotAsync(_store, null, _source.Path, _time);
        _time.Advance(TimeSpan.FromHours(3));
        var writer = new Freeze(_store, StoreCall.Put, ObjectNames.Snapshots);
        var writing = Bench.SnapshotAsync(writer.Store, null, _source.Path, _time);
        await writer.ReachedByAsync(writing);
        await Bench.ForgetAsync(_store, null, first.Id);
        _time.Advance(TimeSpan.FromHours(3));
        var prune = new Freeze(_store, StoreCall.Delete, ObjectNames.Packs);
        var pruning = Bench.PruneAsync(prune.Store, null, _time);
        await prune.ReachedByAsync(pruning);
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
        var writer = new Freeze(_store, StoreCall.Put, ObjectNames.Indexes);
        var writing = Bench.SnapshotAsync(writer.Store, null, _source.Path, _time);
        await writer.ReachedByAsync(writing);
        await LetAPruneDieAfterItsMarkAsync();
        var prune = new Freeze(_store, StoreCall.Delete, ObjectNames.Packs);
        var pruning = Bench.PruneAsync(prune.Store, null, _time);
        await prune.ReachedByAsync(pruning);
        if (isDeletedFirst)
        {
            prune.GoOn();
            await pruning;
            writer.GoOn();
            await Assert.ThrowsAsync<SnapshotFormatException>(() => writing);
        }
        else
        {
            writer.GoOn();
            await writing;
            prune.GoOn();
            await pruning;
        }

        var snapshots = await Bench.ListAsync(_store, null);
        Assert.Equal(isDeletedFirst ? 0 : 1, snapshots.Count);
        foreach (var snapshot in snapshots)
        {
            Bench.AssertSame(Bench.FilesOf(_source.Path), await Bench.ReadAsync(_store, null, snapshot.Id));
        }
    }

    // The same, but the packs were there before and the index that the writer knows still lists them.
    [Fact]
    public async Task Writer_FrozenWhileAPruneDiesAfterItsMark_IsNotAcknowledgedWithoutWhatItFound()
    {
        var first = await Bench.SnapshotAsync(_store, null, _source.Path, _time);
        _time.Advance(TimeSpan.FromHours(3));
        var writer = new Freeze(_store, StoreCall.Put, ObjectNames.Snapshots);
        var writing = Bench.SnapshotAsync(writer.Store, null, _source.Path, _time);
        await writer.ReachedByAsync(writing);
        await Bench.ForgetAsync(_store, null, first.Id);
        await LetAPruneDieAfterItsMarkAsync();
        var prune = new Freeze(_store, StoreCall.Delete, ObjectNames.Pending);
        var pruning = Bench.PruneAsync(prune.Store, null, _time);
        await prune.ReachedByAsync(pruning);
        writer.GoOn();

        await Assert.ThrowsAsync<SnapshotFormatException>(() => writing);
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
        var first = await Bench.SnapshotAsync(_store, null, _source.Path, _time);
        Bench.Write(_source.Path, "file", Bench.Noise(9000, 2));
        var second = await Bench.SnapshotAsync(_store, null, _source.Path, _time);
        await Bench.ForgetAsync(_store, null, first.Id);
        _time.Advance(TimeSpan.FromHours(3));
        var frozen = new Freeze(_store, StoreCall.Put, before);
        var pruning = Bench.PruneAsync(frozen.Store, null, _time);
        await frozen.ReachedByAsync(pruning);
        _time.Advance(TimeSpan.FromHours(3));
        await Bench.ForgetAsync(_store, null, second.Id);
        await Bench.PruneAsync(_store, null, _time);
        frozen.GoOn();

        var stopped = await Assert.ThrowsAsync<RepositoryException>(() => pruning);
        Assert.Equal(RepositoryErrorKind.Locked, stopped.Kind);
        await ExpectSnapshotWorksAsync();
    }

    // A process that began in its place finds the snapshot, which nobody has confirmed.
    [Fact]
    public async Task Confirm_SnapshotThatLostItsPacks_IsRefused()
    {
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

        /// <summary>Waits until the work stands still. Work that ends before fails the test.</summary>
        public async Task ReachedByAsync(Task work)
        {
            await Task.WhenAny(_reached.Task, work);
            if (!_reached.Task.IsCompleted)
            {
                await work;
                Assert.Fail("The work has ended without the call before which it was to stand still.");
            }
        }

        public void GoOn() => _goOn.SetResult();
    }
}
