using Dumont.Market.Regions;

namespace Dumont.Market;

/// <summary>A physical machine among those that offer now.</summary>
public sealed record HostRanking
{
    /// <summary>The provider's number of the machine.</summary>
    public required long MachineId { get; init; }

    /// <summary>As the provider writes it.</summary>
    public required string Geolocation { get; init; }

    /// <summary>Canonical spelling.</summary>
    public required string GpuName { get; init; }

    /// <summary>Verified by the provider.</summary>
    public required bool Verified { get; init; }

    /// <summary>0 to 1: the provider's own reliability figure, times 0.95 for a host that is not verified. The ranking's order.</summary>
    public required double ReliabilityScore { get; init; }

    /// <summary>0 to 1: n/(n+1) for n offers of the machine seen now. One offer may be gone in a moment, of four one will be left.</summary>
    public required double AvailabilityScore { get; init; }

    /// <summary>0 to 1: one minus the relative distance of the machine's mean price from the median of its GPU. A price far off the market's moves.</summary>
    public required double PriceStabilityScore { get; init; }

    /// <summary>Offers of the machine that went into the figures.</summary>
    public required int Observations { get; init; }

    /// <summary>Mean price of one GPU, $/h.</summary>
    public required decimal AverageUsd { get; init; }

    /// <summary>Lowest price of one GPU, $/h.</summary>
    public required decimal MinUsd { get; init; }

    /// <summary>Highest price of one GPU, $/h.</summary>
    public required decimal MaxUsd { get; init; }

    /// <summary>Mean peak TFLOPS of one GPU; 0 where unknown.</summary>
    public required double AverageTflops { get; init; }

    /// <summary>Mean deep-learning score of one GPU.</summary>
    public required double AverageDlPerf { get; init; }
}

/// <summary>An offer by what it gives for its price.</summary>
/// <param name="Rank">From 1, the best.</param>
/// <param name="RankInClass">From 1, among the offers of the same GPU and way of renting.</param>
/// <param name="Offer">The offer.</param>
/// <param name="Tflops">Peak TFLOPS of all GPUs; 0 where unknown.</param>
/// <param name="UsdPerTflops">$/h per TFLOPS; null where unknown.</param>
/// <param name="UsdPerGbMemory">$/h per GB of GPU memory; null where unknown.</param>
/// <param name="Score">0 to 100, see <see cref="MarketRankings.ByEfficiency"/>.</param>
public sealed record EfficiencyRanking(
    int Rank, int RankInClass, MarketOffer Offer, double Tflops, decimal? UsdPerTflops, decimal? UsdPerGbMemory, double Score);

/// <summary>Puts hosts and offers in order.</summary>
public static class MarketRankings
{
    // Weight of computing speed in the efficiency score; the rest is memory. Both are wanted of a GPU, speed is paid for first.
    private const double SpeedWeight = 0.7;

    /// <summary>Hosts with their scores, the most reliable first; equal ones by the lower price. Offers that name no machine are passed over.</summary>
    public static IReadOnlyList<HostRanking> Hosts(IEnumerable<MarketOffer> offers)
    {
        var all = offers.Where(MarketStatistics.IsPriced).ToList();
        var medians = all.GroupBy(offer => offer.GpuName)
            .ToDictionary(group => group.Key, group => MarketStatistics.Median(group.Select(offer => offer.UsdPerGpuHour)));
        return
        [
            .. all.Where(offer => offer.HostMachineId is not null)
                .GroupBy(offer => (Machine: offer.HostMachineId!.Value, offer.GpuName))
                .Select(group => Host(group.Key.Machine, [.. group], medians[group.Key.GpuName]))
                .OrderByDescending(host => host.ReliabilityScore)
                .ThenBy(host => host.AverageUsd)
                .ThenBy(host => host.MachineId),
        ];
    }

    /// <summary>Offers by what they give for a dollar. Score = 100 × reliability × (0.7 × s/s<sub>max</sub> + 0.3 × m/m<sub>max</sub>), where s is TFLOPS
    /// per $/h, m is GB of GPU memory per $/h, and max is the best among the offers given: 100 is a wholly reliable offer that is best at both.</summary>
    public static IReadOnlyList<EfficiencyRanking> ByEfficiency(IEnumerable<MarketOffer> offers)
    {
        var rows = offers.Where(MarketStatistics.IsPriced).Select(offer => new Row(offer)).ToList();
        var speedMax = rows.Select(row => row.TflopsPerUsd).DefaultIfEmpty(0).Max();
        var memoryMax = rows.Select(row => row.GbPerUsd).DefaultIfEmpty(0).Max();
        var inClass = new Dictionary<(string, MachineType), int>();
        return
        [
            .. rows.Select(row => (Row: row, Score: Score(row, speedMax, memoryMax)))
                .OrderByDescending(scored => scored.Score)
                .ThenBy(scored => scored.Row.Offer.UsdPerHour)
                .ThenBy(scored => scored.Row.Offer.Id, StringComparer.Ordinal)
                .Select((scored, index) => Rank(scored.Row, scored.Score, index + 1)),
        ];

        EfficiencyRanking Rank(Row row, double score, int rank)
        {
            var key = (row.Offer.GpuName, row.Offer.Type);
            var place = inClass[key] = inClass.GetValueOrDefault(key) + 1;
            return new EfficiencyRanking(rank, place, row.Offer, row.Tflops, MarketStatistics.UsdPerTflops(row.Offer), row.UsdPerGb, score);
        }
    }

    /// <summary>Whether an offer lies where a filter says: a region group (<c>EU</c>), a country code, or a part of the place's name.</summary>
    public static bool IsAt(MarketOffer offer, string place) =>
        (RegionMap.TryParseGroup(place, out var group) && RegionMap.IsIn(offer.Geolocation, group))
        || string.Equals(RegionMap.FindCountry(offer.Geolocation)?.Code, place, StringComparison.OrdinalIgnoreCase)
        || (place.Length > 2 && offer.Geolocation.Contains(place, StringComparison.OrdinalIgnoreCase));

    private static HostRanking Host(long machineId, List<MarketOffer> offers, decimal median)
    {
        var average = offers.Average(offer => offer.UsdPerGpuHour);
        var verified = offers.Exists(offer => offer.Verified);
        return new HostRanking
        {
            MachineId = machineId,
            Geolocation = offers[0].Geolocation,
            GpuName = offers[0].GpuName,
            Verified = verified,
            ReliabilityScore = offers.Average(offer => Math.Clamp(offer.Reliability, 0, 1)) * (verified ? 1 : 0.95),
            AvailabilityScore = (double)offers.Count / (offers.Count + 1),
            PriceStabilityScore = 1 - Math.Min(1, (double)(Math.Abs(average - median) / median)),
            Observations = offers.Count,
            AverageUsd = average,
            MinUsd = offers.Min(offer => offer.UsdPerGpuHour),
            MaxUsd = offers.Max(offer => offer.UsdPerGpuHour),
            AverageTflops = offers.Select(MarketStatistics.TflopsPerGpu).OfType<double>().DefaultIfEmpty(0).Average(),
            AverageDlPerf = offers.Average(offer => offer.DlPerf / offer.GpuCount),
        };
    }

    private static double Score(Row row, double speedMax, double memoryMax)
    {
        var speed = speedMax > 0 ? row.TflopsPerUsd / speedMax : 0;
        var memory = memoryMax > 0 ? row.GbPerUsd / memoryMax : 0;
        var score = 100 * Math.Clamp(row.Offer.Reliability, 0, 1) * ((SpeedWeight * speed) + ((1 - SpeedWeight) * memory));
        return Math.Clamp(score, 0, 100);
    }

    private sealed class Row(MarketOffer offer)
    {
        public MarketOffer Offer => offer;

        public double Tflops { get; } = (MarketStatistics.TflopsPerGpu(offer) ?? 0) * offer.GpuCount;

        public double TflopsPerUsd => Tflops / (double)offer.UsdPerHour;

        public double GbPerUsd => MemoryGb / (double)offer.UsdPerHour;

        public decimal? UsdPerGb => MemoryGb is >= MarketStatistics.Least and <= MarketStatistics.Most ? offer.UsdPerHour / (decimal)MemoryGb : null;

        private double MemoryGb { get; } = Math.Max(0, offer.GpuMemoryMiB) * offer.GpuCount / 1024;
    }
}
