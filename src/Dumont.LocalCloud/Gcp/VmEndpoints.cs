using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Gcp;

/// <summary><c>instances</c> of Compute Engine.</summary>
internal sealed class VmEndpoints(GcpCloud cloud, GcpBook book, FaultBook faults, Sandbox sandbox)
{
    private const int ConsoleBytesMax = 1 << 20;

    public void Map(RouteGroupBuilder project)
    {
        var zone = project.MapGroup("/zones/{zone}");
        zone.MapGet("/instances", List).Does(Of(CloudOperation.List));
        project.MapGet("/aggregated/instances", ListAggregated).Does(Of(CloudOperation.List));
        zone.MapPost("/instances", InsertAsync).Does(Of(CloudOperation.Create));
        zone.MapGet("/instances/{name}", Get).Does(Of(CloudOperation.Get));
        zone.MapDelete("/instances/{name}", (HttpRequest request, string zone, string name) =>
            Answer(request, Fail(CloudOperation.Destroy, "delete", zone, name) ?? cloud.Delete(zone, name, GcpAnswer.RequestId(request)))).Does(Of(CloudOperation.Destroy));
        zone.MapPost("/instances/{name}/start", Start).Does(Of(CloudOperation.Start));
        zone.MapPost("/instances/{name}/stop", (HttpRequest request, string zone, string name) =>
            Answer(request, Fail(CloudOperation.Stop, "stop", zone, name) ?? cloud.Stop(zone, name, GcpAnswer.RequestId(request)))).Does(Of(CloudOperation.Stop));
        zone.MapPost("/instances/{name}/reset", (HttpRequest request, string zone, string name) =>
            Answer(request, cloud.Reset(zone, name, GcpAnswer.RequestId(request)))).Does(Of(CloudOperation.Reboot));
        zone.MapPost("/instances/{name}/simulateMaintenanceEvent", (HttpRequest request, string zone, string name) =>
            Answer(request, cloud.Preempt(zone, name, GcpAnswer.RequestId(request), asTest: true))).Does(Of(CloudOperation.Metadata));
        zone.MapGet("/instances/{name}/serialPort", SerialPort).Does(Of(CloudOperation.Logs));
        MapChanges(zone);
    }

    private void MapChanges(RouteGroupBuilder zone)
    {
        zone.MapPost("/instances/{name}/setMetadata", (HttpContext http, string zone, string name) => ChangeAsync(http, (body, id) =>
            cloud.SetMetadata(zone, name, id, body.Text("fingerprint"), GcpNames.ReadMetadata(body)))).Does(Of(CloudOperation.Metadata));
        zone.MapPost("/instances/{name}/setLabels", (HttpContext http, string zone, string name) => ChangeAsync(http, (body, id) =>
            cloud.SetLabels(zone, name, id, body.Text("labelFingerprint"), GcpNames.ReadLabels(body["labels"] as JsonObject ?? [])))).Does(Of(CloudOperation.Label));
        zone.MapPost("/instances/{name}/setTags", (HttpContext http, string zone, string name) => ChangeAsync(http, (body, id) =>
            cloud.SetTags(zone, name, id, body.Text("fingerprint"), GcpNames.ReadTags(body)))).Does(Of(CloudOperation.Label));
        zone.MapPost("/instances/{name}/attachDisk", (HttpContext http, string zone, string name) => ChangeAsync(http, (body, id) =>
        {
            var request = DiskRequest.ReadAttached(body, name, "resource");
            return request.IsNew || request.Boot
                ? new OperationResult.Refused(GcpError.NotSupported(request.IsNew ? "making a disk while attaching it" : "attaching a boot disk"))
                : cloud.AttachDisk(zone, name, id, request);
        })).Does(Of(CloudOperation.DiskAttach));
        zone.MapPost("/instances/{name}/detachDisk", (HttpRequest request, string zone, string name) => request.Query["deviceName"].FirstOrDefault() is { Length: > 0 } device
            ? Answer(request, cloud.DetachDisk(zone, name, GcpAnswer.RequestId(request), device))
            : GcpError.Required("deviceName")).Does(Of(CloudOperation.DiskAttach));
    }

    private static CloudOperation Of(string operation) => CloudOperation.Of("gcp", operation);

    private IResult Answer(HttpRequest request, OperationResult result) => GcpAnswer.Of(request, book, result);

    private async Task<IResult> ChangeAsync(HttpContext http, Func<JsonObject, string?, OperationResult> change) =>
        Answer(http.Request, change(await RequestBody.ReadAsync(http), GcpAnswer.RequestId(http.Request)));

    private async Task<IResult> InsertAsync(HttpContext http, string zone)
    {
        if (GcpRegion.FindByZone(zone) is null)
        {
            return GcpError.NoSuchZone(book.Project, zone);
        }

        var (request, error) = InsertRequest.Parse(await RequestBody.ReadAsync(http));
        if (request is null)
        {
            return error!;
        }

        Fault? Strike(string kind) => faults.Strike(known => known.Name == kind, "gcp", CloudOperation.Create, request.Name, zone);
        if (Strike(FaultKind.OfferGone) is not null)
        {
            var message = $"The zone 'projects/{book.Project}/zones/{zone}' does not have enough resources available to fulfill the request.";
            return Begun(http.Request, cloud.FailInsert(zone, request.Name, "ZONE_RESOURCE_POOL_EXHAUSTED", message, 503));
        }

        if ((Strike(FaultKind.InsufficientCredit) ?? Strike(FaultKind.Quota)) is not null)
        {
            return Begun(http.Request, cloud.FailInsert(zone, request.Name, "QUOTA_EXCEEDED", QuotaMessage(zone), 403));
        }

        if (Strike(FaultKind.SuccessFalse) is not null)
        {
            return Begun(http.Request, cloud.FailInsert(zone, request.Name, "INTERNAL_ERROR", InternalError, 500));
        }

        var result = cloud.Insert(zone, request, GcpAnswer.RequestId(http.Request), ExtraDelay(CloudOperation.Create, request.Name, zone));
        if (result is OperationResult.Begun && Strike(FaultKind.CreateLeavesContract) is not null)
        {
            cloud.Stop(zone, request.Name, null);
            return new GcpError(503, "backendError", "The service is currently unavailable.");
        }

        return Answer(http.Request, result);
    }

    private IResult Begun(HttpRequest request, Operation operation) => Answer(request, new OperationResult.Begun(operation));

    private IResult Start(HttpRequest request, string zone, string name)
    {
        Fault? Strike(string kind) => faults.Strike(known => known.Name == kind, "gcp", CloudOperation.Start, name, zone);
        if (Strike(FaultKind.OfferGone) is not null)
        {
            return Answer(request, cloud.FailChange(
                zone, name, "start", "ZONE_RESOURCE_POOL_EXHAUSTED", $"The zone 'projects/{book.Project}/zones/{zone}' does not have enough resources available to fulfill the request.", 503));
        }

        return (Strike(FaultKind.InsufficientCredit) ?? Strike(FaultKind.Quota)) is not null
            ? Answer(request, cloud.FailChange(zone, name, "start", "QUOTA_EXCEEDED", QuotaMessage(zone), 403))
            : Answer(request, Fail(CloudOperation.Start, "start", zone, name) ?? cloud.Start(zone, name, GcpAnswer.RequestId(request), ExtraDelay(CloudOperation.Start, name, zone)));
    }

    private TimeSpan ExtraDelay(string operation, string name, string zone) =>
        faults.Strike(kind => kind.Name is FaultKind.SlowBoot or FaultKind.StuckLoading, "gcp", operation, name, zone)?.BootDelay ?? TimeSpan.Zero;

    private const string InternalError = "Internal error. Please try again or contact Google Support.";

    // An operation that begins well and ends badly.
    private OperationResult? Fail(string operation, string type, string zone, string name) =>
        faults.Strike(kind => kind.Name == FaultKind.SuccessFalse, "gcp", operation, name, zone) is null
            ? null
            : cloud.FailChange(zone, name, type, "INTERNAL_ERROR", InternalError, 500);

    private static string QuotaMessage(string zone) => string.Create(
        CultureInfo.InvariantCulture, $"Quota 'CPUS' exceeded.  Limit: {GcpRegion.CpuQuota}.0 in region {GcpRegion.FindByZone(zone)?.Name}.");

    private IResult Get(HttpRequest request, string zone, string name)
    {
        lock (book.Gate)
        {
            return book.Find(zone, name) is { } vm ? new JsonAnswer(new VmJson(request, book).From(vm)) : cloud.NoSuchVm(zone, name);
        }
    }

    private IResult List(HttpRequest request, string zone)
    {
        lock (book.Gate)
        {
            return GcpRegion.FindByZone(zone) is null
                ? cloud.NoSuchVm(zone, "")
                : GcpList.Answer(request, "compute#instanceList", Sorted().Where(vm => vm.Zone == zone).Select(new VmJson(request, book).From));
        }
    }

    private JsonAnswer ListAggregated(HttpRequest request)
    {
        lock (book.Gate)
        {
            var json = new VmJson(request, book);
            return GcpList.Aggregate(
                request, "compute#instanceAggregatedList", "instances", GcpRegion.ZoneScopes, Sorted().Select(vm => ("zones/" + vm.Zone, json.From(vm))));
        }
    }

    private IEnumerable<Vm> Sorted() =>
        faults.Strike(kind => kind.Name == FaultKind.EmptyListing, "gcp", CloudOperation.List) is not null ? [] : book.Vms.OrderBy(vm => vm.Name, StringComparer.Ordinal);

    private IResult SerialPort(HttpRequest request, string zone, string name, long start = 0, int port = 1)
    {
        string key;
        lock (book.Gate)
        {
            if (book.Find(zone, name) is not { } vm)
            {
                return cloud.NoSuchVm(zone, name);
            }

            key = vm.MachineKey;
        }

        if (port is < 1 or > 4)
        {
            return GcpError.Invalid($"Invalid value for field 'port': '{port}'. Values must be within [1, 4].");
        }

        var folder = sandbox.FolderOf(key);
        // The other three ports are there and silent.
        var from = port == 1 ? Math.Clamp(start < 0 ? folder.ConsoleLength + start : start, 0, folder.ConsoleLength) : 0;
        var contents = port == 1 ? folder.ReadConsole(from, ConsoleBytesMax) : "";
        return new JsonAnswer(new JsonObject
        {
            ["kind"] = "compute#serialPortOutput",
            ["contents"] = contents,
            ["start"] = from.ToString(CultureInfo.InvariantCulture),
            ["next"] = (from + System.Text.Encoding.UTF8.GetByteCount(contents)).ToString(CultureInfo.InvariantCulture),
            ["selfLink"] = $"{request.Scheme}://{request.Host}{request.Path}",
        });
    }
}
