namespace Dumont.Contracts;

/// <summary>Prices of one GPU and one way of renting. Prices are those of one GPU for an hour, in US dollars.</summary>
public sealed record MarketSnapshotResponse
{
    /// <summary>When the answer was made; the offers may be half a minute older.</summary>
    public required DateTimeOffset Timestamp { get; init; }

    /// <summary>Canonical spelling, <c>RTX 4090</c>.</summary>
    public required string GpuName { get; init; }

    /// <summary><c>on-demand</c> or <c>interruptible</c>.</summary>
    public required string MachineType { get; init; }

    /// <summary>Lowest.</summary>
    public required decimal MinPrice { get; init; }

    /// <summary>Highest.</summary>
    public required decimal MaxPrice { get; init; }

    /// <summary>Mean over offers.</summary>
    public required decimal AvgPrice { get; init; }

    /// <summary>Half of the offers cost this or less.</summary>
    public required decimal MedianPrice { get; init; }

    /// <summary>Offers counted.</summary>
    public required int TotalOffers { get; init; }

    /// <summary>GPUs that can be rented at the same time, at least.</summary>
    public required int AvailableGpus { get; init; }

    /// <summary>Offers of verified hosts.</summary>
    public required int VerifiedOffers { get; init; }

    /// <summary>Mean, 0 to 1.</summary>
    public required double AvgReliability { get; init; }

    /// <summary>Mean peak TFLOPS of one GPU; 0 where unknown.</summary>
    public required double AvgTotalFlops { get; init; }

    /// <summary>Mean deep-learning score of one GPU.</summary>
    public required double AvgDlperf { get; init; }

    /// <summary>Lowest $/h per TFLOPS; null where unknown.</summary>
    public required decimal? MinCostPerTflops { get; init; }

    /// <summary>Mean $/h per TFLOPS; null where unknown.</summary>
    public required decimal? AvgCostPerTflops { get; init; }

    /// <summary>Country code → offers.</summary>
    public required IReadOnlyDictionary<string, int> RegionDistribution { get; init; }

    /// <summary>What the figures come from: <c>current_offers</c>, those of this moment.</summary>
    public required string Source { get; init; }
}

/// <summary>Prices of all GPUs.</summary>
/// <param name="Data">GPU name → way of renting → prices.</param>
/// <param name="GeneratedAt">When the answer was made; the offers may be half a minute older.</param>
/// <param name="Source">What the figures come from: <c>current_offers</c>.</param>
public sealed record MarketSummaryResponse(
    IReadOnlyDictionary<string, IReadOnlyDictionary<string, MarketSummaryEntry>> Data, DateTimeOffset GeneratedAt, string Source);

/// <summary>Prices of one GPU and one way of renting, $/h of one GPU.</summary>
/// <param name="MinPrice">Lowest.</param>
/// <param name="MaxPrice">Highest.</param>
/// <param name="AvgPrice">Mean over offers.</param>
/// <param name="MedianPrice">Half of the offers cost this or less.</param>
/// <param name="TotalOffers">Offers counted.</param>
/// <param name="AvailableGpus">GPUs that can be rented at the same time, at least.</param>
/// <param name="AvgReliability">Mean, 0 to 1.</param>
/// <param name="MinCostPerTflops">Lowest $/h per TFLOPS; null where unknown.</param>
/// <param name="LastUpdate">As the summary.</param>
public sealed record MarketSummaryEntry(
    decimal MinPrice,
    decimal MaxPrice,
    decimal AvgPrice,
    decimal MedianPrice,
    int TotalOffers,
    int AvailableGpus,
    double AvgReliability,
    decimal? MinCostPerTflops,
    DateTimeOffset LastUpdate);

/// <summary>A physical machine among those that offer now.</summary>
public sealed record HostRankingResponse
{
    /// <summary>The provider's number of the machine.</summary>
    public required long MachineId { get; init; }

    /// <summary>Name to be shown.</summary>
    public required string Hostname { get; init; }

    /// <summary>As the provider writes it.</summary>
    public required string Geolocation { get; init; }

    /// <summary>Canonical spelling.</summary>
    public required string GpuName { get; init; }

    /// <summary>Verified by the provider.</summary>
    public required bool Verified { get; init; }

    /// <summary>0 to 1; the default order.</summary>
    public required double ReliabilityScore { get; init; }

    /// <summary>0 to 1.</summary>
    public required double AvailabilityScore { get; init; }

    /// <summary>0 to 1.</summary>
    public required double PriceStabilityScore { get; init; }

    /// <summary>Offers that went into the figures.</summary>
    public required int TotalObservations { get; init; }

    /// <summary>$/h of one GPU.</summary>
    public required decimal AvgPrice { get; init; }

    /// <summary>$/h of one GPU.</summary>
    public required decimal MinPriceSeen { get; init; }

    /// <summary>$/h of one GPU.</summary>
    public required decimal MaxPriceSeen { get; init; }

    /// <summary>Mean peak TFLOPS of one GPU; 0 where unknown.</summary>
    public required double AvgTotalFlops { get; init; }

    /// <summary>Mean deep-learning score of one GPU.</summary>
    public required double AvgDlperf { get; init; }

    /// <summary>When the answer was made; there is no history yet.</summary>
    public required DateTimeOffset FirstSeen { get; init; }

    /// <summary>When the answer was made; the offers may be half a minute older.</summary>
    public required DateTimeOffset LastSeen { get; init; }

    /// <summary>What the figures come from: <c>current_offers</c>.</summary>
    public required string Source { get; init; }
}

/// <summary>An offer by what it gives for its price.</summary>
public sealed record EfficiencyResponse
{
    /// <summary>From 1, the best.</summary>
    public required int Rank { get; init; }

    /// <summary>From 1, among the offers of the same GPU and way of renting.</summary>
    public required int RankInClass { get; init; }

    /// <summary>For renting it.</summary>
    public required long OfferId { get; init; }

    /// <summary>Canonical spelling.</summary>
    public required string GpuName { get; init; }

    /// <summary><c>on-demand</c> or <c>interruptible</c>.</summary>
    public required string MachineType { get; init; }

    /// <summary>Price of the whole machine, $/h.</summary>
    public required decimal DphTotal { get; init; }

    /// <summary>Peak TFLOPS of all GPUs; 0 where unknown.</summary>
    public required double TotalFlops { get; init; }

    /// <summary>Memory of one GPU, GB.</summary>
    public required double GpuRam { get; init; }

    /// <summary>The provider's deep-learning score.</summary>
    public required double Dlperf { get; init; }

    /// <summary>$/h per TFLOPS; null where unknown.</summary>
    public required decimal? CostPerTflops { get; init; }

    /// <summary>$/h per GB of GPU memory; null where unknown.</summary>
    public required decimal? CostPerGbVram { get; init; }

    /// <summary>0 to 100.</summary>
    public required double EfficiencyScore { get; init; }

    /// <summary>0 to 1.</summary>
    public required double Reliability { get; init; }

    /// <summary>Verified by the provider.</summary>
    public required bool Verified { get; init; }

    /// <summary>As the provider writes it.</summary>
    public required string Geolocation { get; init; }

    /// <summary>What the figures come from: <c>current_offers</c>.</summary>
    public required string Source { get; init; }
}

/// <summary>Several GPUs side by side.</summary>
/// <param name="MachineType"><c>on-demand</c> or <c>interruptible</c>.</param>
/// <param name="Gpus">In the order asked; a GPU without offers is missing.</param>
/// <param name="Cheapest">The one with the lowest mean price; null without any.</param>
/// <param name="BestValue">The one with the lowest price per TFLOPS; null without any.</param>
/// <param name="GeneratedAt">When the answer was made; the offers may be half a minute older.</param>
/// <param name="Source">What the figures come from: <c>current_offers</c>.</param>
public sealed record GpuComparisonResponse(
    string MachineType, IReadOnlyList<GpuComparisonEntry> Gpus, string? Cheapest, string? BestValue, DateTimeOffset GeneratedAt, string Source);

/// <summary>One GPU of a comparison; prices are $/h of one GPU.</summary>
/// <param name="GpuName">Canonical spelling.</param>
/// <param name="AvgPrice">Mean over offers.</param>
/// <param name="MinPrice">Lowest.</param>
/// <param name="TotalOffers">Offers counted.</param>
/// <param name="AvgReliability">Mean, 0 to 1.</param>
/// <param name="MinCostPerTflops">Lowest $/h per TFLOPS; null where unknown.</param>
/// <param name="AvgTotalFlops">Mean peak TFLOPS of one GPU.</param>
public sealed record GpuComparisonEntry(
    string GpuName, decimal AvgPrice, decimal MinPrice, int TotalOffers, double AvgReliability, decimal? MinCostPerTflops, double AvgTotalFlops);
