using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>What Compute Engine offers: regions, zones, machine types, disk types, images.</summary>
internal sealed class CatalogueEndpoints(GcpBook book, GcpCloud cloud, CurrentAccount account)
{
    private const string Created = "2024-01-01T00:00:00.000+00:00";

    private static readonly CloudOperation Reads = CloudOperation.Of("gcp", CloudOperation.Catalogue);

    public void Map(RouteGroupBuilder project)
    {
        project.MapGet("", (HttpRequest request, string project) => new JsonAnswer(Project(request, project))).Does(Reads);
        project.MapPost("/setCommonInstanceMetadata", async (HttpContext http) =>
        {
            var body = await RequestBody.ReadAsync(http);
            return GcpAnswer.Of(http.Request, book, cloud.SetCommonMetadata(GcpAnswer.RequestId(http.Request), body.Text("fingerprint"), GcpNames.ReadMetadata(body)));
        }).Does(CloudOperation.Of("gcp", CloudOperation.Metadata));
        project.MapGet("/regions", (HttpRequest request) => GcpList.Answer(request, "compute#regionList", GcpRegion.All.Select(region => Region(request, region)))).Does(Reads);
        project.MapGet("/regions/{region}", IResult (HttpRequest request, string region) => GcpRegion.Find(region) is { } known
            ? new JsonAnswer(Region(request, known))
            : GcpError.NotFound(Resource(request))).Does(Reads);
        project.MapGet("/zones", (HttpRequest request) => GcpList.Answer(
            request, "compute#zoneList", GcpRegion.All.SelectMany(region => region.Zones.Select(zone => Zone(request, region, zone))))).Does(Reads);
        project.MapGet("/zones/{zone}", IResult (HttpRequest request, string zone) => GcpRegion.FindByZone(zone) is { } region
            ? new JsonAnswer(Zone(request, region, zone))
            : GcpError.NotFound(Resource(request))).Does(Reads);
        MapTypes(project, "machineTypes", "machineType", [.. GcpMachineType.All.Select(type => type.Name)], MachineType);
        MapTypes(project, "diskTypes", "diskType", [.. GcpDiskType.All.Select(type => type.Name)], DiskType);
        MapImages(project);
        MapNetworks(project);
    }

    // Types are the same in every zone.
    private static void MapTypes(RouteGroupBuilder project, string collection, string kind, IReadOnlyList<string> names, Func<HttpRequest, string, string, JsonObject> show)
    {
        project.MapGet($"/zones/{{zone}}/{collection}", IResult (HttpRequest request, string zone) => GcpRegion.FindByZone(zone) is null
            ? GcpError.NotFound($"projects/{request.RouteValues["project"]}/zones/{zone}")
            : GcpList.Answer(request, $"compute#{kind}List", names.Select(name => show(request, zone, name)))).Does(Reads);
        project.MapGet($"/zones/{{zone}}/{collection}/{{type}}", IResult (HttpRequest request, string zone, string type) =>
            GcpRegion.FindByZone(zone) is null ? GcpError.NotFound($"projects/{request.RouteValues["project"]}/zones/{zone}")
            : names.Contains(type) ? new JsonAnswer(show(request, zone, type))
            : GcpError.NotFound(Resource(request))).Does(Reads);
        project.MapGet($"/aggregated/{collection}", (HttpRequest request) => GcpList.Aggregate(
            request,
            $"compute#{kind}AggregatedList",
            collection,
            GcpRegion.ZoneScopes,
            GcpRegion.ZoneScopes.SelectMany(scope => names.Select(name => (scope, show(request, GcpNames.LastPart(scope), name)))))).Does(Reads);
    }

    private static void MapImages(RouteGroupBuilder project)
    {
        static IEnumerable<GcpImage> Of(string project) => GcpImage.All.Where(image => image.Project == project);
        project.MapGet("/global/images", (HttpRequest request, string project) =>
            GcpList.Answer(request, "compute#imageList", Of(project).Select(image => Image(request, image)))).Does(Reads);
        project.MapGet("/global/images/family/{family}", IResult (HttpRequest request, string project, string family) =>
            Of(project).LastOrDefault(image => image.Family == family) is { } image ? new JsonAnswer(Image(request, image)) : GcpError.NotFound(Resource(request))).Does(Reads);
        project.MapGet("/zones/{zone}/imageFamilyViews/{family}", IResult (HttpRequest request, string project, string family) =>
            Of(project).LastOrDefault(image => image.Family == family) is { } image
                ? new JsonAnswer(new JsonObject { ["image"] = Image(request, image) })
                : GcpError.NotFound(Resource(request))).Does(Reads);
        project.MapGet("/global/images/{image}", IResult (HttpRequest request, string project, string image) =>
            Of(project).FirstOrDefault(known => known.Name == image) is { } found ? new JsonAnswer(Image(request, found)) : GcpError.NotFound(Resource(request))).Does(Reads);
    }

    // One network, open inside: machines share that of this computer.
    private static void MapNetworks(RouteGroupBuilder project)
    {
        project.MapGet("/global/networks", (HttpRequest request) => GcpList.Answer(request, "compute#networkList", [Network(request)])).Does(Reads);
        project.MapGet("/global/networks/{name}", IResult (HttpRequest request, string name) =>
            name == "default" ? new JsonAnswer(Network(request)) : GcpError.NotFound(Resource(request))).Does(Reads);
        project.MapGet("/global/firewalls", (HttpRequest request) => GcpList.Answer(request, "compute#firewallList", [])).Does(Reads);
        project.MapGet("/global/firewalls/{name}", (HttpRequest request) => GcpError.NotFound(Resource(request))).Does(Reads);
        project.MapGet("/regions/{region}/subnetworks", IResult (HttpRequest request, string region) => GcpRegion.Find(region) is { } known
            ? GcpList.Answer(request, "compute#subnetworkList", [Subnetwork(request, known)])
            : GcpError.NotFound($"projects/{request.RouteValues["project"]}/regions/{region}")).Does(Reads);
        project.MapGet("/regions/{region}/subnetworks/{name}", IResult (HttpRequest request, string region, string name) =>
            GcpRegion.Find(region) is { } known && name == "default" ? new JsonAnswer(Subnetwork(request, known)) : GcpError.NotFound(Resource(request))).Does(Reads);
        project.MapGet("/aggregated/subnetworks", (HttpRequest request) => GcpList.Aggregate(
            request,
            "compute#subnetworkAggregatedList",
            "subnetworks",
            [.. GcpRegion.All.Select(region => "regions/" + region.Name)],
            GcpRegion.All.Select(region => ("regions/" + region.Name, Subnetwork(request, region))))).Does(Reads);
    }

    private static string Url(HttpRequest request, string path) =>
        $"{request.Scheme}://{request.Host}/compute/v1/projects/{request.RouteValues["project"]}/{path}";

    private static string Resource(HttpRequest request) => request.Path.Value!["/compute/v1/".Length..].TrimEnd('/');

    private static string Id(string name) => (1000 + (uint)name.Aggregate(17, (hash, c) => unchecked((hash * 31) + c))).ToString(CultureInfo.InvariantCulture);

    private JsonObject Project(HttpRequest request, string project)
    {
        lock (book.Gate)
        {
            return Describe(request, project);
        }
    }

    private JsonObject Describe(HttpRequest request, string project) => new()
    {
        ["kind"] = "compute#project",
        ["id"] = Id(project),
        ["creationTimestamp"] = Created,
        ["name"] = project,
        ["commonInstanceMetadata"] = new JsonObject
        {
            ["kind"] = "compute#metadata",
            ["fingerprint"] = VmJson.Fingerprint(0, book.Settings.Version),
            ["items"] = VmJson.Items(book.Settings.Metadata),
        },
        ["quotas"] = new JsonArray(new JsonObject { ["metric"] = "NETWORKS", ["limit"] = 1, ["usage"] = 1 }),
        ["selfLink"] = $"{request.Scheme}://{request.Host}/compute/v1/projects/{project}",
        ["defaultNetworkTier"] = "PREMIUM",
        ["defaultServiceAccount"] = account.File.GcpServiceAccount.ClientEmail,
    };

    private JsonObject Region(HttpRequest request, GcpRegion region)
    {
        lock (book.Gate)
        {
            return Describe(request, region);
        }
    }

    private JsonObject Describe(HttpRequest request, GcpRegion region) => new()
    {
        ["kind"] = "compute#region",
        ["id"] = Id(region.Name),
        ["creationTimestamp"] = Created,
        ["name"] = region.Name,
        ["description"] = region.Name,
        ["status"] = "UP",
        ["zones"] = new JsonArray([.. region.Zones.Select(zone => (JsonNode)Url(request, "zones/" + zone))]),
        ["quotas"] = new JsonArray(new JsonObject { ["metric"] = "CPUS", ["limit"] = GcpRegion.CpuQuota, ["usage"] = cloud.CpusIn(region) }),
        ["selfLink"] = Url(request, "regions/" + region.Name),
    };

    private static JsonObject Zone(HttpRequest request, GcpRegion region, string zone) => new()
    {
        ["kind"] = "compute#zone",
        ["id"] = Id(zone),
        ["creationTimestamp"] = Created,
        ["name"] = zone,
        ["description"] = zone,
        ["status"] = "UP",
        ["region"] = Url(request, "regions/" + region.Name),
        ["selfLink"] = Url(request, "zones/" + zone),
        ["availableCpuPlatforms"] = new JsonArray("Intel Broadwell"),
    };

    private static JsonObject MachineType(HttpRequest request, string zone, string name) => Describe(request, zone, GcpMachineType.Find(name)!);

    private static JsonObject DiskType(HttpRequest request, string zone, string name) => Describe(request, zone, GcpDiskType.Find(name)!);

    private static JsonObject Describe(HttpRequest request, string zone, GcpMachineType type) => new()
    {
        ["kind"] = "compute#machineType",
        ["id"] = type.Id.ToString(CultureInfo.InvariantCulture),
        ["creationTimestamp"] = Created,
        ["name"] = type.Name,
        ["description"] = $"{type.Cpus} vCPU, {type.MemoryMb / 1024} GB RAM",
        ["guestCpus"] = type.Cpus,
        ["memoryMb"] = type.MemoryMb,
        ["imageSpaceGb"] = 0,
        ["maximumPersistentDisks"] = 16,
        ["maximumPersistentDisksSizeGb"] = "3072",
        ["zone"] = zone,
        ["selfLink"] = Url(request, $"zones/{zone}/machineTypes/{type.Name}"),
        ["isSharedCpu"] = type.IsSharedCpu,
        ["architecture"] = "X86_64",
    };

    private static JsonObject Describe(HttpRequest request, string zone, GcpDiskType type) => new()
    {
        ["kind"] = "compute#diskType",
        ["id"] = Id(type.Name),
        ["creationTimestamp"] = Created,
        ["name"] = type.Name,
        ["description"] = type.Description,
        ["validDiskSize"] = "10GB-65536GB",
        ["defaultDiskSizeGb"] = "100",
        ["zone"] = Url(request, "zones/" + zone),
        ["selfLink"] = Url(request, $"zones/{zone}/diskTypes/{type.Name}"),
    };

    private static JsonObject Image(HttpRequest request, GcpImage image) => new()
    {
        ["kind"] = "compute#image",
        ["id"] = Id(image.Name),
        ["creationTimestamp"] = Created,
        ["name"] = image.Name,
        ["description"] = image.Description,
        ["sourceType"] = "RAW",
        ["family"] = image.Family,
        ["status"] = "READY",
        ["archiveSizeBytes"] = "1000000000",
        ["diskSizeGb"] = "10",
        ["architecture"] = "X86_64",
        ["selfLink"] = Url(request, "global/images/" + image.Name),
    };

    private static JsonObject Network(HttpRequest request) => new()
    {
        ["kind"] = "compute#network",
        ["id"] = Id("default"),
        ["creationTimestamp"] = Created,
        ["name"] = "default",
        ["description"] = "Default network for the project",
        ["autoCreateSubnetworks"] = true,
        ["routingConfig"] = new JsonObject { ["routingMode"] = "REGIONAL" },
        ["subnetworks"] = new JsonArray([.. GcpRegion.All.Select(region => (JsonNode)Url(request, $"regions/{region.Name}/subnetworks/default"))]),
        ["selfLink"] = Url(request, "global/networks/default"),
    };

    private static JsonObject Subnetwork(HttpRequest request, GcpRegion region) => new()
    {
        ["kind"] = "compute#subnetwork",
        ["id"] = Id("subnetwork " + region.Name),
        ["creationTimestamp"] = Created,
        ["name"] = "default",
        ["network"] = Url(request, "global/networks/default"),
        ["ipCidrRange"] = "10.128.0.0/16",
        ["gatewayAddress"] = "10.128.0.1",
        ["region"] = Url(request, "regions/" + region.Name),
        ["stackType"] = "IPV4_ONLY",
        ["selfLink"] = Url(request, $"regions/{region.Name}/subnetworks/default"),
    };
}
