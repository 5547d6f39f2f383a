using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Standby;

internal static class FailoverEndpoints
{
    /// <summary>Reason of a failover that nobody gave one for.</summary>
    internal const string DefaultReason = "requested";

    /// <summary>What is told of one that was asked for.</summary>
    internal const string Asked = "The failover has been asked for; follow it with dumont failover active.";

    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/standby/failover").WithTags("failover");
        group.MapPost("/simulate/{id}", SimulateAsync).RequireScope(Scopes.InstancesWrite).Produces<FailoverStartedResponse>()
            .WithSummary("Switch an instance to its standby now, as if its GPU had failed, and recover");
        group.MapGet("/status/{failoverId}", StatusAsync).RequireScope(Scopes.InstancesRead).Produces<FailoverResponse>().WithSummary("One failover");
        group.MapGet("/active", ActiveAsync).RequireScope(Scopes.InstancesRead).WithSummary("Failovers that are running");
        group.MapGet("/report", ReportAsync).RequireScope(Scopes.InstancesRead).Produces<FailoverReportResponse>().WithSummary("What failovers did");
        api.MapPost("/instances/{id}/failover", StartAsync).RequireScope(Scopes.InstancesWrite).WithTags("failover")
            .Produces<FailoverStartedResponse>().WithSummary("Switch an instance to its standby now");
    }

    private static async Task<IResult> SimulateAsync(
        InstanceId id, Caller caller, FailoverService service, string? reason, CancellationToken cancellationToken) =>
        await service.FindReadinessAsync(caller.UserId, id, cancellationToken) is { Association: null }
            ? Problems.Unknown("association of instance", id)
            : await StartAsync(id, caller, service, reason, cancellationToken);

    internal static async Task<IResult> StartAsync(
        InstanceId id, Caller caller, FailoverService service, string? reason, CancellationToken cancellationToken)
    {
        if (CheckReason(reason) is { } error)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, [error with { In = "query" }]);
        }

        var asked = await service.RequestAsync(caller.UserId, id, reason ?? DefaultReason, isForced: false, cancellationToken);
        if (await RefusalOfAsync(asked, id, service, cancellationToken) is { } refusal)
        {
            return refusal;
        }

        var begun = await service.WaitForBeginAsync(id, cancellationToken);
        return TypedResults.Ok(new FailoverStartedResponse(
            begun?.Document.FailoverId, id, Asked, InstanceViews.Word(begun?.Document.Phase ?? FailoverPhase.Detecting)));
    }

    /// <summary>What is wrong with a reason; null when nothing is.</summary>
    internal static FieldError? CheckReason(string? reason) =>
        reason is { Length: > 64 } || reason?.Any(char.IsControl) == true
            ? new FieldError("reason", "Must be at most 64 characters without control characters.")
            : null;

    /// <summary>Why a request for a failover is refused; null when it is not.</summary>
    internal static async Task<Problem?> RefusalOfAsync(FailoverRequest asked, InstanceId id, FailoverService service, CancellationToken cancellationToken)
    {
        switch (asked)
        {
            case FailoverRequest.Recorded:
                return null;
            case FailoverRequest.Moving(var move):
                return Moving(move);
            case FailoverRequest.NoTarget(var readiness):
                return new Problem(Problems.FailoverNoTarget, FailoverReadiness.Say(readiness.Missing[0], id));
            case FailoverRequest.Running(var known):
                return (known ?? (await service.WaitForBeginAsync(id, cancellationToken))?.Document.FailoverId) is { } running
                    ? new Problem(Problems.FailoverRunning, $"Failover {running} is running.")
                    : new Problem(Problems.FailoverRunning, "A failover has been asked for and is about to begin.");
            default:
                return Problems.Unknown("instance", id);
        }
    }

    /// <summary>The refusal of an instance that is moving.</summary>
    internal static Problem Moving(long move) => new(Problems.Conflict, $"Migration {move} is running; follow it with: dumont migration get {move}");

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
            Strategy = failover.IsFromSnapshot ? FailoverStrategies.ColdRecovery : InstanceViews.Word(FailoverStrategy.CpuStandby),
            SnapshotId = failover.SnapshotId,
            RtoSeconds = failover.RtoSeconds,
            DataRestored = failover.DataRestored,
            RpoSeconds = failover.RpoSeconds,
            PhaseTimingsMs = failover.PhaseTimings(),
            TotalTimeMs = Math.Round(((failover.CompletedAt ?? now) - failover.LastHeardAt).TotalMilliseconds, 1),
            Error = failover.Error,
        };
}
