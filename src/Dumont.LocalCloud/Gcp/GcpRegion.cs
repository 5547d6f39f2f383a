using System.Globalization;
using Dumont.LocalCloud.State;

namespace Dumont.LocalCloud.Gcp;

/// <summary>A region with its zones and what e2-medium costs there.</summary>
internal sealed record GcpRegion(string Name, IReadOnlyList<string> Zones, double OnDemandUsdPerHour, double SpotUsdPerHour)
{
    /// <summary>Processors of one project in one region at the most.</summary>
    public const int CpuQuota = 128;

    public static IReadOnlyList<GcpRegion> All { get; } = [.. EmbeddedFile.ReadTable("tables/regions.csv").Select(Parse)];

    /// <summary>Every zone as the aggregated lists name it.</summary>
    public static IReadOnlyList<string> ZoneScopes { get; } = [.. All.SelectMany(region => region.Zones).Select(zone => "zones/" + zone)];

    public static GcpRegion? Find(string name) => All.FirstOrDefault(region => region.Name == name);

    /// <summary>The region of a zone, or null where there is no such zone.</summary>
    public static GcpRegion? FindByZone(string zone) => All.FirstOrDefault(region => region.Zones.Contains(zone));

    private static GcpRegion Parse(IReadOnlyDictionary<string, string> row) => new(
        row["region"],
        [.. row["zone_letters"].Split('|').Select(letter => $"{row["region"]}-{letter}")],
        double.Parse(row["ondemand_usd_h"], CultureInfo.InvariantCulture),
        double.Parse(row["spot_usd_h"], CultureInfo.InvariantCulture));
}

/// <summary>A machine type. Its price is a multiple of e2-medium's.</summary>
internal sealed record GcpMachineType(long Id, string Name, int Cpus, int MemoryMb, bool IsSharedCpu, double PriceFactor)
{
    public static IReadOnlyList<GcpMachineType> All { get; } =
    [
        new(334002, "e2-micro", 2, 1024, true, 0.25), new(334004, "e2-small", 2, 2048, true, 0.5), new(334006, "e2-medium", 2, 4096, true, 1),
        new(335002, "e2-standard-2", 2, 8192, false, 2), new(335004, "e2-standard-4", 4, 16384, false, 4),
        new(335008, "e2-standard-8", 8, 32768, false, 8), new(335016, "e2-standard-16", 16, 65536, false, 16),
        // What Google's own client asks for when its user names no type.
        new(3001, "n1-standard-1", 1, 3840, false, 1.42),
        new(336002, "e2-highmem-2", 2, 16384, false, 2.7), new(336004, "e2-highmem-4", 4, 32768, false, 5.4),
    ];

    public static GcpMachineType? Find(string name) => All.FirstOrDefault(type => type.Name == name);
}

/// <summary>A disk type and its price, for us-central1 and used everywhere.</summary>
internal sealed record GcpDiskType(string Name, string Description, double UsdPerGbMonth)
{
    public static IReadOnlyList<GcpDiskType> All { get; } =
        [new("pd-standard", "Standard Persistent Disk", 0.04), new("pd-balanced", "Balanced Persistent Disk", 0.10), new("pd-ssd", "SSD Persistent Disk", 0.17)];

    public static GcpDiskType? Find(string name) => All.FirstOrDefault(type => type.Name == name);
}

/// <summary>An image by its project, family and name. A label alone: every machine runs this computer's programs.</summary>
internal sealed record GcpImage(string Project, string Family, string Name, string Description)
{
    public static IReadOnlyList<GcpImage> All { get; } =
    [
        new("debian-cloud", "debian-12", "debian-12-bookworm-v20261110", "Debian, Debian GNU/Linux, 12 (bookworm), amd64"),
        new("debian-cloud", "debian-13", "debian-13-trixie-v20261110", "Debian, Debian GNU/Linux, 13 (trixie), amd64"),
    ];

    /// <summary>Whether a whole or partial address names an image or a family that there is.</summary>
    public static bool Exists(string reference) => All.Any(image =>
        GcpNames.FindPart(reference, "projects") == image.Project
        && (GcpNames.FindPart(reference, "images") == image.Name
            || GcpNames.FindPart(reference, "family") == image.Family
            || GcpNames.FindPart(reference, "imageFamilyViews") == image.Family));
}
