using System.Globalization;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;
using Dumont.Server.Settings;

namespace Dumont.Server.Standby;

/// <summary>Whether new instances get a standby, and what kind.</summary>
internal static class StandbyPages
{
    private const string Path = "/settings/standby";

    /// <summary>Maps the page.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, SetAsync);
    }

    private static async Task<IResult> ShowAsync(
        HttpContext context, Caller caller, AutoStandby autoStandby, ProviderAccounts accounts, CancellationToken cancellationToken)
    {
        var settings = await autoStandby.GetAsync(caller.UserId, cancellationToken);
        var form = new StandbyForm(
            settings.Enabled, settings.GcpZone ?? "", settings.GcpDiskSize.ToString(CultureInfo.InvariantCulture), settings.AutoFailover, settings.AutoRecovery);
        return await PageAsync(context, caller, accounts, form, problem: null, cancellationToken);
    }

    private static async Task<IResult> SetAsync(
        HttpContext context,
        Caller caller,
        AutoStandby autoStandby,
        ProviderAccounts accounts,
        MachinePlacement placement,
        CancellationToken cancellationToken)
    {
        var sent = await context.Request.ReadFormAsync(cancellationToken);
        var form = new StandbyForm(
            sent["enabled"] == "true", sent["gcp_zone"].ToString().Trim(), sent["gcp_disk_size"].ToString().Trim(), sent["auto_failover"] == "true", sent["auto_recovery"] == "true");
        var request = new ConfigureStandbyRequest
        {
            Enabled = form.Enabled,
            GcpZone = form.GcpZone.Length == 0 ? "auto" : form.GcpZone,
            GcpDiskSize = int.TryParse(form.GcpDiskSize, NumberStyles.None, CultureInfo.InvariantCulture, out var disk) ? disk : 0,
            AutoFailover = form.AutoFailover,
            AutoRecovery = form.AutoRecovery,
        };
        return await StandbyEndpoints.ConfigureAsync(request, caller, autoStandby, accounts, placement, cancellationToken) is Problem problem
            ? await PageAsync(context, caller, accounts, form, problem, cancellationToken)
            : Page.GoTo(context, Path, new Ui(Language.Of(context.Request))["settings.saved"]);
    }

    private static async Task<IResult> PageAsync(
        HttpContext context, Caller caller, ProviderAccounts accounts, StandbyForm form, Problem? problem, CancellationToken cancellationToken)
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
/// <param name="AutoFailover">Switch without being asked.</param>
/// <param name="AutoRecovery">Then look for a GPU.</param>
public sealed record StandbyForm(bool Enabled, string GcpZone, string GcpDiskSize, bool AutoFailover, bool AutoRecovery);
