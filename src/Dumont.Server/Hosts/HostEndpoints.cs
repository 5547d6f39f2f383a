using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Dumont.Server.Hosts;

/// <summary>HTTP of host history and blacklist.</summary>
internal static class HostEndpoints
{
    private const string DefaultProvider = "vast";
    private const int DefaultHours = 24;
    private const int HistoryHours = 24 * 30;
    private const int DefaultLimit = 100;
    private const int DefaultMinAttempts = 3;
    private const double DefaultMaxSuccessRate = 0.5;
    private const double DefaultMinSuccessRate = 0.9;

    /// <summary>Maps the routes.</summary>
    public static void Map(RouteGroupBuilder routes)
    {
        var hosts = routes.MapGroup("/hosts").WithTags("hosts");
        hosts.MapGet("/blacklist", ListBlacklistAsync).RequireScope(Scopes.MarketRead).WithSummary("List hidden hosts");
        hosts.MapPost("/blacklist", AddAsync).RequireScope(Scopes.InstancesWrite).WithSummary("Hide a host from one's offers");
        hosts.MapDelete("/blacklist/{machineId:long}", RemoveAsync).RequireScope(Scopes.InstancesWrite).WithSummary("Show a host again");
        hosts.MapGet("/{machineId:long}", GetAsync).RequireScope(Scopes.MarketRead).WithSummary("What our rentals say about a host");

        var history = routes.MapGroup("/machines/history").WithTags("hosts");
        history.MapGet("/summary", SummaryAsync).RequireScope(Scopes.MarketRead).WithSummary("Count the attempts of a period");
        history.MapGet("/attempts", AttemptsAsync).RequireScope(Scopes.MarketRead).WithSummary("List attempts to rent");
        history.MapGet("/stats/{provider}/{machineId:long}", GetOfProviderAsync).RequireScope(Scopes.MarketRead).WithSummary("One host's attempts");
        history.MapGet("/problematic", ProblematicAsync).RequireScope(Scopes.MarketRead).WithSummary("Hosts that fail often");
        history.MapGet("/reliable", ReliableAsync).RequireScope(Scopes.MarketRead).WithSummary("Hosts that come up");
        history.MapGet("/blacklist", ListBlacklistAsync).RequireScope(Scopes.MarketRead).WithSummary("List hidden hosts");
        history.MapPost("/blacklist", AddAsync).RequireScope(Scopes.InstancesWrite).WithSummary("Hide a host from one's offers");
        history.MapGet("/blacklist/check/{provider}/{machineId:long}", CheckAsync).RequireScope(Scopes.MarketRead).WithSummary("Is a host hidden?");
        history.MapDelete("/blacklist/{provider}/{machineId:long}", RemoveOfProviderAsync).RequireScope(Scopes.InstancesWrite)
            .WithSummary("Show a host again");

        // Under an older name.
        var instances = routes.MapGroup("/instances/blacklist").ExcludeFromDescription();
        instances.MapGet("/status", ListBlacklistAsync).RequireScope(Scopes.MarketRead);
        instances.MapPost("/{machineId:long}", AddByQueryAsync).RequireScope(Scopes.InstancesWrite);
        instances.MapDelete("/{machineId:long}", RemoveAsync).RequireScope(Scopes.InstancesWrite);
    }

    private static async Task<Ok<BlacklistResponse>> ListBlacklistAsync(
        [AsParameters] HostParameters query, Caller caller, HostHistory history, CancellationToken cancellationToken)
    {
        var entries = await history.ListBlacklistAsync(caller.UserId, query.Provider, cancellationToken);
        return TypedResults.Ok(new BlacklistResponse([.. entries.Select(ToResponse)], entries.Count));
    }

    private static Task<Ok<BlacklistedHostResponse>> AddAsync(
        BlacklistHostRequest request, Caller caller, HostHistory history, CancellationToken cancellationToken) =>
        HideAsync(
            caller,
            new HostKey(request.Provider ?? DefaultProvider, request.MachineId!.Value),
            request.Reason!,
            request.DurationHours is { } hours ? TimeSpan.FromHours(hours) : null,
            history,
            cancellationToken);

    private static async Task<Results<Ok<BlacklistedHostResponse>, Problem>> AddByQueryAsync(
        long machineId, Caller caller, HostHistory history, CancellationToken cancellationToken, string? reason = null) =>
        reason?.Length > 500 || machineId < 1
            ? Problems.Field("reason", "At most 500 characters.", "query")
            : await HideAsync(caller, new HostKey(DefaultProvider, machineId), reason ?? "Hidden by the user", null, history, cancellationToken);

    private static async Task<Ok<BlacklistedHostResponse>> HideAsync(
        Caller caller, HostKey host, string reason, TimeSpan? duration, HostHistory history, CancellationToken cancellationToken)
    {
        var entry = await history.AddAsync(caller.UserId, host, reason, duration, cancellationToken);
        return TypedResults.Ok(new BlacklistedHostResponse(true, ToResponse(entry), $"Host {host.MachineId} is hidden from your offers."));
    }

    private static Task<Results<Ok<SuccessResponse>, Problem>> RemoveAsync(
        long machineId, Caller caller, HostHistory history, CancellationToken cancellationToken) =>
        RemoveOfProviderAsync(DefaultProvider, machineId, caller, history, cancellationToken);

    private static async Task<Results<Ok<SuccessResponse>, Problem>> RemoveOfProviderAsync(
        string provider, long machineId, Caller caller, HostHistory history, CancellationToken cancellationToken)
    {
        var host = new HostKey(provider, machineId);
        if (await history.RemoveAsync(caller.UserId, host, caller.IsAdmin, cancellationToken) > 0)
        {
            return TypedResults.Ok(new SuccessResponse(true, $"Host {machineId} is no longer hidden."));
        }

        return (await history.BlacklistedAsync(caller.UserId, cancellationToken)).ContainsKey(host)
            ? new Problem(Problems.Forbidden, "The host is hidden from everybody after repeated failures; an administrator can remove that.")
            : Problems.Unknown("blacklisted host", machineId);
    }

    private static Task<Results<Ok<HostResponse>, Problem>> GetAsync(
        long machineId, Caller caller, HostHistory history, CancellationToken cancellationToken) =>
        GetOfProviderAsync(DefaultProvider, machineId, caller, history, cancellationToken);

    private static async Task<Results<Ok<HostResponse>, Problem>> GetOfProviderAsync(
        string provider, long machineId, Caller caller, HostHistory history, CancellationToken cancellationToken)
    {
        var host = new HostKey(provider, machineId);
        var record = machineId < 1 ? null : await history.FindHostAsync(host, cancellationToken);
        var hidden = await history.BlacklistedAsync(caller.UserId, cancellationToken);
        return record is null && !hidden.ContainsKey(host)
            ? Problems.Unknown("host", machineId)
            : TypedResults.Ok(ToResponse(host, record, hidden.GetValueOrDefault(host)));
    }

    private static async Task<Ok<BlacklistCheckResponse>> CheckAsync(
        string provider, long machineId, Caller caller, HostHistory history, CancellationToken cancellationToken)
    {
        var entry = (await history.BlacklistedAsync(caller.UserId, cancellationToken)).GetValueOrDefault(new HostKey(provider, machineId));
        return TypedResults.Ok(new BlacklistCheckResponse(entry is not null, entry is null ? null : ToResponse(entry)));
    }

    private static async Task<Ok<HistorySummaryResponse>> SummaryAsync(
        [AsParameters] HostParameters query, Caller caller, HostHistory history, TimeProvider time, CancellationToken cancellationToken)
    {
        var hours = query.Hours ?? DefaultHours;
        var since = time.GetUtcNow() - TimeSpan.FromHours(hours);
        var hosts = await history.ListHostsAsync(new HostFilter(query.Provider, null, null, since), cancellationToken);
        var stages = await history.CountFailureStagesAsync(new HostFilter(query.Provider, null, false, since), cancellationToken);
        var blacklist = await history.ListBlacklistAsync(caller.UserId, query.Provider, cancellationToken);
        var (attempts, successes) = (hosts.Sum(host => host.Attempts), hosts.Sum(host => host.Successes));
        return TypedResults.Ok(new HistorySummaryResponse(
            hours,
            query.Provider,
            (int)attempts,
            (int)successes,
            (int)(attempts - successes),
            HostPolicy.SuccessRate(attempts, successes) ?? 0,
            stages,
            blacklist.Select(entry => entry.Host).Distinct().Count()));
    }

    private static async Task<Ok<HostAttemptListResponse>> AttemptsAsync(
        [AsParameters] HostParameters query, HostHistory history, TimeProvider time, CancellationToken cancellationToken)
    {
        var filter = new HostFilter(
            query.Provider, query.MachineId, query.SuccessOnly == true ? true : null, time.GetUtcNow() - TimeSpan.FromHours(query.Hours ?? DefaultHours));
        var attempts = await history.ListAttemptsAsync(filter, query.Limit ?? DefaultLimit, cancellationToken);
        return TypedResults.Ok(new HostAttemptListResponse(
            [
                .. attempts.Select(attempt => new HostAttemptResponse(
                    attempt.Id,
                    attempt.Host.Provider,
                    attempt.Host.MachineId,
                    attempt.GpuName,
                    attempt.Succeeded,
                    attempt.Stage,
                    attempt.Reason,
                    attempt.At)),
            ],
            attempts.Count));
    }

    private static Task<Ok<HostListResponse>> ProblematicAsync(
        [AsParameters] HostParameters query, Caller caller, HostHistory history, TimeProvider time, CancellationToken cancellationToken) =>
        ListAsync(query, caller, history, time, rate => rate <= (query.MaxSuccessRate ?? DefaultMaxSuccessRate), bestFirst: false, cancellationToken);

    private static Task<Ok<HostListResponse>> ReliableAsync(
        [AsParameters] HostParameters query, Caller caller, HostHistory history, TimeProvider time, CancellationToken cancellationToken) =>
        ListAsync(query, caller, history, time, rate => rate >= (query.MinSuccessRate ?? DefaultMinSuccessRate), bestFirst: true, cancellationToken);

    private static async Task<Ok<HostListResponse>> ListAsync(
        HostParameters query,
        Caller caller,
        HostHistory history,
        TimeProvider time,
        Func<double, bool> takes,
        bool bestFirst,
        CancellationToken cancellationToken)
    {
        var since = time.GetUtcNow() - TimeSpan.FromHours(query.Hours ?? HistoryHours);
        var hidden = await history.BlacklistedAsync(caller.UserId, cancellationToken);
        var hosts = (await history.ListHostsAsync(new HostFilter(query.Provider, null, null, since), cancellationToken))
            .Where(host => host.Attempts >= (query.MinAttempts ?? DefaultMinAttempts) && takes((double)host.Successes / host.Attempts))
            .OrderBy(host => (bestFirst ? -1 : 1) * (double)host.Successes / host.Attempts).ThenByDescending(host => host.Attempts)
            .Take(query.Limit ?? DefaultLimit)
            .Select(host => ToResponse(host.Host, host, hidden.GetValueOrDefault(host.Host))).ToList();
        return TypedResults.Ok(new HostListResponse(hosts, hosts.Count));
    }

    private static BlacklistEntryResponse ToResponse(BlacklistEntry entry) =>
        new(entry.Host.Provider, entry.Host.MachineId, entry.Reason, entry.AddedAt, entry.ExpiresAt, entry.User == 0 ? "server" : "user");

    private static HostResponse ToResponse(HostKey host, HostRecord? record, BlacklistEntry? entry)
    {
        var (attempts, successes) = (record?.Attempts ?? 0, record?.Successes ?? 0);
        return new HostResponse(
            host.Provider,
            host.MachineId,
            record?.GpuName,
            (int)attempts,
            (int)successes,
            (int)(attempts - successes),
            HostPolicy.SuccessRate(attempts, successes),
            HostPolicy.Status(attempts, successes),
            record?.LastAttemptAt,
            record?.LastFailureReason,
            entry is not null,
            entry?.Reason);
    }
}
