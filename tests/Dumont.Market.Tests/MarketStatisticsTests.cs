namespace Dumont.Market.Tests;

public sealed class MarketStatisticsTests
{
    [Fact]
    public void PerGpu_Offers_AreCountedPerGpuAndType()
    {
        var markets = MarketStatistics.PerGpu(
        [
            Offer("1", 0.40m) with { HostMachineId = 7, TotalTflops = 80, DlPerf = 100, Verified = true, Geolocation = "Texas, US" },
            Offer("2", 1.20m) with { HostMachineId = 7, GpuCount = 2, TotalTflops = 160, DlPerf = 200, Reliability = 0.8, Geolocation = "Norway, NO" },
            Offer("3", 0.50m) with { TotalTflops = 100, DlPerf = 100, Geolocation = "Ohio, US" },
            Offer("4", 0.20m) with { Type = MachineType.Interruptible, Geolocation = "?" },
            Offer("5", 1m) with { GpuName = "A100 PCIE" },
            Offer("6", 0m),
            Offer("7", 1m) with { GpuName = "" },
        ]);

        Assert.Equal([("A100 PCIE", MachineType.OnDemand), ("RTX 4090", MachineType.OnDemand), ("RTX 4090", MachineType.Interruptible)], markets.Select(one => (one.GpuName, one.Type)));
        var market = markets[1];
        Assert.Equal((0.40m, 0.60m, 0.50m, 0.50m), (market.MinUsd, market.MaxUsd, market.AverageUsd, market.MedianUsd));
        Assert.Equal((3, 3, 1), (market.Offers, market.AvailableGpus, market.VerifiedOffers));
        Assert.Equal((0.9, 86.667, 100), (Math.Round(market.AverageReliability, 3), Math.Round(market.AverageTflops, 3), market.AverageDlPerf));
        Assert.Equal((0.005m, 0.005833m), (market.MinUsdPerTflops, Math.Round(market.AverageUsdPerTflops!.Value, 6)));
        Assert.Equal(new Dictionary<string, int> { ["US"] = 2, ["NO"] = 1 }, market.Countries);
        Assert.Equal(1, markets[2].Countries["??"]);
    }

    [Fact]
    public void PerGpu_TflopsUntold_AreTakenFromTheModel()
    {
        var market = Assert.Single(MarketStatistics.PerGpu([Offer("1", 0.826m) with { GpuMemoryMiB = 24564 }]));

        Assert.Equal((82.6, 0.01m), (market.AverageTflops, market.MinUsdPerTflops));
    }

    [Fact]
    public void PerGpu_UnknownGpuWithoutTflops_HasNoCostPerTflops()
    {
        var market = Assert.Single(MarketStatistics.PerGpu([Offer("1", 1m) with { GpuName = "Voodoo 2" }]));

        Assert.Null(market.MinUsdPerTflops);
        Assert.Null(market.AverageUsdPerTflops);
    }

    [Theory]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NaN)]
    [InlineData(1e300)]
    [InlineData(1e-300)]
    [InlineData(-5)]
    public void PerGpu_AbsurdMeasures_DoNotBreak(double absurd)
    {
        var offer = Offer("1", 1m) with { TotalTflops = absurd, GpuMemoryMiB = absurd, Reliability = absurd, DlPerf = absurd };

        Assert.Single(MarketStatistics.PerGpu([offer]));
        Assert.Single(MarketRankings.ByEfficiency([offer]));
        Assert.Single(MarketRankings.Hosts([offer with { HostMachineId = 1 }]));
    }

    [Theory]
    [InlineData(new[] { 3, 1, 2 }, 2)]
    [InlineData(new[] { 4, 1, 2, 3 }, 2.5)]
    [InlineData(new[] { 5 }, 5)]
    public void Median_OfValues_IsTheMiddle(int[] values, double median) =>
        Assert.Equal((decimal)median, MarketStatistics.Median(values.Select(value => (decimal)value)));

    [Fact]
    public void Median_OfNone_Throws() => Assert.Throws<ArgumentException>(() => MarketStatistics.Median([]));

    [Fact]
    public void Compare_Gpus_NamesTheCheapestAndTheBestValue()
    {
        MarketOffer[] offers =
        [
            Offer("1", 0.40m) with { TotalTflops = 80 },
            Offer("2", 0.10m) with { GpuName = "RTX 3060", TotalTflops = 12 },
            Offer("3", 0.01m) with { GpuName = "RTX 3060", Type = MachineType.Interruptible },
        ];

        var comparison = MarketStatistics.Compare(offers, ["rtx4090", "RTX_3060", "h100", "RTX 4090"], MachineType.OnDemand);

        Assert.Equal(["RTX 4090", "RTX 3060"], comparison.Gpus.Select(gpu => gpu.GpuName));
        Assert.Equal(("RTX 3060", "RTX 4090"), (comparison.Cheapest, comparison.BestValue));
        Assert.Null(MarketStatistics.Compare([], ["x"], MachineType.OnDemand).Cheapest);
    }

    [Fact]
    public void PerGpu_AnyOffers_KeepTheOrderOfTheirFigures()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var offers = Some(new Random(seed));

            var markets = MarketStatistics.PerGpu(offers);

            Assert.Equal(offers.Count, markets.Sum(market => market.Offers));
            Assert.Equal(markets.Select(market => market.GpuName).Order(StringComparer.Ordinal), markets.Select(market => market.GpuName));
            Assert.All(markets, market =>
            {
                Assert.InRange(market.MedianUsd, market.MinUsd, market.MaxUsd);
                Assert.InRange(market.AverageUsd, market.MinUsd, market.MaxUsd);
                Assert.InRange(market.VerifiedOffers, 0, market.Offers);
                Assert.InRange(market.AvailableGpus, 1, 8 * market.Offers);
                Assert.InRange(market.AverageReliability, 0, 1);
                Assert.False(market.MinUsdPerTflops > market.AverageUsdPerTflops + 0.0000001m);
                Assert.Equal(market.Offers, market.Countries.Values.Sum());
            });
        }
    }

    [Theory]
    [InlineData("on-demand", true, MachineType.OnDemand)]
    [InlineData("Interruptible", true, MachineType.Interruptible)]
    [InlineData("bid", true, MachineType.Interruptible)]
    [InlineData("nonsense", false, MachineType.OnDemand)]
    [InlineData(null, false, MachineType.OnDemand)]
    public void Type_Word_IsRead(string? word, bool known, MachineType type)
    {
        Assert.Equal(known, MachineTypes.TryParse(word, out var read));
        Assert.Equal(type, read);
        Assert.Contains(type.ToWord(), MachineTypes.Words);
    }

    internal static MarketOffer Offer(string id, decimal usdPerHour) =>
        new() { Id = id, GpuName = "RTX 4090", GpuCount = 1, UsdPerHour = usdPerHour, Reliability = 0.95 };

    internal static List<MarketOffer> Some(Random random)
    {
        string[] gpus = ["RTX 4090", "RTX 3090", "A100 SXM4", "H100 SXM", "Voodoo 2"];
        string[] places = ["Texas, US", "Norway, NO", "South Korea, KR", "Atlantis", ""];
        return [.. Enumerable.Range(1, random.Next(1, 60)).Select(i => new MarketOffer
        {
            Id = $"{i}",
            GpuName = gpus[random.Next(gpus.Length)],
            GpuCount = 1 << random.Next(4),
            Type = (MachineType)random.Next(2),
            UsdPerHour = Math.Round((decimal)Math.Exp(random.NextDouble() * 6 - 3), 4) + 0.0001m,
            GpuMemoryMiB = random.Next(3) == 0 ? 0 : 24564,
            TotalTflops = random.Next(3) == 0 ? 0 : random.NextDouble() * 800,
            DlPerf = random.NextDouble() * 300,
            Reliability = random.NextDouble() * 1.1,
            Verified = random.Next(2) == 0,
            Geolocation = places[random.Next(places.Length)],
            HostMachineId = random.Next(3) == 0 ? null : random.Next(10),
        })];
    }
}
