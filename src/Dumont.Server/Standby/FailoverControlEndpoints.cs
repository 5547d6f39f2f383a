using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Standby;

/// <summary>HTTP of one instance's failover: is it ready, how does it stand, what would happen, do it.</summary>
internal static class FailoverControlEndpoints
{
    private const string Workspace = "/workspace";

    private static readonly TimeSpan SwitchWait = TimeSpan.FromSeconds(20);

    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/failover").WithTags("failover");
        group.MapGet("/readiness/{id}", ReadinessAsync).RequireScope(Scopes.InstancesRead).Produces<FailoverReadinessResponse>()
            .WithSummary("Whether something can take over from an instance now");
        group.MapGet("/status/{id}", StatusAsync).RequireScope(Scopes.InstancesRead).Produces<FailoverStatusResponse>()
            .WithSummary("How an instance stands with regard to failover, and what to do");
        group.MapPost("/test/{id}", TestAsync).RequireScope(Scopes.InstancesWrite).Produces<FailoverTestResponse>()
            .WithSummary("Say what a failover would do; with dry_run=false, do it");
        group.MapPost("/execute", ExecuteAsync).RequireScope(Scopes.InstancesWrite).Produces<ExecuteFailoverResponse>()
            .WithSummary("Switch an instance to its standby now and say how that went");
    }

    private static async Task<IResult> ReadinessAsync(InstanceId id, Caller caller, FailoverService service, CancellationToken cancellationToken) =>
        await service.FindReadinessAsync(caller.UserId, id, cancellationToken) is { } readiness
            ? TypedResults.Ok(ToResponse(readiness))
            : Problems.Unknown("instance", id);

    private static async Task<IResult> StatusAsync(
        InstanceId id, Caller caller, FailoverService service, FailoverStore store, StandbyViews views, TimeProvider time, CancellationToken cancellationToken)
    {
        if (await service.FindReadinessAsync(caller.UserId, id, cancellationToken) is not { } readiness)
        {
            return Problems.Unknown("instance", id);
        }

        var now = time.GetUtcNow();
        var history = await store.ListOfInstanceAsync(caller.UserId, id, limit: 2, cancellationToken);
        return TypedResults.Ok(new FailoverStatusResponse
        {
            MachineId = id,
            EffectiveStrategy = InstanceViews.Word(readiness.Rules.Strategy),
            WarmPool = new FailoverTargetResponse(Supported: false, Ready: false, "not_supported"),
            CpuStandby = new FailoverStandbyResponse(
                readiness.IsStandbyReady, StandbyStatusOf(readiness), await views.FindAsync(caller.UserId, id, cancellationToken)),
            ColdRecovery = readiness.Cold is { } cold ? ToResponse(cold) : null,
            RecommendedAction = InstanceViews.Word(readiness.Advice),
            Message = FailoverReadiness.Say(readiness.Advice, id),
            ActiveFailover = Find(each => each.CompletedAt is null),
            LastFailover = Find(each => each.CompletedAt is not null),
        });

        FailoverResponse? Find(Func<Failover, bool> isIt) => history.FirstOrDefault(isIt) is { } found ? FailoverEndpoints.ToResponse(found, now) : null;
    }

    private static async Task<IResult> TestAsync(
        InstanceId id,
        Caller caller,
        FailoverService service,
        IOptions<StandbyOptions> options,
        [FromQuery(Name = "dry_run")] bool? dryRun,
        string? strategy,
        CancellationToken cancellationToken)
    {
        if (FailoverSettingsRules.CheckForced("strategy", strategy, "query") is { } error)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, [error]);
        }

        if (await service.FindReadinessAsync(caller.UserId, id, cancellationToken) is not { } readiness)
        {
            return Problems.Unknown("instance", id);
        }

        var move = await service.FindMoveAsync(id, cancellationToken);
        var wouldSucceed = move is null && (strategy is null ? readiness.IsReady : readiness.IsStandbyReady) && readiness.Association is { FailoverActive: false, FailoverRequested: null };
        string? begun = null;
        if (dryRun == false)
        {
            var asked = await service.RequestAsync(caller.UserId, id, "test", isForced: strategy is not null, cancellationToken);
            if (await FailoverEndpoints.RefusalOfAsync(asked, id, service, cancellationToken) is { } refusal)
            {
                return refusal;
            }

            begun = (await service.WaitForBeginAsync(id, cancellationToken))?.Document.FailoverId;
        }

        return TypedResults.Ok(new FailoverTestResponse
        {
            DryRun = dryRun != false,
            WouldSucceed = wouldSucceed,
            Readiness = ToResponse(readiness),
            Message = !wouldSucceed ? Reason(readiness) : dryRun == false ? FailoverEndpoints.Asked : "Nothing was changed. The standby could take over now.",
            Steps = wouldSucceed ? FailoverReadiness.StepsOf(readiness, options.Value) : [],
            ExpectedRpoSeconds = readiness.RpoSeconds,
            FailoverId = begun,
        });

        string Reason(FailoverReadiness of) =>
            move is { } running ? FailoverEndpoints.Moving(running).Detail
            : of.Association is { FailoverActive: true } || of.Missing.Count == 0
                ? FailoverReadiness.Say(FailoverAdvice.FollowFailover, id)
                : FailoverReadiness.Say(of.Missing[0], id);
    }

    private static async Task<IResult> ExecuteAsync(
        ExecuteFailoverRequest request,
        Caller caller,
        FailoverService service,
        FailoverStore store,
        InstanceChanges changes,
        InstanceViews instances,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (Check(request) is { Count: > 0 } errors)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        var (id, begunAt) = ((request.MachineId ?? request.GpuInstanceId)!.Value, time.GetUtcNow());
        var isForced = (request.ForceStrategy ?? request.Strategy) is not null;
        var former = (await store.FindLastAsync(caller.UserId, id, cancellationToken))?.Id;
        var asked = await service.RequestAsync(caller.UserId, id, request.Reason ?? FailoverEndpoints.DefaultReason, isForced, cancellationToken);
        if (await FailoverEndpoints.RefusalOfAsync(asked, id, service, cancellationToken) is { } refusal)
        {
            return refusal;
        }

        var failover = await changes.WaitForAsync(id, () => FindAsync(isSettled: true), SwitchWait, cancellationToken) ?? await FindAsync(isSettled: false);
        return TypedResults.Ok(ToResponse(id, failover, begunAt, time.GetUtcNow(), await instances.FindAsync(caller.UserId, id, cancellationToken)));

        async Task<Failover?> FindAsync(bool isSettled) =>
            await store.FindLastAsync(caller.UserId, id, cancellationToken) is { } last && last.Id != former
            && (!isSettled || last.CompletedAt is not null || last.ServedAt is not null)
                ? last
                : null;
    }

    private static List<FieldError> Check(ExecuteFailoverRequest request)
    {
        var errors = new List<FieldError>();
        if ((request.MachineId ?? request.GpuInstanceId) is not { } id)
        {
            errors.Add(new FieldError("machine_id", "Field required.", "missing"));
        }
        else if (request.GpuInstanceId is { } other && other != id)
        {
            errors.Add(new FieldError("gpu_instance_id", "Must be the same as machine_id, or be left out."));
        }

        if (request.WorkspacePath is not (null or Workspace))
        {
            errors.Add(new FieldError("workspace_path", "Must be /workspace."));
        }

        if (FailoverEndpoints.CheckReason(request.Reason) is { } reason)
        {
            errors.Add(reason);
        }

        errors.AddRange(((FieldError?[])
        [
            FailoverSettingsRules.CheckForced("force_strategy", request.ForceStrategy, "body"), FailoverSettingsRules.CheckForced("strategy", request.Strategy, "body"),
        ]).OfType<FieldError>());
        return errors;
    }

    private static ExecuteFailoverResponse ToResponse(InstanceId id, Failover? failover, DateTimeOffset begunAt, DateTimeOffset now, InstanceResponse? instance)
    {
        var served = failover?.ServedAt;
        return new ExecuteFailoverResponse
        {
            Success = served is not null ? true : failover?.CompletedAt is not null ? false : null,
            FailoverId = failover?.Id,
            MachineId = id,
            StrategyAttempted = InstanceViews.Word(FailoverStrategy.CpuStandby),
            StrategySucceeded = served is null ? null : InstanceViews.Word(FailoverStrategy.CpuStandby),
            Phase = InstanceViews.Word(failover?.Phase ?? FailoverPhase.Detecting),
            NewGpuId = failover?.NewMachineId,
            NewGpuName = failover?.NewMachineId is null ? null : instance?.GpuName,
            NewSshHost = instance?.SshHost,
            NewSshPort = instance?.SshPort,
            CpuStandbyAttemptMs = served is { } at ? Math.Round((at - begunAt).TotalMilliseconds, 1) : null,
            TotalMs = failover is null ? null : Math.Round(((failover.CompletedAt ?? now) - failover.LastHeardAt).TotalMilliseconds, 1),
            Error = failover?.Error,
            CpuStandbyError = served is null ? failover?.Error : null,
        };
    }

    internal static FailoverReadinessResponse ToResponse(FailoverReadiness readiness) =>
        new()
        {
            MachineId = readiness.Instance.Id,
            EffectiveStrategy = InstanceViews.Word(readiness.Rules.Strategy),
            CpuStandbyReady = readiness.IsStandbyReady,
            CpuStandbyStatus = StandbyStatusOf(readiness),
            OverallReady = readiness.IsReady,
            Automatic = readiness.IsReady && readiness.Rules.SwitchesByItself,
            Missing = [.. readiness.Missing.Select(InstanceViews.Word)],
            Messages = [.. readiness.Missing.Select(lack => FailoverReadiness.Say(lack, readiness.Instance.Id))],
            ExpectedRpoSeconds = readiness.RpoSeconds,
            DetectionSeconds = readiness.Rules.SuspectAfter.TotalSeconds,
            ColdRecovery = readiness.Cold is { } cold ? ToResponse(cold) : null,
        };

    internal static ColdRecoveryResponse ToResponse(ColdRecovery cold) =>
        new(cold.SnapshotId is not null, cold.IsAutomatic, cold.SnapshotId, cold.SnapshotAt, cold.AgeSeconds, cold.Message);

    private static string StandbyStatusOf(FailoverReadiness readiness) =>
        readiness.Association is { } pair ? InstanceViews.Word(pair.Document.State) : "none";
}
