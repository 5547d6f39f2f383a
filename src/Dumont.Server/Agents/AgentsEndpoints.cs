using System.Text.Json;
using Dumont.Contracts;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Agents;

internal static class AgentsEndpoints
{
    private static readonly TimeSpan OfflineAfter = TimeSpan.FromSeconds(3);

    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/agent").WithTags("agents");
        group.MapGet("/status", StatusAsync).RequireScope(Scopes.InstancesRead).WithSummary("Health of your agents");
        group.MapGet("/instances", ListAsync).RequireScope(Scopes.InstancesRead).WithSummary("Your agents, one entry a machine");
        group.MapGet("/instances/{id}", GetAsync).RequireScope(Scopes.InstancesRead).WithSummary("The agent of an instance's writing machine");

        // The machine's own token is checked inside; a user's token opens nothing here.
        group.MapGet("/link", LinkAsync).AllowAnonymous().ExcludeFromDescription();
    }

    private static async Task<IResult> LinkAsync(HttpContext context, AgentHub hub, MachineStore machines, IHostApplicationLifetime lifetime)
    {
        const string scheme = "Bearer ";
        var header = context.Request.Headers.Authorization.ToString();
        var token = header.StartsWith(scheme, StringComparison.Ordinal) ? header[scheme.Length..] : "";
        var machine = await machines.FindByTokenHashAsync(ServerIdentity.HashToken(token), context.RequestAborted);
        if (machine is null)
        {
            return new Problem(Problems.Unauthorized, "This is not the token of a machine.");
        }

        if (!context.WebSockets.IsWebSocketRequest)
        {
            return new Problem(Problems.MalformedBody, "The agent link is a WebSocket.");
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        await hub.ServeAsync(machine, socket, ending.Token);
        return Results.Empty;
    }

    private static async Task<AgentStatusResponse> StatusAsync(Caller caller, AgentHub hub, MachineStore machines, TimeProvider time, CancellationToken cancellationToken)
    {
        var agents = await ListAsync(caller, hub, machines, time, cancellationToken);
        var status = agents.Count == 0 ? "idle" : agents.All(agent => agent.Status == "online") ? "healthy" : "degraded";
        return new AgentStatusResponse(status, agents, agents.Count);
    }

    private static async Task<IReadOnlyList<AgentStatusItem>> ListAsync(
        Caller caller, AgentHub hub, MachineStore machines, TimeProvider time, CancellationToken cancellationToken) =>
        (await machines.ListOfUserAsync(caller.UserId, cancellationToken))
            .Select(machine => (Machine: machine, Sighting: hub.Find(machine.Id)))
            .Where(pair => pair.Sighting is not null)
            .Select(pair => ToItem(pair.Machine, pair.Sighting!, time.GetUtcNow()))
            .ToList();

    private static async Task<IResult> GetAsync(
        InstanceId id, Caller caller, AgentHub hub, MachineStore machines, TimeProvider time, CancellationToken cancellationToken)
    {
        var agents = await ListAsync(caller, hub, machines, time, cancellationToken);
        var item = agents.Where(agent => agent.InstanceId == id).OrderByDescending(agent => agent.Role == "writer").FirstOrDefault();
        return item is null ? Problems.Unknown("agent of instance", id) : TypedResults.Ok(item);
    }

    private static AgentStatusItem ToItem(Machine machine, AgentSighting sighting, DateTimeOffset now)
    {
        var (report, metrics) = (sighting.Report, sighting.Report.Metrics);
        var utilizations = metrics.Gpus.Where(gpu => gpu.UtilizationPercent is not null).Select(gpu => gpu.UtilizationPercent!.Value).ToList();
        return new AgentStatusItem(
            machine.InstanceId,
            machine.Id,
            now - sighting.LastSeenAt < OfflineAfter ? "online" : "offline",
            JsonNamingPolicy.SnakeCaseLower.ConvertName(report.Role.ToString()),
            report.Generation,
            report.Version,
            sighting.LastSeenAt,
            report.UptimeSeconds,
            utilizations.Count == 0 ? null : Math.Round(utilizations.Average(), 1),
            metrics.CpuPercent,
            metrics.MemoryUsedBytes,
            metrics.MemoryTotalBytes,
            metrics.DiskUsedBytes,
            metrics.DiskTotalBytes,
            metrics.SshSessions,
            report.Sync is { } sync ? JsonNamingPolicy.SnakeCaseLower.ConvertName(sync.State.ToString()) : null,
            report.Role == AgentRole.Writer ? report.Sync?.OldestUnackedSeconds : null,
            report.Message);
    }
}
