using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Mvc;

namespace Dumont.Server.Market;

/// <summary>Query of the market figures. Public: the framework's validation passes over other types.</summary>
public sealed record MarketParameters
{
    /// <summary>Any spelling, or a part.</summary>
    [FromQuery(Name = "gpu_name")]
    [StringLength(100)]
    public string? GpuName { get; init; }

    /// <summary>Names separated by commas.</summary>
    [FromQuery(Name = "gpus")]
    [StringLength(1000)]
    public string? Gpus { get; init; }

    /// <summary><c>on-demand</c> or <c>interruptible</c>; <c>bid</c> and <c>spot</c> mean the latter. Null for both.</summary>
    [FromQuery(Name = "machine_type")]
    [RegularExpression("(?i)^(on-demand|interruptible|bid|spot)$", ErrorMessage = "The machine type must be on-demand or interruptible.")]
    public string? MachineType { get; init; }

    /// <summary>How far back; there is no history yet, so the offers of now are answered whatever it is.</summary>
    [FromQuery(Name = "hours")]
    [Range(1, 168)]
    public int? Hours { get; init; }

    /// <summary>A region group (<c>EU</c>), a country code, or a part of the place's name.</summary>
    [FromQuery(Name = "geolocation")]
    [StringLength(100)]
    public string? Geolocation { get; init; }

    /// <summary>Only hosts that the provider has verified.</summary>
    [FromQuery(Name = "verified_only")]
    public bool? VerifiedOnly { get; init; }

    /// <summary>0 to 1.</summary>
    [FromQuery(Name = "min_reliability")]
    [Range(0.0, 1.0)]
    public double? MinReliability { get; init; }

    /// <summary>Fewest offers of a host.</summary>
    [FromQuery(Name = "min_observations")]
    [Range(0, 1_000_000)]
    public int? MinObservations { get; init; }

    /// <summary>$/h of the whole machine.</summary>
    [FromQuery(Name = "max_price")]
    [Range(0.0, 10_000.0)]
    public double? MaxPrice { get; init; }

    /// <summary>Order of hosts: <c>reliability_score</c> (default), <c>availability_score</c>, <c>price_stability_score</c>, <c>total_observations</c>,
    /// best first, or <c>avg_price</c>, cheapest first. An unknown word orders by reliability.</summary>
    [FromQuery(Name = "order_by")]
    public string? OrderBy { get; init; }
}

/// <summary>A limit up to 1000.</summary>
public sealed record MarketLimit
{
    /// <summary>Most entries. Default 100.</summary>
    [FromQuery(Name = "limit")]
    [Range(1, 1000)]
    public int? Limit { get; init; }
}

/// <summary>A limit up to 200.</summary>
public sealed record RankingLimit
{
    /// <summary>Most entries. Default 50.</summary>
    [FromQuery(Name = "limit")]
    [Range(1, 200)]
    public int? Limit { get; init; }
}
