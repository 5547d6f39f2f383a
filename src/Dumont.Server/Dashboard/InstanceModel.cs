using Dumont.Contracts;

namespace Dumont.Server.Dashboard;

/// <summary>Everything that the page of one instance shows.</summary>
/// <param name="Instance">As the API has it.</param>
/// <param name="Pair">With its standby; null without one.</param>
/// <param name="Failover">The last one; null when there was none.</param>
/// <param name="Metrics">What the writing machine's agent last measured; null before its first report.</param>
/// <param name="ReportedAt">When that was.</param>
/// <param name="CostAtMostUsd">Prices times the time since each machine was rented. Pauses are not taken out: they are not kept yet.</param>
/// <param name="Cold">What is left where no standby can take over.</param>
/// <param name="StandbyUsdPerHour">What a standby would cost; null when there is one, or no price is known.</param>
/// <param name="Events">Newest first.</param>
/// <param name="Now">When it was read.</param>
public sealed record InstanceModel(
    InstanceResponse Instance,
    AssociationResponse? Pair,
    FailoverResponse? Failover,
    AgentMetrics? Metrics,
    DateTimeOffset? ReportedAt,
    decimal CostAtMostUsd,
    ColdRecoveryResponse Cold,
    decimal? StandbyUsdPerHour,
    IReadOnlyList<EventResponse> Events,
    DateTimeOffset Now)
{
    /// <summary>Whether its GPU is lost and being replaced.</summary>
    public bool IsFailingOver => Pair?.FailoverId is not null || IsRecovering;

    /// <summary>Whether it is being brought back from a snapshot.</summary>
    public bool IsRecovering => Failover is { CompletedAt: null, Strategy: "cold_recovery" };

    /// <summary>Whether it stands still, and could be brought back from a snapshot by hand.</summary>
    public bool CanRecover => Instance is { Status: "error", StartDate: not null } && Cold.Ready && !IsFailingOver;
}

/// <summary>What a new instance will cost.</summary>
/// <param name="MachineUsdPerHour">The machine with its disk.</param>
/// <param name="StandbyUsdPerHour">The standby with its disk; null when none was asked for.</param>
/// <param name="DiskGb">Disk that was counted.</param>
public sealed record Quote(decimal MachineUsdPerHour, decimal? StandbyUsdPerHour, double DiskGb)
{
    private const int HoursPerDay = 24;
    private const int HoursPerMonth = 720;

    /// <summary>Both.</summary>
    public decimal UsdPerHour => MachineUsdPerHour + (StandbyUsdPerHour ?? 0);

    /// <summary>For a day.</summary>
    public decimal UsdPerDay => UsdPerHour * HoursPerDay;

    /// <summary>For a month of 720 hours.</summary>
    public decimal UsdPerMonth => UsdPerHour * HoursPerMonth;
}

/// <summary>How states are coloured.</summary>
internal static class Tones
{
    /// <summary>The tone of an instance's status, a pair's state or a machine's phase.</summary>
    public static string Of(string? word) => word switch
    {
        "running" or "ready" or "healthy" or "complete" or "live" => "good",
        "creating" or "pausing" or "resuming" or "deleting" or "provisioning" or "syncing" or "recovering" => "busy",
        "failover_active" or "orphaned" or "degraded" => "warn",
        "error" or "failed" => "bad",
        _ => "idle",
    };
}
