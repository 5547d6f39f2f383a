using System.Globalization;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;
using Dumont.Server.Settings;

namespace Dumont.Server.Standby;

/// <summary>Whether new instances get a standby, of what kind, and what happens when a GPU is lost.</summary>
internal static class StandbyPages
{
    private const string Path = "/settings/standby";
    private const string FailoverPath = "/settings/standby/failover";

    /// <summary>Maps the page.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, SetAsync);
        pages.MapGet(FailoverPath, ShowAsync);
        pages.MapPost(FailoverPath, SetFailoverAsync);
    }

    private static async Task<IResult> ShowAsync(
        HttpContext context, Caller caller, AutoStandby autoStandby, FailoverSettings failover, ProviderAccounts accounts, CancellationToken cancellationToken)
    {
        var settings = await autoStandby.GetAsync(caller.UserId, cancellationToken);
        return await PageAsync(context, caller, accounts, FormOf(settings), FailoverFormOf(settings, failover), problem: null, cancellationToken);
    }

    private static async Task<IResult> SetAsync(
        HttpContext context,
        Caller caller,
        AutoStandby autoStandby,
        FailoverSettings failover,
        ProviderAccounts accounts,
        MachinePlacement placement,
        WorkQueue queue,
        CancellationToken cancellationToken)
    {
        var sent = await context.Request.ReadFormAsync(cancellationToken);
        var form = new StandbyForm(sent["enabled"] == "true", sent["gcp_zone"].ToString().Trim(), sent["gcp_disk_size"].ToString().Trim());
        var request = new ConfigureStandbyRequest
        {
            Enabled = form.Enabled,
            GcpZone = form.GcpZone.Length == 0 ? "auto" : form.GcpZone,
            GcpDiskSize = int.TryParse(form.GcpDiskSize, NumberStyles.None, CultureInfo.InvariantCulture, out var disk) ? disk : 0,
        };
        if (await StandbyEndpoints.ConfigureAsync(request, caller, autoStandby, failover, accounts, placement, queue, cancellationToken) is not Problem problem)
        {
            return Page.GoTo(context, Path, new Ui(Language.Of(context.Request))["settings.saved"]);
        }

        var settings = await autoStandby.GetAsync(caller.UserId, cancellationToken);
        return await PageAsync(context, caller, accounts, form, FailoverFormOf(settings, failover), problem, cancellationToken);
    }

    private static async Task<IResult> SetFailoverAsync(
        HttpContext context,
        Caller caller,
        AutoStandby autoStandby,
        FailoverSettings failover,
        ProviderAccounts accounts,
        WorkQueue queue,
        CancellationToken cancellationToken)
    {
        var form = FailoverSettingsPages.Read(await context.Request.ReadFormAsync(cancellationToken));
        var request = FailoverSettingsPages.ToRequest(form);
        if (await FailoverSettingsEndpoints.SetGlobalAsync(request, caller, failover, autoStandby, queue, cancellationToken) is not Problem problem)
        {
            return Page.GoTo(context, Path, new Ui(Language.Of(context.Request))["settings.saved"]);
        }

        var settings = await autoStandby.GetAsync(caller.UserId, cancellationToken);
        return await PageAsync(context, caller, accounts, FormOf(settings), form, problem, cancellationToken);
    }

    private static StandbyForm FormOf(AutoStandbySettings settings) =>
        new(settings.Enabled, settings.GcpZone ?? "", settings.GcpDiskSize.ToString(CultureInfo.InvariantCulture));

    private static FailoverSettingsForm FailoverFormOf(AutoStandbySettings settings, FailoverSettings failover)
    {
        var shown = FailoverSettingsEndpoints.ToResponse(settings, failover);
        return FailoverSettingsForm.Of(
            shown.Strategy,
            shown.AutoFailover,
            shown.AutoRecovery,
            shown.HealthCheckInterval,
            shown.FailoverThreshold,
            shown.Acknowledge,
            shown.SyncExcludes,
            shown.SyncBandwidthLimit);
    }

    private static async Task<IResult> PageAsync(
        HttpContext context,
        Caller caller,
        ProviderAccounts accounts,
        StandbyForm form,
        FailoverSettingsForm failover,
        Problem? problem,
        CancellationToken cancellationToken)
    {
        var ui = new Ui(Language.Of(context.Request));
        var account = await accounts.FindForUserAsync(caller.UserId, StandbyPlacement.StandbyProvider, cancellationToken);
        var price = account is null || !int.TryParse(form.GcpDiskSize, NumberStyles.None, CultureInfo.InvariantCulture, out var disk)
            ? null
            : await StandbyEndpoints.FindHourlyAsync(account, form.GcpZone.Length == 0 ? null : form.GcpZone, disk, cancellationToken);
        return Page.Show<StandbySettingsPage>(
            context,
            new
            {
                Form = form,
                Failover = failover,
                HasAccount = account is not null,
                UsdPerHour = price,
                Errors = (IReadOnlyDictionary<string, string>)(problem?.Fields?.ToDictionary(error => error.Field, error => ProblemTexts.OfField(ui, error)) ?? []),
                Problem = problem is { Fields: null } ? ProblemTexts.Of(ui, problem) : null,
            },
            problem?.Kind.Status ?? StatusCodes.Status200OK);
    }
}

/// <summary>The form as it was typed.</summary>
/// <param name="Enabled">New GPU instances get a standby.</param>
/// <param name="GcpZone">Empty for the nearest.</param>
/// <param name="GcpDiskSize">GB.</param>
public sealed record StandbyForm(bool Enabled, string GcpZone, string GcpDiskSize);
