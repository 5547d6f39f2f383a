using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.Gateway;

/// <summary>Patience of the gateway. Section <c>Gateway</c>.</summary>
internal sealed class GatewayOptions
{
    /// <summary>How long a new connection is held while the instance has no machine to lead it to. 0 to 10 min; default 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan HoldLimit { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest wait for a machine to accept a connection before the route is looked up again. 100 ms to 30 s; default 1 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:00:30")]
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(1);
}
