using Dumont.Contracts;

namespace Dumont.Server.Agents;

internal static partial class AgentsLog
{
    [LoggerMessage(LogLevel.Information, "Agent of machine {MachineId} is linked")]
    public static partial void Linked(ILogger logger, MachineId machineId);

    [LoggerMessage(LogLevel.Information, "Agent of machine {MachineId} is not linked any more")]
    public static partial void Unlinked(ILogger logger, MachineId machineId);

    [LoggerMessage(LogLevel.Information, "The link of machine {MachineId} broke: {Reason}")]
    public static partial void LinkBroke(ILogger logger, MachineId machineId, string reason);

    [LoggerMessage(LogLevel.Warning, "Machine {MachineId} sent a report that is not one: {Reason}")]
    public static partial void BadReport(ILogger logger, MachineId machineId, string reason);
}
