using System.Text.Json.Nodes;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Vast;

/// <summary>Searching, renting, listing, copying and deleting volumes.</summary>
internal sealed class VolumeEndpoints(VolumeCloud cloud, VolumeBook book, ContractBook contracts, CopyDesk copies, FaultBook faults, TimeProvider time)
{
    private const double SizeGbDefault = 15;
    private const double SearchDiskGbDefault = 1;

    private static readonly CloudOperation Volumes = CloudOperation.Of("vast", CloudOperation.Volume);

    // What an offer of space has of the fields of an offer of GPUs.
    private static readonly string[] OfferShown =
    [
        "id", "ask_contract_id", "machine_id", "host_id", "cluster_id", "disk_space", "disk_bw", "disk_name", "storage_cost", "storage_total_cost", "inet_up",
        "inet_down", "inet_up_cost", "inet_down_cost", "reliability", "reliability2", "verification", "vericode", "geolocation", "geolocode", "duration",
        "start_date", "end_date", "hosting_type", "static_ip", "public_ipaddr", "cpu_arch", "cpu_ghz", "cuda_max_good", "driver_version", "driver_vers",
        "os_version", "has_avx", "pci_gen", "pcie_bw", "gpu_arch", "external", "nw_disk_min_bw", "nw_disk_max_bw", "nw_disk_avg_bw",
    ];

    public void MapOpen(RouteGroupBuilder v0) => v0.MapPost("/volumes/search", (Delegate)SearchAsync).Does(CloudOperation.Of("vast", CloudOperation.Search));

    public void Map(RouteGroupBuilder v0)
    {
        v0.MapPut("/volumes", (Delegate)CreateAsync).Does(Volumes);
        v0.MapGet("/volumes", List).Does(Volumes);
        v0.MapDelete("/volumes", (Delegate)DeleteAsync).Does(Volumes);
        v0.MapPost("/volumes/copy", (Delegate)CloneAsync).Does(Volumes);
    }

    private async Task<IResult> SearchAsync(HttpContext http)
    {
        var query = OfferQuery.Parse(await RequestBody.ReadAsync(http), SearchDiskGbDefault);
        if (faults.Strike(kind => kind.Name == FaultKind.EmptyListing, "vast", CloudOperation.Search) is not null)
        {
            return new JsonAnswer(new JsonObject { ["offers"] = new JsonArray() });
        }

        lock (contracts.Gate)
        {
            var now = time.GetUtcNow();
            var listings = cloud.Offers().Where(offer => offer.FreeGb >= VolumeCloud.SizeGbMin).Select(offer => Listing(offer.Id, offer.Host, offer.FreeGb, query.DiskGb, now));
            return new JsonAnswer(new JsonObject
            {
                ["offers"] = new JsonArray([.. query.Sort(listings.Where(query.Accepts)).Select(listing => Show(listing, OfferShown))]),
            });
        }
    }

    private async Task<IResult> CreateAsync(HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        if (Read(() => body.Number("id") ?? throw new BadRequestException("id is required"), out var id) is { } noId)
        {
            return noId;
        }

        return Read(() => body.Number("size") ?? SizeGbDefault, out var size) is { } noSize ? noSize : Answer(cloud.Create((long)id, size, body.Text("name")));
    }

    private IResult List(HttpRequest request)
    {
        var type = request.Query["type"].FirstOrDefault() ?? "all_volume";
        if (type is not ("local_volume" or "network_volume" or "all_volume"))
        {
            return VastProblem.InvalidArguments($"'{type}' is not a valid type; valid are local_volume, network_volume, all_volume");
        }

        lock (contracts.Gate)
        {
            var volumes = type == "network_volume" ? [] : book.All;
            return new JsonAnswer(new JsonObject { ["success"] = true, ["volumes"] = new JsonArray([.. volumes.Select(ToJson)]) });
        }
    }

    private async Task<IResult> DeleteAsync(HttpContext http)
    {
        // The official client names it in the address, the published description in the body.
        var id = http.Request.Query["id"].FirstOrDefault() is { } text ? JsonValues.AsNumber(text) : JsonValues.AsNumber((await RequestBody.ReadAsync(http))["id"]);
        return id is null ? VastProblem.InvalidArguments("id is required") : InstanceEndpoints.Answer(await cloud.DeleteAsync((long)id, http.RequestAborted));
    }

    private async Task<IResult> CloneAsync(HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        if (JsonValues.AsNumber(body["src_id"]) is not { } sourceId || JsonValues.AsNumber(body["dst_id"]) is not { } offerId)
        {
            return VastProblem.InvalidArguments("src_id and dst_id are required");
        }

        Volume? source;
        lock (contracts.Gate)
        {
            source = book.Find((long)sourceId);
        }

        if (source is null)
        {
            return VolumeCloud.NoSuchVolume((long)sourceId);
        }

        var size = JsonValues.AsNumber(body["size"]) ?? source.SizeGb;
        if (size < source.SizeGb)
        {
            return VastProblem.InvalidArguments($"size {size} GB is below the {source.SizeGb} GB of volume {source.Id}");
        }

        var made = cloud.Create((long)offerId, size, source.Label);
        if (made is VolumeResult.Rented(var volume))
        {
            copies.Begin(new CopyPlace(CopyKind.Volume, source.Id, "/"), new CopyPlace(CopyKind.Volume, volume.Id, "/"));
        }

        return Answer(made);
    }

    private static IResult Answer(VolumeResult result) => result switch
    {
        VolumeResult.Rented(var volume) => new JsonAnswer(new JsonObject { ["success"] = true, ["volume_name"] = volume.Name }),
        VolumeResult.Refused(var problem) => problem,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static VastProblem? Read(Func<double> read, out double value)
    {
        value = 0;
        try
        {
            value = read();
            return null;
        }
        catch (BadRequestException e)
        {
            return VastProblem.InvalidArguments(e.Message);
        }
    }

    private JsonObject ToJson(Volume volume)
    {
        var now = time.GetUtcNow();
        var json = Show(Listing(volume.Id, volume.Host, volume.SizeGb, volume.SizeGb, now), OfferShown);
        json["label"] = volume.Label ?? volume.Name;
        json["status"] = "online";
        json["instances"] = new JsonArray([.. cloud.UsersOf(volume).Select(id => (JsonNode)id)]);
        json["start_date"] = volume.CreatedAt.ToUnixTimeMilliseconds() / 1000.0;
        json["storage_total_cost"] = volume.MicroUsdPerHour / 1e6;
        return json;
    }

    // Space is asked for in the words of GPU offers; a volume offer is one of all the host's GPUs under another number.
    private static OfferListing Listing(long id, MarketHost host, double diskSpaceGb, double pricedGb, DateTimeOffset now) =>
        new(new Offer(id, host with { DiskSpaceGb = diskSpaceGb }, 0, host.GpuCount), pricedGb, IsBid: false, Rentable: true, Rented: false, now);

    private static JsonObject Show(OfferListing listing, IEnumerable<string> names)
    {
        var json = new JsonObject { ["resource_type"] = "volume" };
        foreach (var name in names)
        {
            json[name] = OfferFields.ToNode(OfferFields.Shown[name](listing));
        }

        return json;
    }

    /// <summary>A volume as the list of instances shows it.</summary>
    public static JsonObject Brief(Volume volume, string path) => new()
    {
        ["id"] = volume.Id,
        ["label"] = volume.Label ?? volume.Name,
        ["mount_path"] = path,
        ["total_space"] = volume.SizeGb,
        // Not measured.
        ["avail_space"] = null,
    };
}
