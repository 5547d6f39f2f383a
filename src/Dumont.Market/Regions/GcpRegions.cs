namespace Dumont.Market.Regions;

/// <summary>A region of Google Cloud.</summary>
/// <param name="Name"><c>europe-west1</c>.</param>
/// <param name="ZoneLetters">Letters of its zones, <c>bcd</c>.</param>
/// <param name="City">Nearest town.</param>
/// <param name="Country">Country, in English.</param>
/// <param name="Latitude">Degrees north.</param>
/// <param name="Longitude">Degrees east.</param>
public sealed record GcpRegion(string Name, string ZoneLetters, string City, string Country, double Latitude, double Longitude)
{
    /// <summary>Names of its zones, in order.</summary>
    public IReadOnlyList<string> Zones { get; } = [.. ZoneLetters.Select(letter => $"{Name}-{letter}")];
}

/// <summary>Where Google Cloud has machines.</summary>
/// <remarks>Compiled on 2026-11-20 from Google's public region tables; zones checked against SkyPilot's catalogue of 2026. asia-southeast3 (Bangkok)
/// is left out: announced in 2026, but neither its zones nor its prices could be confirmed. So are the AI zones, which have no small machines.</remarks>
public static class GcpRegions
{
    /// <summary>All regions, by name.</summary>
    public static IReadOnlyList<GcpRegion> All { get; } =
    [
        new("africa-south1", "abc", "Johannesburg", "South Africa", -26.2103, 28.0297),
        new("asia-east1", "abc", "Changhua County", "Taiwan", 24.1535, 120.6606),
        new("asia-east2", "abc", "Hong Kong", "Hong Kong", 22.3241, 114.1655),
        new("asia-northeast1", "abc", "Tokyo", "Japan", 35.6874, 139.7655),
        new("asia-northeast2", "abc", "Osaka", "Japan", 34.6674, 135.5022),
        new("asia-northeast3", "abc", "Seoul", "South Korea", 37.5615, 126.9934),
        new("asia-south1", "abc", "Mumbai", "India", 19.0760, 72.8777),
        new("asia-south2", "abc", "Delhi", "India", 28.7041, 77.1025),
        new("asia-southeast1", "abc", "Jurong West", "Singapore", 1.3403, 103.7059),
        new("asia-southeast2", "abc", "Jakarta", "Indonesia", -6.2113, 106.8288),
        new("australia-southeast1", "abc", "Sydney", "Australia", -33.8662, 151.1942),
        new("australia-southeast2", "abc", "Melbourne", "Australia", -37.8108, 144.9514),
        new("europe-central2", "abc", "Warsaw", "Poland", 52.2265, 20.9918),
        new("europe-north1", "abc", "Hamina", "Finland", 60.5692, 27.1871),
        new("europe-north2", "abc", "Stockholm", "Sweden", 59.3293, 18.0686),
        new("europe-southwest1", "abc", "Madrid", "Spain", 40.4143, -3.7152),
        new("europe-west1", "bcd", "St. Ghislain", "Belgium", 50.4717, 3.8096),
        new("europe-west2", "abc", "London", "United Kingdom", 51.4998, -0.0877),
        new("europe-west3", "abc", "Frankfurt", "Germany", 50.1119, 8.6599),
        new("europe-west4", "abc", "Eemshaven", "Netherlands", 53.4387, 6.8321),
        new("europe-west6", "abc", "Zurich", "Switzerland", 47.3741, 8.5723),
        new("europe-west8", "abc", "Milan", "Italy", 45.4649, 9.1939),
        new("europe-west9", "abc", "Paris", "France", 48.8570, 2.3556),
        new("europe-west10", "abc", "Berlin", "Germany", 52.5200, 13.4050),
        new("europe-west12", "abc", "Turin", "Italy", 45.0689, 7.6838),
        new("me-central1", "abc", "Doha", "Qatar", 25.2854, 51.5310),
        new("me-central2", "abc", "Dammam", "Saudi Arabia", 26.4393, 50.0945),
        new("me-west1", "abc", "Tel Aviv", "Israel", 32.0863, 34.7669),
        new("northamerica-northeast1", "abc", "Montreal", "Canada", 45.5014, -73.5897),
        new("northamerica-northeast2", "abc", "Toronto", "Canada", 43.6511, -79.3891),
        new("northamerica-south1", "abc", "Queretaro", "Mexico", 20.5807, -100.4182),
        new("southamerica-east1", "abc", "Osasco (Sao Paulo)", "Brazil", -23.5319, -46.7910),
        new("southamerica-west1", "abc", "Santiago", "Chile", -33.4486, -70.6731),
        new("us-central1", "abcf", "Council Bluffs (Iowa)", "United States", 41.2621, -95.8652),
        new("us-east1", "bcd", "Moncks Corner (South Carolina)", "United States", 33.1956, -80.0132),
        new("us-east4", "abc", "Ashburn (Virginia)", "United States", 39.0436, -77.4890),
        new("us-east5", "abc", "Columbus (Ohio)", "United States", 39.9639, -82.9908),
        new("us-south1", "abc", "Dallas (Texas)", "United States", 32.7750, -96.8016),
        new("us-west1", "abc", "The Dalles (Oregon)", "United States", 45.5943, -121.1819),
        new("us-west2", "abc", "Los Angeles (California)", "United States", 34.0498, -118.2566),
        new("us-west3", "abc", "Salt Lake City (Utah)", "United States", 40.7597, -111.8944),
        new("us-west4", "abc", "Las Vegas (Nevada)", "United States", 36.1715, -115.1304),
    ];

    /// <summary>The region of a zone (<c>us-central1-a</c>) or of a region's own name; null for neither.</summary>
    public static GcpRegion? Find(string zoneOrRegion) =>
        All.FirstOrDefault(region => region.Name == zoneOrRegion || region.Zones.Contains(zoneOrRegion));
}
