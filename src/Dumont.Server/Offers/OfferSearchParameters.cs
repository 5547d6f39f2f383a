using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Mvc;

namespace Dumont.Server.Offers;

/// <summary>Query of the offer search. Public: the framework's validation passes over other types.</summary>
public sealed record OfferSearchParameters
{
    /// <summary>Any spelling, or a part: <c>RTX_4090</c>, <c>rtx4090</c>, <c>RTX</c>.</summary>
    [FromQuery(Name = "gpu_name")]
    [StringLength(100)]
    public string? GpuName { get; init; }

    /// <summary>Exact number of GPUs; 0 for any. Default 1.</summary>
    [FromQuery(Name = "num_gpus")]
    [Range(0, 8)]
    public int? NumGpus { get; init; }

    /// <summary>$/h of the whole machine.</summary>
    [FromQuery(Name = "min_price")]
    [Range(0.0, 10_000.0)]
    public double? MinPrice { get; init; }

    /// <summary>$/h of the whole machine. Default 10.</summary>
    [FromQuery(Name = "max_price")]
    [Range(0.0, 10_000.0)]
    public double? MaxPrice { get; init; }

    /// <summary>GB of one GPU.</summary>
    [FromQuery(Name = "min_gpu_ram")]
    [Range(0.0, 10_000.0)]
    public double? MinGpuRam { get; init; }

    /// <summary>GB of one GPU.</summary>
    [FromQuery(Name = "max_gpu_ram")]
    [Range(0.0, 10_000.0)]
    public double? MaxGpuRam { get; init; }

    /// <summary>Cores.</summary>
    [FromQuery(Name = "min_cpu_cores")]
    [Range(0.0, 10_000.0)]
    public double? MinCpuCores { get; init; }

    /// <summary>GB.</summary>
    [FromQuery(Name = "min_cpu_ram")]
    [Range(0.0, 100_000.0)]
    public double? MinCpuRam { get; init; }

    /// <summary>GB to allocate; the price includes it. Default 50.</summary>
    [FromQuery(Name = "min_disk")]
    [Range(0.0, 1_000_000.0)]
    public double? MinDisk { get; init; }

    /// <summary>Mbit/s. Default 100.</summary>
    [FromQuery(Name = "min_inet_down")]
    [Range(0.0, 1_000_000.0)]
    public double? MinInetDown { get; init; }

    /// <summary>Mbit/s.</summary>
    [FromQuery(Name = "min_inet_up")]
    [Range(0.0, 1_000_000.0)]
    public double? MinInetUp { get; init; }

    /// <summary>0 to 1.</summary>
    [FromQuery(Name = "min_reliability")]
    [Range(0.0, 1.0)]
    public double? MinReliability { get; init; }

    /// <summary><c>US</c>, <c>EU</c> or <c>ASIA</c>; <c>any</c> and <c>global</c> for all.</summary>
    [FromQuery(Name = "region")]
    [RegularExpression("(?i)^(us|eu|asia|any|global)?$", ErrorMessage = "The region must be US, EU or ASIA.")]
    public string? Region { get; init; }

    /// <summary>Only hosts that the provider has verified.</summary>
    [FromQuery(Name = "verified_only")]
    public bool? VerifiedOnly { get; init; }

    /// <summary>Only with a public address of their own, or only without.</summary>
    [FromQuery(Name = "static_ip")]
    public bool? StaticIp { get; init; }

    /// <summary>Lowest CUDA version that the driver must take, <c>12.4</c>.</summary>
    [FromQuery(Name = "cuda_version")]
    [RegularExpression(@"^[0-9]{1,3}(\.[0-9]{1,3})?$", ErrorMessage = "The CUDA version must look like 12.4.")]
    public string? CudaVersion { get; init; }

    /// <summary><c>on-demand</c> (default) or <c>interruptible</c>; <c>bid</c> and <c>spot</c> mean the latter.</summary>
    [FromQuery(Name = "machine_type")]
    [RegularExpression("(?i)^(on-demand|interruptible|bid|spot)$", ErrorMessage = "The machine type must be on-demand or interruptible.")]
    public string? MachineType { get; init; }

    /// <summary><c>dph_total</c> (default), <c>price</c>, <c>gpu_ram</c>, <c>reliability</c>, <c>num_gpus</c>, <c>cpu_cores</c>, <c>cpu_ram</c>,
    /// <c>disk_space</c>, <c>inet_down</c>, <c>inet_up</c>, <c>dlperf</c> or <c>total_flops</c>; a minus before it turns it round. An unknown word
    /// orders by price.</summary>
    [FromQuery(Name = "order_by")]
    public string? OrderBy { get; init; }

    /// <summary><c>asc</c> (default) or <c>desc</c>.</summary>
    [FromQuery(Name = "order")]
    public string? Order { get; init; }

    /// <summary>1 to 100; default 50.</summary>
    [FromQuery(Name = "limit")]
    [Range(1, 100)]
    public int? Limit { get; init; }

    /// <summary>How many to pass over.</summary>
    [FromQuery(Name = "offset")]
    [Range(0, 1_000_000)]
    public int? Offset { get; init; }

    /// <summary>Also hosts that are hidden after failures or by the user. Default false.</summary>
    [FromQuery(Name = "include_blacklisted")]
    public bool? IncludeBlacklisted { get; init; }
}
