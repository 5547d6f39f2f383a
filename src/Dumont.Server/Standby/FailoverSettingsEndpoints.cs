using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Standby;

/// <summary>HTTP of the settings of failover: the user's, and those of one instance.</summary>
internal static class FailoverSettingsEndpoints
{
    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/failover").WithTags("failover");
        group.MapGet("/strategies", () => new FailoverStrategyListResponse(FailoverStrategies.All)).RequireScope(Scopes.InstancesRead)
            .WithSummary("Ways of being ready for a lost GPU");
        group.MapGet("/settings/global", GetGlobalAsync).RequireScope(Scopes.InstancesRead).WithSummary("Settings for instances without their own");
        group.MapPut("/settings/global", SetGlobalAsync).RequireScope(Scopes.InstancesWrite).Produces<FailoverSettingsResponse>().WithSummary("Change them");
        group.MapGet("/settings/machines", ListAsync).RequireScope(Scopes.InstancesRead).WithSummary("Settings of every instance as they hold");
        var one = group.MapGroup("/settings/machines/{id}");
        one.MapGet("", GetAsync).RequireScope(Scopes.InstancesRead).Produces<MachineFailoverSettingsResponse>().WithSummary("Settings of one instance as they hold");
        one.MapPut("", SetAsync).RequireScope(Scopes.InstancesWrite).Produces<MachineFailoverSettingsResponse>().WithSummary("Give an instance settings of its own");
        one.MapDelete("", UseGlobalAsync).RequireScope(Scopes.InstancesWrite).Produces<FailoverSettingsActionResponse>().WithSummary("Take an instance's own settings away");
        one.MapPost("/use-global", UseGlobalAsync).RequireScope(Scopes.InstancesWrite).Produces<FailoverSettingsActionResponse>()
            .WithSummary("Take an instance's own settings away");
        one.MapPost("/enable-cpu-standby", EnableCpuStandbyAsync).RequireScope(Scopes.InstancesWrite).Produces<FailoverSettingsActionResponse>()
            .WithSummary("Give an instance a standby that takes over");
        one.MapPost("/disable-failover", DisableAsync).RequireScope(Scopes.InstancesWrite).Produces<FailoverSettingsActionResponse>()
            .WithSummary("Have nothing happen when the GPU is lost");
        one.MapPost("/enable-warm-pool", RefuseWarmPoolAsync).RequireScope(Scopes.InstancesWrite).WithSummary("Not supported: there are no warm pools");
        one.MapPost("/enable-both", RefuseWarmPoolAsync).RequireScope(Scopes.InstancesWrite).WithSummary("Not supported: there are no warm pools");
    }

    private static async Task<FailoverSettingsResponse> GetGlobalAsync(
        Caller caller, FailoverSettings settings, AutoStandby autoStandby, CancellationToken cancellationToken) =>
        ToResponse(await autoStandby.GetAsync(caller.UserId, cancellationToken), settings);

    internal static async Task<IResult> SetGlobalAsync(
        ChangeFailoverSettingsRequest request, Caller caller, FailoverSettings settings, AutoStandby autoStandby, WorkQueue queue, CancellationToken cancellationToken)
    {
        if (FailoverSettingsRules.Check(request) is { Count: > 0 } errors)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        await settings.ChangeOfUserAsync(caller.UserId, before => FailoverSettingsRules.Apply(request, before), cancellationToken);
        queue.Pulse();
        return TypedResults.Ok(ToResponse(await autoStandby.GetAsync(caller.UserId, cancellationToken), settings));
    }

    private static async Task<MachineFailoverSettingsListResponse> ListAsync(
        Caller caller, InstanceStore instances, FailoverSettings settings, AutoStandby autoStandby, CancellationToken cancellationToken)
    {
        var (ofUser, own) = (await autoStandby.GetAsync(caller.UserId, cancellationToken), await settings.ListOwnAsync(caller.UserId, cancellationToken));
        var machines = (await instances.ListOfUserAsync(caller.UserId, cancellationToken))
            .Select(instance => ToResponse(instance, own.GetValueOrDefault(instance.Id), ofUser, settings))
            .ToList();
        return new MachineFailoverSettingsListResponse(machines, machines.Count);
    }

    private static async Task<IResult> GetAsync(
        InstanceId id, Caller caller, InstanceStore instances, FailoverSettings settings, AutoStandby autoStandby, CancellationToken cancellationToken) =>
        await FindAsync(id, caller, instances, settings, autoStandby, cancellationToken) is { } found ? TypedResults.Ok(found) : Problems.Unknown("instance", id);

    internal static async Task<IResult> SetAsync(
        InstanceId id,
        ChangeFailoverSettingsRequest request,
        Caller caller,
        InstanceStore instances,
        FailoverSettings settings,
        AutoStandby autoStandby,
        WorkQueue queue,
        CancellationToken cancellationToken)
    {
        if (await instances.FindOfUserAsync(caller.UserId, id, cancellationToken) is null)
        {
            return Problems.Unknown("instance", id);
        }

        if (FailoverSettingsRules.Check(request) is { Count: > 0 } errors)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        await settings.ChangeOwnAsync(caller.UserId, id, before => FailoverSettingsRules.Apply(request, before), cancellationToken);
        queue.Pulse();
        return await GetAsync(id, caller, instances, settings, autoStandby, cancellationToken);
    }

    internal static async Task<IResult> UseGlobalAsync(
        InstanceId id,
        Caller caller,
        InstanceStore instances,
        FailoverSettings settings,
        AutoStandby autoStandby,
        WorkQueue queue,
        CancellationToken cancellationToken)
    {
        if (await instances.FindOfUserAsync(caller.UserId, id, cancellationToken) is null)
        {
            return Problems.Unknown("instance", id);
        }

        await settings.RemoveOwnAsync(id, cancellationToken);
        queue.Pulse();
        return await DoneAsync(id, "The instance follows the global settings.", caller, instances, settings, autoStandby, cancellationToken);
    }

    private static async Task<IResult> EnableCpuStandbyAsync(
        InstanceId id,
        Caller caller,
        Database database,
        InstanceStore instances,
        AssociationStore associations,
        StandbyViews views,
        FailoverSettings settings,
        AutoStandby autoStandby,
        WorkQueue queue,
        CancellationToken cancellationToken)
    {
        var standby = await StandbyEndpoints.ProvisionAsync(id, caller, database, instances, associations, views, autoStandby, queue, cancellationToken);
        if (standby is Problem problem)
        {
            return problem;
        }

        await settings.ChangeOwnAsync(caller.UserId, id, before => before with { Strategy = FailoverStrategy.CpuStandby, AutoFailover = true }, cancellationToken);
        queue.Pulse();
        return await DoneAsync(
            id, "The instance has, or is being given, a standby, which takes over when its GPU is lost.", caller, instances, settings, autoStandby, cancellationToken);
    }

    private static async Task<IResult> DisableAsync(
        InstanceId id,
        Caller caller,
        InstanceStore instances,
        FailoverSettings settings,
        AutoStandby autoStandby,
        WorkQueue queue,
        CancellationToken cancellationToken)
    {
        var result = await SetAsync(
            id,
            new ChangeFailoverSettingsRequest { Strategy = InstanceViews.Word(FailoverStrategy.Disabled) },
            caller,
            instances,
            settings,
            autoStandby,
            queue,
            cancellationToken);
        return result is Problem
            ? result
            : await DoneAsync(
                id,
                "Nothing happens by itself when its GPU is lost. A standby that it has is kept, and billed, until it is given up.",
                caller,
                instances,
                settings,
                autoStandby,
                cancellationToken);
    }

    private static async Task<IResult> RefuseWarmPoolAsync(InstanceId id, Caller caller, InstanceStore instances, CancellationToken cancellationToken) =>
        await instances.FindOfUserAsync(caller.UserId, id, cancellationToken) is null
            ? Problems.Unknown("instance", id)
            : new Problem(Problems.NotSupported, $"This server has no warm pools. Strategies that it supports: {FailoverStrategies.Supported}.");

    private static async Task<IResult> DoneAsync(
        InstanceId id,
        string message,
        Caller caller,
        InstanceStore instances,
        FailoverSettings settings,
        AutoStandby autoStandby,
        CancellationToken cancellationToken) =>
        await FindAsync(id, caller, instances, settings, autoStandby, cancellationToken) is { } found
            ? TypedResults.Ok(new FailoverSettingsActionResponse(true, message, found))
            : Problems.Unknown("instance", id);

    /// <summary>Settings of an instance as they hold; null when the user has no such instance.</summary>
    internal static async Task<MachineFailoverSettingsResponse?> FindAsync(
        InstanceId id, Caller caller, InstanceStore instances, FailoverSettings settings, AutoStandby autoStandby, CancellationToken cancellationToken) =>
        await instances.FindOfUserAsync(caller.UserId, id, cancellationToken) is { } instance
            ? ToResponse(
                instance,
                (await settings.ListOwnAsync(caller.UserId, cancellationToken)).GetValueOrDefault(id),
                await autoStandby.GetAsync(caller.UserId, cancellationToken),
                settings)
            : null;

    internal static FailoverSettingsResponse ToResponse(AutoStandbySettings ofUser, FailoverSettings settings)
    {
        var rules = settings.Resolve(ofUser, own: null);
        return new FailoverSettingsResponse
        {
            Strategy = InstanceViews.Word(rules.Strategy),
            AutoFailover = rules.AutoFailover,
            AutoRecovery = rules.AutoRecovery,
            HealthCheckInterval = rules.HealthCheckInterval.TotalSeconds,
            FailoverThreshold = rules.FailoverThreshold,
            Acknowledge = InstanceViews.Word(rules.Acknowledge),
            SyncExcludes = rules.SyncExcludes ?? [],
            SyncBandwidthLimit = rules.SyncBandwidthLimit,
            DetectionSeconds = rules.SuspectAfter.TotalSeconds,
            AutoStandbyEnabled = ofUser.Enabled,
        };
    }

    private static MachineFailoverSettingsResponse ToResponse(Instance instance, FailoverWishes? own, AutoStandbySettings ofUser, FailoverSettings settings)
    {
        var rules = settings.Resolve(ofUser, own);
        return new MachineFailoverSettingsResponse
        {
            MachineId = instance.Id,
            Label = instance.Label,
            UseGlobal = own is null,
            Strategy = InstanceViews.Word(rules.Strategy),
            AutoFailover = rules.AutoFailover,
            AutoRecovery = rules.AutoRecovery,
            HealthCheckInterval = rules.HealthCheckInterval.TotalSeconds,
            FailoverThreshold = rules.FailoverThreshold,
            Acknowledge = InstanceViews.Word(rules.Acknowledge),
            SyncExcludes = rules.SyncExcludes ?? [],
            SyncBandwidthLimit = rules.SyncBandwidthLimit,
            DetectionSeconds = rules.SuspectAfter.TotalSeconds,
            Own = new FailoverOwnSettings(
                own?.Strategy is { } strategy ? InstanceViews.Word(strategy) : null,
                own?.AutoFailover,
                own?.AutoRecovery,
                own?.HealthCheckInterval?.TotalSeconds,
                own?.FailoverThreshold,
                own?.Acknowledge is { } acknowledge ? InstanceViews.Word(acknowledge) : null,
                own?.SyncExcludes,
                own?.SyncBandwidthLimit),
        };
    }
}
