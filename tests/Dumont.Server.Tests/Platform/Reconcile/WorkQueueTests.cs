using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Tests.Platform.Store;

namespace Dumont.Server.Tests.Platform.Reconcile;

/// <summary>What the queue promises, on every database.</summary>
public sealed class WorkQueueTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(60);

    public static TheoryData<Backend> Databases => Backends.All;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Claim_DueItem_IsClaimedOnce(Backend backend)
    {
        var (test, time, queue) = await OpenAsync(backend);
        await using var _ = test;
        await queue.WakeAsync("machine", 1, Cancelled);

        var first = await queue.ClaimAsync("a", Lease, 10, Cancelled);
        var second = await queue.ClaimAsync("b", Lease, 10, Cancelled);

        Assert.Equal(new Fence("machine", 1, 1), Assert.Single(first));
        Assert.Empty(second);
        Assert.Equal(time.GetUtcNow() + Lease, await queue.NextDueAsync(Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Claim_LeaseOver_GivesALargerFenceAndTheOldOneIsStale(Backend backend)
    {
        var (test, time, queue) = await OpenAsync(backend);
        await using var _ = test;
        await queue.WakeAsync("machine", 1, Cancelled);
        var first = Assert.Single(await queue.ClaimAsync("a", Lease, 10, Cancelled));

        time.Advance(Lease);
        var second = Assert.Single(await queue.ClaimAsync("b", Lease, 10, Cancelled));

        Assert.True(second.Token > first.Token);
        Assert.False(await HoldsAsync(test, first));
        Assert.True(await HoldsAsync(test, second));

        // The late holder's end changes nothing.
        await queue.CompleteAsync(first, time.GetUtcNow(), time.GetUtcNow(), failed: false, Cancelled);
        Assert.True(await HoldsAsync(test, second));
        Assert.Empty(await queue.ClaimAsync("c", Lease, 10, Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Complete_WithNextDue_IsDueThenAndNotBefore(Backend backend)
    {
        var (test, time, queue) = await OpenAsync(backend);
        await using var _ = test;
        await queue.WakeAsync("machine", 1, Cancelled);
        var fence = Assert.Single(await queue.ClaimAsync("a", Lease, 10, Cancelled));
        await queue.CompleteAsync(fence, time.GetUtcNow() + Lease, time.GetUtcNow() + TimeSpan.FromSeconds(10), failed: false, Cancelled);

        time.Advance(TimeSpan.FromSeconds(9));
        Assert.Empty(await queue.ClaimAsync("a", Lease, 10, Cancelled));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Single(await queue.ClaimAsync("a", Lease, 10, Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Wake_WhileHeld_IsDueAgainAtOnceAfterTheEnd(Backend backend)
    {
        var (test, time, queue) = await OpenAsync(backend);
        await using var _ = test;
        await queue.WakeAsync("machine", 1, Cancelled);
        var fence = Assert.Single(await queue.ClaimAsync("a", Lease, 10, Cancelled));
        var leaseUntil = time.GetUtcNow() + Lease;
        time.Advance(TimeSpan.FromSeconds(1));
        await queue.WakeAsync("machine", 1, Cancelled);
        Assert.Empty(await queue.ClaimAsync("b", Lease, 10, Cancelled));

        await queue.CompleteAsync(fence, leaseUntil, nextDueAt: null, failed: false, Cancelled);

        Assert.Equal(2, Assert.Single(await queue.ClaimAsync("b", Lease, 10, Cancelled)).Token);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Complete_WhenWoken_SleepsUntilAWakeAndTheFenceGoesOn(Backend backend)
    {
        var (test, time, queue) = await OpenAsync(backend);
        await using var _ = test;
        await queue.WakeAsync("machine", 1, Cancelled);
        var fence = Assert.Single(await queue.ClaimAsync("a", Lease, 10, Cancelled));
        await queue.CompleteAsync(fence, time.GetUtcNow() + Lease, nextDueAt: null, failed: false, Cancelled);

        time.Advance(TimeSpan.FromDays(3650));
        Assert.Empty(await queue.ClaimAsync("a", Lease, 10, Cancelled));
        Assert.Null(await queue.NextDueAsync(Cancelled));

        await queue.WakeAsync("machine", 1, Cancelled);
        Assert.Equal(2, Assert.Single(await queue.ClaimAsync("a", Lease, 10, Cancelled)).Token);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Complete_Failed_CountsInARowAndSuccessForgets(Backend backend)
    {
        var (test, time, queue) = await OpenAsync(backend);
        await using var _ = test;
        await queue.WakeAsync("machine", 1, Cancelled);
        foreach (var (failed, expected) in ((bool, long)[])[(true, 1), (true, 2), (false, 0)])
        {
            var fence = Assert.Single(await queue.ClaimAsync("a", Lease, 10, Cancelled));
            await queue.CompleteAsync(fence, time.GetUtcNow() + Lease, time.GetUtcNow(), failed, Cancelled);
            Assert.Equal(expected, await queue.FailuresAsync(fence, Cancelled));
        }
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Claim_TenAtOnce_EachItemOnce(Backend backend)
    {
        var (test, _, queue) = await OpenAsync(backend);
        await using var _ = test;
        for (var key = 1; key <= 60; key++)
        {
            await queue.WakeAsync("machine", key, Cancelled);
        }

        var claims = await Task.WhenAll(Enumerable.Range(0, 10).Select(owner => Task.Run(() => queue.ClaimAsync($"o{owner}", Lease, 20, Cancelled))));
        var rest = await queue.ClaimAsync("last", Lease, 100, Cancelled);

        var keys = claims.SelectMany(claim => claim).Concat(rest).Select(fence => fence.Key).ToList();
        Assert.Equal(60, keys.Count);
        Assert.Equal(60, keys.Distinct().Count());
    }

    [Fact]
    public async Task Wait_Pulse_EndsAtOnceAndSeveralPulsesAreOne()
    {
        var (test, time, queue) = await OpenAsync(Backend.SqliteMemory);
        await using var _ = test;
        queue.Pulse();
        queue.Pulse();
        await queue.WaitAsync(TimeSpan.FromHours(1), Cancelled);

        var second = queue.WaitAsync(TimeSpan.FromHours(1), Cancelled);
        Assert.False(second.IsCompleted);
        time.Advance(TimeSpan.FromHours(1));
        await second;
    }

    private static Task<bool> HoldsAsync(TestDatabase test, Fence fence) =>
        test.Database.WriteAsync(transaction => WorkQueue.HoldsAsync(transaction, fence), Cancelled);

    private static async Task<(TestDatabase Test, ManualTimeProvider Time, WorkQueue Queue)> OpenAsync(Backend backend)
    {
        var test = await Backends.OpenAsync(backend);
        var time = new ManualTimeProvider();
        return (test, time, new WorkQueue(test.Database, time));
    }
}
