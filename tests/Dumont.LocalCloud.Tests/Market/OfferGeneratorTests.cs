using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Tests.Market;

public sealed class OfferGeneratorTests
{
    [Theory]
    [InlineData(42)]
    [InlineData(1)]
    [InlineData(987654)]
    public void Generate_AnySeed_MakesABroadMarket(int seed)
    {
        var offers = OfferGenerator.Generate(seed);

        Assert.True(offers.Count >= 400, $"{offers.Count} offers");
        Assert.True(offers.Select(offer => offer.Host.Gpu.Name).Distinct().Count() >= 40);
        Assert.True(offers.Select(offer => offer.Host.Geolocation).Distinct().Count() >= 30);
        Assert.Equal(offers.Count, offers.Select(offer => offer.Id).Distinct().Count());
        Assert.All(offers, offer => Assert.InRange(offer.Host.MinBidFraction, 0.3, 0.7));
        Assert.All(offers, offer => Assert.InRange(offer.Host.Reliability, 0.97, 0.9995));
        Assert.InRange(offers.Count(offer => offer.Host.Verification == "verified") / (double)offers.Count, 0.75, 1);
    }

    [Theory]
    [InlineData(42)]
    [InlineData(7)]
    public void Generate_AnySeed_HasDependableCheapMachinesForRepeatedFailover(int seed)
    {
        var dependable = OfferGenerator.Generate(seed).Where(offer =>
            offer is { GpuCount: 1, Host: { Gpu.Name: "RTX 4090", Verification: "verified", DiskSpaceGb: >= 200, InetDown: >= 200 } }
            && offer.MicroUsdPerHour < 500_000).Select(offer => offer.Host.MachineId).Distinct();

        Assert.True(dependable.Count() >= 12);
    }

    [Fact]
    public void Generate_SameSeed_MakesTheSameMarket() => Assert.Equal(OfferGenerator.Generate(5), OfferGenerator.Generate(5));

    [Fact]
    public void Generate_HostOfFourGpus_IsSlicedIntoOneTwoAndFour()
    {
        var slices = OfferGenerator.Generate(42).GroupBy(offer => offer.Host.MachineId).First(host => host.First().Host.GpuCount == 4);

        Assert.Equal([1, 1, 1, 1, 2, 2, 4], slices.Select(offer => offer.GpuCount).Order());
    }

    [Fact]
    public void VersionNumber_OfADriver_HasThreeDigitsAGroup() => Assert.Equal(535_086_005, OfferGenerator.VersionNumber("535.86.05"));
}
