using System.Text.Json.Serialization;

namespace Dumont.Contracts;

/// <summary>Changes auto-standby; absent members stay.</summary>
public sealed record ConfigureStandbyRequest
{
    /// <summary>New GPU instances get a standby; default true.</summary>
    public bool? Enabled { get; init; }

    /// <summary>Alias of <see cref="Enabled"/>.</summary>
    public bool? AutoStandbyEnabled { get; init; }

    /// <summary>Zone of all standbys, <c>europe-west1-b</c>; <c>auto</c> for the nearest to each GPU.</summary>
    public string? GcpZone { get; init; }

    /// <summary>Only <c>e2-medium</c> at present.</summary>
    public string? GcpMachineType { get; init; }

    /// <summary>GB, 10 to 2,000.</summary>
    public int? GcpDiskSize { get; init; }

    /// <summary>Only true at present.</summary>
    public bool? GcpSpot { get; init; }

    /// <summary>Switch to the standby without being asked.</summary>
    public bool? AutoFailover { get; init; }

    /// <summary>Look for a new GPU after that.</summary>
    public bool? AutoRecovery { get; init; }
}

/// <summary>Auto-standby settings as they are.</summary>
public sealed record StandbyConfig(
    string GcpZone,
    string GcpMachineType,
    int GcpDiskSize,
    bool GcpSpot,
    double SyncInterval,
    bool AutoFailover,
    bool AutoRecovery,
    decimal? EstimatedCostMonthlyUsd);

/// <summary>Answer to a configuration.</summary>
public sealed record ConfigureStandbyResponse(bool Success, string Message, bool Enabled, StandbyConfig Config);

/// <summary>State of all the user's standbys.</summary>
/// <param name="Configured">Google Cloud credentials are there and auto-standby is on.</param>
/// <param name="AutoStandbyEnabled">New GPU instances get a standby.</param>
/// <param name="ActiveAssociations">Pairs whose GPU side lives.</param>
/// <param name="Associations">By instance id.</param>
/// <param name="Orphans">Standbys whose instance is deleted; they bill until they are released.</param>
/// <param name="OrphanCount">Number of them.</param>
/// <param name="Config">Settings.</param>
public sealed record StandbyStatusResponse(
    bool Configured,
    bool AutoStandbyEnabled,
    int ActiveAssociations,
    IReadOnlyDictionary<string, AssociationResponse> Associations,
    IReadOnlyList<AssociationResponse> Orphans,
    int OrphanCount,
    StandbyConfig Config);

/// <summary>The user's pairs by instance id.</summary>
public sealed record AssociationListResponse(IReadOnlyDictionary<string, AssociationResponse> Associations, int Count);

/// <summary>One pair.</summary>
public sealed record AssociationResponse
{
    /// <summary>The instance.</summary>
    public required InstanceId GpuInstanceId { get; init; }

    /// <summary>Its standby machine.</summary>
    public required StandbyMachineResponse CpuStandby { get; init; }

    /// <summary>Changes are being sent.</summary>
    public required bool SyncEnabled { get; init; }

    /// <summary>The GPU side was lost and is not back.</summary>
    public required bool GpuFailed { get; init; }

    /// <summary>Why.</summary>
    public string? FailureReason { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? FailedAt { get; init; }

    /// <summary><c>provisioning, syncing, ready, failover_active, recovering, orphaned, error</c>.</summary>
    public required string State { get; init; }

    /// <summary>Times that the standby reached the writer's state.</summary>
    public required long SyncCount { get; init; }

    /// <summary>When that was last, UTC.</summary>
    public DateTimeOffset? LastSyncAt { get; init; }

    /// <summary>Age of the oldest change the standby lacks, seconds; while sync is off, the time since it last had everything; null before the first pass.</summary>
    public double? RpoSeconds { get; init; }

    /// <summary>When a flush of a user's process returns: <c>async</c>, with the machine's own disk; <c>sync</c>, when the standby has it, too; <c>renewing</c>, the
    /// same, but not yet of what was flushed before; <c>suspended</c>, without the standby for the time being.</summary>
    public required string Acknowledge { get; init; }

    /// <summary>Phase of the running failover; null when none.</summary>
    public string? FailoverPhase { get; init; }

    /// <summary>Running failover; null when none.</summary>
    public string? FailoverId { get; init; }

    /// <summary>UTC.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary><c>healthy</c>, <c>degraded</c> or <c>unknown</c>.</summary>
    public required string HealthStatus { get; init; }

    /// <summary>Last trouble; null when all is well.</summary>
    public string? Message { get; init; }
}

/// <summary>A standby machine.</summary>
public sealed record StandbyMachineResponse(string? Name, string? Zone, string? Ip, string? MachineType, string Status, decimal DphTotal);

/// <summary>Answer to an action on a pair.</summary>
public sealed record AssociationActionResponse(bool Success, InstanceId GpuInstanceId, bool SyncEnabled, string Message);

/// <summary>Price of a standby.</summary>
public sealed record StandbyPricingResponse(
    string MachineType, int DiskGb, bool Spot, decimal EstimatedHourlyUsd, decimal EstimatedMonthlyUsd, StandbyPriceBreakdown Breakdown, string Note);

/// <summary>Parts of it, $/month of 720 hours.</summary>
public sealed record StandbyPriceBreakdown(decimal VmMonthly, decimal DiskMonthly);

/// <summary>Answer to a failover that was asked for.</summary>
public sealed record FailoverStartedResponse(string? FailoverId, InstanceId GpuInstanceId, string Message, string Phase);

/// <summary>One failover.</summary>
public sealed record FailoverResponse
{
    /// <summary><c>fo-…</c>.</summary>
    public required string FailoverId { get; init; }

    /// <summary>The instance.</summary>
    public required InstanceId GpuInstanceId { get; init; }

    /// <summary><c>gpu_failure</c> or what the request said.</summary>
    public required string Reason { get; init; }

    /// <summary><c>detecting, gpu_lost, failover_to_cpu, searching_gpu, provisioning, restoring, complete, failed</c>.</summary>
    public required string Phase { get; init; }

    /// <summary>When the loss was confirmed, UTC.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>UTC; null while it runs.</summary>
    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>Null while it runs.</summary>
    public bool? Success { get; init; }

    /// <summary>Machine that took over, in our records.</summary>
    public MachineId? NewGpuId { get; init; }

    /// <summary>The new GPU machine has the workspace.</summary>
    public required bool DataRestored { get; init; }

    /// <summary>Age of the oldest change that the standby lacked when the lost machine was last heard of, seconds; where sync was off, the time since it last had everything. Of a recovery from a snapshot: its age at that moment.</summary>
    public double? RpoSeconds { get; init; }

    /// <summary>What took over: <c>cpu_standby</c>, or <c>cold_recovery</c> for a new machine filled from a snapshot.</summary>
    public string Strategy { get; init; } = "cpu_standby";

    /// <summary>The snapshot that was brought back; null for a standby, and where there was none.</summary>
    public string? SnapshotId { get; init; }

    /// <summary>From the last sign of life until the user was served again, seconds; null before.</summary>
    public double? RtoSeconds { get; init; }

    /// <summary>Milliseconds a phase, of the phases that have ended.</summary>
    [JsonPropertyName("phase_timings_ms")]
    public required IReadOnlyDictionary<string, double> PhaseTimingsMs { get; init; }

    /// <summary>From the last sign of life to the end, or to now.</summary>
    public required double TotalTimeMs { get; init; }

    /// <summary>Why it failed.</summary>
    public string? Error { get; init; }
}

/// <summary>Failovers that are running.</summary>
public sealed record ActiveFailoversResponse(int ActiveCount, IReadOnlyList<FailoverResponse> Failovers);

/// <summary>What failovers did over some days.</summary>
public sealed record FailoverReportResponse(
    int PeriodDays,
    int TotalFailovers,
    int SuccessfulFailovers,
    int FailedFailovers,
    double? SuccessRate,
    double? MttrMs,
    double? MttrSeconds,
    IReadOnlyDictionary<string, double> LatencyByPhaseMs,
    int DataRestoredCount,
    int GpusProvisionedCount,
    string? PrimaryCause,
    IReadOnlyList<FailoverResponse> History);
