namespace Dumont.Snapshots.Tests;

/// <summary>Writers, prunes without grace, verifications and readers at once, one store call at a time in an order that a seed chooses, with clocks that are
/// wrong, leases that run out and processes that are killed: at every moment every acknowledged snapshot can be restored.</summary>
/// <remarks>A seed does not repeat a history call by call: packs have random names, which have a part in the order. The trace tells what happened, and what
/// was found is told step by step in <see cref="LeaseTests"/>.</remarks>
public sealed class InterleavingTests
{
    [Fact]
    public async Task Everything_AtOnce_KeepsWhatWasAcknowledged()
    {
        var settings = SafetySettings.Read();
        var totals = await RunAsync(Enumerable.Range(settings.Seed, settings.Count));

        TestContext.Current.TestOutputHelper?.WriteLine(string.Join(", ", totals.OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => $"{t.Key}: {t.Value}")));
        Assert.True(totals["snapshot"] > 0 && totals["prune"] > 0);
    }

    [Fact]
    public async Task Prune_WhileAnotherRuns_IsRefused()
    {
        var time = new ManualTime();
        var store = new MemoryObjectStore(time);
        var repository = await Repository.InitAsync(store, null, time, Bench.Token);
        await using (await RepositoryLock.AcquirePruneAsync(repository, time, Bench.Token))
        {
            var refused = await Assert.ThrowsAsync<RepositoryException>(() => Bench.PruneAsync(store, null, time));
            Assert.Equal(RepositoryErrorKind.Locked, refused.Kind);
            time.Advance(RepositoryLock.Lifetime + TimeSpan.FromSeconds(1));

            await Bench.PruneAsync(store, null, time);
        }
    }

    private static async Task<Dictionary<string, int>> RunAsync(IEnumerable<int> seeds)
    {
        using var folder = new TempFolder();
        var sources = Sources(folder);
        var totals = new Dictionary<string, int>();
        foreach (var seed in seeds)
        {
            await using var run = new InterleavedRun(seed, sources);
            try
            {
                await run.RunAsync();
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Assert.Fail($"Seed {seed} (DUMONT_SAFETY_SEED={seed} DUMONT_SAFETY_COUNT=1): {e.GetType().Name} {e.Message}\n{string.Join("\n", run.Trace.TakeLast(60))}\n{e.StackTrace}");
            }

            foreach (var (what, count) in run.Counts)
            {
                totals[what] = totals.GetValueOrDefault(what) + count;
            }
        }

        return totals;
    }

    // Trees that share files, so that what one forgets another still needs, and that come back as they were.
    private static List<string> Sources(TempFolder folder)
    {
        var sources = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            var source = folder.Folder($"source{i}");
            for (var file = 0; file < 4; file++)
            {
                if (((i + 1) >> (file % 3) & 1) != 0 || file == i)
                {
                    Bench.Write(source, $"file{file}", Bench.Noise(3000 + (file * 100), file));
                }
            }

            sources.Add(source);
        }

        return sources;
    }
}
