using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Mvc;

namespace Dumont.Server.Hosts;

/// <summary>Query of the host history. Public: the framework's validation passes over other types.</summary>
public sealed record HostParameters
{
    /// <summary>Provider word; null for all.</summary>
    [FromQuery(Name = "provider")]
    [StringLength(32)]
    public string? Provider { get; init; }

    /// <summary>How far back, up to a year; null for the route's own default.</summary>
    [FromQuery(Name = "hours")]
    [Range(1, 8760)]
    public int? Hours { get; init; }

    /// <summary>The provider's number of the physical machine.</summary>
    [FromQuery(Name = "machine_id")]
    [Range(1, long.MaxValue)]
    public long? MachineId { get; init; }

    /// <summary>Only attempts that came up, or only those that did not.</summary>
    [FromQuery(Name = "success_only")]
    public bool? SuccessOnly { get; init; }

    /// <summary>Fewest attempts that a host needs to be listed. Default 3.</summary>
    [FromQuery(Name = "min_attempts")]
    [Range(1, 1_000_000)]
    public int? MinAttempts { get; init; }

    /// <summary>Highest success rate of a problematic host. Default 0.5.</summary>
    [FromQuery(Name = "max_success_rate")]
    [Range(0.0, 1.0)]
    public double? MaxSuccessRate { get; init; }

    /// <summary>Lowest success rate of a reliable host. Default 0.9.</summary>
    [FromQuery(Name = "min_success_rate")]
    [Range(0.0, 1.0)]
    public double? MinSuccessRate { get; init; }

    /// <summary>Most rows. Default 100.</summary>
    [FromQuery(Name = "limit")]
    [Range(1, 1000)]
    public int? Limit { get; init; }
}
