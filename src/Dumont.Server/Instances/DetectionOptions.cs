using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.Instances;

/// <summary>When a silent machine is suspected, where neither its user nor the instance has settings of its own. Section <c>Standby</c>.</summary>
internal sealed class DetectionOptions
{
    /// <summary>Time between heartbeats that is expected. 100 ms to 60 s; default 1 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:01:00")]
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Heartbeats in a row that may be missing before a machine is suspected. 2 to 100; default 3.</summary>
    [Range(2, 100)]
    public int FailoverThreshold { get; set; } = 3;
}
