using System.Collections.Frozen;

namespace Dumont.Market.Regions;

/// <summary>Groups of countries that a search may ask for.</summary>
public enum RegionGroup
{
    /// <summary>The United States.</summary>
    US,

    /// <summary>Europe as a continent, members of the Union or not, without Russia and Belarus.</summary>
    EU,

    /// <summary>Asia as a continent, with the Middle East.</summary>
    ASIA,
}

/// <summary>How a zone was found.</summary>
public enum RegionLayer
{
    /// <summary>By the name of the place.</summary>
    Map,

    /// <summary>By coordinates.</summary>
    Geo,

    /// <summary>By the continent alone, or not at all.</summary>
    Continent,
}

/// <summary>The zone nearest to a place.</summary>
/// <param name="Zone"><c>europe-west1-b</c>; always one that exists.</param>
/// <param name="Region"><c>europe-west1</c>.</param>
/// <param name="Layer">How it was found.</param>
/// <param name="Latitude">Of the place, degrees north; null where only the continent is known.</param>
/// <param name="Longitude">Of the place, degrees east; null likewise.</param>
/// <param name="DistanceKm">From the place to the region; null likewise.</param>
public sealed record RegionMatch(string Zone, string Region, RegionLayer Layer, double? Latitude, double? Longitude, double? DistanceKm);

/// <summary>Finds the Google Cloud zone nearest to where a host says it is: a standby near its GPU syncs faster. Pure table look-ups and a
/// distance over 42 regions: microseconds.</summary>
public static class RegionMap
{
    /// <summary>Zone where nothing is known of a place: the cheapest and largest region's.</summary>
    public const string DefaultZone = "us-central1-a";

    private const double EarthRadiusKm = 6371;

    private static readonly FrozenDictionary<string, Country> ByCode = Places.Countries.ToFrozenDictionary(country => country.Code);

    private static readonly FrozenDictionary<string, Country> ByName = Places.Countries
        .Select(country => KeyValuePair.Create(country.Name, country))
        .Concat(Places.Aliases.Select(alias => KeyValuePair.Create(alias.Key, ByCode[alias.Value])))
        .ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenDictionary<(string Country, string Name), Subdivision> SubdivisionByName = Places.Subdivisions
        .SelectMany(place => new[] { place.Code, place.Name.ToUpperInvariant() }.Select(name => (Key: (place.CountryCode, name), place)))
        .ToFrozenDictionary(named => named.Key, named => named.place);

    // The codes of continents that providers append. Two of them are also countries, which the last place of three disambiguates.
    private static readonly FrozenDictionary<string, Continent> ContinentByCode = new Dictionary<string, Continent>
    {
        ["NA"] = Continent.NorthAmerica,
        ["SA"] = Continent.SouthAmerica,
        ["EU"] = Continent.Europe,
        ["AS"] = Continent.Asia,
        ["AF"] = Continent.Africa,
        ["OC"] = Continent.Oceania,
    }.ToFrozenDictionary();

    /// <summary>Names that the first layer knows: countries, their other names, states and provinces.</summary>
    public static int NamedPlaces => ByName.Count + Places.Subdivisions.Count;

    /// <summary>All countries known.</summary>
    public static IReadOnlyList<Country> Countries => Places.Countries;

    /// <summary>The zone for a place as providers write it: <c>South Korea, KR</c>, <c>Texas, US</c>, <c>Texas, US, NA</c>, <c>KR</c>, or a zone's own
    /// name. Never fails: what is not understood gets the continent's zone or <see cref="DefaultZone"/>.</summary>
    public static RegionMatch Locate(string? geolocation)
    {
        var text = geolocation?.Trim() ?? "";
        if (GcpRegions.Find(text) is { } own)
        {
            var zone = own.Zones.Contains(text) ? text : own.Zones[0];
            return new RegionMatch(zone, own.Name, RegionLayer.Map, own.Latitude, own.Longitude, 0);
        }

        var place = Read(text);
        return place switch
        {
            { Subdivision: { } part } => Nearest(part.Latitude, part.Longitude) with { Layer = RegionLayer.Map },
            { Country: { } country } => Nearest(country.Latitude, country.Longitude) with { Layer = RegionLayer.Map },
            { Continent: { } continent } => Fallback(continent),
            _ => new RegionMatch(DefaultZone, RegionOf(DefaultZone), RegionLayer.Continent, null, null, null),
        };
    }

    /// <summary>The zone nearest to a point. Coordinates outside the globe, or none at all, give <see cref="DefaultZone"/>.</summary>
    public static RegionMatch Nearest(double latitude, double longitude)
    {
        if (!(latitude is >= -90 and <= 90 && longitude is >= -180 and <= 180))
        {
            return new RegionMatch(DefaultZone, RegionOf(DefaultZone), RegionLayer.Continent, null, null, null);
        }

        var (region, distance) = ByDistance(latitude, longitude).MinBy(candidate => candidate.DistanceKm);
        return new RegionMatch(region.Zones[0], region.Name, RegionLayer.Geo, latitude, longitude, distance);
    }

    /// <summary>All regions from the nearest to the farthest, for when the nearest has nothing left.</summary>
    public static IReadOnlyList<(GcpRegion Region, double DistanceKm)> Rank(double latitude, double longitude) =>
        [.. ByDistance(latitude, longitude).OrderBy(candidate => candidate.DistanceKm)];

    /// <summary>The country of a place as providers write it, or of a Google Cloud zone; null where it is not understood.</summary>
    public static Country? FindCountry(string? geolocation)
    {
        var text = geolocation?.Trim() ?? "";
        return GcpRegions.Find(text) is { } region ? ByName.GetValueOrDefault(region.Country) : Read(text).Country;
    }

    /// <summary>Whether a place belongs to a group. A place that is not understood belongs to none.</summary>
    public static bool IsIn(string? geolocation, RegionGroup group) => FindCountry(geolocation) is { } country && Contains(group, country.Code);

    /// <summary>Whether a country, by its two letters, belongs to a group.</summary>
    public static bool Contains(RegionGroup group, string countryCode) =>
        ByCode.TryGetValue(countryCode.ToUpperInvariant(), out var country) && group switch
        {
            RegionGroup.US => country.Code == "US",
            RegionGroup.EU => country.Continent == Continent.Europe && country.Code is not ("RU" or "BY"),
            RegionGroup.ASIA => country.Continent == Continent.Asia,
        };

    /// <summary>Reads <c>US</c>, <c>EU</c> or <c>ASIA</c>, whatever its case.</summary>
    public static bool TryParseGroup(string? word, out RegionGroup group)
    {
        (var known, group) = word?.Trim().ToUpperInvariant() switch
        {
            "US" => (true, RegionGroup.US),
            "EU" => (true, RegionGroup.EU),
            "ASIA" => (true, RegionGroup.ASIA),
            _ => (false, default),
        };
        return known;
    }

    /// <summary>Great-circle distance (haversine formula, mean earth radius), km.</summary>
    public static double DistanceKm(double latitude1, double longitude1, double latitude2, double longitude2)
    {
        static double Radians(double degrees) => degrees * Math.PI / 180;
        var half1 = Math.Sin(Radians(latitude2 - latitude1) / 2);
        var half2 = Math.Sin(Radians(longitude2 - longitude1) / 2);
        var chord = (half1 * half1) + (Math.Cos(Radians(latitude1)) * Math.Cos(Radians(latitude2)) * half2 * half2);
        return 2 * EarthRadiusKm * Math.Asin(Math.Min(1, Math.Sqrt(chord)));
    }

    private static IEnumerable<(GcpRegion Region, double DistanceKm)> ByDistance(double latitude, double longitude) =>
        GcpRegions.All.Select(region => (region, DistanceKm(latitude, longitude, region.Latitude, region.Longitude)));

    private static RegionMatch Fallback(Continent continent)
    {
        var zone = continent switch
        {
            Continent.NorthAmerica => DefaultZone,
            Continent.SouthAmerica => "southamerica-east1-a",
            Continent.Europe => "europe-west1-b",
            Continent.Asia => "asia-southeast1-a",
            Continent.Africa => "africa-south1-a",
            Continent.Oceania => "australia-southeast1-a",
        };
        return new RegionMatch(zone, RegionOf(zone), RegionLayer.Continent, null, null, null);
    }

    // "place, country[, continent]": the country is the last part but for a continent, and gives the place its meaning,
    // for Georgia is a state and a country.
    private static (Country? Country, Subdivision? Subdivision, Continent? Continent) Read(string text)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).ToList();
        Continent? continent = null;
        if (parts.Count > 0 && ContinentByCode.TryGetValue(parts[^1], out var last)
            && (!ByCode.ContainsKey(parts[^1]) || (parts.Count > 1 && CountryOf(parts[^2]) is { } before && before.Code != parts[^1])))
        {
            continent = last;
            parts.RemoveAt(parts.Count - 1);
        }

        if (parts.Count == 0)
        {
            return (null, null, continent);
        }

        if (CountryOf(parts[^1]) is { } country)
        {
            var part = parts.Count > 1 ? SubdivisionByName.GetValueOrDefault((country.Code, parts[^2].ToUpperInvariant())) : null;
            return (country, part, continent ?? country.Continent);
        }

        // No country: a state's full name will do, as will any country named anywhere.
        var state = Places.Subdivisions.FirstOrDefault(one => parts.Contains(one.Name, StringComparer.OrdinalIgnoreCase));
        return state is not null
            ? (ByCode[state.CountryCode], state, continent)
            : (parts.Select(CountryOf).FirstOrDefault(one => one is not null), null, continent);
    }

    private static Country? CountryOf(string text) =>
        ByName.GetValueOrDefault(text) ?? (text.Length == 2 ? ByCode.GetValueOrDefault(text.ToUpperInvariant()) : null);

    private static string RegionOf(string zone) => zone[..zone.LastIndexOf('-')];
}
