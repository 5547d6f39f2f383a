namespace Dumont.Snapshots.Tests;

/// <summary>What a verification reads, and what it makes of packs that wait to be deleted and of prunes that run meanwhile.</summary>
public sealed class VerifierTests : IAsyncDisposable
{
    private readonly ManualTime _time = new();
    private readonly TempFolder _folder = new();
    private readonly MemoryObjectStore _store;

    public VerifierTests() => _store = new MemoryObjectStore(_time) { Traits = new StoreTraits(3000, 1) };

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return _store.DisposeAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    public async Task Parts_InTurn_ReadEachPackOnce(int total)
    {
        await FillAsync(files: 12);
        var sizes = Bench.PacksOf(_store).Sum(name => (long)_store[name].Length);
        var read = 0L;
        for (var number = 1; number <= total; number++)
        {
            read += (await VerifyAsync(PackSample.Part(number, total))).BytesRead;
        }

        Assert.Equal(sizes, read);
        Assert.Equal(0, (await VerifyAsync(PackSample.None)).BytesRead);
    }

    [Fact]
    public async Task Share_And_Bytes_ReadAboutSoMuch()
    {
        await FillAsync(files: 12);
        var packs = Bench.PacksOf(_store).Count;
        var largest = Bench.PacksOf(_store).Max(name => _store[name].Length);
        Assert.Equal(await ReadByAsync(PackSample.All), await ReadByAsync(PackSample.Share(1, new Random(1))));
        Assert.InRange(await ReadByAsync(PackSample.Share(0.5, new Random(1))), 1, ((packs + 1) / 2) * (long)largest);
        Assert.InRange(await ReadByAsync(PackSample.Bytes(2L * largest, new Random(1))), 1, 2L * largest);
        Assert.InRange(await ReadByAsync(PackSample.Bytes(1, new Random(1))), 1, largest);

        async Task<long> ReadByAsync(PackSample sample) => (await VerifyAsync(sample)).BytesRead;
    }

    [Fact]
    public async Task Damage_IsFoundByThePartThatReadsIt_AndByName()
    {
        await FillAsync(files: 12);
        var broken = await PackOfAFileAsync();
        _store[broken] = Bench.Flipped(_store[broken], 20);
        var found = new List<int>();
        for (var number = 1; number <= 4; number++)
        {
            if (await VerifyAsync(PackSample.Part(number, 4)) is { IsSound: false } outcome)
            {
                found.Add(number);
                Assert.Equal([broken], outcome.DamagedPacks);
                Assert.Single(outcome.AffectedSnapshots);
                Assert.NotEmpty(outcome.AffectedPaths);
            }
        }

        Assert.Single(found);
        Assert.False((await VerifyAsync(PackSample.Named([broken]))).IsSound);
        Assert.True((await VerifyAsync(PackSample.Named(["packs/00/gone"]))).IsSound);
    }

    [Fact]
    public async Task WaitingPack_Damaged_IsFoundAndTouchesNoSnapshot()
    {
        var waiting = await WaitAsync();
        var clean = await VerifyAsync(PackSample.All);
        Assert.Equal((true, waiting.Count, 0), (clean.IsSound, clean.WaitingPacks, clean.UnlistedPacks));
        foreach (var at in (int[])[3, 20, _store[waiting[0]].Length - 50, _store[waiting[0]].Length - 1])
        {
            var whole = _store[waiting[0]];
            _store[waiting[0]] = Bench.Flipped(whole, at);
            var outcome = await VerifyAsync(PackSample.All);
            Assert.Equal([waiting[0]], outcome.DamagedPacks);
            Assert.Empty(outcome.AffectedSnapshots);
            _store[waiting[0]] = whole;
        }
    }

    // As it is between two steps of a prune, or when it was killed there: a reader finds what it needs in the packs that wait.
    [Fact]
    public async Task WaitingPack_NeededBySnapshot_IsNoDamageUntilItIsBroken()
    {
        await FillAsync(files: 3);
        var before = _store.Copy();
        var snapshot = _store.Names.Single(name => name.StartsWith("snapshots/", StringComparison.Ordinal));
        _store.Remove(snapshot);
        await Bench.PruneAsync(_store, null, _time, TimeSpan.FromHours(24));
        _store[snapshot] = before[snapshot];
        var needed = await VerifyAsync(PackSample.All);
        Assert.True(needed.IsSound, string.Join("; ", needed.Damages));
        Assert.True(needed.WaitingPacks > 0);

        foreach (var pack in Bench.PacksOf(_store))
        {
            _store[pack] = Bench.Flipped(_store[pack], 30);
        }

        var broken = await VerifyAsync(PackSample.All);
        Assert.Equal([snapshot["snapshots/".Length..]], broken.AffectedSnapshots);
        foreach (var pack in Bench.PacksOf(_store))
        {
            _store.Remove(pack);
        }

        Assert.Equal([snapshot["snapshots/".Length..]], (await VerifyAsync(PackSample.None)).AffectedSnapshots);
    }

    [Fact]
    public async Task Prune_InTheMiddle_IsNotTakenForDamage()
    {
        await FillAsync(files: 12);
        var ids = (await Bench.ListAsync(_store, null)).Select(each => each.Id).ToList();
        File.Delete(Path.Combine(_folder.Path, "file0"));
        File.Delete(Path.Combine(_folder.Path, "file5"));
        await Bench.SnapshotAsync(_store, null, _folder.Path, _time);
        var isPruned = false;
        await using var slow = new InterceptedStore(_store, async (call, name, work) =>
        {
            if (!isPruned && call == StoreCall.Read && name.StartsWith("packs/", StringComparison.Ordinal))
            {
                isPruned = true;
                await Bench.ForgetAsync(_store, null, [.. ids]);
                await Bench.PruneAsync(_store, null, _time);
            }

            await work();
        });
        var outcome = await Bench.VerifyAsync(slow, null);
        Assert.True(isPruned);
        Assert.True(outcome.IsSound, string.Join("; ", outcome.Damages));
    }

    // What the user is told to do about damage: delete what is affected, prune to the last byte, take new ones.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Remedy_LeavesNoDamage(bool isGone)
    {
        await FillAsync(files: 12);
        File.Delete(Path.Combine(_folder.Path, "file3"));
        await Bench.SnapshotAsync(_store, null, _folder.Path, _time);
        foreach (var pack in Bench.PacksOf(_store))
        {
            var store = _store.Copy();
            if (isGone)
            {
                store.Remove(pack);
            }
            else
            {
                store[pack] = Bench.Flipped(store[pack], 25);
            }

            var found = await Bench.VerifyAsync(store, null);
            Assert.False(found.IsSound);
            await Bench.ForgetAsync(store, null, [.. found.AffectedSnapshots]);
            await Bench.PruneAsync(store, null, _time, TimeSpan.FromHours(24));
            var made = await Bench.SnapshotAsync(store, null, _folder.Path, _time);
            Bench.AssertSame(Bench.FilesOf(_folder.Path), await Bench.ReadAsync(store, null, made.Id));
            _time.Advance(TimeSpan.FromDays(2));
            await Bench.PruneAsync(store, null, _time, TimeSpan.FromHours(24));
            var after = await Bench.VerifyAsync(store, null);
            Assert.True(after.IsSound, $"{pack}: {string.Join("; ", after.Damages)}");
            await store.DisposeAsync();
        }
    }

    private async Task FillAsync(int files)
    {
        await Repository.InitAsync(_store, null, _time, Bench.Token);
        for (var i = 0; i < files; i++)
        {
            Bench.Write(_folder.Path, $"file{i}", Bench.Noise(2500, i + 1));
        }

        await Bench.SnapshotAsync(_store, null, _folder.Path, _time);
    }

    // Packs that only a forgotten snapshot needed.
    private async Task<IReadOnlyList<string>> WaitAsync()
    {
        await FillAsync(files: 6);
        var first = (await Bench.ListAsync(_store, null))[0];
        File.Delete(Path.Combine(_folder.Path, "file0"));
        await Bench.SnapshotAsync(_store, null, _folder.Path, _time);
        await Bench.ForgetAsync(_store, null, first.Id);
        await Bench.PruneAsync(_store, null, _time, TimeSpan.FromHours(24));
        return await Bench.UnlistedPacksAsync(_store, null);
    }

    private Task<VerifyOutcome> VerifyAsync(PackSample sample) => Bench.VerifyAsync(_store, null, sample);

    // One that the list of files is not in: without that, every part would find the damage.
    private async Task<string> PackOfAFileAsync()
    {
        var repository = await Repository.OpenAsync(_store, null, Bench.Token);
        await repository.LoadIndexAsync(Bench.Token);
        var snapshot = Assert.Single(await repository.ListSnapshotsAsync(Bench.Token));
        var entries = await repository.ReadEntriesAsync(snapshot, Bench.Token);
        string PackOf(ContentHash chunk) =>
            repository.TryLocate(chunk, out var location) ? ObjectNames.Pack(repository.Index.Packs[location.Pack].Name) : throw new InvalidOperationException();
        var ofList = snapshot.Record.Manifest.Select(chunk => ObjectNames.TryParseDigest(chunk.Id, out var id) ? PackOf(id) : "").ToHashSet();
        return entries.SelectMany(entry => entry.Content).Select(extent => PackOf(extent.Chunk)).First(pack => !ofList.Contains(pack));
    }
}
