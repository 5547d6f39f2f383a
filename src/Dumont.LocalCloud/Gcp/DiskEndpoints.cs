using System.Text.Json.Nodes;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary><c>disks</c> of Compute Engine.</summary>
internal sealed class DiskEndpoints(DiskCloud cloud, GcpBook book)
{
    public void Map(RouteGroupBuilder project)
    {
        var zone = project.MapGroup("/zones/{zone}");
        project.MapGet("/aggregated/disks", ListAggregated).Does(Of(CloudOperation.DiskList));
        zone.MapGet("/disks", List).Does(Of(CloudOperation.DiskList));
        zone.MapPost("/disks", InsertAsync).Does(Of(CloudOperation.DiskCreate));
        zone.MapGet("/disks/{name}", Get).Does(Of(CloudOperation.DiskList));
        zone.MapDelete("/disks/{name}", (HttpRequest request, string zone, string name) =>
            GcpAnswer.Of(request, book, cloud.Delete(zone, name, GcpAnswer.RequestId(request)))).Does(Of(CloudOperation.DiskDestroy));
        zone.MapPost("/disks/{name}/resize", async (HttpContext http, string zone, string name) =>
        {
            var body = await RequestBody.ReadAsync(http);
            return body.Number("sizeGb") is { } size
                ? GcpAnswer.Of(http.Request, book, cloud.Resize(zone, name, GcpAnswer.RequestId(http.Request), (long)size))
                : GcpError.Required("sizeGb");
        }).Does(Of(CloudOperation.DiskChange));
        zone.MapPost("/disks/{name}/setLabels", async (HttpContext http, string zone, string name) =>
        {
            var body = await RequestBody.ReadAsync(http);
            return GcpAnswer.Of(http.Request, book, cloud.SetLabels(
                zone, name, GcpAnswer.RequestId(http.Request), body.Text("labelFingerprint"), GcpNames.ReadLabels(body["labels"] as JsonObject ?? [])));
        }).Does(Of(CloudOperation.DiskChange));
    }

    private static CloudOperation Of(string operation) => CloudOperation.Of("gcp", operation);

    private async Task<IResult> InsertAsync(HttpContext http, string zone)
    {
        var request = DiskRequest.Read(await RequestBody.ReadAsync(http), http.Request.Query["sourceImage"].FirstOrDefault());
        return GcpAnswer.Of(http.Request, book, cloud.Insert(zone, request, GcpAnswer.RequestId(http.Request)));
    }

    private IResult Get(HttpRequest request, string zone, string name)
    {
        lock (book.Gate)
        {
            return book.FindDisk(zone, name) is { } disk ? new JsonAnswer(new VmJson(request, book).From(disk)) : cloud.NoSuchDisk(zone, name);
        }
    }

    private IResult List(HttpRequest request, string zone)
    {
        lock (book.Gate)
        {
            return GcpRegion.FindByZone(zone) is null
                ? GcpError.NoSuchZone(book.Project, zone)
                : GcpList.Answer(request, "compute#diskList", Sorted().Where(disk => disk.Zone == zone).Select(new VmJson(request, book).From));
        }
    }

    private JsonAnswer ListAggregated(HttpRequest request)
    {
        lock (book.Gate)
        {
            var json = new VmJson(request, book);
            return GcpList.Aggregate(
                request, "compute#diskAggregatedList", "disks", GcpRegion.ZoneScopes, Sorted().Select(disk => ("zones/" + disk.Zone, json.From(disk))));
        }
    }

    private IEnumerable<Disk> Sorted() => book.Disks.OrderBy(disk => disk.Name, StringComparer.Ordinal);
}
