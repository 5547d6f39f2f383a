namespace Dumont.Snapshots.Tests.Stores;

public sealed class WriterThreadsTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Run_CallsThatWaitForEachOther_AreAtWorkAtOnce()
    {
        var threads = new WriterThreads(3);
        using var barrier = new Barrier(3);

        var met = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => threads.RunAsync(
            () =>
            {
                barrier.SignalAndWait(Cancelled);
                return Thread.CurrentThread.IsThreadPoolThread;
            },
            Cancelled)));

        Assert.Equal([false, false, false], met);
    }

    [Fact]
    public async Task Run_MoreCallsThanThreads_NeverMoreAtOnceAndAllRun()
    {
        var threads = new WriterThreads(3);
        var atWork = 0;
        var most = 0;

        var results = await Task.WhenAll(Enumerable.Range(0, 500).Select(i => threads.RunAsync(
            () =>
            {
                InterlockedMax(ref most, Interlocked.Increment(ref atWork));
                Thread.Yield();
                Interlocked.Decrement(ref atWork);
                return i;
            },
            Cancelled)));

        Assert.Equal(Enumerable.Range(0, 500), results);
        Assert.InRange(most, 1, 3);
    }

    [Fact]
    public async Task Run_CallThatThrows_TellsItsCallerAndTheThreadGoesOn()
    {
        var threads = new WriterThreads(1);

        await Assert.ThrowsAsync<IOException>(() => threads.RunAsync<int>(() => throw new IOException("the disk failed"), Cancelled));

        Assert.Equal(7, await threads.RunAsync(() => 7, Cancelled));
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); seen < value; seen = Volatile.Read(ref most))
        {
            Interlocked.CompareExchange(ref most, value, seen);
        }
    }
}
