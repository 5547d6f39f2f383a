using Dumont.LocalCloud.Billing;

namespace Dumont.LocalCloud.Tests.Billing;

/// <summary>The arithmetic of a bill, by hand.</summary>
public sealed class BillTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void MicroUsd_AnHourAtOnePrice_IsThePrice()
    {
        var bill = New();

        bill.SetRate(ChargeKind.Gpu, 400_001, Start);

        Assert.Equal(400_001, bill.MicroUsdUntil(Start.AddHours(1)));
        Assert.Equal(111, bill.MicroUsdUntil(Start.AddSeconds(1)));
    }

    [Fact]
    public void MicroUsd_PriceChangesWithinASecond_SecondCostsWhatHeldAtItsBeginning()
    {
        var bill = New();
        bill.SetRate(ChargeKind.Gpu, 3600, Start);

        bill.SetRate(ChargeKind.Gpu, 7200, Start.AddSeconds(9.5));
        bill.SetRate(ChargeKind.Gpu, 0, Start.AddSeconds(20));

        // Seconds 0 to 9 at 1 µ$, 10 to 19 at 2 µ$.
        Assert.Equal(10 + 20, bill.MicroUsdUntil(Start.AddDays(1)));
        Assert.Equal([10, 10], bill.Lines(DateTimeOffset.MinValue, Start.AddDays(1)).Select(line => line.Parts));
    }

    [Fact]
    public void MicroUsd_RemaindersOfShortStretches_AreCarried()
    {
        var bill = New();
        for (var second = 0; second < 3600; second++)
        {
            // A third of a micro-dollar a second, stated anew and interrupted in between.
            bill.SetRate(ChargeKind.Disk, 1200, Start.AddSeconds(second));
            bill.SetRate(ChargeKind.Disk, 0, Start.AddSeconds(second + 0.5));
        }

        Assert.Equal(1200, bill.MicroUsdUntil(Start.AddDays(1)));
        Assert.Equal(1200, bill.Lines(DateTimeOffset.MinValue, Start.AddDays(1)).Sum(line => line.MicroUsd));
    }

    [Fact]
    public void Lines_OfPartsOfTheTime_AddUpToTheWhole()
    {
        var bill = New();
        bill.SetRate(ChargeKind.Gpu, 123_457, Start);
        bill.SetRate(ChargeKind.Disk, 777, Start.AddSeconds(3));
        bill.SetRate(ChargeKind.Gpu, 99_991, Start.AddSeconds(1000.25));
        bill.AddTraffic(ChargeKind.Bwd, 123_456_789, 4321, Start.AddSeconds(1500));
        var cuts = new[] { 0, 1, 2.5, 999.9, 1000.25, 1000.5, 1500, 1500.01, 4000 }.Select(second => Start.AddSeconds(second)).ToArray();

        var parts = cuts.Zip(cuts.Skip(1)).SelectMany(pair => bill.Lines(pair.First, pair.Second)).Sum(line => line.MicroUsd);

        Assert.Equal(bill.MicroUsdUntil(cuts[^1]), parts);
        Assert.Equal(parts, bill.Lines(cuts[0], cuts[^1]).Sum(line => line.MicroUsd));
    }

    [Fact]
    public void SetRate_SamePriceAgain_ChangesNothing()
    {
        var bill = New();

        Assert.True(bill.SetRate(ChargeKind.Gpu, 10, Start));
        Assert.False(bill.SetRate(ChargeKind.Gpu, 10, Start.AddSeconds(1)));
        Assert.Single(bill.Charges);
    }

    [Fact]
    public void SetRate_ClockWentBack_ChargesDoNotOverlap()
    {
        var bill = New();
        bill.SetRate(ChargeKind.Gpu, 3600, Start);
        bill.SetRate(ChargeKind.Gpu, 0, Start.AddSeconds(100));

        bill.SetRate(ChargeKind.Gpu, 3600, Start.AddSeconds(50));

        Assert.Equal(150, bill.MicroUsdUntil(Start.AddSeconds(150)));
    }

    [Fact]
    public void AddTraffic_Bytes_CostTheirPartOfAGigabyte()
    {
        var bill = New();

        bill.AddTraffic(ChargeKind.Bwu, 1_500_000_000, 20_000, Start);
        bill.AddTraffic(ChargeKind.Bwu, 25, 20_000, Start.AddSeconds(5));

        Assert.Equal(30_000, bill.MicroUsdUntil(Start.AddSeconds(10)));
        Assert.Equal(0, bill.MicroUsdUntil(Start.AddTicks(-1)));
    }

    [Fact]
    public void Close_OpenCharges_EndAndAreClosedOnce()
    {
        var bill = New();
        bill.SetRate(ChargeKind.Gpu, 3600, Start);
        bill.SetRate(ChargeKind.Disk, 3600, Start);

        bill.Close(Start.AddSeconds(10));
        bill.Close(Start.AddSeconds(20));

        Assert.Equal(20, bill.MicroUsdUntil(Start.AddDays(1)));
        Assert.Equal(Start.AddSeconds(10), bill.ClosedAt);
    }

    private static Bill New() => new() { Provider = "vast", Source = "instance", Id = "1", From = Start };
}
