using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Microsoft.AspNetCore.Mvc;

namespace Dumont.Server.Snapshots;

/// <summary>HTTP of prunes, cleanups and the rules that they follow.</summary>
internal static class RetentionEndpoints
{
    private const int DefaultKeepLast = 10;
    private const int DefaultDays = 30;
    private const int DaysMax = 3650;

    /// <summary>Maps the routes.</summary>
    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/snapshots").WithTags("snapshots");
        group.MapPost("/prune", PruneAsync).RequireScope(Scopes.InstancesDestroy).Produces<PruneSnapshotsResponse>()
            .WithSummary("Delete all but the newest snapshots of each instance, and give the space back");
        group.MapPost("/cleanup", CleanupAsync).RequireScope(Scopes.InstancesDestroy).Produces<PruneSnapshotsResponse>()
            .WithSummary("Delete what the retention policy does not keep");
        group.MapGet("/cleanup/metrics", MetricsAsync).RequireScope(Scopes.InstancesRead).Produces<CleanupMetricsResponse>().WithSummary("What cleanups did");
        group.MapGet("/retention-policy", GetAsync).RequireScope(Scopes.InstancesRead).Produces<RetentionPolicyResponse>().WithSummary("Which snapshots are kept");
        group.MapPut("/retention-policy", SetAsync).RequireScope(Scopes.InstancesWrite).Produces<RetentionPolicyResponse>()
            .WithSummary("Say which snapshots are kept");
    }

    internal static async Task<IResult> PruneAsync(
        PruneSnapshotsRequest? request, Caller caller, Retention retention, SnapshotEndpoints.Waiting waiting, bool? wait, CancellationToken cancellationToken)
    {
        request ??= new PruneSnapshotsRequest();
        if (SnapshotRules.Check(request) is { Count: > 0 } errors)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        var rules = RetentionRules.Last(request.KeepLast ?? DefaultKeepLast);
        var plan = await retention.PlanAsync(caller.UserId, request.InstanceId, rules, onlyAutomatic: false, cancellationToken);
        return await ApplyAsync(caller, plan, retention, waiting, wait, cancellationToken);
    }

    private static async Task<IResult> CleanupAsync(
        CleanupSnapshotsRequest? request, Caller caller, Retention retention, SnapshotEndpoints.Waiting waiting, bool? wait, CancellationToken cancellationToken)
    {
        var plan = await retention.PlanAsync(caller.UserId, request?.InstanceId, rules: null, onlyAutomatic: false, cancellationToken);
        return request?.DryRun == true
            ? TypedResults.Ok(new PruneSnapshotsResponse(true, IdsOf(plan), plan.Kept, DryRun: true, 0, null, "dry_run"))
            : await ApplyAsync(caller, plan, retention, waiting, wait, cancellationToken);
    }

    private static async Task<IResult> ApplyAsync(
        Caller caller, RetentionPlan plan, Retention retention, SnapshotEndpoints.Waiting waiting, bool? wait, CancellationToken cancellationToken)
    {
        switch (await retention.ApplyAsync(caller.UserId, plan, cancellationToken))
        {
            case SnapshotResult.Nothing:
                return TypedResults.Ok(new PruneSnapshotsResponse(true, [], plan.Kept, DryRun: false, 0, null, "done"));
            case SnapshotResult.Accepted(var id, _):
                var ended = await waiting.UntilOverAsync(caller.UserId, id, wait == false ? TimeSpan.Zero : waiting.Limit, cancellationToken);
                return ended is { State: OperationState.Failed }
                    ? SnapshotEndpoints.Waiting.FailureOf(ended)
                    : TypedResults.Ok(new PruneSnapshotsResponse(
                        true, IdsOf(plan), plan.Kept, DryRun: false, ended?.Document.BytesFreed ?? 0, id, SnapshotViews.Word(ended?.State ?? OperationState.Pending)));
            case var refused:
                return SnapshotEndpoints.Waiting.ProblemOf(refused);
        }
    }

    private static async Task<IResult> MetricsAsync(
        Caller caller, OperationStore store, TimeProvider time, int? days, CancellationToken cancellationToken)
    {
        if (days is < 1 or > DaysMax)
        {
            return Problems.Field("days", $"Must be from 1 to {DaysMax}.", "query");
        }

        var since = time.GetUtcNow() - TimeSpan.FromDays(days ?? DefaultDays);
        var prunes = await store.ListPrunesAsync(caller.UserId, since, cancellationToken);
        var done = prunes.Where(each => each.State == OperationState.Done).ToList();
        return TypedResults.Ok(new CleanupMetricsResponse(
            days ?? DefaultDays,
            done.Count,
            prunes.Count(each => each.State == OperationState.Failed),
            done.Sum(each => each.Document.Snapshots.Count),
            done.Sum(each => each.Document.BytesFreed),
            prunes.Max(each => each.FinishedAt)));
    }

    private static async Task<IResult> GetAsync(
        Caller caller, RetentionStore store, [FromQuery(Name = "instance_id")] InstanceId? instanceId, CancellationToken cancellationToken)
    {
        var own = instanceId is null ? null : await store.FindAsync(caller.UserId, instanceId, cancellationToken);
        return TypedResults.Ok(ToResponse(own ?? await store.GetAsync(caller.UserId, null, cancellationToken), instanceId, own is not null));
    }

    internal static async Task<IResult> SetAsync(
        RetentionPolicyRequest request, Caller caller, RetentionStore store, InstanceStore instances, CancellationToken cancellationToken)
    {
        if (SnapshotRules.Check(request) is { Count: > 0 } errors)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        if (request.InstanceId is { } id && await instances.FindOfUserAsync(caller.UserId, id, cancellationToken) is null)
        {
            return Problems.Unknown("instance", id);
        }

        var known = await store.GetAsync(caller.UserId, request.InstanceId, cancellationToken);
        var rules = known with
        {
            RetentionDays = request.RetentionDays ?? known.RetentionDays,
            KeepLast = request.MinSnapshotsToKeep ?? known.KeepLast,
            Maximum = request.MaxSnapshotsPerInstance ?? known.Maximum,
            IsAutomatic = request.CleanupEnabled ?? known.IsAutomatic,
            KeepHourly = request.KeepHourly ?? known.KeepHourly,
            KeepDaily = request.KeepDaily ?? known.KeepDaily,
            KeepWeekly = request.KeepWeekly ?? known.KeepWeekly,
            KeepMonthly = request.KeepMonthly ?? known.KeepMonthly,
            KeepYearly = request.KeepYearly ?? known.KeepYearly,
            KeepTags = request.KeepTags ?? known.KeepTags,
        };
        await store.SetAsync(caller.UserId, request.InstanceId, rules, cancellationToken);
        return TypedResults.Ok(ToResponse(rules, request.InstanceId, request.InstanceId is not null));
    }

    private static IReadOnlyList<string> IdsOf(RetentionPlan plan) => [.. plan.Dropped.Select(each => each.Id.ToString())];

    internal static RetentionPolicyResponse ToResponse(RetentionRules rules, InstanceId? instance, bool isInstancePolicy) =>
        new(
            rules.RetentionDays,
            rules.KeepLast,
            rules.Maximum,
            rules.IsAutomatic,
            rules.KeepHourly,
            rules.KeepDaily,
            rules.KeepWeekly,
            rules.KeepMonthly,
            rules.KeepYearly,
            rules.KeepTags,
            instance,
            isInstancePolicy);
}
