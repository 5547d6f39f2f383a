using System.Collections.Concurrent;

namespace Dumont.Snapshots.Tests;

/// <summary>A small repository with an object of every kind, damaged in every way: nothing goes unseen, and no read gives wrong bytes.</summary>
public sealed class DamageTests
{
    public static TheoryData<bool> Encryption => [true, false];

    [Theory]
    [MemberData(nameof(Encryption))]
    public async Task Flip_AnyByte_IsFound(bool isEncrypted)
    {
        await using var world = await World.MakeAsync(isEncrypted);
        var exhaustive = SafetySettings.Read().IsExhaustive;
        var flips =
            from name in world.Names
            from at in Enumerable.Range(0, world.Store[name].Length)
            from pattern in exhaustive ? [0, 1, 2] : new[] { at % 3 }
            where exhaustive || at % 11 == 0 || (world.Store[name].Length < 300 && at < 40)
            select (name, at, pattern);

        await world.ExpectFoundAsync(flips, flip =>
        {
            var content = world.Store[flip.name];
            var old = content[flip.at];
            return world.With(flip.name, Bench.Flipped(content, flip.at, flip.pattern switch { 0 => 1, 1 => 0x80, _ => old == 0 ? (byte)0xA5 : old }));
        });
    }

    [Theory]
    [MemberData(nameof(Encryption))]
    public async Task Truncate_AnyLength_IsFound(bool isEncrypted)
    {
        await using var world = await World.MakeAsync(isEncrypted);
        var step = SafetySettings.Read().IsExhaustive ? 1 : 31;
        var cuts =
            from name in world.Names
            from length in Enumerable.Range(0, world.Store[name].Length).Where(n => n % step == 0 || n > world.Store[name].Length - 20)
            select (name, length);

        await world.ExpectFoundAsync(cuts, cut => world.With(cut.name, world.Store[cut.name][..cut.length]));
    }

    [Theory]
    [MemberData(nameof(Encryption))]
    public async Task Append_OneByte_IsFound(bool isEncrypted)
    {
        await using var world = await World.MakeAsync(isEncrypted);

        await world.ExpectFoundAsync(world.Names, name => world.With(name, [.. world.Store[name], 0]));
    }

    [Theory]
    [MemberData(nameof(Encryption))]
    public async Task Swap_AnyTwo_IsFound(bool isEncrypted)
    {
        await using var world = await World.MakeAsync(isEncrypted);
        var pairs = world.Names.SelectMany((a, i) => world.Names.Skip(i + 1).Select(b => (a, b)));

        await world.ExpectFoundAsync(pairs, pair =>
        {
            var store = world.With(pair.a, world.Store[pair.b]);
            store[pair.b] = world.Store[pair.a];
            return store;
        });
    }

    [Theory]
    [MemberData(nameof(Encryption))]
    public async Task Delete_WhatIsNeeded_IsFound(bool isEncrypted)
    {
        await using var world = await World.MakeAsync(isEncrypted);
        var needed = world.Names.Except(world.Waiting).Where(name => name == "config" || name.StartsWith("packs/", StringComparison.Ordinal) || name.StartsWith("index/", StringComparison.Ordinal));

        await world.ExpectFoundAsync(needed, world.Without);
    }

    [Fact]
    public async Task Delete_WhatMayBeDeleted_LeavesTheRestWhole()
    {
        await using var world = await World.MakeAsync(isEncrypted: true);
        foreach (var name in world.Names.Where(n => n.StartsWith("snapshots/", StringComparison.Ordinal) || n.StartsWith("locks/", StringComparison.Ordinal) || n.StartsWith("pending/", StringComparison.Ordinal)).Concat(world.Waiting))
        {
            var store = world.Without(name);

            Assert.True((await Bench.VerifyAsync(store, world.Secret)).IsSound, name);
            Assert.Null(await world.FindWrongBytesAsync(store));
        }
    }

    // Whoever can write to the store may bring back what was there before.
    [Theory]
    [MemberData(nameof(Encryption))]
    public async Task Replay_DeletedObjects_NeverGivesWrongBytes(bool isEncrypted)
    {
        await using var world = await World.MakeAsync(isEncrypted);
        var before = world.Store.Copy();
        var later = world.Store.Copy();
        for (var round = 0; round < 2; round++)
        {
            Bench.Write(world.Source, $"more{round}", Bench.Noise(9000, round + 50));
            var forgotten = world.Ids[round];
            world.Expect((await Bench.SnapshotAsync(later, world.Secret, world.Source, world.Time)).Id);
            await Bench.ForgetAsync(later, world.Secret, forgotten);
            world.Time.Advance(TimeSpan.FromDays(2));
            await Bench.PruneAsync(later, world.Secret, world.Time);
        }

        var gone = before.Names.Where(name => !later.Names.Contains(name)).ToList();
        Assert.Contains(gone, name => name.StartsWith("index/", StringComparison.Ordinal));
        foreach (var name in gone)
        {
            var store = later.Copy();
            store[name] = before[name];

            Assert.Null(await world.FindWrongBytesAsync(store));
        }
    }

    private sealed class World : IAsyncDisposable
    {
        private readonly TempFolder _folder = new();
        private readonly Dictionary<string, Dictionary<string, byte[]>> _expected = [];

        private World(RepositorySecret? secret) => (Secret, Store) = (secret, new MemoryObjectStore(Time) { Traits = new StoreTraits(3000, 1) });

        public MemoryObjectStore Store { get; }

        public RepositorySecret? Secret { get; }

        public ManualTime Time { get; } = new();

        /// <summary>Snapshots, in the order in which they were taken.</summary>
        public List<string> Ids { get; } = [];

        public string Source => _folder.Path;

        /// <summary>Every object, packs that wait to be deleted among them.</summary>
        public IReadOnlyList<string> Names { get; private set; } = [];

        /// <summary>Packs that wait to be deleted: nothing needs what is in them, but a writer or a prune may list them again.</summary>
        public IReadOnlyList<string> Waiting { get; private set; } = [];

        public static async Task<World> MakeAsync(bool isEncrypted)
        {
            var world = new World(isEncrypted ? Bench.Key : null);
            await Repository.InitAsync(world.Store, world.Secret, world.Time, Bench.Token);
            Bench.Write(world.Source, "text", [.. Enumerable.Repeat("to be or not to be "u8.ToArray(), 60).SelectMany(b => b)]);
            Bench.Write(world.Source, "gone", Bench.Noise(500, 1));
            var first = await Bench.SnapshotAsync(world.Store, world.Secret, world.Source, world.Time);
            await Bench.ForgetAsync(world.Store, world.Secret, first.Id);
            File.Delete(Path.Combine(world.Source, "gone"));
            Bench.Write(world.Source, "folder/weights", ChunkSamples.Make("bf16", 1200, 3));
            Bench.Write(world.Source, "noise", Bench.Noise(700, 2));
            Bench.Write(world.Source, "zeros", new byte[3000]);
            for (var i = 0; i < 2; i++)
            {
                world.Expect((await Bench.SnapshotAsync(world.Store, world.Secret, world.Source, world.Time, $"s{i}")).Id);
                Bench.Write(world.Source, "second", Bench.Noise(300, 4));
                world.Time.Advance(TimeSpan.FromMinutes(1));
            }

            await Bench.PruneAsync(world.Store, world.Secret, world.Time, TimeSpan.FromHours(24));
            await world.AddLocksAsync();
            Assert.True((await Bench.VerifyAsync(world.Store, world.Secret)).IsSound);
            world.Names = [.. world.Store.Names];
            world.Waiting = await Bench.UnlistedPacksAsync(world.Store, world.Secret);
            Assert.NotEmpty(world.Waiting);
            Assert.Equal(isEncrypted ? 7 : 6, world.Names.Select(name => name.Split('/')[0]).Distinct().Count());
            return world;
        }

        public void Expect(string id)
        {
            Ids.Add(id);
            _expected[id] = Bench.FilesOf(Source);
        }

        public MemoryObjectStore With(string name, byte[] content)
        {
            var store = Store.Copy();
            store[name] = content;
            return store;
        }

        public MemoryObjectStore Without(string name)
        {
            var store = Store.Copy();
            store.Remove(name);
            return store;
        }

        public async Task ExpectFoundAsync<T>(IEnumerable<T> damages, Func<T, MemoryObjectStore> damage)
        {
            var unseen = new ConcurrentBag<string>();
            var count = 0;
            await Parallel.ForEachAsync(damages, Bench.Token, async (what, _) =>
            {
                Interlocked.Increment(ref count);
                var store = damage(what);
                if (await IsSoundAsync(store))
                {
                    unseen.Add($"{what} unseen");
                }

                if (await FindWrongBytesAsync(store) is { } wrong)
                {
                    unseen.Add($"{what}: {wrong}");
                }
            });
            TestContext.Current.TestOutputHelper?.WriteLine($"{count} damages");
            Assert.True(unseen.IsEmpty, string.Join("\n", unseen.Take(40)));
        }

        /// <summary>Path of a file that reads as something that it never was; null: there is none.</summary>
        public async Task<string?> FindWrongBytesAsync(IObjectStore store)
        {
            try
            {
                var repository = await Repository.OpenAsync(store, Secret, CancellationToken.None);
                var (snapshots, _) = await repository.ReadSnapshotsAsync(CancellationToken.None);
                await repository.LoadIndexAsync(CancellationToken.None);
                foreach (var snapshot in snapshots.Where(s => _expected.ContainsKey(s.Id)))
                {
                    if (await FindWrongBytesAsync(repository, snapshot) is { } wrong)
                    {
                        return wrong;
                    }
                }
            }
            catch (IOException)
            {
                // An error is an answer.
            }

            return null;
        }

        public async ValueTask DisposeAsync()
        {
            _folder.Dispose();
            await Store.DisposeAsync();
        }

        private async Task<string?> FindWrongBytesAsync(Repository repository, Snapshot snapshot)
        {
            var expected = _expected[snapshot.Id];
            try
            {
                var files = (await repository.ReadEntriesAsync(snapshot, CancellationToken.None)).Where(entry => entry.Kind == EntryKind.File).ToList();
                if (files.Count != expected.Count)
                {
                    return "other files";
                }

                foreach (var file in files)
                {
                    using var content = new MemoryStream();
                    await repository.CopyContentAsync(file, content, CancellationToken.None);
                    if (!content.ToArray().AsSpan().SequenceEqual(expected[file.Path.ToString()]))
                    {
                        return file.Path.ToString();
                    }
                }
            }
            catch (IOException)
            {
                // An error is an answer.
            }

            return null;
        }

        private async Task<bool> IsSoundAsync(IObjectStore store)
        {
            try
            {
                return (await Bench.VerifyAsync(store, Secret)).IsSound;
            }
            catch (Exception e) when (e is SnapshotFormatException or RepositoryException)
            {
                return false;
            }
        }

        // As processes leave them that are killed.
        private async Task AddLocksAsync()
        {
            var other = Store.Copy();
            var repository = await Repository.OpenAsync(other, Secret, Bench.Token);
            await using var prune = await RepositoryLock.AcquirePruneAsync(repository, Time, Bench.Token);
            await using var writer = await RepositoryLock.AcquireWriterAsync(repository, Time, Bench.Token);
            foreach (var name in other.Names.Where(name => name.StartsWith("locks/", StringComparison.Ordinal)))
            {
                Store[name] = other[name];
            }
        }
    }
}
