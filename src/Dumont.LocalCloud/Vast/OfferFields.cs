using System.Text.Json.Nodes;
using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Vast;

/// <summary>An offer as one search sees it.</summary>
/// <param name="Offer">The slice.</param>
/// <param name="DiskGb">Disk that the price is to include.</param>
/// <param name="IsBid">Whether the price is the lowest bid.</param>
/// <param name="Rentable">Whether it could be rented now.</param>
/// <param name="Rented">Whether somebody holds one of its GPUs.</param>
/// <param name="Now">Instant of the search.</param>
internal sealed record OfferListing(Offer Offer, double DiskGb, bool IsBid, bool Rentable, bool Rented, DateTimeOffset Now)
{
    public MarketHost Host => Offer.Host;

    public double UsdPerHour => (IsBid ? Offer.MinBidMicroUsdPerHour : Offer.MicroUsdPerHour) / 1e6;

    public double DiskUsdPerHour => Math.Round(Host.StorageUsdPerGbMonth * DiskGb / 720, 9);

    public double TotalUsdPerHour => Math.Round(UsdPerHour + DiskUsdPerHour, 9);

    public double EndDate => Host.EndsAt(Now).ToUnixTimeSeconds();

    public double DurationSeconds => EndDate - Now.ToUnixTimeSeconds();

    public double Tflops => Math.Round(Host.Gpu.Tflops * Offer.GpuCount, 2);

    public double DeepLearningScore => Math.Round(Host.DeepLearningScore * Offer.GpuCount, 2);
}

/// <summary>The fields of an offer, each with its value: the one table behind search, order and the answer.</summary>
internal static class OfferFields
{
    /// <summary>Fields of the answer that hold one value. Values are numbers as <c>double</c>, text, booleans or null.</summary>
    public static readonly IReadOnlyDictionary<string, Func<OfferListing, object?>> Shown = new Dictionary<string, Func<OfferListing, object?>>
    {
        ["id"] = o => (double)o.Offer.Id,
        ["ask_contract_id"] = o => (double)o.Offer.Id,
        ["machine_id"] = o => (double)o.Host.MachineId,
        ["host_id"] = o => (double)o.Host.HostId,
        ["bundle_id"] = o => (double)((o.Host.MachineId * 10) + o.Offer.GpuCount),
        ["bundled_results"] = _ => null,
        ["gpu_name"] = o => o.Host.Gpu.Name,
        ["num_gpus"] = o => (double)o.Offer.GpuCount,
        ["gpu_frac"] = o => o.Offer.GpuFraction,
        ["gpu_ram"] = o => (double)o.Host.Gpu.MemoryMb,
        ["gpu_total_ram"] = o => (double)(o.Host.Gpu.MemoryMb * o.Offer.GpuCount),
        ["gpu_arch"] = _ => "nvidia",
        ["gpu_lanes"] = _ => 16d,
        ["gpu_mem_bw"] = o => o.Host.Gpu.BandwidthGbPerSecond,
        ["gpu_max_power"] = o => (double)o.Host.Gpu.PowerWatts,
        ["gpu_max_temp"] = _ => 90d,
        ["gpu_display_active"] = _ => false,
        ["compute_cap"] = o => (double)o.Host.Gpu.ComputeCapability,
        ["cuda_max_good"] = o => o.Host.CudaMax,
        ["driver_version"] = o => o.Host.DriverVersion,
        ["driver_vers"] = o => (double)OfferGenerator.VersionNumber(o.Host.DriverVersion),
        ["cpu_name"] = o => o.Host.CpuName,
        ["cpu_cores"] = o => (double)o.Host.CpuCores,
        ["cpu_cores_effective"] = o => o.Host.CpuCores * o.Offer.GpuFraction,
        ["cpu_ghz"] = o => o.Host.CpuGhz,
        ["cpu_ram"] = o => (double)o.Host.CpuRamMb,
        ["cpu_arch"] = _ => "amd64",
        ["has_avx"] = _ => 1d,
        ["disk_space"] = o => Math.Round(o.Host.DiskSpaceGb, 1),
        ["disk_bw"] = o => o.Host.DiskMbPerSecond,
        ["disk_name"] = o => o.Host.DiskName,
        ["inet_up"] = o => o.Host.InetUp,
        ["inet_down"] = o => o.Host.InetDown,
        ["inet_up_cost"] = o => o.Host.InetUpUsdPerGb,
        ["inet_down_cost"] = o => o.Host.InetDownUsdPerGb,
        ["internet_up_cost_per_tb"] = o => Math.Round(o.Host.InetUpUsdPerGb * 1000, 6),
        ["internet_down_cost_per_tb"] = o => Math.Round(o.Host.InetDownUsdPerGb * 1000, 6),
        ["direct_port_count"] = o => (double)o.Host.DirectPorts,
        ["static_ip"] = o => o.Host.StaticIp,
        ["public_ipaddr"] = _ => "127.0.0.1",
        ["dph_base"] = o => o.UsdPerHour,
        ["dph_total"] = o => o.TotalUsdPerHour,
        ["dph_total_adj"] = o => o.TotalUsdPerHour,
        ["min_bid"] = o => o.Offer.MinBidMicroUsdPerHour / 1e6,
        ["storage_cost"] = o => o.Host.StorageUsdPerGbMonth,
        ["storage_total_cost"] = o => o.DiskUsdPerHour,
        ["vram_costperhour"] = o => Math.Round(o.UsdPerHour / (o.Host.Gpu.MemoryMb / 1000.0 * o.Offer.GpuCount), 9),
        ["discount_rate"] = _ => null,
        ["discounted_hourly"] = _ => 0d,
        ["discounted_dph_total"] = o => o.TotalUsdPerHour,
        ["credit_discount_max"] = _ => 0.4,
        ["dlperf"] = o => o.DeepLearningScore,
        ["dlperf_per_dphtotal"] = o => Math.Round(o.DeepLearningScore / o.TotalUsdPerHour, 3),
        ["total_flops"] = o => o.Tflops,
        ["flops_per_dphtotal"] = o => Math.Round(o.Tflops / o.TotalUsdPerHour, 3),
        ["score"] = o => Math.Round(o.DeepLearningScore / o.TotalUsdPerHour * o.Host.Reliability, 3),
        ["reliability"] = o => o.Host.Reliability,
        ["reliability2"] = o => o.Host.Reliability,
        ["reliability_mult"] = o => o.Host.Reliability,
        ["expected_reliability"] = o => o.Host.Reliability,
        ["verification"] = o => o.Host.Verification,
        ["vericode"] = o => o.Host.Verification == "verified" ? 1d : 0d,
        ["is_vm_deverified"] = _ => false,
        ["vms_enabled"] = _ => false,
        ["hosting_type"] = o => (double)o.Host.HostingType,
        ["geolocation"] = o => o.Host.Geolocation,
        ["geolocode"] = o => (double)((o.Host.CountryCode[0] * 256) + o.Host.CountryCode[1]),
        ["rentable"] = o => o.Rentable,
        ["rented"] = o => o.Rented,
        ["is_bid"] = o => o.IsBid,
        ["external"] = _ => false,
        ["start_date"] = o => o.EndDate - (o.Host.DurationDays * 86400d),
        ["end_date"] = o => o.EndDate,
        ["duration"] = o => o.DurationSeconds,
        ["time_remaining"] = _ => "",
        ["time_remaining_isbid"] = _ => "",
        ["mobo_name"] = o => o.Host.Mainboard,
        ["pci_gen"] = o => o.Host.PciGeneration,
        ["pcie_bw"] = o => o.Host.PcieGbPerSecond,
        ["bw_nvlink"] = _ => 0d,
        ["os_version"] = _ => "22.04",
        ["hostname"] = _ => null,
        ["logo"] = _ => "/static/logos/vastai_small2.png",
        ["webpage"] = _ => null,
        ["resource_type"] = _ => "gpu",
        ["cluster_id"] = _ => null,
        ["rn"] = _ => 1d,
        ["avail_vol_ask_id"] = o => (double)VolumeOffer.IdOf(o.Host),
        ["avail_vol_size"] = o => VolumeOffer.CapacityGb(o.Host),
        ["avail_vol_dph"] = o => Math.Round(o.Host.StorageUsdPerGbMonth * VolumeOffer.CapacityGb(o.Host) / 720, 9),
        ["nw_disk_min_bw"] = _ => null,
        ["nw_disk_max_bw"] = _ => null,
        ["nw_disk_avg_bw"] = _ => null,
    };

    // Names that can be asked for but are not shown, or mean something else in a question than in an answer.
    private static readonly Dictionary<string, Func<OfferListing, object?>> Virtual = new()
    {
        ["verified"] = o => o.Host.Verification == "verified",
        ["datacenter"] = o => o.Host.HostingType == 1,
        ["geolocation"] = o => o.Host.CountryCode,
        ["dphtotal"] = Shown["dph_total"],
        ["dph"] = Shown["dph_total"],
        ["gpu_totalram"] = Shown["gpu_total_ram"],
        ["ubuntu_version"] = Shown["os_version"],
        ["driver_version"] = Shown["driver_vers"],
        ["cuda_vers"] = Shown["cuda_max_good"],
        ["dlperf_usd"] = Shown["dlperf_per_dphtotal"],
        ["flops_usd"] = Shown["flops_per_dphtotal"],
        ["allocated_storage"] = Shown["disk_space"],
        ["target_reliability"] = Shown["expected_reliability"],
        ["gpu_ram_GB"] = o => o.Host.Gpu.MemoryMb / 1000.0,
        ["gpu_total_ram_GB"] = o => o.Host.Gpu.MemoryMb * o.Offer.GpuCount / 1000.0,
        ["cpu_ram_GB"] = o => o.Host.CpuRamMb / 1000.0,
    };

    /// <summary>The value that a question about this name compares, or null for a name that cannot be asked for.</summary>
    public static Func<OfferListing, object?>? Find(string name) => Virtual.GetValueOrDefault(name) ?? Shown.GetValueOrDefault(name);

    public static JsonObject ToJson(OfferListing listing)
    {
        var json = new JsonObject();
        foreach (var (name, value) in Shown)
        {
            json[name] = ToNode(value(listing));
        }

        json["gpu_ids"] = new JsonArray([.. listing.Offer.Gpus.Select(gpu => (JsonNode)gpu)]);
        json["search"] = Price(listing);
        json["instance"] = Price(listing);
        return json;
    }

    /// <summary>Whole numbers are written without a fraction, as the provider's integers are.</summary>
    public static JsonNode? ToNode(object? value) => value switch
    {
        null => null,
        double number when Math.Abs(number) < 1e15 && number == Math.Floor(number) => JsonValue.Create((long)number),
        double number => JsonValue.Create(number),
        bool flag => JsonValue.Create(flag),
        string text => JsonValue.Create(text),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static JsonObject Price(OfferListing listing) => new()
    {
        ["gpuCostPerHour"] = listing.UsdPerHour,
        ["diskHour"] = listing.DiskUsdPerHour,
        ["totalHour"] = listing.TotalUsdPerHour,
        ["discountTotalHour"] = 0,
        ["discountedTotalPerHour"] = listing.TotalUsdPerHour,
    };
}
