using System.Text.Json.Nodes;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Gcp;

/// <summary><c>instances</c> and <c>operations</c> of Compute Engine.</summary>
internal sealed class VmEndpoints(GcpCloud cloud, VmBook book, FaultBook faults, Sandbox sandbox, TimeProvider time)
{
    private const int ConsoleBytesMax = 1 << 20;

    private static readonly TimeSpan WaitLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan WaitInterval = TimeSpan.FromMilliseconds(20);

    public void Map(RouteGroupBuilder project)
    {
        var zone = project.MapGroup("/zones/{zone}");
        zone.MapGet("/instances", List).Does(Of(CloudOperation.List));
        project.MapGet("/aggregated/instances", ListAggregated).Does(Of(CloudOperation.List));
        zone.MapPost("/instances", InsertAsync).Does(Of(CloudOperation.Create));
        zone.MapGet("/instances/{name}", Get).Does(Of(CloudOperation.Get));
        zone.MapDelete("/instances/{name}", (HttpRequest request, string zone, string name) =>
            Answer(request, cloud.Delete(zone, name, RequestId(request)))).Does(Of(CloudOperation.Destroy));
        zone.MapPost("/instances/{name}/start", Start).Does(Of(CloudOperation.Start));
        zone.MapPost("/instances/{name}/stop", (HttpRequest request, string zone, string name) =>
            Answer(request, cloud.Stop(zone, name, RequestId(request)))).Does(Of(CloudOperation.Stop));
        zone.MapPost("/instances/{name}/reset", (HttpRequest request, string zone, string name) =>
            Answer(request, cloud.Reset(zone, name, RequestId(request)))).Does(Of(CloudOperation.Reboot));
        zone.MapPost("/instances/{name}/simulateMaintenanceEvent", (HttpRequest request, string zone, string name) =>
            Answer(request, cloud.Preempt(zone, name, RequestId(request), asTest: true))).Does(Of(CloudOperation.Metadata));
        zone.MapPost("/instances/{name}/setMetadata", async (HttpContext http, string zone, string name) =>
        {
            var body = await RequestBody.ReadAsync(http);
            return Answer(http.Request, cloud.SetMetadata(
                zone, name, RequestId(http.Request), body.Text("fingerprint"), InsertRequest.ReadMetadata(body)));
        }).Does(Of(CloudOperation.Metadata));
        zone.MapPost("/instances/{name}/setLabels", async (HttpContext http, string zone, string name) =>
        {
            var body = await RequestBody.ReadAsync(http);
            return Answer(http.Request, cloud.SetLabels(
                zone, name, RequestId(http.Request), body.Text("labelFingerprint"), InsertRequest.ReadLabels(body["labels"] as JsonObject ?? [])));
        }).Does(Of(CloudOperation.Label));
        zone.MapPost("/instances/{name}/setTags", async (HttpContext http, string zone, string name) =>
        {
            var body = await RequestBody.ReadAsync(http);
            return Answer(http.Request, cloud.SetTags(
                zone, name, RequestId(http.Request), body.Text("fingerprint"), [.. (body["items"] as JsonArray ?? []).Select(tag => tag?.ToString() ?? "")]));
        }).Does(Of(CloudOperation.Label));
        zone.MapGet("/instances/{name}/serialPort", SerialPort).Does(Of(CloudOperation.Logs));
        zone.MapGet("/operations", ListOperations).Does(Of(CloudOperation.Operation));
        zone.MapGet("/operations/{operation}", GetOperation).Does(Of(CloudOperation.Operation));
        zone.MapPost("/operations/{operation}/wait", WaitAsync).Does(Of(CloudOperation.Operation));
    }

    private static CloudOperation Of(string operation) => CloudOperation.Of("gcp", operation);

    private VmJson Json(HttpRequest request) => new($"{request.Scheme}://{request.Host}", cloud.Project);

    private static string? RequestId(HttpRequest request) => request.Query["requestId"].FirstOrDefault() is { Length: > 0 } id ? id : null;

    private IResult Answer(HttpRequest request, OperationResult result)
    {
        lock (book.Gate)
        {
            return result switch
            {
                OperationResult.Begun(var operation) => new JsonAnswer(Json(request).From(operation)),
                OperationResult.Refused(var error) => error,
                _ => throw new System.Diagnostics.UnreachableException(),
            };
        }
    }

    private async Task<IResult> InsertAsync(HttpContext http, string zone)
    {
        var (request, error) = InsertRequest.Parse(await RequestBody.ReadAsync(http));
        if (request is null)
        {
            return error!;
        }

        Fault? Strike(string kind) => faults.Strike(known => known.Name == kind, "gcp", CloudOperation.Create, request.Name, zone);
        if (Strike(FaultKind.OfferGone) is not null)
        {
            var message = $"The zone 'projects/{cloud.Project}/zones/{zone}' does not have enough resources available to fulfill the request.";
            return Begun(http.Request, cloud.InsertInVain(zone, request.Name, "ZONE_RESOURCE_POOL_EXHAUSTED", message, 503));
        }

        if (Strike(FaultKind.InsufficientCredit) is not null)
        {
            return Begun(http.Request, cloud.InsertInVain(zone, request.Name, "QUOTA_EXCEEDED", "Quota 'CPUS' exceeded.", 403));
        }

        var delay = TimeSpan.FromSeconds(Strike(FaultKind.SlowBoot)?.DelaySeconds ?? 0);
        var result = cloud.Insert(zone, request, RequestId(http.Request), delay);
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
        if (faults.Strike(kind => kind.Name == FaultKind.InsufficientCredit, "gcp", CloudOperation.Start, name, zone) is not null)
        {
            return new GcpError(403, "quotaExceeded", "Quota 'CPUS' exceeded.");
        }

        var slow = faults.Strike(kind => kind.Name == FaultKind.SlowBoot, "gcp", CloudOperation.Start, name, zone);
        return Answer(request, cloud.Start(zone, name, RequestId(request), TimeSpan.FromSeconds(slow?.DelaySeconds ?? 0)));
    }

    private IResult Get(HttpRequest request, string zone, string name)
    {
        lock (book.Gate)
        {
            return book.Find(zone, name) is { } vm ? new JsonAnswer(Json(request).From(vm)) : cloud.NoSuchVm(zone, name);
        }
    }

    private IResult List(HttpRequest request, string zone)
    {
        lock (book.Gate)
        {
            return GcpRegion.FindByZone(zone) is null
                ? cloud.NoSuchVm(zone, "")
                : GcpList.Answer(request, "compute#instanceList", Listed().Where(vm => vm.Zone == zone).Select(Json(request).From));
        }
    }

    private JsonAnswer ListAggregated(HttpRequest request)
    {
        lock (book.Gate)
        {
            var accepts = GcpList.ParseFilter(request.Query["filter"].FirstOrDefault());
            var byZone = Listed().Select(vm => (vm.Zone, Json: Json(request).From(vm))).Where(pair => accepts(pair.Json)).ToLookup(pair => pair.Zone, pair => pair.Json);
            var items = new JsonObject();
            foreach (var zone in GcpRegion.All.SelectMany(region => region.Zones))
            {
                items["zones/" + zone] = byZone.Contains(zone)
                    ? new JsonObject { ["instances"] = new JsonArray([.. byZone[zone]]) }
                    : new JsonObject
                    {
                        ["warning"] = new JsonObject
                        {
                            ["code"] = "NO_RESULTS_ON_PAGE",
                            ["message"] = $"There are no results for scope 'zones/{zone}' on this page.",
                            ["data"] = new JsonArray(new JsonObject { ["key"] = "scope", ["value"] = "zones/" + zone }),
                        },
                    };
            }

            return new JsonAnswer(new JsonObject
            {
                ["kind"] = "compute#instanceAggregatedList",
                ["id"] = $"projects/{cloud.Project}/aggregated/instances",
                ["items"] = items,
                ["selfLink"] = $"{request.Scheme}://{request.Host}{request.Path}",
            });
        }
    }

    private IEnumerable<Vm> Listed() =>
        faults.Strike(kind => kind.Name == FaultKind.EmptyListing, "gcp", CloudOperation.List) is not null ? [] : book.Vms.OrderBy(vm => vm.Name, StringComparer.Ordinal);

    private IResult SerialPort(HttpRequest request, string zone, string name, long start = 0)
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

        var folder = sandbox.FolderOf(key);
        var from = Math.Clamp(start, 0, folder.ConsoleLength);
        var contents = folder.ReadConsole(from, ConsoleBytesMax);
        return new JsonAnswer(new JsonObject
        {
            ["kind"] = "compute#serialPortOutput",
            ["contents"] = contents,
            ["start"] = from.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["next"] = (from + System.Text.Encoding.UTF8.GetByteCount(contents)).ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["selfLink"] = $"{request.Scheme}://{request.Host}{request.Path}",
        });
    }

    private JsonAnswer ListOperations(HttpRequest request, string zone)
    {
        lock (book.Gate)
        {
            return GcpList.Answer(request, "compute#operationList", book.Operations.Where(operation => operation.Zone == zone).Reverse().Select(Json(request).From));
        }
    }

    private IResult GetOperation(HttpRequest request, string zone, string operation)
    {
        lock (book.Gate)
        {
            return book.FindOperation(zone, operation) is { } known
                ? new JsonAnswer(Json(request).From(known))
                : GcpError.NotFound($"projects/{cloud.Project}/zones/{zone}/operations/{operation}");
        }
    }

    // Answers when the operation is done, and after two minutes in any case.
    private async Task<IResult> WaitAsync(HttpRequest request, string zone, string operation, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        while (time.GetElapsedTime(began) < WaitLimit && IsUnderWay(zone, operation))
        {
            await Task.Delay(WaitInterval, time, cancellationToken);
        }

        return GetOperation(request, zone, operation);
    }

    private bool IsUnderWay(string zone, string operation)
    {
        lock (book.Gate)
        {
            return book.FindOperation(zone, operation) is { EndedAt: null };
        }
    }
}
