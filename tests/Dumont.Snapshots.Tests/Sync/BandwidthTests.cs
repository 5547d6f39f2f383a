using Dumont.Server.Tests;
using Dumont.Snapshots.Sync;

namespace Dumont.Snapshots.Tests.Sync;

/// <summary>What may be sent in which time, by a clock that the test moves.</summary>
public sealed class BandwidthTests
{
    private const int Megabit = 125_000;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Take_MuchIsWanted_GetsTheRateAndNoMore()
    {
        var time = new ManualTimeProvider();
        var limit = new BandwidthLimit(time) { BytesPerSecond = 8 * Megabit };
        var taken = 0L;
        var taking = TakeAsync();
        for (var tenths = 1; tenths <= 100; tenths++)
        {
            time.Advance(TimeSpan.FromSeconds(0.1));
            await Eventually.TrueAsync(() => time.Waiting == 1, "it has taken what there is");
            Assert.InRange(taken, 0, (tenths * Megabit * 8 / 10) + (Megabit * 8 / 10) + (2 * BandwidthLimit.SliceBytes));
        }

        Assert.InRange(taken, 9.8 * Megabit * 8, 10.2 * Megabit * 8);
        limit.BytesPerSecond = null;
        await taking;

        async Task TakeAsync()
        {
            while (limit.BytesPerSecond is not null)
            {
                taken += await limit.TakeAsync(1 << 20, Stop);
            }
        }
    }

    [Fact]
    public async Task Take_AfterALongSilence_GetsNoMoreThanATenthOfASecond()
    {
        var time = new ManualTimeProvider();
        var limit = new BandwidthLimit(time) { BytesPerSecond = 80 * Megabit };
        time.Advance(TimeSpan.FromHours(1));

        var taken = 0;
        var next = limit.TakeAsync(1 << 30, Stop);
        for (; next.IsCompleted; next = limit.TakeAsync(1 << 30, Stop))
        {
            taken += await next;
        }

        Assert.InRange(taken, 8 * Megabit, (8 * Megabit) + BandwidthLimit.SliceBytes);
        limit.BytesPerSecond = null;
        await next;
    }

    [Fact]
    public async Task Rate_ChangedWhileSomebodyWaits_HoldsAtOnce()
    {
        var time = new ManualTimeProvider();
        var limit = new BandwidthLimit(time) { BytesPerSecond = 1 };
        await limit.TakeAsync(BandwidthLimit.SliceBytes, Stop);
        var waiting = limit.TakeAsync(BandwidthLimit.SliceBytes, Stop).AsTask();
        time.Advance(TimeSpan.FromHours(1));
        Assert.False(waiting.IsCompleted);

        limit.BytesPerSecond = 100_000_000;
        await AdvanceUntilAsync(time, waiting);

        Assert.Equal(BandwidthLimit.SliceBytes, await waiting);
        limit.BytesPerSecond = null;
        Assert.Equal(5_000_000, await limit.TakeAsync(5_000_000, Stop));
        Assert.Throws<ArgumentOutOfRangeException>(() => limit.BytesPerSecond = 0);
    }

    [Fact]
    public async Task Sync_Limited_KeepsToTheRateAndTellsItsLagTruly()
    {
        var time = new ManualTimeProvider();
        var limit = new BandwidthLimit(time);
        await using var pair = await LiveAsync(time, limit);
        limit.BytesPerSecond = Megabit;
        await File.WriteAllBytesAsync(Path.Combine(pair.From, "small"), TreeFacts.Noise(200_000, 1), Stop);
        await File.WriteAllBytesAsync(Path.Combine(pair.From, "large"), TreeFacts.Noise(600_000, 2), Stop);
        var (began, before) = (time.GetTimestamp(), pair.Wire!.BytesWritten);
        pair.Changes.Mark(TreePath.Parse("small"));
        pair.Changes.Mark(TreePath.Parse("large"));

        while (pair.Source.Status.PendingChanges > 0)
        {
            time.Advance(TimeSpan.FromMilliseconds(20));
            await Task.Yield();
            var elapsed = time.GetElapsedTime(began);
            Assert.InRange(pair.Wire.BytesWritten - before, 0, (elapsed.TotalSeconds * Megabit) + (Megabit / 10) + (2 * BandwidthLimit.SliceBytes));
            if (pair.Source.Status is { PendingChanges: > 1, OldestPending: var age } && pair.Source.Status.PendingChanges > 1)
            {
                Assert.Equal(elapsed, age);
            }
        }

        Assert.True(time.GetElapsedTime(began) > TimeSpan.FromSeconds(5.9), $"{time.GetElapsedTime(began)}");
        Assert.Equal(TimeSpan.Zero, pair.Source.Status.OldestPending);
        Assert.Equal(TreeFacts.Of(pair.From), TreeFacts.Of(pair.To));
    }

    [Fact]
    public async Task Flush_Limited_CompletesLater()
    {
        var time = new ManualTimeProvider();
        var limit = new BandwidthLimit(time);
        await using var pair = await LiveAsync(time, limit);
        limit.BytesPerSecond = Megabit;
        await File.WriteAllBytesAsync(Path.Combine(pair.From, "file"), TreeFacts.Noise(250_000, 1), Stop);
        var began = time.GetTimestamp();

        var flush = pair.Changes.FlushFileAsync(TreePath.Parse("file"), Stop);
        await AdvanceUntilAsync(time, flush);

        Assert.True(time.GetElapsedTime(began) > TimeSpan.FromSeconds(1.7), $"{time.GetElapsedTime(began)}");
        Assert.Equal(TreeFacts.Noise(250_000, 1), await File.ReadAllBytesAsync(Path.Combine(pair.To, "file"), Stop));
    }

    [Fact]
    public async Task Limit_TakenAwayWhileATransferRuns_LetsItGoAtOnce()
    {
        var time = new ManualTimeProvider();
        var limit = new BandwidthLimit(time);
        await using var pair = await LiveAsync(time, limit);
        limit.BytesPerSecond = 1;
        await File.WriteAllBytesAsync(Path.Combine(pair.From, "large"), TreeFacts.Noise(8_000_000, 1), Stop);
        var flush = pair.Changes.FlushFileAsync(TreePath.Parse("large"), Stop);
        await Eventually.TrueAsync(() => pair.Source.Status.PendingChanges > 0 && time.Waiting > 0, "it waits");
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.False(flush.IsCompleted);

        limit.BytesPerSecond = null;

        // Not a tick of the clock more.
        await flush.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        Assert.Equal(8_000_000, new FileInfo(Path.Combine(pair.To, "large")).Length);
    }

    private static async Task<SyncPair> LiveAsync(TimeProvider time, BandwidthLimit limit)
    {
        var options = new SyncOptions { Debounce = TimeSpan.FromMilliseconds(1), RescanPeriod = TimeSpan.FromHours(1) };
        var pair = new SyncPair(options, time: time, bandwidth: limit);
        pair.Connect();
        await Eventually.TrueAsync(() => pair.Source.Status.Phase == SyncPhase.Live, "live");
        return pair;
    }

    private static async Task AdvanceUntilAsync(ManualTimeProvider time, Task end) =>
        await Eventually.TrueAsync(
            () =>
            {
                time.Advance(TimeSpan.FromMilliseconds(5));
                return end.IsCompleted;
            },
            "the end");
}
