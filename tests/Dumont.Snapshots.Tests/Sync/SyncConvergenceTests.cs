using Dumont.Snapshots.Sync;

namespace Dumont.Snapshots.Tests.Sync;

/// <summary>Whatever happens to the source's tree, and wherever the connection is cut, the sink ends up with the same tree.</summary>
public sealed class SyncConvergenceTests
{
    // Small files travel as chunks too, so that short tests reach every path.
    private static readonly SyncOptions Options = new()
    {
        Debounce = TimeSpan.FromMilliseconds(1),
        RescanPeriod = TimeSpan.FromSeconds(30),
        InlineBytes = 20_000,
        BatchChanges = 7,
        BatchBytes = 100_000,
        WindowChanges = 20,
        WindowBytes = 200_000,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task Sync_RandomChangesWhileConnected_TreesBecomeEqual(int seed)
    {
        await using var pair = new SyncPair(Options);
        var mutator = new TreeMutator(pair.From, seed);
        pair.Connect();
        for (var round = 0; round < 8; round++)
        {
            for (var step = 0; step < 25; step++)
            {
                mutator.Step(pair.Changes);
            }

            await pair.CaughtUpAsync();
            Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
        }

        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(pair.To, TreePath.StagingName)));
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    [InlineData(15)]
    [InlineData(16)]
    public async Task Sync_CutAgainAndAgain_TreesBecomeEqual(int seed)
    {
        await using var pair = new SyncPair(Options);
        var mutator = new TreeMutator(pair.From, seed);
        var random = new SeededRandom(seed);
        for (var round = 0; round < 25; round++)
        {
            for (var step = 0; step < 10; step++)
            {
                mutator.Step(pair.Changes);
            }

            pair.Connect(cutAfterBytes: 100 + random.Below(400_000));
            var ticket = pair.Changes.RequestRescan();
            var closed = pair.ClosedAsync();
            await Eventually.TrueAsync(() => closed.IsCompleted || pair.Changes.IsCaughtUp(ticket), "cut or caught up");
            await pair.CutAsync();
        }

        pair.Connect();
        await pair.CaughtUpAsync();
        Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
    }

    [Fact]
    public async Task Sync_FileChangesWithoutPause_LastStateArrives()
    {
        await using var pair = new SyncPair(Options);
        pair.Connect();
        using (var small = File.Open(Path.Combine(pair.From, "small.log"), FileMode.Create))
        using (var large = File.Open(Path.Combine(pair.From, "large.log"), FileMode.Create))
        {
            var noise = TreeFacts.Noise(200_000, 1);
            for (var i = 0; i < 300; i++)
            {
                small.Write(noise.AsSpan(i, 40));
                small.Flush();
                large.Write(noise.AsSpan(i * 500, 3000));
                large.Flush();
                pair.Changes.Mark(TreePath.Parse("small.log"));
                pair.Changes.Mark(TreePath.Parse("large.log"));
                await Task.Yield();
            }
        }

        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
    }

    [Fact]
    public async Task Sync_SinkTreeHasStrangers_TheyAreRemoved()
    {
        await using var pair = new SyncPair(Options);
        Directory.CreateDirectory(Path.Combine(pair.To, "stranger/deep"));
        File.WriteAllText(Path.Combine(pair.To, "stranger/deep/file"), "x");
        File.WriteAllText(Path.Combine(pair.From, "kept"), "x");
        Directory.CreateDirectory(Path.Combine(pair.To, "kept"));

        pair.Connect();
        await pair.CaughtUpAsync();

        Assert.Equal(TreeFacts.WithMetadata(pair.From), TreeFacts.WithMetadata(pair.To));
    }
}
