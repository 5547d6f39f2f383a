using Dumont.Market.Gpus;
using Dumont.Market.Regions;
using Dumont.Providers;

namespace Dumont.Server.Offers;

/// <summary>A search, with every default filled in.</summary>
internal sealed record OfferSearch
{
    public string? GpuName { get; init; }

    public int GpuCount { get; init; } = 1;

    public decimal? MinUsdPerHour { get; init; }

    public decimal MaxUsdPerHour { get; init; } = 10;

    public double MinGpuMemoryGb { get; init; }

    public double? MaxGpuMemoryGb { get; init; }

    public double MinCpuCores { get; init; }

    public double MinMemoryGb { get; init; }

    public double DiskGb { get; init; } = 50;

    public double MinInetDownMbps { get; init; } = 100;

    public double MinInetUpMbps { get; init; }

    public double MinReliability { get; init; }

    public RegionGroup? Region { get; init; }

    public bool VerifiedOnly { get; init; }

    public bool? StaticIp { get; init; }

    public string? CudaVersion { get; init; }

    public bool Interruptible { get; init; }

    public string OrderBy { get; init; } = "dph_total";

    public bool Descending { get; init; }
}

/// <summary>Which offers match, in which order, and which can stand in for another.</summary>
internal static class OfferPolicy
{
    private const double MiBPerGb = 1024;

    /// <summary>Two machines with the same memory report it some percent apart.</summary>
    private const double MemoryTolerance = 0.98;

    /// <summary>Memory of one GPU in GB. Drivers report a little less than what is printed on the box: 24564 MiB are 24 GB.</summary>
    public static double GpuMemoryGb(MachineOffer offer) => Math.Round(offer.GpuMemoryMiB / MiBPerGb);

    /// <summary>Memory of the slice in GB.</summary>
    public static double MemoryGb(MachineOffer offer) => Math.Round(offer.MemoryMiB / MiBPerGb, 1);

    /// <summary>What to ask the provider; it may answer more.</summary>
    public static OfferQuery QueryOf(OfferSearch search, int depth) => new()
    {
        // Every model that the words may mean; none known means that all must be looked at.
        GpuNames = search.GpuName is { } name ? GpuNames.Expand(name) : [],
        GpuCount = search.GpuCount == 0 ? null : search.GpuCount,
        MinUsdPerHour = search.MinUsdPerHour,
        MaxUsdPerHour = search.MaxUsdPerHour,
        // Half a GB less than asked, as the figures are rounded.
        MinGpuMemoryMiB = search.MinGpuMemoryGb > 0.5 ? (search.MinGpuMemoryGb - 0.5) * MiBPerGb : null,
        DiskGb = search.DiskGb,
        MinReliability = search.MinReliability > 0 ? search.MinReliability : null,
        VerifiedOnly = search.VerifiedOnly,
        Interruptible = search.Interruptible,
        Limit = depth,
    };

    /// <summary>Whether <paramref name="offer"/> is what was searched for.</summary>
    public static bool Matches(MachineOffer offer, OfferSearch search) =>
        offer.GpuName is not null
        && (search.GpuName is null || GpuNames.Matches(search.GpuName, offer.GpuName))
        && (search.GpuCount == 0 || offer.GpuCount == search.GpuCount)
        && (search.MinUsdPerHour is null || offer.UsdPerHour >= search.MinUsdPerHour)
        && offer.UsdPerHour <= search.MaxUsdPerHour
        && GpuMemoryGb(offer) >= search.MinGpuMemoryGb
        && (search.MaxGpuMemoryGb is null || GpuMemoryGb(offer) <= search.MaxGpuMemoryGb)
        && offer.CpuCores >= search.MinCpuCores
        && MemoryGb(offer) >= search.MinMemoryGb
        && offer.DiskGb >= search.DiskGb
        && offer.InetDownMbps >= search.MinInetDownMbps
        && offer.InetUpMbps >= search.MinInetUpMbps
        && offer.Reliability >= search.MinReliability
        && (search.Region is not { } region || RegionMap.IsIn(offer.Geolocation, region))
        && (!search.VerifiedOnly || offer.Verified)
        && (search.StaticIp is null || offer.StaticIp == search.StaticIp)
        && (search.CudaVersion is null || (VersionOf(offer.CudaVersion) is { } has && has >= VersionOf(search.CudaVersion)))
        && offer.Interruptible == search.Interruptible;

    /// <summary>Whether an own machine is what was searched for. Its network, its reliability and where it stands are its owner's business; what it has is
    /// compared as with any other. Without a GPU it is found only by whoever asks for any number of them.</summary>
    public static bool MatchesOwn(MachineOffer offer, OfferSearch search) =>
        (offer.GpuName is null ? search.GpuName is null && search.GpuCount == 0 && search.MinGpuMemoryGb <= 0 && search.CudaVersion is null : true)
        && Matches(
            offer with
            {
                GpuName = offer.GpuName ?? "",
                InetDownMbps = double.MaxValue,
                InetUpMbps = double.MaxValue,
                Reliability = 1,
                Verified = true,
            },
            search with { Region = null, StaticIp = null });

    /// <summary>In the order asked for. Equal ones stay cheapest first, then by id: pages do not overlap.</summary>
    public static IEnumerable<T> Sort<T>(IEnumerable<T> offers, Func<T, MachineOffer> offerOf, string orderBy, bool descending)
    {
        Func<MachineOffer, double> key = orderBy switch
        {
            "gpu_ram" => offer => offer.GpuMemoryMiB,
            "reliability" => offer => offer.Reliability,
            "num_gpus" => offer => offer.GpuCount,
            "cpu_cores" => offer => offer.CpuCores,
            "cpu_ram" => offer => offer.MemoryMiB,
            "disk_space" => offer => offer.DiskGb,
            "inet_down" => offer => offer.InetDownMbps,
            "inet_up" => offer => offer.InetUpMbps,
            "dlperf" => offer => offer.DlPerf,
            "total_flops" => offer => offer.TotalTflops,
            _ => offer => (double)offer.UsdPerHour,
        };
        return (descending ? offers.OrderByDescending(each => key(offerOf(each))) : offers.OrderBy(each => key(offerOf(each))))
            .ThenBy(each => offerOf(each).UsdPerHour)
            .ThenBy(each => offerOf(each).Id, StringComparer.Ordinal);
    }

    /// <summary>What can stand in for <paramref name="original"/>, best first: the same GPU and as many, no less memory, room for
    /// <paramref name="diskGb"/>, at most <paramref name="maxPriceFactor"/> times the price. The same region goes first, then the closest price,
    /// then the more reliable host.</summary>
    public static IReadOnlyList<MachineOffer> RankEquivalents(
        IEnumerable<MachineOffer> offers,
        MachineOffer original,
        double diskGb,
        decimal maxPriceFactor,
        Func<MachineOffer, bool> isExcluded)
    {
        var (name, region) = (GpuNames.Normalise(original.GpuName ?? ""), RegionOf(original.Geolocation));
        return
        [
            .. offers
                .Where(offer => offer.Id != original.Id
                    && offer.Interruptible == original.Interruptible
                    && offer.GpuCount == original.GpuCount
                    && GpuNames.Normalise(offer.GpuName ?? "") == name
                    && offer.GpuMemoryMiB >= original.GpuMemoryMiB * MemoryTolerance
                    && offer.MemoryMiB >= original.MemoryMiB * MemoryTolerance
                    && offer.DiskGb >= diskGb
                    && offer.UsdPerHour <= original.UsdPerHour * maxPriceFactor
                    && !isExcluded(offer))
                .OrderBy(offer => offer.Geolocation == original.Geolocation || (region is not null && RegionOf(offer.Geolocation) == region) ? 0 : 1)
                .ThenBy(offer => Math.Abs(offer.UsdPerHour - original.UsdPerHour))
                .ThenByDescending(offer => offer.Reliability)
                .ThenBy(offer => offer.Id, StringComparer.Ordinal),
        ];
    }

    /// <summary>The group of countries that a place belongs to; null elsewhere and where unknown.</summary>
    public static RegionGroup? RegionOf(string geolocation)
    {
        foreach (var group in Enum.GetValues<RegionGroup>())
        {
            if (RegionMap.IsIn(geolocation, group))
            {
                return group;
            }
        }

        return null;
    }

    private static Version? VersionOf(string? text) =>
        text is null ? null : Version.TryParse(text.Contains('.') ? text : text + ".0", out var version) ? version : null;
}
