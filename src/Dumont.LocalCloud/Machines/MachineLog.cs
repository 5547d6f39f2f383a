using System.Net;

namespace Dumont.LocalCloud.Machines;

internal static partial class MachineLog
{
    [LoggerMessage(LogLevel.Information, "Machine {Key} answers on {Address}:{Port} after {Milliseconds:0} ms")]
    public static partial void Booted(ILogger logger, string key, IPAddress address, int port, double milliseconds);

    [LoggerMessage(LogLevel.Information, "Adopted machine {Key}, process {Pid}")]
    public static partial void Adopted(ILogger logger, string key, int pid);

    [LoggerMessage(LogLevel.Information, "Machine {Key} belongs to nobody and is removed")]
    public static partial void RemovingStranger(ILogger logger, string key);

    [LoggerMessage(LogLevel.Error, "Machine {Key} failed")]
    public static partial void Failed(ILogger logger, string key, Exception exception);
}
