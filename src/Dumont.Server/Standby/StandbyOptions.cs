using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.Standby;

/// <summary>When a machine counts as lost, and how patient the recovery is. Section <c>Standby</c>.</summary>
internal sealed class StandbyOptions
{
    private static readonly TimeSpan LeastAnswerLimit = TimeSpan.FromMilliseconds(800);

    private static readonly TimeSpan MostAnswerLimit = TimeSpan.FromSeconds(2);

    /// <summary>Time between heartbeats that is expected. 100 ms to 60 s; default 1 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:01:00")]
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Heartbeats in a row that may be missing before a machine is suspected. 2 to 100; default 3.</summary>
    [Range(2, 100)]
    public int FailoverThreshold { get; set; } = 3;

    /// <summary>Longest wait for a standby's agent to confirm that it writes. 1 s to 10 min; default 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan PromotionTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest wait for the last changes before a switch that was asked for. 1 s to 10 min; default 15 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Silence of a machine that takes part in a recovery after which it is given up. 3 s to 10 min; default 20 s.</summary>
    [Range(typeof(TimeSpan), "00:00:03", "00:10:00")]
    public TimeSpan PartnerSilence { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Longest time for a new GPU machine to get the workspace and take over; then another one is tried. 1 min to 1 day; default 2 h.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "1.00:00:00")]
    public TimeSpan RestoreTimeout { get; set; } = TimeSpan.FromHours(2);

    /// <summary>Between attempts to rent when there was no offer or a machine came to nothing. 1 s to 10 min; default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan RentRetry { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How much dearer than the wanted offer the GPU of a recovery may be. 1 to 10; default 1.5.</summary>
    [Range(1.0, 10.0)]
    public double RecoveryPriceFactor { get; set; } = 1.5;

    /// <summary>Silence after which a machine is suspected.</summary>
    public TimeSpan SuspectAfter => HeartbeatInterval * FailoverThreshold;

    /// <summary>Silence after which the second path is asked. Earlier than <see cref="SuspectAfter"/>, so that its answer, or that there was none, is known by
    /// then; nobody is given up before.</summary>
    public TimeSpan AskAfter => SuspectAfter / 2;

    /// <summary>How long the second path may keep silent before that counts as no answer. A busy sshd needs some hundred milliseconds.</summary>
    public TimeSpan AnswerLimit => TimeSpan.FromTicks(Math.Clamp(SuspectAfter.Ticks, LeastAnswerLimit.Ticks, MostAnswerLimit.Ticks));
}
