using System.Globalization;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Standby;

/// <summary>The settings of failover by form: of all instances, on the page of the standby settings, and of one.</summary>
internal static class FailoverSettingsPages
{
    /// <summary>Maps the pages.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet("/instances/{id}/failover-settings", ShowAsync);
        pages.MapPost("/instances/{id}/failover-settings", SetAsync);
    }

    /// <summary>The form as it was sent.</summary>
    internal static FailoverSettingsForm Read(IFormCollection sent) =>
        new(
            sent["strategy"].ToString(),
            sent["auto_failover"] == "true",
            sent["auto_recovery"] == "true",
            sent["health_check_interval"].ToString().Trim(),
            sent["failover_threshold"].ToString().Trim(),
            sent["acknowledge"].ToString(),
            sent["sync_excludes"].ToString(),
            sent["sync_bandwidth_limit"].ToString().Trim());

    /// <summary>What the API is asked for.</summary>
    internal static ChangeFailoverSettingsRequest ToRequest(FailoverSettingsForm form) =>
        new()
        {
            Strategy = form.Strategy,
            AutoFailover = form.AutoFailover,
            AutoRecovery = form.AutoRecovery,
            HealthCheckInterval = double.TryParse(form.HealthCheckInterval, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) ? seconds : double.NaN,
            FailoverThreshold = int.TryParse(form.FailoverThreshold, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : 0,
            Acknowledge = form.Acknowledge.Length == 0 ? null : form.Acknowledge,
            SyncExcludes = form.SyncExcludes.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
            SyncBandwidthLimit = form.SyncBandwidthLimit.Length == 0 ? 0
                : int.TryParse(form.SyncBandwidthLimit, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : -1,
        };

    private static async Task<IResult> ShowAsync(
        InstanceId id,
        HttpContext context,
        Caller caller,
        InstanceStore instances,
        FailoverSettings settings,
        AutoStandby autoStandby,
        FailoverService service,
        CancellationToken cancellationToken) =>
        await PageAsync(id, context, caller, instances, settings, autoStandby, service, typed: null, problem: null, cancellationToken);

    private static async Task<IResult> SetAsync(
        InstanceId id,
        HttpContext context,
        Caller caller,
        InstanceStore instances,
        FailoverSettings settings,
        AutoStandby autoStandby,
        FailoverService service,
        WorkQueue queue,
        CancellationToken cancellationToken)
    {
        var sent = await context.Request.ReadFormAsync(cancellationToken);
        var form = Read(sent);
        var result = sent["use_global"] == "true"
            ? await FailoverSettingsEndpoints.UseGlobalAsync(id, caller, instances, settings, autoStandby, queue, cancellationToken)
            : await FailoverSettingsEndpoints.SetAsync(id, ToRequest(form), caller, instances, settings, autoStandby, queue, cancellationToken);
        return result is Problem problem
            ? await PageAsync(id, context, caller, instances, settings, autoStandby, service, form, problem, cancellationToken)
            : Page.GoTo(context, $"/instances/{id}/failover-settings", new Ui(Language.Of(context.Request))["settings.saved"]);
    }

    private static async Task<IResult> PageAsync(
        InstanceId id,
        HttpContext context,
        Caller caller,
        InstanceStore instances,
        FailoverSettings settings,
        AutoStandby autoStandby,
        FailoverService service,
        FailoverSettingsForm? typed,
        Problem? problem,
        CancellationToken cancellationToken)
    {
        if (await FailoverSettingsEndpoints.FindAsync(id, caller, instances, settings, autoStandby, cancellationToken) is not { } found
            || await service.FindReadinessAsync(caller.UserId, id, cancellationToken) is not { } readiness)
        {
            return Problems.Unknown("instance", id);
        }

        var ui = new Ui(Language.Of(context.Request));
        return Page.Show<FailoverSettingsPage>(
            context,
            new
            {
                Form = typed ?? FailoverSettingsForm.Of(
                    found.Strategy,
                    found.AutoFailover,
                    found.AutoRecovery,
                    found.HealthCheckInterval,
                    found.FailoverThreshold,
                    found.Acknowledge,
                    found.SyncExcludes,
                    found.SyncBandwidthLimit),
                Settings = found,
                Readiness = FailoverControlEndpoints.ToResponse(readiness),
                Errors = (IReadOnlyDictionary<string, string>)(problem?.Fields?.ToDictionary(error => error.Field, error => ProblemTexts.OfField(ui, error)) ?? []),
            },
            problem?.Kind.Status ?? StatusCodes.Status200OK);
    }
}

/// <summary>The form as it was typed.</summary>
/// <param name="Strategy">Id.</param>
/// <param name="AutoFailover">Switch without being asked.</param>
/// <param name="AutoRecovery">Then look for a GPU.</param>
/// <param name="HealthCheckInterval">Seconds.</param>
/// <param name="FailoverThreshold">Heartbeats.</param>
/// <param name="Acknowledge">When a flush returns.</param>
/// <param name="SyncExcludes">Patterns, one a line.</param>
/// <param name="SyncBandwidthLimit">Mbit/s; empty for no limit.</param>
public sealed record FailoverSettingsForm(
    string Strategy,
    bool AutoFailover,
    bool AutoRecovery,
    string HealthCheckInterval,
    string FailoverThreshold,
    string Acknowledge,
    string SyncExcludes,
    string SyncBandwidthLimit)
{
    /// <summary>The form of settings as they are.</summary>
    public static FailoverSettingsForm Of(
        string strategy,
        bool autoFailover,
        bool autoRecovery,
        double interval,
        int threshold,
        string acknowledge,
        IReadOnlyList<string> syncExcludes,
        int? syncBandwidthLimit) =>
        new(
            strategy,
            autoFailover,
            autoRecovery,
            interval.ToString(CultureInfo.InvariantCulture),
            threshold.ToString(CultureInfo.InvariantCulture),
            acknowledge,
            string.Join('\n', syncExcludes),
            syncBandwidthLimit?.ToString(CultureInfo.InvariantCulture) ?? "");
}
