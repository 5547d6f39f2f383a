using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dumont.Providers.Wire;

namespace Dumont.Providers.Vast;

/// <summary>The search's body and its answer, as values.</summary>
internal static class VastOffers
{
    /// <summary>Most offers in one answer, whatever is asked (observed).</summary>
    public const int PageMax = 64;

    /// <summary>Finest price step. Prices are computed floats: a page's border is set this much wider and doubles are dropped.</summary>
    public const decimal PriceStep = 0.000001m;

    /// <summary>The search body. The server has no defaults of its own: what is not asked is not filtered.</summary>
    /// <param name="query">What is wanted.</param>
    /// <param name="fromUsdPerHour">Lowest price of this page, $/h.</param>
    public static JsonObject Body(OfferQuery query, decimal? fromUsdPerHour)
    {
        var body = new JsonObject
        {
            ["rentable"] = Is("eq", true),
            ["rented"] = Is("eq", false),
            ["external"] = Is("eq", false),
            ["type"] = query.Interruptible ? "bid" : "on-demand",
            ["order"] = new JsonArray { new JsonArray { "dph_total", "asc" }, new JsonArray { "id", "asc" } },
            ["limit"] = Math.Min(query.Limit, PageMax),
        };
        if (query.VerifiedOnly)
        {
            body["verified"] = Is("eq", true);
        }

        if (query.GpuNames.Count > 0)
        {
            body["gpu_name"] = Is("in", new JsonArray([.. query.GpuNames.Select(name => JsonValue.Create(name.Replace('_', ' ').Trim()))]));
        }

        if (query.GpuCount is > 0 and var count)
        {
            body["num_gpus"] = Is("eq", count);
        }

        if (query.MinGpuMemoryMiB is { } memory)
        {
            body["gpu_ram"] = Is("gte", memory);
        }

        if (query.MinReliability is { } reliability)
        {
            body["reliability"] = Is("gte", reliability);
        }

        if (query.DiskGb is { } disk)
        {
            body["disk_space"] = Is("gte", disk);
            body["allocated_storage"] = disk;
        }

        if (query.OfferId is { } id)
        {
            body["id"] = Is("eq", long.Parse(id, NumberStyles.None, CultureInfo.InvariantCulture));
        }

        AddPrice(body, query, fromUsdPerHour);
        return body;
    }

    /// <summary>An offer, or null when it lacks what makes it one: the list is foreign and one bad row must not hide the others.</summary>
    public static MachineOffer? Parse(JsonElement offer, bool interruptible)
    {
        if (offer.Integer("id") is not { } id || offer.Money("dph_total") is not { } price || price < 0 || offer.Integer("num_gpus") is not { } gpus)
        {
            return null;
        }

        return new MachineOffer
        {
            Id = id.ToString(CultureInfo.InvariantCulture),
            Provider = VastProvider.ProviderName,
            HostMachineId = offer.Integer("machine_id"),
            HostId = offer.Integer("host_id"),
            GpuName = offer.Text("gpu_name"),
            GpuCount = (int)Math.Clamp(gpus, 0, 1024),
            GpuMemoryMiB = offer.Number("gpu_ram") ?? 0,
            CpuCores = offer.Number("cpu_cores_effective") ?? offer.Number("cpu_cores") ?? 0,
            MemoryMiB = offer.Number("cpu_ram") ?? 0,
            DiskGb = offer.Number("disk_space") ?? 0,
            InetDownMbps = offer.Number("inet_down") ?? 0,
            InetUpMbps = offer.Number("inet_up") ?? 0,
            InetUpUsdPerGb = offer.Money("inet_up_cost") ?? 0,
            InetDownUsdPerGb = offer.Money("inet_down_cost") ?? 0,
            UsdPerHour = price,
            MinBidUsdPerHour = interruptible ? offer.Money("min_bid") : null,
            StorageUsdPerGbMonth = offer.Money("storage_cost") ?? 0,
            Geolocation = offer.Text("geolocation") ?? "",
            Reliability = Math.Clamp(offer.Number("reliability2") ?? offer.Number("reliability") ?? 0, 0, 1),
            Verified = offer.Text("verification") == "verified",
            StaticIp = offer.Flag("static_ip") ?? false,
            CudaVersion = offer.Number("cuda_max_good")?.ToString("0.0", CultureInfo.InvariantCulture),
            TotalTflops = offer.Number("total_flops") ?? 0,
            DlPerf = offer.Number("dlperf") ?? 0,
            Interruptible = interruptible,
        };
    }

    private static void AddPrice(JsonObject body, OfferQuery query, decimal? fromUsdPerHour)
    {
        var low = fromUsdPerHour ?? query.MinUsdPerHour;
        if (low is null && query.MaxUsdPerHour is null)
        {
            return;
        }

        var range = new JsonObject();
        if (low is not null)
        {
            range["gte"] = low;
        }

        if (query.MaxUsdPerHour is { } high)
        {
            range["lte"] = high;
        }

        body["dph_total"] = range;
    }

    private static JsonObject Is(string comparison, JsonNode value) => new() { [comparison] = value };
}
