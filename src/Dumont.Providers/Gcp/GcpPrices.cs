namespace Dumont.Providers.Gcp;

/// <summary>A machine type of the E2 family.</summary>
/// <param name="Share">Its price as a multiple of e2-medium's in the same region.</param>
/// <param name="CpuCores">Virtual CPUs that the guest sees; the shared-core types get a part of them in the long run.</param>
/// <param name="MemoryMiB">Memory.</param>
/// <param name="EgressMbps">Most that it may send.</param>
internal sealed record GcpShape(decimal Share, int CpuCores, int MemoryMiB, int EgressMbps);

/// <summary>What E2 machines cost. Google's price list is not part of the Compute API and its own API needs another key, so the figures are
/// a table here.</summary>
/// <remarks>Source: SkyPilot's Google Cloud catalogue (skypilot-org/skypilot-catalog), read on 2026-11-20. It bills e2-medium as two full CPUs;
/// the shared-core type is billed as one CPU and 4 GB, hence the figures are the catalogue's times 0.6057, which gives the list price of 0.03351 $/h
/// for us-central1. Spot prices change up to once a month: these are estimates, and the invoice is the truth.</remarks>
internal static class GcpPrices
{
    /// <summary>Balanced persistent disk, $/GB/month, us-central1's list price; other regions are up to a third dearer.</summary>
    public const decimal DiskUsdPerGbMonth = 0.10m;

    /// <summary>Premium-tier traffic to the internet, $/GB. What comes in is free.</summary>
    /// <remarks>Source: Google Cloud's price list, internet data transfer out, premium tier, a month's first TB (cloud.google.com/vpc/network-pricing). By
    /// where it goes the list asks 0.085 to 0.12, so this errs high.</remarks>
    public const decimal EgressUsdPerGb = 0.12m;

    /// <summary>Google bills a month as 730 hours.</summary>
    private const decimal HoursPerMonth = 730m;

    /// <summary>Largest balanced disk, GB.</summary>
    public const double DiskGbMax = 65536;

    // E2 prices are linear in CPU and memory, and these types have them in e2-medium's proportion.
    private static readonly Dictionary<string, GcpShape> Shapes = new(StringComparer.Ordinal)
    {
        ["e2-micro"] = new(0.25m, 2, 1024, 1000),
        ["e2-small"] = new(0.5m, 2, 2048, 1000),
        ["e2-medium"] = new(1m, 2, 4096, 2000),
        ["e2-standard-2"] = new(2m, 2, 8192, 4000),
        ["e2-standard-4"] = new(4m, 4, 16384, 8000),
        ["e2-standard-8"] = new(8m, 8, 32768, 16000),
    };

    // e2-medium, $/h. asia-southeast3 (Bangkok) has no figure in the source, so nothing is offered there.
    private static readonly Dictionary<string, (decimal Standard, decimal Spot)> Regions = new(StringComparer.Ordinal)
    {
        ["africa-south1"] = (0.03686m, 0.01089m),
        ["asia-east1"] = (0.03880m, 0.02134m),
        ["asia-east2"] = (0.04688m, 0.00925m),
        ["asia-northeast1"] = (0.04301m, 0.02485m),
        ["asia-northeast2"] = (0.04301m, 0.01187m),
        ["asia-northeast3"] = (0.04301m, 0.01619m),
        ["asia-south1"] = (0.04024m, 0.02324m),
        ["asia-south2"] = (0.04024m, 0.01817m),
        ["asia-southeast1"] = (0.04133m, 0.02272m),
        ["asia-southeast2"] = (0.04505m, 0.00903m),
        ["australia-southeast1"] = (0.04754m, 0.02332m),
        ["australia-southeast2"] = (0.04041m, 0.01926m),
        ["europe-central2"] = (0.04054m, 0.01224m),
        ["europe-north1"] = (0.03689m, 0.00934m),
        ["europe-north2"] = (0.03518m, 0.00823m),
        ["europe-southwest1"] = (0.03954m, 0.02173m),
        ["europe-west1"] = (0.03686m, 0.01701m),
        ["europe-west10"] = (0.04317m, 0.00731m),
        ["europe-west12"] = (0.04322m, 0.00990m),
        ["europe-west2"] = (0.04317m, 0.01304m),
        ["europe-west3"] = (0.04317m, 0.01997m),
        ["europe-west4"] = (0.03689m, 0.01679m),
        ["europe-west6"] = (0.04389m, 0.01568m),
        ["europe-west8"] = (0.03887m, 0.01858m),
        ["europe-west9"] = (0.03887m, 0.01828m),
        ["me-central1"] = (0.04071m, 0.01613m),
        ["me-central2"] = (0.05361m, 0.02654m),
        ["me-west1"] = (0.03686m, 0.01734m),
        ["northamerica-northeast1"] = (0.03689m, 0.01044m),
        ["northamerica-northeast2"] = (0.03689m, 0.00743m),
        ["northamerica-south1"] = (0.03652m, 0.01319m),
        ["southamerica-east1"] = (0.05319m, 0.00925m),
        ["southamerica-west1"] = (0.04791m, 0.01579m),
        ["us-central1"] = (0.03351m, 0.01934m),
        ["us-east1"] = (0.03351m, 0.01934m),
        ["us-east4"] = (0.03774m, 0.01971m),
        ["us-east5"] = (0.03351m, 0.01057m),
        ["us-south1"] = (0.03953m, 0.01341m),
        ["us-west1"] = (0.03351m, 0.01934m),
        ["us-west2"] = (0.04024m, 0.01307m),
        ["us-west3"] = (0.04024m, 0.01115m),
        ["us-west4"] = (0.03774m, 0.00478m),
    };

    /// <summary>Types that have a price.</summary>
    public static IReadOnlyCollection<string> MachineTypes => Shapes.Keys;

    /// <summary>The shape of a machine type, or null for one without a price.</summary>
    public static GcpShape? FindShape(string machineType) => Shapes.GetValueOrDefault(machineType);

    /// <summary>Price of a disk, $/h.</summary>
    public static decimal DiskUsdPerHour(double gb) =>
        gb > 0 ? Math.Round(DiskUsdPerGbMonth * (decimal)Math.Min(gb, DiskGbMax) / HoursPerMonth, 6) : 0;

    /// <summary>Price without the disk, $/h; null for a region or a type without a figure.</summary>
    public static decimal? FindUsdPerHour(string zone, string machineType, bool spot)
    {
        var region = zone[..Math.Max(0, zone.LastIndexOf('-'))];
        return Regions.TryGetValue(region, out var price) && FindShape(machineType) is { } shape
            ? Math.Round((spot ? price.Spot : price.Standard) * shape.Share, 6)
            : null;
    }
}
