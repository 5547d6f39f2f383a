using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.Machines;

/// <summary>Patience with machines. Section <c>Machines</c>.</summary>
internal sealed class MachinesOptions
{
    /// <summary>From the create call to a prepared machine; then it is given back. 10 s to 1 h; default 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "01:00:00")]
    public TimeSpan BootTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Between looks at a booting machine. Provider clients pace themselves beyond that. 50 ms to 30 s; default 250 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:00:30")]
    public TimeSpan BootPollInterval { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Between looks at a machine that runs or is stopped. 1 s to 10 min; default 15 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan WatchInterval { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>A machine counts as gone after two readings without it that are at least this far apart. 1 s to 10 min; default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan AbsenceProof { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The same for a create call whose answer was lost. Shorter, because a machine that turns up later is still found and released by the
    /// sweep. 1 s to 10 min; default 5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan CreateAbsenceProof { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>A destroy call is repeated when the machine is still there after this long. 1 s to 10 min; default 15 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan DestroyRepeat { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Between comparisons of every provider's list with our records. 1 s to 1 h; default 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan SweepInterval { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Tries to install keys and agent before the machine counts as unusable. 1 to 20; default 5.</summary>
    [Range(1, 20)]
    public int PrepareAttempts { get; set; } = 5;
}
