using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Standby;

internal static class FailoverEndpoints
{
    private static readonly TimeSpan StartWait = TimeSpan.FromSeconds(3);

    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/standby/failover").WithTags("failover");
        group.MapPost("/simulate/{id}", StartAsync).RequireScope(Scopes.InstancesWrite).Produces<FailoverStartedResponse>()
            .WithSummary("Switch an instance to its standby now, as if its GPU had failed, and recover");
        group.MapGet("/status/{failoverId}", StatusAsync).RequireScope(Scopes.InstancesRead).Produces<FailoverResponse>().WithSummary("One failover");
        group.MapGet("/active", ActiveAsync).RequireScope(Scopes.InstancesRead).WithSummary("Failovers that are running");
        group.MapGet("/report", ReportAsync).RequireScope(Scopes.InstancesRead).Produces<FailoverReportResponse>().WithSummary("What failovers did");
        api.MapPost("/instances/{id}/failover", StartAsync).RequireScope(Scopes.InstancesWrite).WithTags("failover")
            .Produces<FailoverStartedResponse>().WithSummary("Switch an instance to its standby now");
    }

    internal static async Task<IResult> StartAsync(
        InstanceId id,
        Caller caller,
        InstanceStore instances,
        AssociationStore associations,
        InstanceChanges changes,
        WorkQueue queue,
        string? reason,
        CancellationToken cancellationToken)
    {
        if (reason is { Length: > 64 } || reason?.Any(char.IsControl) == true)
        {
            return Problems.Field("reason", "Must be at most 64 characters without control characters.", "query");
        }

        if (await instances.FindOfUserAsync(caller.UserId, id, cancellationToken) is not { } instance)
        {
            return Problems.Unknown("instance", id);
        }

        if (await associations.FindAsync(id, cancellationToken) is not { Released: false } association)
        {
            return Problems.Unknown("association of instance", id);
        }

        if (instance.Status != InstanceStatus.Running || association.SyncCount == 0 || association.FailoverActive)
        {
            return new Problem(
                Problems.WrongState,
                association.FailoverActive ? "A failover is running." : "The standby cannot take over yet: the instance must run and have synced once.");
        }

        await associations.RequestFailoverAsync(caller.UserId, id, reason ?? "requested", cancellationToken);
        queue.Pulse();
        var started = await changes.WaitForAsync(
            id,
            async () => await associations.FindAsync(id, cancellationToken) is { FailoverActive: true } now ? now : null,
            StartWait,
            cancellationToken);
        return TypedResults.Ok(new FailoverStartedResponse(
            started?.Document.FailoverId,
            id,
            "The failover has been asked for; follow it with standby failover active.",
            InstanceViews.Word(started?.Document.Phase ?? FailoverPhase.Detecting)));
    }

    private static async Task<IResult> StatusAsync(
        string failoverId, Caller caller, FailoverStore store, TimeProvider time, CancellationToken cancellationToken) =>
        await store.FindOfUserAsync(caller.UserId, failoverId, cancellationToken) is { } failover
            ? TypedResults.Ok(ToResponse(failover, time.GetUtcNow()))
            : Problems.Unknown("failover", failoverId);

    private static async Task<ActiveFailoversResponse> ActiveAsync(
        Caller caller, FailoverStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        var running = (await store.ListAsync(caller.UserId, DateTimeOffset.UnixEpoch, cancellationToken))
            .Where(failover => failover.CompletedAt is null)
            .Select(failover => ToResponse(failover, time.GetUtcNow()))
            .ToList();
        return new ActiveFailoversResponse(running.Count, running);
    }

    private static async Task<IResult> ReportAsync(
        Caller caller, FailoverStore store, TimeProvider time, int? days, CancellationToken cancellationToken)
    {
        if (days is < 1 or > 365)
        {
            return Problems.Field("days", "Must be from 1 to 365.", "query");
        }

        var now = time.GetUtcNow();
        var all = await store.ListAsync(caller.UserId, now.AddDays(-(days ?? 30)), cancellationToken);
        return TypedResults.Ok(FailoverReport.Of(all, days ?? 30, failover => ToResponse(failover, now)));
    }

    internal static FailoverResponse ToResponse(Failover failover, DateTimeOffset now) =>
        new()
        {
            FailoverId = failover.Id,
            GpuInstanceId = failover.InstanceId,
            Reason = failover.Reason,
            Phase = InstanceViews.Word(failover.Phase),
            StartedAt = failover.StartedAt,
            CompletedAt = failover.CompletedAt,
            Success = failover.CompletedAt is null ? null : failover.Phase == FailoverPhase.Complete,
            NewGpuId = failover.NewMachineId,
            DataRestored = failover.DataRestored,
            RpoSeconds = failover.RpoSeconds,
            PhaseTimingsMs = failover.PhaseTimings(),
            TotalTimeMs = Math.Round(((failover.CompletedAt ?? now) - failover.LastHeardAt).TotalMilliseconds, 1),
            Error = failover.Error,
        };
}
