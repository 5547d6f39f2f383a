using Dumont.Snapshots.Sync;

namespace Dumont.Snapshots.Tests.Sync;

public sealed class FlushTests
{
    // Nothing arrives by itself within a test: what is there was flushed.
    private static readonly SyncOptions Slow = new() { Debounce = TimeSpan.FromHours(1), RescanPeriod = TimeSpan.FromHours(1) };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(200_000)]
    [InlineData(3_000_000)]
    public async Task FlushFile_ThatNobodyNoticed_IsOnTheFollower(int length)
    {
        await using var pair = await ConnectedAsync();
        await WriteAsync(pair, "a/file", length, seed: 1);

        await FlushAsync(pair, "a/file");

        Assert.Equal(TreeFacts.Noise(length, 1), await File.ReadAllBytesAsync(Path.Combine(pair.To, "a/file"), Stop));
        await WriteAsync(pair, "a/file", length, seed: 2);
        await FlushAsync(pair, "a/file");
        Assert.Equal(TreeFacts.Noise(length, 2), await File.ReadAllBytesAsync(Path.Combine(pair.To, "a/file"), Stop));
    }

    [Fact]
    public async Task FlushFile_WhileItIsOnItsWay_SendsWhatCameAfter()
    {
        await using var pair = await ConnectedAsync();
        var flushes = new List<Task>();
        for (var version = 1; version <= 50; version++)
        {
            await WriteAsync(pair, "file", 1_000_000, version);
            flushes.Add(FlushAsync(pair, "file"));
            await Task.Yield();
            if (version % 10 == 0)
            {
                await Task.WhenAll(flushes);
                Assert.Equal(TreeFacts.Noise(1_000_000, version), await File.ReadAllBytesAsync(Path.Combine(pair.To, "file"), Stop));
            }
        }
    }

    [Fact]
    public async Task FlushFile_ThatIsGone_IsGoneOnTheFollower()
    {
        await using var pair = await ConnectedAsync();
        await WriteAsync(pair, "file", 10, seed: 1);
        await FlushAsync(pair, "file");
        File.Delete(Path.Combine(pair.From, "file"));

        await FlushAsync(pair, "file");
        await FlushAsync(pair, "never/was");

        Assert.False(File.Exists(Path.Combine(pair.To, "file")));
    }

    [Fact]
    public async Task FlushFile_WithoutAConnection_WaitsForOne()
    {
        await using var pair = await ConnectedAsync();
        await pair.CutAsync();
        await WriteAsync(pair, "file", 10, seed: 1);
        var flush = FlushAsync(pair, "file");
        pair.Connect(cutAfterBytes: 100);
        await pair.ClosedAsync();
        Assert.False(flush.IsCompleted);

        pair.Connect();
        await flush;

        Assert.Equal(TreeFacts.Noise(10, 1), await File.ReadAllBytesAsync(Path.Combine(pair.To, "file"), Stop));
    }

    [Fact]
    public async Task FlushFile_GivenUp_LeavesNothingBehind()
    {
        await using var pair = new SyncPair(Slow);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var flush = pair.Changes.FlushFileAsync(TreePath.Parse("file"), giveUp.Token);
        Assert.True(pair.Changes.IsUrgent);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => flush);
        Assert.False(pair.Changes.IsUrgent);
    }

    [Fact]
    public async Task FlushDirectory_CarriesWhatWasNoticedInIt()
    {
        await using var pair = await ConnectedAsync();
        await WriteAsync(pair, "a/old", 10, seed: 1);
        await FlushAsync(pair, "a/old");
        File.Move(Path.Combine(pair.From, "a/old"), Path.Combine(pair.From, "a/new"));
        await WriteAsync(pair, "other/file", 10, seed: 2);
        pair.Changes.Mark(TreePath.Parse("a/old"));
        pair.Changes.Mark(TreePath.Parse("a/new"));

        await pair.Changes.FlushDirectoryAsync(TreePath.Parse("a"), Stop).WaitAsync(TimeSpan.FromSeconds(30), Stop);

        Assert.Equal(["new"], Directory.GetFiles(Path.Combine(pair.To, "a")).Select(Path.GetFileName));
        Assert.False(Directory.Exists(Path.Combine(pair.To, "other")));
    }

    [Fact]
    public async Task FlushDirectory_IntoWhichAnotherWasMoved_CarriesTheContentOfThat()
    {
        await using var pair = await ConnectedAsync();
        await WriteAsync(pair, "../outside/deep/file", 30_000_000, seed: 1);
        Directory.CreateDirectory(Path.Combine(pair.From, "a"));
        Directory.Move(Path.Combine(pair.From, "../outside"), Path.Combine(pair.From, "a/new"));
        foreach (var noticed in (string[])["a", "a/new", "a/new/deep", "a/new/deep/file"])
        {
            pair.Changes.Mark(TreePath.Parse(noticed));
        }

        await pair.Changes.FlushDirectoryAsync(TreePath.Parse("a"), Stop).WaitAsync(TimeSpan.FromSeconds(30), Stop);

        Assert.Equal(TreeFacts.Noise(30_000_000, 1), await File.ReadAllBytesAsync(Path.Combine(pair.To, "a/new/deep/file"), Stop));
    }

    // Whichever name comes first in order.
    [Theory]
    [InlineData("a", "b")]
    [InlineData("b", "a")]
    public async Task RenamedFile_CutWhileItIsSent_IsStillThereUnderOneName(string before, string after)
    {
        const int Length = 8_000_000;
        await using var pair = await ConnectedAsync();
        await WriteAsync(pair, before, Length, seed: 1);
        await FlushAsync(pair, before);
        await pair.CutAsync();
        await WriteAsync(pair, after, Length, seed: 2);
        File.Delete(Path.Combine(pair.From, before));

        pair.Connect(cutAfterBytes: Length / 2);
        await pair.ClosedAsync();

        Assert.Equal(TreeFacts.Noise(Length, 1), await File.ReadAllBytesAsync(Path.Combine(pair.To, before), Stop));
        pair.Connect();
        await FlushAsync(pair, after);
        await FlushAsync(pair, before);
        Assert.Equal([after], Directory.GetFiles(pair.To).Select(Path.GetFileName));
    }

    [Fact]
    public async Task FlushAll_CarriesWhatNobodyNoticed()
    {
        await using var pair = await ConnectedAsync();
        await WriteAsync(pair, "a/b/c/file", 10, seed: 1);
        await WriteAsync(pair, "large", 3_000_000, seed: 2);

        await pair.Changes.FlushAllAsync(Stop).WaitAsync(TimeSpan.FromSeconds(30), Stop);

        Assert.Equal(TreeFacts.Noise(10, 1), await File.ReadAllBytesAsync(Path.Combine(pair.To, "a/b/c/file"), Stop));
        Assert.Equal(TreeFacts.Noise(3_000_000, 2), await File.ReadAllBytesAsync(Path.Combine(pair.To, "large"), Stop));
    }

    private static async Task<SyncPair> ConnectedAsync()
    {
        var pair = new SyncPair(Slow);
        pair.Connect();
        await pair.Changes.FlushAllAsync(Stop).WaitAsync(TimeSpan.FromSeconds(30), Stop);
        return pair;
    }

    private static Task FlushAsync(SyncPair pair, string path) =>
        pair.Changes.FlushFileAsync(TreePath.Parse(path), Stop).WaitAsync(TimeSpan.FromSeconds(30), Stop);

    private static async Task WriteAsync(SyncPair pair, string path, int length, int seed)
    {
        var full = Path.Combine(pair.From, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        await File.WriteAllBytesAsync(full, TreeFacts.Noise(length, seed), Stop);
    }
}
