using Dumont.Providers.Tests.Fakes;
using Dumont.Providers.Vast;

namespace Dumont.Providers.Tests.Vast;

public sealed class VastPaceTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(VastFamily.List, 1)]
    [InlineData(VastFamily.Show, 2)]
    [InlineData(VastFamily.Destroy, 3)]
    [InlineData(VastFamily.Create, 4.5)]
    [InlineData(VastFamily.State, 1)]
    internal async Task Pace_SecondCall_WaitsForTheInterval(VastFamily family, double seconds)
    {
        var time = new ManualTimeProvider();
        var pace = new VastPace(time, enabled: true);
        Assert.True(await pace.TryEnterAsync(family, Cancel));

        var second = pace.TryEnterAsync(family, Cancel);
        time.Advance(TimeSpan.FromSeconds(seconds - 0.01));
        Assert.False(second.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.02));

        Assert.True(await second);
    }

    [Fact]
    public async Task Pace_OtherFamily_DoesNotWait()
    {
        var pace = new VastPace(new ManualTimeProvider(), enabled: true);

        Assert.True(await pace.TryEnterAsync(VastFamily.Create, Cancel));
        Assert.True(pace.TryEnterAsync(VastFamily.Destroy, Cancel).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Pace_Search_AllowsTenAtOnceThenOneEachSixSeconds()
    {
        var time = new ManualTimeProvider();
        var pace = new VastPace(time, enabled: true);
        for (var i = 0; i < 10; i++)
        {
            Assert.True(pace.TryEnterAsync(VastFamily.Search, Cancel).IsCompletedSuccessfully);
        }

        var eleventh = pace.TryEnterAsync(VastFamily.Search, Cancel);
        Assert.False(eleventh.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(6));
        Assert.True(await eleventh);
    }

    [Fact]
    public async Task Pace_QueueTooLong_RefusesAtOnceAndReservesNothing()
    {
        var time = new ManualTimeProvider();
        var pace = new VastPace(time, enabled: true);
        var waiting = Enumerable.Range(0, 21).Select(_ => pace.TryEnterAsync(VastFamily.Destroy, Cancel)).ToList();

        Assert.False(await pace.TryEnterAsync(VastFamily.Destroy, Cancel));
        time.Advance(TimeSpan.FromSeconds(61));
        Assert.All(await Task.WhenAll(waiting), Assert.True);
    }

    [Fact]
    public void Pace_Off_NeverWaits()
    {
        var pace = new VastPace(new ManualTimeProvider(), enabled: false);

        Assert.All(Enumerable.Range(0, 50), _ => Assert.True(pace.TryEnterAsync(VastFamily.Create, Cancel).IsCompletedSuccessfully));
    }

    [Fact]
    public async Task Provider_Paced_SpacesItsCalls()
    {
        using var bench = new VastBench(_ => ScriptedHandler.Json("""{"instances":null}"""), pace: true);
        for (var i = 0; i < 3; i++)
        {
            await bench.Provider.GetAsync("1", Cancel);
        }

        Assert.Equal([TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2)], bench.Time.Jumps);
    }
}
