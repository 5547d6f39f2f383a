using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>What Compute Engine offers: regions, zones, machine types, disk types, images.</summary>
internal static class CatalogueEndpoints
{
    private const string Created = "2024-01-01T00:00:00.000+00:00";
    private const string ImageName = "debian-12-bookworm-v20261110";

    private static readonly CloudOperation Reads = CloudOperation.Of("gcp", CloudOperation.Catalogue);

    public static void Map(RouteGroupBuilder project)
    {
        project.MapGet("", (HttpRequest request, string project) => new JsonAnswer(Project(request, project))).Does(Reads);
        project.MapGet("/regions", (HttpRequest request) => GcpList.Answer(request, "compute#regionList", GcpRegion.All.Select(region => Region(request, region)))).Does(Reads);
        project.MapGet("/regions/{region}", IResult (HttpRequest request, string region) => GcpRegion.Find(region) is { } known
            ? new JsonAnswer(Region(request, known))
            : GcpError.NotFound(Resource(request))).Does(Reads);
        project.MapGet("/zones", (HttpRequest request) => GcpList.Answer(
            request, "compute#zoneList", GcpRegion.All.SelectMany(region => region.Zones.Select(zone => Zone(request, region, zone))))).Does(Reads);
        project.MapGet("/zones/{zone}", IResult (HttpRequest request, string zone) => GcpRegion.FindByZone(zone) is { } region
            ? new JsonAnswer(Zone(request, region, zone))
            : GcpError.NotFound(Resource(request))).Does(Reads);
        MapTypes(project);
        project.MapGet("/global/images/family/{family}", IResult (HttpRequest request, string project, string family) =>
            family == "debian-12" && project == "debian-cloud" ? new JsonAnswer(Image(request)) : GcpError.NotFound(Resource(request))).Does(Reads);
        project.MapGet("/global/images/{image}", IResult (HttpRequest request, string project, string image) =>
            image == ImageName && project == "debian-cloud" ? new JsonAnswer(Image(request)) : GcpError.NotFound(Resource(request))).Does(Reads);
    }

    private static void MapTypes(RouteGroupBuilder project)
    {
        project.MapGet("/zones/{zone}/machineTypes", IResult (HttpRequest request, string zone) => GcpRegion.FindByZone(zone) is null
            ? GcpError.NotFound(Resource(request))
            : GcpList.Answer(request, "compute#machineTypeList", GcpMachineType.All.Select(type => MachineType(request, zone, type)))).Does(Reads);
        project.MapGet("/zones/{zone}/machineTypes/{type}", IResult (HttpRequest request, string zone, string type) =>
            GcpRegion.FindByZone(zone) is not null && GcpMachineType.Find(type) is { } known
                ? new JsonAnswer(MachineType(request, zone, known))
                : GcpError.NotFound(Resource(request))).Does(Reads);
        project.MapGet("/zones/{zone}/diskTypes", IResult (HttpRequest request, string zone) => GcpRegion.FindByZone(zone) is null
            ? GcpError.NotFound(Resource(request))
            : GcpList.Answer(request, "compute#diskTypeList", GcpDiskType.All.Select(type => DiskType(request, zone, type)))).Does(Reads);
        project.MapGet("/zones/{zone}/diskTypes/{type}", IResult (HttpRequest request, string zone, string type) =>
            GcpRegion.FindByZone(zone) is not null && GcpDiskType.Find(type) is { } known
                ? new JsonAnswer(DiskType(request, zone, known))
                : GcpError.NotFound(Resource(request))).Does(Reads);
    }

    private static string Url(HttpRequest request, string path) =>
        $"{request.Scheme}://{request.Host}/compute/v1/projects/{request.RouteValues["project"]}/{path}";

    private static string Resource(HttpRequest request) => request.Path.Value!["/compute/v1/".Length..].TrimEnd('/');

    private static string Id(string name) => (1000 + (uint)name.Aggregate(17, (hash, c) => unchecked((hash * 31) + c))).ToString(CultureInfo.InvariantCulture);

    private static JsonObject Project(HttpRequest request, string project) => new()
    {
        ["kind"] = "compute#project",
        ["id"] = Id(project),
        ["creationTimestamp"] = Created,
        ["name"] = project,
        ["commonInstanceMetadata"] = new JsonObject { ["kind"] = "compute#metadata", ["fingerprint"] = "AAAAAAAAAAA=" },
        ["quotas"] = new JsonArray(new JsonObject { ["metric"] = "CPUS_ALL_REGIONS", ["limit"] = 512, ["usage"] = 0 }),
        ["selfLink"] = $"{request.Scheme}://{request.Host}/compute/v1/projects/{project}",
        ["defaultNetworkTier"] = "PREMIUM",
    };

    private static JsonObject Region(HttpRequest request, GcpRegion region) => new()
    {
        ["kind"] = "compute#region",
        ["id"] = Id(region.Name),
        ["creationTimestamp"] = Created,
        ["name"] = region.Name,
        ["description"] = region.Name,
        ["status"] = "UP",
        ["zones"] = new JsonArray([.. region.Zones.Select(zone => (JsonNode)Url(request, "zones/" + zone))]),
        ["quotas"] = new JsonArray(new JsonObject { ["metric"] = "CPUS", ["limit"] = 128, ["usage"] = 0 }),
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

    private static JsonObject MachineType(HttpRequest request, string zone, GcpMachineType type) => new()
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

    private static JsonObject DiskType(HttpRequest request, string zone, GcpDiskType type) => new()
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

    private static JsonObject Image(HttpRequest request) => new()
    {
        ["kind"] = "compute#image",
        ["id"] = Id(ImageName),
        ["creationTimestamp"] = Created,
        ["name"] = ImageName,
        ["description"] = "Debian, Debian GNU/Linux, 12 (bookworm), amd64",
        ["sourceType"] = "RAW",
        ["family"] = "debian-12",
        ["status"] = "READY",
        ["archiveSizeBytes"] = "1000000000",
        ["diskSizeGb"] = "10",
        ["architecture"] = "X86_64",
        ["selfLink"] = Url(request, "global/images/" + ImageName),
    };
}
