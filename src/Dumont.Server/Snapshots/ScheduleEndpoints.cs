using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Snapshots;

/// <summary>HTTP of schedules.</summary>
internal static class ScheduleEndpoints
{
    private const int MinutesMin = 5;
    private const int MinutesMax = 10_080;

    /// <summary>Maps the routes.</summary>
    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/instances/{id}/snapshot-schedule").WithTags("snapshots");
        group.MapGet("", GetAsync).RequireScope(Scopes.InstancesRead).Produces<SnapshotScheduleResponse>()
            .WithSummary("When an instance's snapshots are taken by themselves");
        group.MapPut("", SetAsync).RequireScope(Scopes.InstancesWrite).Produces<SnapshotScheduleResponse>().WithSummary("Take snapshots by a schedule");
        group.MapDelete("", RemoveAsync).RequireScope(Scopes.InstancesWrite).Produces<SuccessResponse>().WithSummary("Take no more snapshots by themselves");
    }

    private static async Task<IResult> GetAsync(
        InstanceId id, Caller caller, InstanceStore instances, ScheduleStore store, OperationStore operations, CancellationToken cancellationToken)
    {
        if (await instances.FindOfUserAsync(caller.UserId, id, cancellationToken) is null)
        {
            return Problems.Unknown("instance", id);
        }

        if (await store.FindAsync(id, cancellationToken) is not { } schedule)
        {
            return TypedResults.Ok(new SnapshotScheduleResponse(id, null, null, Enabled: false, null, null));
        }

        var last = schedule.LastOperationId is { } operation ? await operations.FindAsync(operation, cancellationToken) : null;
        return TypedResults.Ok(new SnapshotScheduleResponse(
            id,
            schedule.Rule.EveryMinutes,
            schedule.Rule.DailyText,
            schedule.Rule.IsEnabled,
            schedule.Rule.IsEnabled ? schedule.NextAt : null,
            last is null ? null : SnapshotViews.Word(last.State)));
    }

    private static async Task<IResult> SetAsync(
        InstanceId id,
        SnapshotScheduleRequest request,
        Caller caller,
        InstanceStore instances,
        ScheduleStore store,
        OperationStore operations,
        CancellationToken cancellationToken)
    {
        var daily = request.DailyAt is { } text ? ScheduleRule.ParseDaily(text) : null;
        if (request.EveryMinutes is < MinutesMin or > MinutesMax)
        {
            return Problems.Field("every_minutes", $"Must be from {MinutesMin} to {MinutesMax}.");
        }

        if (request.DailyAt is not null && daily is null)
        {
            return Problems.Field("daily_at", "Must be a time of day in UTC such as 03:30.");
        }

        if (request.EveryMinutes is null == daily is null)
        {
            return Problems.Field("every_minutes", "Either every_minutes or daily_at is needed.");
        }

        if (await instances.FindOfUserAsync(caller.UserId, id, cancellationToken) is null)
        {
            return Problems.Unknown("instance", id);
        }

        var rule = new ScheduleRule { EveryMinutes = request.EveryMinutes, DailyMinute = daily, IsEnabled = request.Enabled ?? true };
        await store.SetAsync(caller.UserId, id, rule, cancellationToken);
        return await GetAsync(id, caller, instances, store, operations, cancellationToken);
    }

    private static async Task<IResult> RemoveAsync(
        InstanceId id, Caller caller, InstanceStore instances, ScheduleStore store, CancellationToken cancellationToken)
    {
        if (await instances.FindOfUserAsync(caller.UserId, id, cancellationToken) is null)
        {
            return Problems.Unknown("instance", id);
        }

        await store.RemoveAsync(id, cancellationToken);
        return TypedResults.Ok(new SuccessResponse(true, "No more snapshots are taken by themselves."));
    }
}
