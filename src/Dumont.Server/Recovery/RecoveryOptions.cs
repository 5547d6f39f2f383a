using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.Recovery;

/// <summary>When a lost instance is brought back from a snapshot. How patient a recovery is once it runs, says <c>Standby</c>. Section <c>Recovery</c>.</summary>
internal sealed class RecoveryOptions
{
    /// <summary>How much longer than until it is suspected a machine must be silent before an instance is recovered without being asked: what it holds and the
    /// snapshot does not is lost by that. 0 s to 1 h; default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest time between two looks at an instance that is well. 1 s to 1 min; default 5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:01:00")]
    public TimeSpan LookInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Machines that are rented, one after the other, before a recovery is given up. Offers that could not be had do not count. 1 to 20; default 5.</summary>
    [Range(1, 20)]
    public int MachineAttempts { get; set; } = 5;
}
