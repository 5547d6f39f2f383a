using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Billing;

/// <summary>The clock of bills and prices.</summary>
public sealed class BillingClockTests : IDisposable
{
    private readonly string _folder = Scratch.Create("dumont-clock-");
    private readonly HandClock _time = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Now_SpeedChanges_ConcernsTheFutureAlone()
    {
        var clock = new BillingClock(_folder, _time);
        var start = clock.Now;
        _time.Advance(TimeSpan.FromSeconds(10));

        clock.SetSpeed(60);
        Assert.Equal(start.AddSeconds(10), clock.Now);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(start.AddSeconds(610), clock.Now);
        clock.SetSpeed(0);
        _time.Advance(TimeSpan.FromHours(10));

        Assert.Equal(start.AddSeconds(610), clock.Now);
    }

    [Fact]
    public void Now_AfterARestart_GoesOnAtTheSameSpeed()
    {
        var start = _time.GetUtcNow();
        new BillingClock(_folder, _time).SetSpeed(100);
        _time.Advance(TimeSpan.FromSeconds(5));

        var second = new BillingClock(_folder, _time);

        Assert.Equal(start.AddSeconds(500), second.Now);
        Assert.Equal((100, start), (second.Speed, second.Birth));
    }

    [Fact]
    public void Now_ComputerClockSetBack_StandsUntilItHasCaughtUp()
    {
        var clock = new BillingClock(_folder, _time);
        _time.Advance(TimeSpan.FromHours(1));
        var seen = clock.Now;
        clock.Save();

        _time.Advance(TimeSpan.FromMinutes(-30));

        Assert.Equal(seen, clock.Now);
        Assert.Equal(seen, new BillingClock(_folder, _time).Now);
    }

    [Fact]
    public void Now_AtFullSpeedForAYear_EndsWithTheCalendar()
    {
        var clock = new BillingClock(_folder, _time);
        clock.SetSpeed(BillingClock.SpeedMax);

        _time.Advance(TimeSpan.FromDays(365));

        Assert.Equal(9000, clock.Now.Year);
    }
}
