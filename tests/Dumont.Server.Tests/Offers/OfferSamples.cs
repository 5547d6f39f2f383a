using Dumont.Providers;

namespace Dumont.Server.Tests.Offers;

/// <summary>Offers to put on a fake's shelf.</summary>
internal static class OfferSamples
{
    public static MachineOffer Rtx4090(long id, decimal price = 0.40m, string where = "South Korea, KR", long? host = null, double reliability = 0.99) => new()
    {
        Id = id.ToString(System.Globalization.CultureInfo.InvariantCulture),
        Provider = "vast",
        HostMachineId = host ?? id * 10,
        HostId = 7,
        GpuName = "RTX 4090",
        GpuCount = 1,
        GpuMemoryMiB = 24564,
        CpuCores = 16,
        MemoryMiB = 64 * 1024,
        DiskGb = 500,
        InetDownMbps = 800,
        InetUpMbps = 700,
        UsdPerHour = price,
        StorageUsdPerGbMonth = 0.15m,
        Geolocation = where,
        Reliability = reliability,
        Verified = true,
        StaticIp = false,
        CudaVersion = "12.4",
        TotalTflops = 82,
        DlPerf = 90,
    };

    public static IEnumerable<MachineOffer> Shelf() =>
    [
        Rtx4090(1, 0.40m),
        Rtx4090(2, 0.35m, "California, US", reliability: 0.90),
        Rtx4090(3, 0.55m, "Germany, DE") with { Verified = false, StaticIp = true },
        Rtx4090(4, 0.30m, "Sweden, SE") with { GpuName = "RTX 3090", CudaVersion = "11.8", CpuCores = 8, TotalTflops = 35, DlPerf = 45 },
        Rtx4090(5, 1.20m, "Texas, US") with { GpuName = "A100 SXM4", GpuMemoryMiB = 81920, MemoryMiB = 128 * 1024, TotalTflops = 78, DlPerf = 180 },
        Rtx4090(6, 0.80m, "Japan, JP") with { GpuCount = 2 },
        Rtx4090(7, 0.20m, "Poland, PL") with { Interruptible = true, MinBidUsdPerHour = 0.18m },
        Rtx4090(8, 15m, "Texas, US") with { GpuName = "H100 SXM", GpuMemoryMiB = 81559 },
    ];
}
