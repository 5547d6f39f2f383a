namespace Dumont.Server.Instances;

/// <summary>What stands ready for a lost GPU.</summary>
internal enum FailoverStrategy
{
    /// <summary>A CPU machine that follows the workspace.</summary>
    CpuStandby,

    /// <summary>A second GPU that waits.</summary>
    WarmPool,

    /// <summary>A warm GPU first, then the CPU machine.</summary>
    Both,

    /// <summary>A volume that a new GPU in the region is given.</summary>
    RegionalVolume,

    /// <summary>Everything there is.</summary>
    All,

    /// <summary>Nothing happens by itself.</summary>
    Disabled,
}

/// <summary>When what a process flushes counts as safe.</summary>
internal enum Acknowledgement
{
    /// <summary>On the writer's own disk.</summary>
    Async,

    /// <summary>On the standby, too.</summary>
    Sync,
}

/// <summary>Settings of failover that somebody has made; what is null follows whoever stands behind: the user behind the instance, the server behind the user.</summary>
internal sealed record FailoverWishes
{
    public FailoverStrategy? Strategy { get; init; }

    public bool? AutoFailover { get; init; }

    public bool? AutoRecovery { get; init; }

    public TimeSpan? HealthCheckInterval { get; init; }

    public int? FailoverThreshold { get; init; }

    public Acknowledgement? Acknowledge { get; init; }

    public IReadOnlyList<string>? SyncExcludes { get; init; }

    /// <summary>Mbit/s; 0 for no limit, whatever the user's settings say.</summary>
    public int? SyncBandwidthLimit { get; init; }
}

/// <summary>How one instance's failover works: its own settings over its user's over the server's.</summary>
/// <param name="Strategy">What stands ready.</param>
/// <param name="AutoFailover">Switch without being asked.</param>
/// <param name="AutoRecovery">Look for a new GPU after that.</param>
/// <param name="HealthCheckInterval">Time between two heartbeats.</param>
/// <param name="FailoverThreshold">Heartbeats in a row that may be missing.</param>
/// <param name="Acknowledge">When what a process flushes counts as safe.</param>
/// <param name="SyncExcludes">Patterns of what is neither sent to the standby nor deleted there; null for none.</param>
/// <param name="SyncBandwidthLimit">What the sync may send, Mbit/s; null for no limit.</param>
/// <param name="InsistsOnRecovery">The instance's own settings say that a new machine is looked for, whatever the strategy is.</param>
internal sealed record FailoverRules(
    FailoverStrategy Strategy,
    bool AutoFailover,
    bool AutoRecovery,
    TimeSpan HealthCheckInterval,
    int FailoverThreshold,
    Acknowledgement Acknowledge = Acknowledgement.Async,
    IReadOnlyList<string>? SyncExcludes = null,
    int? SyncBandwidthLimit = null,
    bool InsistsOnRecovery = false)
{
    private const long BytesPerMegabit = 1_000_000 / 8;

    private static readonly TimeSpan ReportIntervalMax = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookIntervalMax = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan AnswerLimitMin = TimeSpan.FromMilliseconds(800);
    private static readonly TimeSpan AnswerLimitMax = TimeSpan.FromSeconds(2);

    /// <summary>Silence after which a machine is suspected.</summary>
    public TimeSpan SuspectAfter => HealthCheckInterval * FailoverThreshold;

    /// <summary>Silence after which the second path is asked. Earlier than <see cref="SuspectAfter"/>, so that its answer, or that there was none, is known by
    /// then; nobody is given up before.</summary>
    public TimeSpan AskAfter => SuspectAfter / 2;

    /// <summary>How long the second path may keep silent before that counts as no answer. A busy sshd needs some hundred milliseconds.</summary>
    public TimeSpan AnswerLimit => TimeSpan.FromTicks(Math.Clamp(SuspectAfter.Ticks, AnswerLimitMin.Ticks, AnswerLimitMax.Ticks));

    /// <summary>A confirmed loss is answered by a failover.</summary>
    public bool SwitchesByItself => AutoFailover && Strategy != FailoverStrategy.Disabled;

    /// <summary>A flush returns when the standby has it.</summary>
    public bool WaitsForStandby => Acknowledge == Acknowledgement.Sync;

    /// <summary><see cref="SyncBandwidthLimit"/> as machines are told.</summary>
    public long? SyncBytesPerSecond => SyncBandwidthLimit * BytesPerMegabit;

    /// <summary>After a failover a GPU is looked for.</summary>
    public bool RecoversByItself => AutoRecovery && Strategy != FailoverStrategy.Disabled;

    /// <summary>Where nothing can take over, the instance is brought back from its last snapshot without being asked. Not where flushes were promised to be
    /// safe: what was flushed since the snapshot would be gone.</summary>
    public bool RecoversFromSnapshot => AutoRecovery && !WaitsForStandby && (Strategy != FailoverStrategy.Disabled || InsistsOnRecovery);

    /// <summary>How often agents report. A longer interval makes detection patient and nothing else: metrics, pages and the lag of the sync stay fresh.</summary>
    public TimeSpan ReportInterval => HealthCheckInterval < ReportIntervalMax ? HealthCheckInterval : ReportIntervalMax;

    /// <summary>Time between two looks at a pair that is well: before the writer could become suspect unseen.</summary>
    public TimeSpan LookInterval => HealthCheckInterval / 2 < LookIntervalMax ? HealthCheckInterval / 2 : LookIntervalMax;

    /// <summary>The rules of an instance.</summary>
    public static FailoverRules Of(AutoStandbySettings ofUser, FailoverWishes? own, DetectionOptions ofServer) =>
        new(
            own?.Strategy ?? ofUser.Strategy,
            own?.AutoFailover ?? ofUser.AutoFailover,
            own?.AutoRecovery ?? ofUser.AutoRecovery,
            own?.HealthCheckInterval ?? ofUser.HealthCheckInterval ?? ofServer.HeartbeatInterval,
            own?.FailoverThreshold ?? ofUser.FailoverThreshold ?? ofServer.FailoverThreshold,
            own?.Acknowledge ?? ofUser.Acknowledge,
            (own?.SyncExcludes ?? ofUser.SyncExcludes) is { Count: > 0 } excludes ? excludes : null,
            (own?.SyncBandwidthLimit ?? ofUser.SyncBandwidthLimit) is > 0 and var limit ? limit : null,
            own?.AutoRecovery == true);
}
