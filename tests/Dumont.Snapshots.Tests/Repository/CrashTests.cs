namespace Dumont.Snapshots.Tests;

/// <summary>The process dies before or after every step that changes the store: what was acknowledged stays, and work goes on.</summary>
public sealed class CrashTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Snapshot_KilledAtAnyStep_LeavesARepositoryThatWorks(bool isEncrypted)
    {
        using var source = new TempFolder();
        var secret = isEncrypted ? Bench.Key : null;
        var (store, time, expected) = await MakeAsync(source.Path, secret);
        for (var i = 0; i < 3; i++)
        {
            Bench.Write(source.Path, $"added{i}", Bench.Noise(20_000, 100 + i));
        }

        var steps = await KillEverywhereAsync(store, s => Bench.SnapshotAsync(s, secret, source.Path, time), async (killed, what) =>
            await ExpectWorkingAsync(killed, secret, source.Path, time, expected, what));

        // A lock, three packs of files and one of the manifest, an index, a snapshot, the end of the lock.
        Assert.InRange(steps, 8, 9);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(24)]
    public async Task Prune_KilledAtAnyStep_LeavesARepositoryThatWorks(int graceHours)
    {
        using var source = new TempFolder();
        var (store, time, expected) = await MakeAsync(source.Path, Bench.Key);
        var gone = expected.Keys.First();
        expected.Remove(gone);
        await Bench.ForgetAsync(store, Bench.Key, gone);

        var steps = await KillEverywhereAsync(store, s => Bench.PruneAsync(s, Bench.Key, time, TimeSpan.FromHours(graceHours)), async (killed, what) =>
            await ExpectWorkingAsync(killed, Bench.Key, source.Path, time, expected, what));

        Assert.True(steps >= 6, $"{steps} steps");
    }

    // Two prunes are killed one after the other; the second may be killed by what the first left.
    [Fact]
    public async Task Prune_KilledTwice_LeavesARepositoryThatWorks()
    {
        using var source = new TempFolder();
        var (store, time, expected) = await MakeAsync(source.Path, null);
        var ids = expected.Keys.ToList();
        await Bench.ForgetAsync(store, null, ids[0]);
        expected.Remove(ids[0]);
        await KillEverywhereAsync(store, s => Bench.PruneAsync(s, null, time), async (killed, _) =>
        {
            var later = new ManualTime();
            later.Advance(TimeSpan.FromDays(3));
            await Bench.ForgetAsync(killed, null, ids[1]);
            var left = expected.Where(e => e.Key != ids[1]).ToDictionary();
            await KillEverywhereAsync(killed, s => Bench.PruneAsync(s, null, later), async (again, what) =>
            {
                var last = new ManualTime();
                last.Advance(TimeSpan.FromDays(6));
                await ExpectWorkingAsync(again, null, source.Path, last, left, what);
            });
        });
    }

    // As a store that is full, or a disk that fails: an answer instead of a death.
    [Fact]
    public async Task Snapshot_AnyPutFails_IsNotAcknowledged()
    {
        using var source = new TempFolder();
        var (store, time, expected) = await MakeAsync(source.Path, Bench.Key);
        Bench.Write(source.Path, "added", Bench.Noise(40_000, 100));
        for (var failing = 0; ; failing++)
        {
            var copy = store.Copy();
            var put = 0;
            var hasFailed = false;
            var full = new InterceptedStore(copy, async (call, _, work) =>
            {
                if (call == StoreCall.Put && put++ == failing)
                {
                    hasFailed = true;
                    throw new ObjectStoreException(ObjectStoreErrorKind.Full, "There is no room.");
                }

                await work();
            });
            var failure = await Record.ExceptionAsync(() => Bench.SnapshotAsync(full, Bench.Key, source.Path, time));
            if (!hasFailed)
            {
                break;
            }

            Assert.IsType<ObjectStoreException>(failure);
            await ExpectWorkingAsync(copy, Bench.Key, source.Path, time, expected, $"put {failing}");
        }
    }

    [Fact]
    public async Task Init_KilledAtAnyStep_CanBeDoneAgain()
    {
        var time = new ManualTime();
        using var source = new TempFolder();
        Bench.Write(source.Path, "file", Bench.Noise(100, 1));
        await KillEverywhereAsync(new MemoryObjectStore(time), s => Repository.InitAsync(s, Bench.Key, time, CancellationToken.None), async (killed, what) =>
        {
            var failure = await Record.ExceptionAsync(() => Repository.InitAsync(killed, Bench.Key, time, CancellationToken.None));

            Assert.True(failure is null or RepositoryException { Kind: RepositoryErrorKind.AlreadyExists }, $"{what}: {failure}");
            await Bench.SnapshotAsync(killed, Bench.Key, source.Path, time);
            Assert.True((await Bench.VerifyAsync(killed, Bench.Key)).IsSound, what);
        });
    }

    private static async Task<(MemoryObjectStore Store, ManualTime Time, Dictionary<string, Dictionary<string, byte[]>> Expected)> MakeAsync(
        string source, RepositorySecret? secret)
    {
        var time = new ManualTime();
        var store = new MemoryObjectStore(time);
        var expected = new Dictionary<string, Dictionary<string, byte[]>>();
        await Repository.InitAsync(store, secret, time, CancellationToken.None);
        for (var i = 0; i < 3; i++)
        {
            // What is needed no more shares packs with what is.
            File.Delete(Path.Combine(source, $"passing{i - 1}"));
            Bench.Write(source, $"passing{i}", Bench.Noise(4000, 20 + i));
            Bench.Write(source, $"staying{i}", Bench.Noise(6000, 10 + i));
            var id = (await Bench.SnapshotAsync(store, secret, source, time)).Id;
            expected[id] = Bench.FilesOf(source);
            time.Advance(TimeSpan.FromHours(1));
        }

        return (store, time, expected);
    }

    /// <summary>Runs work again and again, each time dying at another step, before or after it took effect.</summary>
    /// <returns>How many steps there are.</returns>
    private static async Task<int> KillEverywhereAsync(MemoryObjectStore store, Func<IObjectStore, Task> work, Func<MemoryObjectStore, string, Task> check)
    {
        for (var step = 0; ; step++)
        {
            foreach (var isDone in new[] { false, true })
            {
                var copy = store.Copy();
                var count = 0;
                var isDead = false;
                var dying = new InterceptedStore(copy, async (call, name, run) =>
                {
                    if (isDead)
                    {
                        throw new ObjectStoreException(ObjectStoreErrorKind.Transient, "dead");
                    }

                    if (call is StoreCall.Put or StoreCall.Delete && count++ == step)
                    {
                        isDead = true;
                        if (isDone)
                        {
                            await run();
                        }

                        throw new ObjectStoreException(ObjectStoreErrorKind.Transient, $"dies at {call} {name}");
                    }

                    await run();
                });
                var failure = await Record.ExceptionAsync(() => work(dying));
                await check(copy, $"step {step}, {(isDone ? "after" : "before")}: {failure?.Message}");
                if (!isDead)
                {
                    return step;
                }
            }
        }
    }

    private static async Task ExpectWorkingAsync(
        MemoryObjectStore store, RepositorySecret? secret, string source, ManualTime time, Dictionary<string, Dictionary<string, byte[]>> expected, string what)
    {
        await ExpectWholeAsync("at once");
        var next = await Bench.SnapshotAsync(store, secret, source, time);
        Bench.AssertSame(Bench.FilesOf(source), await Bench.ReadAsync(store, secret, next.Id));
        await ExpectWholeAsync("after a snapshot");
        time.Advance(TimeSpan.FromHours(3));
        await Bench.PruneAsync(store, secret, time);
        await ExpectWholeAsync("after a prune");
        time.Advance(TimeSpan.FromHours(3));
        await Bench.PruneAsync(store, secret, time);
        await ExpectWholeAsync("after another prune");
        var outcome = await Bench.VerifyAsync(store, secret);
        Assert.True(outcome.IsSound, $"{what}: {string.Join("; ", outcome.Damages)}");
        Assert.Equal(0, outcome.UnlistedPacks);

        async Task ExpectWholeAsync(string when)
        {
            foreach (var (id, files) in expected)
            {
                try
                {
                    Bench.AssertSame(files, await Bench.ReadAsync(store, secret, id));
                }
                catch (IOException e)
                {
                    Assert.Fail($"{what}, {when}: {e.Message}");
                }
            }
        }
    }
}
