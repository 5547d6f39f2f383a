namespace Dumont.Contracts;

/// <summary>One way of being ready for a lost GPU.</summary>
/// <param name="Id"><c>cpu_standby, warm_pool, both, regional_volume, all, disabled</c>.</param>
/// <param name="Name">For people.</param>
/// <param name="Description">What it does.</param>
/// <param name="RecoveryTime">How long users wait.</param>
/// <param name="Cost">What it costs while all is well.</param>
/// <param name="Requirements">What must be there.</param>
/// <param name="Supported">Whether this server can do it.</param>
/// <param name="Selectable">Whether settings may name it: <c>cold_recovery</c> stands behind all others and is not chosen.</param>
public sealed record FailoverStrategyResponse(
    string Id, string Name, string Description, string RecoveryTime, string Cost, IReadOnlyList<string> Requirements, bool Supported, bool Selectable = true);

/// <summary>All strategies.</summary>
public sealed record FailoverStrategyListResponse(IReadOnlyList<FailoverStrategyResponse> Strategies);

/// <summary>Changes settings of failover; absent members stay.</summary>
public sealed record ChangeFailoverSettingsRequest
{
    /// <summary>Id of a supported strategy.</summary>
    public string? Strategy { get; init; }

    /// <summary>Alias of <see cref="Strategy"/>.</summary>
    public string? DefaultStrategy { get; init; }

    /// <summary>Switch to the standby without being asked.</summary>
    public bool? AutoFailover { get; init; }

    /// <summary>Alias of <see cref="AutoFailover"/>.</summary>
    public bool? AutoFailoverEnabled { get; init; }

    /// <summary>Look for a new GPU after that.</summary>
    public bool? AutoRecovery { get; init; }

    /// <summary>Time between two heartbeats, seconds; 0.1 to 60.</summary>
    public double? HealthCheckInterval { get; init; }

    /// <summary>Heartbeats in a row that may be missing; 2 to 100.</summary>
    public int? FailoverThreshold { get; init; }

    /// <summary>When a flush (<c>fsync</c>) of a user's process returns: <c>async</c>, with the machine's own disk, or <c>sync</c>, when the standby has it, too.</summary>
    public string? Acknowledge { get; init; }

    /// <summary>Patterns, as those of a snapshot, of what is neither sent to the standby nor deleted there; all of them. An empty list for none.</summary>
    public IReadOnlyList<string>? SyncExcludes { get; init; }

    /// <summary>What the sync may send, Mbit/s, 1 to 100,000; 0 for no limit.</summary>
    public int? SyncBandwidthLimit { get; init; }
}

/// <summary>Settings of failover that hold for all instances without their own.</summary>
public sealed record FailoverSettingsResponse
{
    /// <summary>Id of the strategy.</summary>
    public required string Strategy { get; init; }

    /// <summary>The same, for clients that know it by this name.</summary>
    public string DefaultStrategy => Strategy;

    /// <summary>Switch to the standby without being asked.</summary>
    public required bool AutoFailover { get; init; }

    /// <summary>The same, for clients that know it by this name.</summary>
    public bool AutoFailoverEnabled => AutoFailover;

    /// <summary>Look for a new GPU after that.</summary>
    public required bool AutoRecovery { get; init; }

    /// <summary>Time between two heartbeats, seconds.</summary>
    public required double HealthCheckInterval { get; init; }

    /// <summary>Heartbeats in a row that may be missing.</summary>
    public required int FailoverThreshold { get; init; }

    /// <summary>When a flush of a user's process returns: <c>async</c> or <c>sync</c>.</summary>
    public required string Acknowledge { get; init; }

    /// <summary>Patterns of what is neither sent to the standby nor deleted there.</summary>
    public required IReadOnlyList<string> SyncExcludes { get; init; }

    /// <summary>What the sync may send, Mbit/s; null for no limit.</summary>
    public required int? SyncBandwidthLimit { get; init; }

    /// <summary>Silence after which a machine is suspected, seconds: interval times threshold.</summary>
    public required double DetectionSeconds { get; init; }

    /// <summary>New instances get a standby; changed by <c>POST /standby/configure</c>.</summary>
    public required bool AutoStandbyEnabled { get; init; }
}

/// <summary>What an instance has of its own; null follows the user's settings, and a limit of 0 is none.</summary>
public sealed record FailoverOwnSettings(
    string? Strategy,
    bool? AutoFailover,
    bool? AutoRecovery,
    double? HealthCheckInterval,
    int? FailoverThreshold,
    string? Acknowledge,
    IReadOnlyList<string>? SyncExcludes,
    int? SyncBandwidthLimit);

/// <summary>Settings of failover as they hold for one instance.</summary>
public sealed record MachineFailoverSettingsResponse
{
    /// <summary>The instance.</summary>
    public required InstanceId MachineId { get; init; }

    /// <summary>Its label.</summary>
    public required string Label { get; init; }

    /// <summary>It has no settings of its own.</summary>
    public required bool UseGlobal { get; init; }

    /// <summary>Id of the strategy.</summary>
    public required string Strategy { get; init; }

    /// <summary>Switch to the standby without being asked.</summary>
    public required bool AutoFailover { get; init; }

    /// <summary>Look for a new GPU after that.</summary>
    public required bool AutoRecovery { get; init; }

    /// <summary>Time between two heartbeats, seconds.</summary>
    public required double HealthCheckInterval { get; init; }

    /// <summary>Heartbeats in a row that may be missing.</summary>
    public required int FailoverThreshold { get; init; }

    /// <summary>When a flush of a user's process returns: <c>async</c> or <c>sync</c>.</summary>
    public required string Acknowledge { get; init; }

    /// <summary>Patterns of what is neither sent to the standby nor deleted there.</summary>
    public required IReadOnlyList<string> SyncExcludes { get; init; }

    /// <summary>What the sync may send, Mbit/s; null for no limit.</summary>
    public required int? SyncBandwidthLimit { get; init; }

    /// <summary>Silence after which a machine is suspected, seconds.</summary>
    public required double DetectionSeconds { get; init; }

    /// <summary>What is set for this instance alone.</summary>
    public required FailoverOwnSettings Own { get; init; }
}

/// <summary>The settings of all instances.</summary>
public sealed record MachineFailoverSettingsListResponse(IReadOnlyList<MachineFailoverSettingsResponse> Machines, int Count);

/// <summary>Answer to an action on an instance's settings.</summary>
public sealed record FailoverSettingsActionResponse(bool Success, string Message, MachineFailoverSettingsResponse Settings);

/// <summary>Whether something can take over from an instance now.</summary>
public sealed record FailoverReadinessResponse
{
    /// <summary>The instance.</summary>
    public required InstanceId MachineId { get; init; }

    /// <summary>Strategy that holds for it.</summary>
    public required string EffectiveStrategy { get; init; }

    /// <summary>Always false: this server has no warm pools.</summary>
    public bool WarmPoolReady { get; init; }

    /// <summary><c>not_supported</c>.</summary>
    public string WarmPoolStatus { get; init; } = "not_supported";

    /// <summary>The standby could take over now.</summary>
    public required bool CpuStandbyReady { get; init; }

    /// <summary><c>none</c>, or the state of the pair.</summary>
    public required string CpuStandbyStatus { get; init; }

    /// <summary>A failover that is asked for would find a target.</summary>
    public required bool OverallReady { get; init; }

    /// <summary>A loss would be answered without being asked.</summary>
    public required bool Automatic { get; init; }

    /// <summary>What is missing, as words: <c>instance_not_running, no_standby, runs_on_standby, standby_not_prepared, standby_silent, never_synced,
    /// strategy_disabled</c>.</summary>
    public required IReadOnlyList<string> Missing { get; init; }

    /// <summary>The same in sentences.</summary>
    public required IReadOnlyList<string> Messages { get; init; }

    /// <summary>Age of the oldest change that the standby lacks, seconds: what a loss at this moment would cost. Null when it is not known.</summary>
    public double? ExpectedRpoSeconds { get; init; }

    /// <summary>Silence after which the GPU machine is suspected, seconds.</summary>
    public required double DetectionSeconds { get; init; }

    /// <summary>What is left where no standby can take over.</summary>
    public ColdRecoveryResponse? ColdRecovery { get; init; }
}

/// <summary>Recovery of an instance from its last whole snapshot, where nothing else can take over.</summary>
/// <param name="Ready">There is such a snapshot.</param>
/// <param name="Automatic">It would happen without being asked.</param>
/// <param name="SnapshotId">The snapshot; null without one.</param>
/// <param name="SnapshotAt">From when on changes may be missing in it, UTC.</param>
/// <param name="ExpectedRpoSeconds">Its age, seconds: what would be lost at this moment. Null without one.</param>
/// <param name="Message">The same in a sentence.</param>
public sealed record ColdRecoveryResponse(
    bool Ready, bool Automatic, string? SnapshotId, DateTimeOffset? SnapshotAt, double? ExpectedRpoSeconds, string Message);

/// <summary>A target of another kind than a standby.</summary>
public sealed record FailoverTargetResponse(bool Supported, bool Ready, string Status);

/// <summary>The standby as a target.</summary>
public sealed record FailoverStandbyResponse(bool Ready, string Status, AssociationResponse? Association);

/// <summary>How an instance stands with regard to failover.</summary>
public sealed record FailoverStatusResponse
{
    /// <summary>The instance.</summary>
    public required InstanceId MachineId { get; init; }

    /// <summary>Strategy that holds for it.</summary>
    public required string EffectiveStrategy { get; init; }

    /// <summary>Not supported by this server.</summary>
    public required FailoverTargetResponse WarmPool { get; init; }

    /// <summary>Its standby.</summary>
    public required FailoverStandbyResponse CpuStandby { get; init; }

    /// <summary>What is left where no standby can take over.</summary>
    public ColdRecoveryResponse? ColdRecovery { get; init; }

    /// <summary><c>none, follow_failover, enable_cpu_standby, provision_standby, start_sync, resume_instance, wait</c>.</summary>
    public required string RecommendedAction { get; init; }

    /// <summary>Why, and what to type.</summary>
    public required string Message { get; init; }

    /// <summary>The failover that is running; null when none is.</summary>
    public FailoverResponse? ActiveFailover { get; init; }

    /// <summary>The last one that has ended; null when there was none.</summary>
    public FailoverResponse? LastFailover { get; init; }
}

/// <summary>Answer to a test.</summary>
public sealed record FailoverTestResponse
{
    /// <summary>Nothing was changed.</summary>
    public required bool DryRun { get; init; }

    /// <summary>There is a target.</summary>
    public required bool WouldSucceed { get; init; }

    /// <summary>In detail.</summary>
    public required FailoverReadinessResponse Readiness { get; init; }

    /// <summary>In a sentence.</summary>
    public required string Message { get; init; }

    /// <summary>What would happen, in order.</summary>
    public required IReadOnlyList<string> Steps { get; init; }

    /// <summary>What a loss at this moment would cost, seconds.</summary>
    public double? ExpectedRpoSeconds { get; init; }

    /// <summary>The failover that was begun; null for a dry run.</summary>
    public string? FailoverId { get; init; }
}

/// <summary>Asks for a failover. The server knows address and workspace of the instance; they are taken for clients that send them.</summary>
public sealed record ExecuteFailoverRequest
{
    /// <summary>The instance.</summary>
    public InstanceId? MachineId { get; init; }

    /// <summary>The same, for clients that know it by this name.</summary>
    public InstanceId? GpuInstanceId { get; init; }

    /// <summary>Only <c>/workspace</c>.</summary>
    public string? WorkspacePath { get; init; }

    /// <summary>Strategy to use whatever the settings say; only <c>cpu_standby</c> at present.</summary>
    public string? ForceStrategy { get; init; }

    /// <summary>Alias of <see cref="ForceStrategy"/>.</summary>
    public string? Strategy { get; init; }

    /// <summary>Noted in the report; default <c>requested</c>.</summary>
    public string? Reason { get; init; }
}

/// <summary>What came of a failover that was asked for, so far.</summary>
public sealed record ExecuteFailoverResponse
{
    /// <summary>The standby has taken over. Null while it is still under way: follow it by its id.</summary>
    public bool? Success { get; init; }

    /// <summary>Its id; null where it has not begun yet.</summary>
    public string? FailoverId { get; init; }

    /// <summary>The instance.</summary>
    public required InstanceId MachineId { get; init; }

    /// <summary>What was tried.</summary>
    public required string StrategyAttempted { get; init; }

    /// <summary>What took over; null when nothing has so far.</summary>
    public string? StrategySucceeded { get; init; }

    /// <summary>Phase it is in.</summary>
    public required string Phase { get; init; }

    /// <summary>GPU machine that takes over later, in our records; null before it is rented.</summary>
    public MachineId? NewGpuId { get; init; }

    /// <summary>Its name.</summary>
    public string? NewGpuName { get; init; }

    /// <summary>Address of the instance; it stays the same.</summary>
    public string? NewSshHost { get; init; }

    /// <summary>Port of the instance; it stays the same.</summary>
    public int? NewSshPort { get; init; }

    /// <summary>Null: this server has no warm pools.</summary>
    public double? WarmPoolAttemptMs { get; init; }

    /// <summary>From the request until the standby served.</summary>
    public double? CpuStandbyAttemptMs { get; init; }

    /// <summary>From the last sign of life of the old writer to the end, or to now.</summary>
    public double? TotalMs { get; init; }

    /// <summary>Why it failed.</summary>
    public string? Error { get; init; }

    /// <summary>Null: this server has no warm pools.</summary>
    public string? WarmPoolError { get; init; }

    /// <summary>Why the standby did not take over.</summary>
    public string? CpuStandbyError { get; init; }
}
