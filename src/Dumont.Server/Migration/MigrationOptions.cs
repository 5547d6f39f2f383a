using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.Migration;

/// <summary>How patient a migration is. Section <c>Migration</c>.</summary>
internal sealed class MigrationOptions
{
    /// <summary>Machines that are tried, one after the other, before a migration is given up. 1 to 20; default 5.</summary>
    [Range(1, 20)]
    public int OfferAttempts { get; set; } = 5;

    /// <summary>Between attempts to rent. 1 s to 10 min; default 5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan RentRetry { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest search for an offer that can be rented. 1 s to 1 day; default 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan SearchTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Longest wait for a machine that was asked for, or is prepared, to be heard of. 1 s to 1 day; default 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan HearTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Longest time for the target to get the workspace, and again for comparing it. 1 min to 7 days; default 1 day.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "7.00:00:00")]
    public TimeSpan CopyTimeout { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Longest wait for the last changes once user processes are ended; then they may run again and the migration has failed. 1 s to 10 min; default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest wait for a promoted agent to say that it writes. 1 s to 10 min; default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan PromotionTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Silence of the target after which it is given up. 3 s to 10 min; default 20 s.</summary>
    [Range(typeof(TimeSpan), "00:00:03", "00:10:00")]
    public TimeSpan TargetSilence { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>The switch begins when the target lags by no more than this: what is left decides how long nothing can be written. 100 ms to 1 min; default 2 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:01:00")]
    public TimeSpan SwitchLag { get; set; } = TimeSpan.FromSeconds(2);
}
