using Dumont.Market.Gpus;
using Dumont.Market.Regions;

namespace Dumont.Market;

/// <summary>The market of one GPU and one way of renting, at an instant. Prices are those of one GPU for an hour, so that slices of one and of
/// eight GPUs compare.</summary>
public sealed record GpuMarket
{
    /// <summary>Canonical spelling.</summary>
    public required string GpuName { get; init; }

    /// <summary>On demand or interruptible.</summary>
    public required MachineType Type { get; init; }

    /// <summary>Lowest, $/h.</summary>
    public required decimal MinUsd { get; init; }

    /// <summary>Highest, $/h.</summary>
    public required decimal MaxUsd { get; init; }

    /// <summary>Mean over offers, $/h.</summary>
    public required decimal AverageUsd { get; init; }

    /// <summary>Half of the offers cost this or less, $/h.</summary>
    public required decimal MedianUsd { get; init; }

    /// <summary>Offers counted.</summary>
    public required int Offers { get; init; }

    /// <summary>GPUs that can be rented at the same time, at least: of slices of one machine, which exclude each other, the largest counts.</summary>
    public required int AvailableGpus { get; init; }

    /// <summary>Offers of verified hosts.</summary>
    public required int VerifiedOffers { get; init; }

    /// <summary>Mean, 0 to 1.</summary>
    public required double AverageReliability { get; init; }

    /// <summary>Mean peak TFLOPS of one GPU; 0 where no offer tells it.</summary>
    public required double AverageTflops { get; init; }

    /// <summary>Mean deep-learning score of one GPU.</summary>
    public required double AverageDlPerf { get; init; }

    /// <summary>Lowest $/h per TFLOPS; null where no TFLOPS are known.</summary>
    public required decimal? MinUsdPerTflops { get; init; }

    /// <summary>Mean $/h per TFLOPS over the offers that tell them.</summary>
    public required decimal? AverageUsdPerTflops { get; init; }

    /// <summary>Country code → offers; <c>??</c> where the place is not understood.</summary>
    public required IReadOnlyDictionary<string, int> Countries { get; init; }
}

/// <summary>Several GPUs side by side.</summary>
/// <param name="Gpus">Their markets, in the order asked; a GPU without offers is missing.</param>
/// <param name="Cheapest">Name of the one with the lowest mean price.</param>
/// <param name="BestValue">Name of the one with the lowest price per TFLOPS.</param>
public sealed record GpuComparison(IReadOnlyList<GpuMarket> Gpus, string? Cheapest, string? BestValue);

/// <summary>What the offers of this moment say about prices.</summary>
public static class MarketStatistics
{
    /// <summary>One entry per GPU and way of renting, by name. Offers without a GPU or without a price are passed over.</summary>
    public static IReadOnlyList<GpuMarket> PerGpu(IEnumerable<MarketOffer> offers) =>
    [
        .. offers.Where(IsPriced)
            .GroupBy(offer => (offer.GpuName, offer.Type))
            .Select(group => Of(group.Key.GpuName, group.Key.Type, [.. group]))
            .OrderBy(market => market.GpuName, StringComparer.Ordinal)
            .ThenBy(market => market.Type),
    ];

    /// <summary>Compares GPUs of one way of renting. Each name is matched as <see cref="GpuNames.Matches"/> does; the offers of all GPUs
    /// that a name means are taken together under it.</summary>
    public static GpuComparison Compare(IEnumerable<MarketOffer> offers, IEnumerable<string> gpuNames, MachineType type)
    {
        var all = offers.Where(offer => IsPriced(offer) && offer.Type == type).ToList();
        var markets = gpuNames
            .Select(name => (Name: GpuNames.Normalise(name), Offers: all.Where(offer => GpuNames.Matches(name, offer.GpuName)).ToList()))
            .Where(gpu => gpu.Offers.Count > 0)
            .DistinctBy(gpu => gpu.Name)
            .Select(gpu => Of(gpu.Name, type, gpu.Offers))
            .ToList();
        return new GpuComparison(
            markets,
            markets.MinBy(market => market.AverageUsd)?.GpuName,
            markets.Where(market => market.MinUsdPerTflops is not null).MinBy(market => market.MinUsdPerTflops)?.GpuName);
    }

    /// <summary>The middle one, or the mean of the two in the middle.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static decimal Median(IEnumerable<decimal> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count switch
        {
            0 => throw new ArgumentException("No values.", nameof(values)),
            var count when count % 2 == 1 => sorted[count / 2],
            var count => (sorted[(count / 2) - 1] + sorted[count / 2]) / 2,
        };
    }

    /// <summary>Peak TFLOPS of one GPU of the offer: as told, else from the table of models (FP16 on the shaders); null where neither knows.</summary>
    public static double? TflopsPerGpu(MarketOffer offer) => offer.TotalTflops > 0
        ? offer.TotalTflops / offer.GpuCount
        : GpuModels.Find(offer.GpuName, offer.GpuMemoryMiB)?.Fp16Tflops;

    /// <summary>Bounds of a plausible measure; what lies outside is a slip of the provider's and would not fit into a decimal.</summary>
    internal const double Least = 0.001;

    /// <summary>As above.</summary>
    internal const double Most = 1e9;

    internal static bool IsPriced(MarketOffer offer) => offer is { UsdPerHour: > 0, GpuCount: > 0, GpuName.Length: > 0 };

    /// <summary>$/h per TFLOPS; null where the TFLOPS are unknown.</summary>
    internal static decimal? UsdPerTflops(MarketOffer offer) =>
        TflopsPerGpu(offer) is { } tflops and >= Least and <= Most ? offer.UsdPerGpuHour / (decimal)tflops : null;

    private static GpuMarket Of(string gpuName, MachineType type, List<MarketOffer> offers)
    {
        var prices = offers.ConvertAll(offer => offer.UsdPerGpuHour);
        var perTflops = offers.Select(UsdPerTflops).OfType<decimal>().ToList();
        return new GpuMarket
        {
            GpuName = gpuName,
            Type = type,
            MinUsd = prices.Min(),
            MaxUsd = prices.Max(),
            AverageUsd = Math.Clamp(prices.Average(), prices.Min(), prices.Max()), // a mean of equal decimals may round past them
            MedianUsd = Median(prices),
            Offers = offers.Count,
            AvailableGpus = CountGpus(offers),
            VerifiedOffers = offers.Count(offer => offer.Verified),
            AverageReliability = offers.Average(offer => Math.Clamp(offer.Reliability, 0, 1)),
            AverageTflops = offers.Select(TflopsPerGpu).OfType<double>().DefaultIfEmpty(0).Average(),
            AverageDlPerf = offers.Average(offer => offer.DlPerf / offer.GpuCount),
            MinUsdPerTflops = perTflops.Count == 0 ? null : perTflops.Min(),
            AverageUsdPerTflops = perTflops.Count == 0 ? null : perTflops.Average(),
            Countries = offers.CountBy(offer => RegionMap.FindCountry(offer.Geolocation)?.Code ?? "??").ToDictionary(),
        };
    }

    private static int CountGpus(List<MarketOffer> offers) =>
        offers.Where(offer => offer.HostMachineId is null).Sum(offer => offer.GpuCount)
        + offers.Where(offer => offer.HostMachineId is not null)
            .GroupBy(offer => offer.HostMachineId)
            .Sum(machine => machine.Max(offer => offer.GpuCount));
}
