using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Web;
using Dumont.Snapshots;

namespace Dumont.Server.Standby;

/// <summary>What settings of failover must be. Pure; each refusal names the field and what is allowed.</summary>
internal static class FailoverSettingsRules
{
    private const double IntervalMin = 0.1;
    private const double IntervalMax = 60;
    private const int ThresholdMin = 2;
    private const int ThresholdMax = 100;
    private const int BandwidthMax = 100_000;
    private const int PatternsMax = 64;
    private const int PatternLengthMax = 512;

    /// <summary>Everything wrong with <paramref name="request"/>.</summary>
    public static IReadOnlyList<FieldError> Check(ChangeFailoverSettingsRequest request)
    {
        var errors = new List<FieldError>();
        CheckStrategy(errors, "strategy", request.Strategy);
        CheckStrategy(errors, "default_strategy", request.DefaultStrategy);
        if (request.HealthCheckInterval is { } interval && !(interval is >= IntervalMin and <= IntervalMax))
        {
            errors.Add(new FieldError("health_check_interval", FormattableString.Invariant($"Must be from {IntervalMin} to {IntervalMax}.")));
        }

        if (request.FailoverThreshold is < ThresholdMin or > ThresholdMax)
        {
            errors.Add(new FieldError("failover_threshold", $"Must be from {ThresholdMin} to {ThresholdMax}."));
        }

        if (request.Acknowledge is { } acknowledge && AcknowledgementOf(acknowledge) is null)
        {
            errors.Add(new FieldError("acknowledge", "Must be one of async, sync."));
        }

        if (request.SyncBandwidthLimit is < 0 or > BandwidthMax)
        {
            errors.Add(new FieldError("sync_bandwidth_limit", $"Must be 0 for no limit, or from 1 to {BandwidthMax}."));
        }

        CheckExcludes(errors, PatternsOf(request));
        return errors;
    }

    /// <summary>Adds what is wrong with the name of a strategy, if anything.</summary>
    public static void CheckStrategy(List<FieldError> errors, string field, string? id)
    {
        if (id is null || FailoverStrategies.Find(id) is not null)
        {
            return;
        }

        errors.Add(FailoverStrategies.IsKnown(id)
            ? new FieldError(field, $"Is not supported by this server; must be one of {FailoverStrategies.Supported}.")
            : new FieldError(field, $"Must be one of {FailoverStrategies.Supported}."));
    }

    /// <summary>What is wrong with a strategy that is to be used whatever the settings say; null when nothing is.</summary>
    public static FieldError? CheckForced(string field, string? id, string part)
    {
        var only = InstanceViews.Word(FailoverStrategy.CpuStandby);
        return id is null || id == only ? null : new FieldError(field, $"Must be one of {only}.", In: part);
    }

    /// <summary>An instance's own settings after the change.</summary>
    public static FailoverWishes Apply(ChangeFailoverSettingsRequest request, FailoverWishes before) =>
        new()
        {
            Strategy = StrategyOf(request) ?? before.Strategy,
            AutoFailover = request.AutoFailover ?? request.AutoFailoverEnabled ?? before.AutoFailover,
            AutoRecovery = request.AutoRecovery ?? before.AutoRecovery,
            HealthCheckInterval = IntervalOf(request) ?? before.HealthCheckInterval,
            FailoverThreshold = request.FailoverThreshold ?? before.FailoverThreshold,
            Acknowledge = AcknowledgementOf(request.Acknowledge) ?? before.Acknowledge,
            SyncExcludes = PatternsOf(request) ?? before.SyncExcludes,
            SyncBandwidthLimit = request.SyncBandwidthLimit ?? before.SyncBandwidthLimit,
        };

    /// <summary>A user's settings after the change.</summary>
    public static AutoStandbySettings Apply(ChangeFailoverSettingsRequest request, AutoStandbySettings before) =>
        before with
        {
            Strategy = StrategyOf(request) ?? before.Strategy,
            AutoFailover = request.AutoFailover ?? request.AutoFailoverEnabled ?? before.AutoFailover,
            AutoRecovery = request.AutoRecovery ?? before.AutoRecovery,
            HealthCheckInterval = IntervalOf(request) ?? before.HealthCheckInterval,
            FailoverThreshold = request.FailoverThreshold ?? before.FailoverThreshold,
            Acknowledge = AcknowledgementOf(request.Acknowledge) ?? before.Acknowledge,
            SyncExcludes = PatternsOf(request) ?? before.SyncExcludes,
            SyncBandwidthLimit = request.SyncBandwidthLimit ?? before.SyncBandwidthLimit,
        };

    // Empty ones are left out: a form and a command line say "none" by one.
    private static List<string>? PatternsOf(ChangeFailoverSettingsRequest request) =>
        request.SyncExcludes?.Where(pattern => pattern.Length > 0).ToList();

    private static void CheckExcludes(List<FieldError> errors, List<string>? patterns)
    {
        if (patterns is { Count: > PatternsMax } || patterns?.Any(pattern => pattern.Length > PatternLengthMax || pattern.Any(char.IsControl)) == true)
        {
            errors.Add(new FieldError("sync_excludes", $"Must be at most {PatternsMax} patterns of at most {PatternLengthMax} characters without control characters."));
            return;
        }

        foreach (var pattern in patterns ?? [])
        {
            if (!PathFilter.IsPattern(pattern))
            {
                errors.Add(new FieldError("sync_excludes", $"'{pattern}' is not a pattern: it is empty, goes up, or has an open bracket."));
            }
        }
    }

    private static FailoverStrategy? StrategyOf(ChangeFailoverSettingsRequest request) =>
        (request.Strategy ?? request.DefaultStrategy) is { } id ? FailoverStrategies.Find(id) : null;

    private static Acknowledgement? AcknowledgementOf(string? word) => word switch
    {
        "async" => Acknowledgement.Async,
        "sync" => Acknowledgement.Sync,
        _ => null,
    };

    private static TimeSpan? IntervalOf(ChangeFailoverSettingsRequest request) =>
        request.HealthCheckInterval is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
}
