using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Tests.Market;

/// <summary>Prices that move, as a function.</summary>
public sealed class PriceProcessTests
{
    private static readonly IReadOnlyList<MarketHost> Hosts = [.. OfferGenerator.Generate(42).Select(offer => offer.Host).DistinctBy(host => host.MachineId)];

    [Fact]
    public void At_SameSeedAndTime_IsTheSamePriceInWhateverOrderItIsAsked()
    {
        var (forward, backward) = (new PriceProcess(7), new PriceProcess(7));
        var up = Enumerable.Range(0, 50).Select(step => forward.At(Hosts[3], step * 13)).ToArray();
        var down = Enumerable.Range(0, 50).Reverse().Select(step => backward.At(Hosts[3], step * 13)).Reverse().ToArray();

        Assert.Equal(up, down);
        Assert.NotEqual(up[20].MicroUsdPerGpuHour, new PriceProcess(8).At(Hosts[3], 20 * 13).MicroUsdPerGpuHour);
    }

    [Fact]
    public void At_Birth_IsTheGeneratorsPrice() => Assert.All(Hosts, host => Assert.Equal(host, new PriceProcess(42).At(host, 0)));

    [Fact]
    public void At_AYear_StaysWithinTheBoundsAndMoves()
    {
        var process = new PriceProcess(42);
        foreach (var host in Hosts.Take(40))
        {
            var year = Enumerable.Range(0, 365).Select(day => process.At(host, day * 144)).ToArray();

            Assert.All(year, moved =>
            {
                Assert.InRange((double)moved.MicroUsdPerGpuHour / host.MicroUsdPerGpuHour, (1 / PriceProcess.PriceFactorMax) - 0.01, PriceProcess.PriceFactorMax + 0.01);
                Assert.InRange(moved.MinBidFraction, host.MinBidFraction / PriceProcess.BidFactorMax * 0.999, Math.Min(host.MinBidFraction * PriceProcess.BidFactorMax, PriceProcess.BidFractionMax) * 1.001);
            });
            Assert.True(year.Select(moved => moved.MicroUsdPerGpuHour).Distinct().Count() > 20);
        }
    }

    [Fact]
    public void At_Long_RevertsToTheMean()
    {
        var process = new PriceProcess(42);

        var logarithms = Hosts.Take(60).SelectMany(host => Enumerable.Range(1, 100).Select(
            week => Math.Log((double)process.At(host, week * 1008).MicroUsdPerGpuHour / host.MicroUsdPerGpuHour))).ToArray();

        Assert.InRange(logarithms.Average(), -0.02, 0.02);
        Assert.InRange(Math.Sqrt(logarithms.Average(value => value * value)), 0.05, 0.2);
    }

    [Fact]
    public void StepAt_AgesInOneStep_AreOnePrice()
    {
        Assert.Equal(0, PriceProcess.StepAt(TimeSpan.FromMinutes(9.9)));
        Assert.Equal(1, PriceProcess.StepAt(TimeSpan.FromMinutes(10)));
        Assert.Equal(0, PriceProcess.StepAt(TimeSpan.FromMinutes(-1)));
    }
}
