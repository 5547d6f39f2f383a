using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.Standby;

/// <summary>How patient the recovery is. Section <c>Standby</c>.</summary>
internal sealed class StandbyOptions
{
    /// <summary>Longest wait for a standby's agent to confirm that it writes. 1 s to 10 min; default 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan PromotionTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest wait for the last changes before a switch that was asked for. 1 s to 10 min; default 15 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Silence of a machine that takes part in a recovery after which it is given up. 3 s to 10 min; default 20 s.</summary>
    [Range(typeof(TimeSpan), "00:00:03", "00:10:00")]
    public TimeSpan PartnerSilence { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How long flushes wait for a standby that is cut off, where they wait for one, before the promise is taken back. 1 s to 10 min; default 15 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan FlushPatience { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Longest time for a new GPU machine to get the workspace and take over; then another one is tried. 1 min to 1 day; default 2 h.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "1.00:00:00")]
    public TimeSpan RestoreTimeout { get; set; } = TimeSpan.FromHours(2);

    /// <summary>Between attempts to rent when there was no offer or a machine came to nothing. 1 s to 10 min; default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan RentRetry { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Between attempts to rent while the account cannot pay. 10 s to 1 h; default 1 min.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "01:00:00")]
    public TimeSpan CreditRetry { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How much dearer than the wanted offer the GPU of a recovery may be. 1 to 10; default 1.5.</summary>
    [Range(1.0, 10.0)]
    public double RecoveryPriceFactor { get; set; } = 1.5;
}
