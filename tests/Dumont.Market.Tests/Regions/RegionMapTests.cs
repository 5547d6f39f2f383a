using System.Globalization;
using Dumont.Market.Regions;

namespace Dumont.Market.Tests.Regions;

public sealed class RegionMapTests
{
    private static readonly HashSet<string> Valid = [.. GcpRegions.All.SelectMany(region => region.Zones)];

    [Theory]
    [InlineData("South Korea, KR", "asia-northeast3")]
    [InlineData("Texas, US", "us-south1")]
    [InlineData("Texas, US, NA", "us-south1")]
    [InlineData(", US", "us-central1")]
    [InlineData("US", "us-central1")]
    [InlineData("Virginia, US", "us-east4")]
    [InlineData("california, us", "us-west2")]
    [InlineData("CA", "northamerica-northeast1")]
    [InlineData("CA, US", "us-west2")]
    [InlineData("Ontario, CA", "northamerica-northeast2")]
    [InlineData("Georgia, US", "us-east1")]
    [InlineData("Georgia, GE", "me-west1")]
    [InlineData("Norway, NO", "europe-north2")]
    [InlineData("Czechia, CZ, EU", "europe-west10")]
    [InlineData("Somewhere, DE", "europe-west3")]
    [InlineData("Japan", "asia-northeast1")]
    [InlineData("Brazil, BR", "southamerica-east1")]
    [InlineData("Brazil, SA", "southamerica-east1")]
    [InlineData("Saudi Arabia, SA", "me-central2")]
    [InlineData("Windhoek, NA", "africa-south1")]
    [InlineData("Viet Nam", "asia-east2")]
    [InlineData("us-east1-c", "us-east1")]
    [InlineData("europe-west1", "europe-west1")]
    public void Locate_NamedPlace_GivesTheNearestRegion(string geolocation, string region)
    {
        var match = RegionMap.Locate(geolocation);

        Assert.Equal((region, RegionLayer.Map), (match.Region, match.Layer));
        Assert.Contains(match.Zone, Valid);
        Assert.NotNull(match.DistanceKm);
    }

    [Theory]
    [InlineData("Atlantis, AS", "asia-southeast1-a")]
    [InlineData("EU", "europe-west1-b")]
    [InlineData("Atlantis, OC", "australia-southeast1-a")]
    [InlineData("Atlantis", "us-central1-a")]
    [InlineData("", "us-central1-a")]
    [InlineData(null, "us-central1-a")]
    [InlineData(",,,", "us-central1-a")]
    public void Locate_UnknownPlace_FallsBackToTheContinent(string? geolocation, string zone)
    {
        var match = RegionMap.Locate(geolocation);

        Assert.Equal((zone, RegionLayer.Continent), (match.Zone, match.Layer));
    }

    [Fact]
    public void Locate_Anything_GivesAValidZone()
    {
        var random = new Random(42);
        for (var i = 0; i < 20_000; i++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(0, 20)).Select(_ => (char)random.Next(' ', '~'))]);
            Assert.Contains(RegionMap.Locate(text).Zone, Valid);
            var latitude = (random.NextDouble() * 200) - 100;
            var longitude = (random.NextDouble() * 400) - 200;
            Assert.Contains(RegionMap.Nearest(latitude, longitude).Zone, Valid);
        }

        Assert.Contains(RegionMap.Nearest(double.NaN, 0).Zone, Valid);
    }

    [Fact]
    public void Locate_EveryCountryInEveryWriting_IsOnTheMap() => Assert.All(RegionMap.Countries, country =>
    {
        foreach (var text in new[] { country.Name, country.Code, $"{country.Name}, {country.Code}", $"Nowhere, {country.Code}", $", {country.Code}" })
        {
            Assert.Equal(RegionLayer.Map, RegionMap.Locate(text).Layer);
            Assert.Equal(country, RegionMap.FindCountry(text));
        }
    });

    [Fact]
    public void Map_NamesEnoughPlacesAndIsFast()
    {
        Assert.True(RegionMap.NamedPlaces >= 120, RegionMap.NamedPlaces.ToString(CultureInfo.InvariantCulture));
        RegionMap.Locate("Texas, US");
        var begun = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < 1000; i++)
        {
            RegionMap.Locate("Somewhere unheard of, Texas, US, NA");
        }

        Assert.True(TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromSeconds(5)); // 5 ms each, the bound of one look-up
    }

    [Fact]
    public void Nearest_PointOfARegion_IsThatRegion() => Assert.All(GcpRegions.All, region =>
        Assert.Equal((region.Name, 0), (RegionMap.Nearest(region.Latitude, region.Longitude).Region, (int)RegionMap.Nearest(region.Latitude, region.Longitude).DistanceKm!)));

    [Fact]
    public void Rank_Point_IsSortedAndWhole()
    {
        var ranked = RegionMap.Rank(48.2, 16.4);

        Assert.Equal(GcpRegions.All.Count, ranked.Count);
        Assert.Equal(ranked.Select(one => one.DistanceKm).Order(), ranked.Select(one => one.DistanceKm));
    }

    [Theory]
    [InlineData(52.52, 13.405, 48.857, 2.3556, 877)] // Berlin to Paris
    [InlineData(0, 179.5, 0, -179.5, 111)] // across the date line
    [InlineData(90, 0, -90, 0, 20015)]
    public void Distance_KnownPairs_IsRight(double latitude1, double longitude1, double latitude2, double longitude2, double km) =>
        Assert.InRange(RegionMap.DistanceKm(latitude1, longitude1, latitude2, longitude2), km - 3, km + 3);

    [Theory]
    [InlineData("Texas, US", RegionGroup.US, true)]
    [InlineData("Ontario, CA", RegionGroup.US, false)]
    [InlineData("Norway, NO", RegionGroup.EU, true)]
    [InlineData("United Kingdom, GB", RegionGroup.EU, true)]
    [InlineData("Russia, RU", RegionGroup.EU, false)]
    [InlineData("Taiwan, TW", RegionGroup.ASIA, true)]
    [InlineData("asia-east1-b", RegionGroup.ASIA, true)]
    [InlineData("europe-west4-a", RegionGroup.EU, true)]
    [InlineData("Atlantis", RegionGroup.EU, false)]
    [InlineData(null, RegionGroup.US, false)]
    public void Group_OfAPlace_IsTold(string? geolocation, RegionGroup group, bool inside) => Assert.Equal(inside, RegionMap.IsIn(geolocation, group));

    [Fact]
    public void Group_Word_IsRead()
    {
        Assert.True(RegionMap.TryParseGroup(" asia", out var group));
        Assert.Equal(RegionGroup.ASIA, group);
        Assert.False(RegionMap.TryParseGroup("mars", out _));
        Assert.True(RegionMap.Contains(RegionGroup.EU, "de"));
        Assert.Equal(27, RegionMap.Countries.Count(country => country.InEuropeanUnion));
    }
}
