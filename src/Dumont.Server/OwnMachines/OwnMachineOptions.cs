using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.OwnMachines;

/// <summary>Care for own machines. Section <c>OwnMachines</c>.</summary>
internal sealed class OwnMachineOptions
{
    /// <summary>Between two looks at a machine. 1 s to 1 h; default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan CheckInterval { get; set; } = TimeSpan.FromSeconds(30);
}
