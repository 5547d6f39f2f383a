using Dumont.LocalCloud.Billing;

namespace Dumont.LocalCloud.Tests.Billing;

public sealed class MeterTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Cost_AskedOftenOrOnce_IsTheSame()
    {
        var (often, once) = (New(), New());
        for (var i = 1; i <= 36_000; i++)
        {
            often.Count(Start.AddMilliseconds(i * 100), machine: true, disk: true);
        }

        once.Count(Start.AddHours(1), machine: true, disk: true);

        Assert.Equal(once.CostMicroUsd, often.CostMicroUsd);
        Assert.Equal(403_000, once.CostMicroUsd);
    }

    [Fact]
    public void Cost_Stopped_IsTheDiskAlone()
    {
        var meter = New();

        meter.Count(Start.AddHours(10), machine: false, disk: true);

        Assert.Equal(30_000, meter.CostMicroUsd);
    }

    [Fact]
    public void Cost_ClockGoesBack_StaysAsItWas()
    {
        var meter = New();
        meter.Count(Start.AddHours(1), machine: true, disk: true);

        meter.Count(Start, machine: true, disk: true);

        Assert.Equal(403_000, meter.CostMicroUsd);
    }

    private static Meter New() => new() { MachineMicroUsdPerHour = 400_000, DiskMicroUsdPerHour = 3_000, CountedUntil = Start };
}
