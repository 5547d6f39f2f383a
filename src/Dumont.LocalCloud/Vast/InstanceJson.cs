using System.Globalization;
using System.Text.Json.Nodes;

namespace Dumont.LocalCloud.Vast;

/// <summary>A contract as Vast.ai shows an instance. Fields without a value are null rather than absent.</summary>
internal static class InstanceJson
{
    // Hardware fields that an instance shares with its offer.
    private static readonly string[] FromOffer =
    [
        "machine_id", "host_id", "bundle_id", "gpu_name", "num_gpus", "gpu_frac", "gpu_ram", "gpu_total_ram", "gpu_arch", "gpu_lanes", "gpu_mem_bw",
        "compute_cap", "cuda_max_good", "driver_version", "cpu_name", "cpu_cores", "cpu_cores_effective", "cpu_ram", "cpu_arch", "has_avx",
        "disk_bw", "disk_name", "inet_up", "inet_down", "inet_up_cost", "inet_down_cost", "internet_up_cost_per_tb", "internet_down_cost_per_tb",
        "static_ip", "storage_cost", "vram_costperhour", "credit_discount_max", "dlperf", "dlperf_per_dphtotal", "total_flops",
        "flops_per_dphtotal", "score", "reliability2", "verification", "hosting_type", "geolocation", "geolocode", "external", "is_vm_deverified",
        "vms_enabled", "mobo_name", "pci_gen", "pcie_bw", "bw_nvlink", "os_version", "logo", "webpage", "min_bid", "hostname", "cluster_id",
        "resource_type", "discount_rate", "discounted_dph_total",
    ];

    /// <param name="contract">Read under the gate of the book.</param>
    /// <param name="now">Instant of the answer.</param>
    /// <param name="runSeconds">Seconds for which it paid for its GPUs.</param>
    /// <param name="minBid">Lowest bid that holds its GPUs now, in micro-dollars per hour.</param>
    public static JsonObject From(Contract contract, DateTimeOffset now, long runSeconds, long minBid)
    {
        var listing = new OfferListing(contract.Offer, contract.DiskGb, contract.IsBid, Rentable: false, Rented: true, now);
        var json = new JsonObject { ["id"] = contract.Id };
        foreach (var name in FromOffer)
        {
            json[name] = OfferFields.ToNode(OfferFields.Shown[name](listing));
        }

        AddState(json, contract, now, listing);
        json["client_run_time"] = (double)runSeconds;
        json["min_bid"] = minBid / 1e6;
        AddAccess(json, contract);
        AddTelemetry(json, contract);
        json["rentable"] = !contract.HoldsGpus;
        json["country_code"] = contract.Offer.Host.CountryCode;
        json["disk_space"] = contract.DiskGb;
        json["gpu_ids"] = new JsonArray([.. contract.Offer.Gpus.Select(gpu => (JsonNode)gpu)]);
        return json;
    }

    private static void AddState(JsonObject json, Contract contract, DateTimeOffset now, OfferListing listing)
    {
        var running = contract.ActualStatus == "running";
        var start = contract.CreatedAt.ToUnixTimeMilliseconds() / 1000.0;
        var disk = contract.DiskMicroUsdPerHour / 1e6;
        json["actual_status"] = contract.ActualStatus;
        json["intended_status"] = contract.IntendedStatus;
        json["cur_state"] = contract.CurState;
        json["next_state"] = contract.NextState;
        json["status_msg"] = contract.CopyMessage ?? contract.StatusMessage;
        json["label"] = contract.Label;
        json["image_uuid"] = contract.Image;
        json["image_args"] = new JsonArray();
        json["image_runtype"] = contract.Runtype;
        json["extra_env"] = new JsonArray([.. contract.Env.Select(pair => (JsonNode)new JsonArray(pair.Key, pair.Value))]);
        json["onstart"] = contract.OnStart.Length == 0 ? null : contract.OnStart;
        json["jupyter_token"] = contract.JupyterToken;
        json["template_id"] = null;
        json["template_hash_id"] = null;
        json["template_name"] = null;
        json["is_bid"] = contract.IsBid;
        json["dph_base"] = contract.UsdPerHour;
        json["dph_total"] = Math.Round(contract.UsdPerHour + disk, 9);
        json["storage_total_cost"] = disk;
        json["start_date"] = start;
        json["end_date"] = (double)contract.EndsAt.ToUnixTimeSeconds();
        json["duration"] = Math.Round((contract.EndsAt - now).TotalSeconds, 3);
        json["uptime_mins"] = running ? Math.Round((now - contract.StatusSince).TotalMinutes, 2) : null;
        json["host_run_time"] = 2_592_000.0;
        json["time_remaining"] = "";
        json["time_remaining_isbid"] = "";
        json["search"] = Price(contract.UsdPerHour, disk);
        json["instance"] = Price(contract.UsdPerHour, disk);
        json["credit_balance"] = null;
        json["credit_discount"] = null;
    }

    private static void AddAccess(JsonObject json, Contract contract)
    {
        var running = contract.ActualStatus == "running";
        // Where jupyter listens, ssh is one port further.
        json["ssh_host"] = contract.Address;
        json["ssh_port"] = contract.UsesJupyter ? contract.SshPort - 1 : contract.SshPort;
        json["ssh_idx"] = "1";
        json["machine_dir_ssh_port"] = contract.SshPort;
        json["public_ipaddr"] = contract.Address;
        json["local_ipaddrs"] = contract.Address;
        json["direct_port_count"] = contract.Offer.Host.DirectPorts;
        json["direct_port_start"] = -1;
        json["direct_port_end"] = -1;
        if (!running)
        {
            return;
        }

        var ports = new JsonObject { ["22/tcp"] = Port(contract.SshPort) };
        foreach (var (port, protocol) in ContractMachines.OpenPorts(contract).Where(open => open.Port != 22))
        {
            ports[string.Create(CultureInfo.InvariantCulture, $"{port}/{protocol}")] = Port(port);
        }

        json["ports"] = ports;
    }

    private static void AddTelemetry(JsonObject json, Contract contract)
    {
        var running = contract.ActualStatus == "running";
        var host = contract.Offer.Host;
        json["cpu_util"] = running ? 0 : null;
        json["gpu_util"] = running ? contract.Load.Utilization : null;
        json["gpu_temp"] = running ? contract.Load.Temperature : null;
        json["mem_usage"] = running ? 0.1 : null;
        json["mem_limit"] = Math.Round(host.CpuRamMb * contract.Offer.GpuFraction / 1000, 3);
        json["vmem_usage"] = running ? Math.Round(contract.Load.MemoryUsedMiB * contract.Offer.GpuCount / 1024.0, 3) : null;
        json["disk_util"] = -1;
        json["disk_usage"] = -1;
    }

    private static JsonArray Port(int port) =>
        [new JsonObject { ["HostIp"] = "0.0.0.0", ["HostPort"] = port.ToString(CultureInfo.InvariantCulture) }];

    private static JsonObject Price(double machine, double disk) => new()
    {
        ["gpuCostPerHour"] = machine,
        ["diskHour"] = disk,
        ["totalHour"] = Math.Round(machine + disk, 9),
        ["discountTotalHour"] = 0,
        ["discountedTotalPerHour"] = Math.Round(machine + disk, 9),
    };
}
