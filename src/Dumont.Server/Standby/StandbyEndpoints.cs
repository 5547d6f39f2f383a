using System.Text.RegularExpressions;
using Dumont.Contracts;
using Dumont.Market.Regions;
using Dumont.Providers;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;
using Dumont.Server.Platform.Web;
using Dumont.Server.Settings;

namespace Dumont.Server.Standby;

internal static partial class StandbyEndpoints
{
    private const decimal DiskUsdPerGbMonth = 0.04m;
    private const int HoursPerMonth = 720;

    private static readonly IReadOnlyList<string> Zones = [.. GcpRegions.All.SelectMany(region => region.Zones)];

    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/standby").WithTags("standby");
        group.MapGet("/status", StatusAsync).RequireScope(Scopes.InstancesRead).WithSummary("Auto-standby, pairs and orphans");
        group.MapPost("/configure", ConfigureAsync).RequireScope(Scopes.InstancesWrite).Produces<ConfigureStandbyResponse>()
            .WithSummary("Switch auto-standby on or off, and say how");
        group.MapGet("/associations", ListAsync).RequireScope(Scopes.InstancesRead).WithSummary("Instances and their standbys");
        group.MapGet("/associations/{id}", GetAsync).RequireScope(Scopes.InstancesRead).Produces<AssociationResponse>().WithSummary("One pair");
        group.MapDelete("/associations/{id}", ReleaseAsync).RequireScope(Scopes.InstancesDestroy).Produces<AssociationActionResponse>()
            .WithSummary("Give a standby up and its machine back");
        group.MapPost("/associations/{id}/start-sync", StartSyncAsync).RequireScope(Scopes.InstancesWrite).Produces<AssociationActionResponse>()
            .WithSummary("Send changes to the standby");
        group.MapPost("/associations/{id}/stop-sync", StopSyncAsync).RequireScope(Scopes.InstancesWrite).Produces<AssociationActionResponse>()
            .WithSummary("Stop sending changes");
        group.MapPost("/provision/{id}", ProvisionAsync).RequireScope(Scopes.InstancesWrite).Produces<AssociationResponse>()
            .WithSummary("Give an instance a standby");
        group.MapGet("/pricing", PricingAsync).RequireScope(Scopes.InstancesRead).Produces<StandbyPricingResponse>().WithSummary("What a standby costs");
    }

    private static async Task<StandbyStatusResponse> StatusAsync(
        Caller caller,
        StandbyViews views,
        AutoStandby autoStandby,
        ProviderAccounts accounts,
        MachinePlacement placement,
        CancellationToken cancellationToken)
    {
        var settings = await autoStandby.GetAsync(caller.UserId, cancellationToken);
        var pairs = await views.ListAsync(caller.UserId, cancellationToken);
        var orphans = pairs.Where(pair => pair.State == "orphaned").ToList();
        var hasAccount = await accounts.FindForUserAsync(caller.UserId, StandbyPlacement.StandbyProvider, cancellationToken) is not null
            || await placement.HasOwnStandbyAsync(caller.UserId, cancellationToken);
        return new StandbyStatusResponse(
            hasAccount && settings.Enabled,
            settings.Enabled,
            pairs.Count - orphans.Count,
            ById(pairs),
            orphans,
            orphans.Count,
            ToConfig(settings, null));
    }

    internal static async Task<IResult> ConfigureAsync(
        ConfigureStandbyRequest request,
        Caller caller,
        AutoStandby autoStandby,
        FailoverSettings failover,
        ProviderAccounts accounts,
        MachinePlacement placement,
        WorkQueue queue,
        CancellationToken cancellationToken)
    {
        var errors = Check(request);
        if (errors.Count > 0)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        var enabled = request.Enabled ?? request.AutoStandbyEnabled ?? true;
        var account = await accounts.FindForUserAsync(caller.UserId, StandbyPlacement.StandbyProvider, cancellationToken);
        if (enabled && account is null && !await placement.HasOwnStandbyAsync(caller.UserId, cancellationToken))
        {
            return new Problem(
                Problems.ProviderNotConfigured,
                "There are no credentials for Google Cloud and no own machine that may be a standby; set gcp_credentials, or join one with uses=standby.");
        }

        await failover.ChangeOfUserAsync(
            caller.UserId,
            before => before with
            {
                Enabled = enabled,
                GcpZone = request.GcpZone is null ? before.GcpZone : request.GcpZone == "auto" ? null : request.GcpZone,
                GcpDiskSize = request.GcpDiskSize ?? before.GcpDiskSize,
                AutoFailover = request.AutoFailover ?? before.AutoFailover,
                AutoRecovery = request.AutoRecovery ?? before.AutoRecovery,
            },
            cancellationToken);
        queue.Pulse();
        var after = await autoStandby.GetAsync(caller.UserId, cancellationToken);
        var hourly = account is null ? null : await FindHourlyAsync(account, after.GcpZone, after.GcpDiskSize, cancellationToken);
        return TypedResults.Ok(new ConfigureStandbyResponse(
            true, enabled ? "New GPU instances get a CPU standby." : "New GPU instances get no standby.", enabled, ToConfig(after, hourly * HoursPerMonth)));
    }

    private static async Task<AssociationListResponse> ListAsync(Caller caller, StandbyViews views, CancellationToken cancellationToken)
    {
        var pairs = await views.ListAsync(caller.UserId, cancellationToken);
        return new AssociationListResponse(ById(pairs), pairs.Count);
    }

    private static async Task<IResult> GetAsync(InstanceId id, Caller caller, StandbyViews views, CancellationToken cancellationToken) =>
        (await views.ListAsync(caller.UserId, cancellationToken)).FirstOrDefault(pair => pair.GpuInstanceId == id) is { } pair
            ? TypedResults.Ok(pair)
            : Problems.Unknown("association of instance", id);

    internal static async Task<IResult> ReleaseAsync(
        InstanceId id, Caller caller, AssociationStore associations, WorkQueue queue, CancellationToken cancellationToken)
    {
        var released = await associations.ReleaseAsync(caller.UserId, id, cancellationToken);
        queue.Pulse();
        if (released)
        {
            return TypedResults.Ok(new AssociationActionResponse(true, id, false, "The standby is given up; its machine is being given back."));
        }

        return await associations.FindAsync(id, cancellationToken) is { Released: false } association && association.UserId == caller.UserId
            ? new Problem(Problems.WrongState, "The instance runs on its standby; give it up when a GPU machine has taken over, or delete the instance.")
            : Problems.Unknown("association of instance", id);
    }

    private static Task<IResult> StartSyncAsync(
        InstanceId id, Caller caller, AssociationStore associations, WorkQueue queue, CancellationToken cancellationToken) =>
        SetSyncAsync(id, true, "Sync is on.", caller, associations, queue, cancellationToken);

    private static Task<IResult> StopSyncAsync(
        InstanceId id, Caller caller, AssociationStore associations, WorkQueue queue, CancellationToken cancellationToken) =>
        SetSyncAsync(id, false, "Sync is off; the standby keeps what it has.", caller, associations, queue, cancellationToken);

    private static async Task<IResult> SetSyncAsync(
        InstanceId id, bool enabled, string message, Caller caller, AssociationStore associations, WorkQueue queue, CancellationToken cancellationToken)
    {
        var found = await associations.SetSyncEnabledAsync(caller.UserId, id, enabled, cancellationToken);
        queue.Pulse();
        return found ? TypedResults.Ok(new AssociationActionResponse(true, id, enabled, message)) : Problems.Unknown("association of instance", id);
    }

    internal static async Task<IResult> ProvisionAsync(
        InstanceId id,
        Caller caller,
        Database database,
        InstanceStore instances,
        AssociationStore associations,
        StandbyViews views,
        AutoStandby autoStandby,
        WorkQueue queue,
        CancellationToken cancellationToken)
    {
        if (await instances.FindOfUserAsync(caller.UserId, id, cancellationToken) is null)
        {
            return Problems.Unknown("instance", id);
        }

        var settings = await autoStandby.GetAsync(caller.UserId, cancellationToken);
        await database.WriteAsync(transaction => associations.EnsureAsync(transaction, id, caller.UserId, settings.GcpZone), cancellationToken);
        queue.Pulse();
        return await GetAsync(id, caller, views, cancellationToken);
    }

    private static async Task<IResult> PricingAsync(
        Caller caller,
        ProviderAccounts accounts,
        [Microsoft.AspNetCore.Mvc.FromQuery(Name = "machine_type")] string? machineType,
        [Microsoft.AspNetCore.Mvc.FromQuery(Name = "disk_gb")] int? diskGb,
        bool? spot,
        CancellationToken cancellationToken)
    {
        if (machineType is not (null or "e2-medium"))
        {
            return Problems.Field("machine_type", "Only e2-medium is offered at present.", "query");
        }

        if (spot == false)
        {
            return Problems.Field("spot", "Only spot machines are offered at present.", "query");
        }

        if (diskGb is < 10 or > 2000)
        {
            return Problems.Field("disk_gb", "Must be from 10 to 2000.", "query");
        }

        if (await accounts.FindForUserAsync(caller.UserId, StandbyPlacement.StandbyProvider, cancellationToken) is not { } account)
        {
            return new Problem(Problems.ProviderNotConfigured, "There are no credentials for Google Cloud; set gcp_credentials first.");
        }

        var disk = diskGb ?? 100;
        if (await FindHourlyAsync(account, null, disk: 0, cancellationToken) is not { } vm)
        {
            return Problems.Provider(StandbyPlacement.StandbyProvider);
        }

        var diskMonthly = disk * DiskUsdPerGbMonth;
        return TypedResults.Ok(new StandbyPricingResponse(
            "e2-medium",
            disk,
            true,
            Math.Round(vm + (diskMonthly / HoursPerMonth), 5),
            Math.Round((vm * HoursPerMonth) + diskMonthly, 2),
            new StandbyPriceBreakdown(Math.Round(vm * HoursPerMonth, 2), Math.Round(diskMonthly, 2)),
            "Cheapest zone of the price table; a month has 720 hours."));
    }

    internal static async Task<decimal?> FindHourlyAsync(ProviderAccount account, string? zone, int disk, CancellationToken cancellationToken)
    {
        try
        {
            var offers = await account.Client.SearchOffersAsync(new OfferQuery { Interruptible = true, Limit = 1000 }, cancellationToken);
            var prices = offers.Where(offer => zone is null || offer.Id.StartsWith(zone + "/", StringComparison.Ordinal)).Select(offer => offer.UsdPerHour).ToList();
            return prices.Count == 0 ? null : prices.Min() + (disk * DiskUsdPerGbMonth / HoursPerMonth);
        }
        catch (ProviderException)
        {
            return null;
        }
    }

    private static List<FieldError> Check(ConfigureStandbyRequest request)
    {
        var errors = new List<FieldError>();
        if (request.GcpZone is { } zone && zone != "auto" && !ZonePattern().IsMatch(zone))
        {
            errors.Add(new FieldError("gcp_zone", "Must be a zone such as europe-west1-b, or auto for the nearest to each GPU."));
        }
        else if (request.GcpZone is { } named && named != "auto" && !Zones.Contains(named))
        {
            errors.Add(new FieldError("gcp_zone", $"There is no zone {named}. Zones: {string.Join(", ", Zones)}."));
        }

        if (request.GcpMachineType is not (null or "e2-medium"))
        {
            errors.Add(new FieldError("gcp_machine_type", "Only e2-medium is offered at present."));
        }

        if (request.GcpDiskSize is < 10 or > 2000)
        {
            errors.Add(new FieldError("gcp_disk_size", "Must be from 10 to 2000."));
        }

        if (request.GcpSpot == false)
        {
            errors.Add(new FieldError("gcp_spot", "Only spot machines are offered at present."));
        }

        return errors;
    }

    private static StandbyConfig ToConfig(AutoStandbySettings settings, decimal? monthly) =>
        new(
            settings.GcpZone ?? "auto",
            settings.GcpMachineType,
            settings.GcpDiskSize,
            settings.GcpSpot,
            SyncInterval: 0,
            settings.AutoFailover,
            settings.AutoRecovery,
            monthly is { } usd ? Math.Round(usd, 2) : null);

    private static Dictionary<string, AssociationResponse> ById(IReadOnlyList<AssociationResponse> pairs) =>
        pairs.ToDictionary(pair => pair.GpuInstanceId.ToString());

    [GeneratedRegex(@"\A[a-z]+-[a-z]+[0-9]+-[a-z]\z")]
    private static partial Regex ZonePattern();
}
