using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>Operations of zones and of the project. No call of the local cloud begins one in a region.</summary>
internal sealed class OperationEndpoints(GcpBook book, TimeProvider time)
{
    private static readonly TimeSpan WaitLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan WaitInterval = TimeSpan.FromMilliseconds(20);
    private static readonly CloudOperation Reads = CloudOperation.Of("gcp", CloudOperation.Operation);

    public void Map(RouteGroupBuilder project)
    {
        project.MapGet("/aggregated/operations", (HttpRequest request) => ListAggregated(request)).Does(Reads);
        project.MapGet("/zones/{zone}/operations", (HttpRequest request, string zone) =>
            GcpRegion.FindByZone(zone) is null ? GcpError.NoSuchZone(book.Project, zone) : (IResult)List(request, zone)).Does(Reads);
        project.MapGet("/regions/{region}/operations", (HttpRequest request, string region) => GcpRegion.Find(region) is null
            ? GcpError.NotFound($"projects/{book.Project}/regions/{region}")
            : (IResult)GcpList.Answer(request, "compute#operationList", [])).Does(Reads);
        project.MapGet("/global/operations", (HttpRequest request) => List(request, "")).Does(Reads);
        project.MapGet("/zones/{zone}/operations/{operation}", Get).Does(Reads);
        project.MapGet("/global/operations/{operation}", (HttpRequest request, string operation) => Get(request, "", operation)).Does(Reads);
        project.MapGet("/regions/{region}/operations/{operation}", (string region, string operation) => NoSuch($"regions/{region}", operation)).Does(Reads);
        project.MapPost("/zones/{zone}/operations/{operation}/wait", WaitAsync).Does(Reads);
        project.MapPost("/global/operations/{operation}/wait", (HttpRequest request, string operation, CancellationToken cancellationToken) =>
            WaitAsync(request, "", operation, cancellationToken)).Does(Reads);
        project.MapPost("/regions/{region}/operations/{operation}/wait", (string region, string operation) => NoSuch($"regions/{region}", operation)).Does(Reads);
    }

    // Newest first: who looks for what happened to a machine finds it on the first page.
    private JsonAnswer List(HttpRequest request, string zone)
    {
        lock (book.Gate)
        {
            return GcpList.Answer(
                request,
                "compute#operationList",
                book.Operations.Where(operation => operation.Target.Zone == zone).Reverse().Select(new VmJson(request, book).From));
        }
    }

    private JsonAnswer ListAggregated(HttpRequest request)
    {
        lock (book.Gate)
        {
            var json = new VmJson(request, book);
            return GcpList.Aggregate(
                request,
                "compute#operationAggregatedList",
                "operations",
                ["global", .. GcpRegion.ZoneScopes],
                book.Operations.Reverse().Select(operation => (operation.Target.Zone is "" ? "global" : "zones/" + operation.Target.Zone, json.From(operation))));
        }
    }

    private IResult Get(HttpRequest request, string zone, string operation)
    {
        lock (book.Gate)
        {
            return book.FindOperation(zone, operation) is { } known
                ? new JsonAnswer(new VmJson(request, book).From(known))
                : NoSuch(zone.Length > 0 ? $"zones/{zone}" : "global", operation);
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

        return Get(request, zone, operation);
    }

    private bool IsUnderWay(string zone, string operation)
    {
        lock (book.Gate)
        {
            return book.FindOperation(zone, operation) is { EndedAt: null };
        }
    }

    private GcpError NoSuch(string scope, string operation) => GcpError.NotFound($"projects/{book.Project}/{scope}/operations/{operation}");
}
