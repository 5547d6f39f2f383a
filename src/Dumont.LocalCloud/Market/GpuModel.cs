using System.Globalization;
using Dumont.LocalCloud.State;

namespace Dumont.LocalCloud.Market;

/// <summary>A GPU model as the market knows it.</summary>
/// <param name="Name">Name as Vast.ai spells it, with spaces.</param>
/// <param name="Architecture">Maker's generation.</param>
/// <param name="ComputeCapability">Times 100.</param>
/// <param name="MemoryMb">Memory per GPU in MB, as reported by the driver.</param>
/// <param name="Tflops">Single precision.</param>
/// <param name="BandwidthGbPerSecond">Memory bandwidth in GB/s.</param>
/// <param name="TypicalUsdPerHour">On-demand price of one GPU.</param>
/// <param name="PowerWatts">Board power.</param>
internal sealed record GpuModel(
    string Name,
    string Architecture,
    int ComputeCapability,
    int MemoryMb,
    double Tflops,
    double BandwidthGbPerSecond,
    double TypicalUsdPerHour,
    int PowerWatts)
{
    public static IReadOnlyList<GpuModel> All { get; } = [.. EmbeddedFile.ReadTable("tables/gpu-models.csv").Select(Parse)];

    private static GpuModel Parse(IReadOnlyDictionary<string, string> row) => new(
        row["gpu_name"],
        row["architecture"],
        int.Parse(row["compute_cap"], CultureInfo.InvariantCulture),
        int.Parse(row["ram_mb"], CultureInfo.InvariantCulture),
        double.Parse(row["tflops"], CultureInfo.InvariantCulture),
        double.Parse(row["mem_bw_gb_s"], CultureInfo.InvariantCulture),
        double.Parse(row["typ_usd_h"], CultureInfo.InvariantCulture),
        int.Parse(row["power_w"], CultureInfo.InvariantCulture));
}
