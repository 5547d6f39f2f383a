using System.Net.Sockets;
using Dumont.Contracts;

namespace Dumont.Server.Gateway;

internal static partial class GatewayLog
{
    [LoggerMessage(LogLevel.Debug, "Instance {InstanceId} is reachable on port {Port}")]
    public static partial void Opened(ILogger logger, InstanceId instanceId, int port);

    [LoggerMessage(LogLevel.Warning, "Port {Port} of instance {InstanceId} cannot be opened: {Error}")]
    public static partial void PortTaken(ILogger logger, InstanceId instanceId, int port, SocketError error);

    [LoggerMessage(LogLevel.Warning, "A connection to instance {InstanceId} could not be accepted: {Error}")]
    public static partial void AcceptFailed(ILogger logger, InstanceId instanceId, SocketError error);

    [LoggerMessage(LogLevel.Error, "A connection of instance {InstanceId} failed")]
    public static partial void ConnectionFailed(ILogger logger, Exception exception, InstanceId instanceId);

    [LoggerMessage(LogLevel.Error, "The gateway could not read the instances and goes on")]
    public static partial void RefreshFailed(ILogger logger, Exception exception);
}
