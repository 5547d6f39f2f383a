namespace Dumont.Market.Tests;

public sealed class MarketRankingsTests
{
    [Fact]
    public void Hosts_Scores_FollowTheirFormulas()
    {
        var hosts = MarketRankings.Hosts(
        [
            MarketStatisticsTests.Offer("1", 0.40m) with { HostMachineId = 1, Reliability = 0.99, Verified = true },
            MarketStatisticsTests.Offer("2", 0.80m) with { HostMachineId = 1, GpuCount = 2, Reliability = 0.99, Verified = true },
            MarketStatisticsTests.Offer("3", 0.60m) with { HostMachineId = 2, Reliability = 1 },
            MarketStatisticsTests.Offer("4", 0.30m),
        ]);

        Assert.Equal([1L, 2L], hosts.Select(host => host.MachineId));
        Assert.Equal((0.99, 2.0 / 3, 1, 2), (hosts[0].ReliabilityScore, hosts[0].AvailabilityScore, hosts[0].PriceStabilityScore, hosts[0].Observations));
        Assert.Equal((0.95, 0.5, 0.5, 1), (hosts[1].ReliabilityScore, hosts[1].AvailabilityScore, Math.Round(hosts[1].PriceStabilityScore, 6), hosts[1].Observations));
        Assert.Equal((0.40m, 0.40m, 0.40m), (hosts[0].AverageUsd, hosts[0].MinUsd, hosts[0].MaxUsd));
    }

    [Fact]
    public void Efficiency_BestAtAll_ScoresAHundred()
    {
        var ranked = MarketRankings.ByEfficiency(
        [
            MarketStatisticsTests.Offer("dear", 0.80m) with { TotalTflops = 80, GpuMemoryMiB = 24576, Reliability = 1 },
            MarketStatisticsTests.Offer("best", 0.40m) with { TotalTflops = 80, GpuMemoryMiB = 24576, Reliability = 1 },
            MarketStatisticsTests.Offer("shaky", 0.40m) with { TotalTflops = 80, GpuMemoryMiB = 24576, Reliability = 0.5, GpuName = "RTX 3090" },
        ]);

        // Equal scores go by price.
        Assert.Equal(
            [("best", 100.0, 1, 1), ("shaky", 50.0, 2, 1), ("dear", 50.0, 3, 2)],
            ranked.Select(one => (one.Offer.Id, Math.Round(one.Score, 6), one.Rank, one.RankInClass)));
        var best = ranked[0];
        Assert.Equal((0.005m, 0.4m / 24), (best.UsdPerTflops, best.UsdPerGbMemory));
    }

    [Fact]
    public void Rankings_AnyOffers_AreSortedAndNumbered()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var offers = MarketStatisticsTests.Some(new Random(seed));

            var ranked = MarketRankings.ByEfficiency(offers);
            Assert.Equal(offers.Count, ranked.Count);
            Assert.Equal(Enumerable.Range(1, offers.Count), ranked.Select(one => one.Rank));
            Assert.Equal(ranked.Select(one => one.Score).OrderDescending(), ranked.Select(one => one.Score));
            Assert.All(ranked, one => Assert.InRange(one.Score, 0, 100));
            Assert.All(ranked.GroupBy(one => (one.Offer.GpuName, one.Offer.Type)), one => Assert.Equal(Enumerable.Range(1, one.Count()), one.Select(row => row.RankInClass)));

            var hosts = MarketRankings.Hosts(offers);
            Assert.Equal(hosts.Select(host => host.ReliabilityScore).OrderDescending(), hosts.Select(host => host.ReliabilityScore));
            Assert.All(hosts, host =>
            {
                Assert.InRange(host.ReliabilityScore, 0, 1);
                Assert.InRange(host.AvailabilityScore, 0.5, 1);
                Assert.InRange(host.PriceStabilityScore, 0, 1);
                Assert.InRange(host.AverageUsd, host.MinUsd - 0.0000001m, host.MaxUsd + 0.0000001m);
            });
        }
    }

    [Theory]
    [InlineData("Texas, US", "US", true)]
    [InlineData("Norway, NO", "eu", true)]
    [InlineData("Norway, NO", "no", true)]
    [InlineData("Norway, NO", "Norw", true)]
    [InlineData("Norway, NO", "US", false)]
    [InlineData("Norway, NO", "or", false)]
    public void Place_Filter_IsGroupCountryOrName(string geolocation, string filter, bool expected) =>
        Assert.Equal(expected, MarketRankings.IsAt(MarketStatisticsTests.Offer("1", 1m) with { Geolocation = geolocation }, filter));
}
