using Dumont.Contracts;

namespace Dumont.Server.Machines;

internal static partial class MachinesLog
{
    [LoggerMessage(LogLevel.Warning, "Machine {MachineId} waits: there are no credentials for {Provider} account {Account}")]
    public static partial void NoAccount(ILogger logger, MachineId machineId, string provider, long account);

    [LoggerMessage(LogLevel.Information, "Asked for machine {MachineId} with tag {Tag}: {Result}")]
    public static partial void Asked(ILogger logger, MachineId machineId, string tag, string result);

    [LoggerMessage(LogLevel.Information, "Looked up machine {MachineId} by tag {Tag}: found {ProviderMachineId}, now {Phase}")]
    public static partial void Resolved(ILogger logger, MachineId machineId, string tag, string providerMachineId, MachinePhase phase);

    [LoggerMessage(LogLevel.Warning, "Preparing machine {MachineId} failed, attempt {Attempt}: {Reason}")]
    public static partial void PrepareFailed(ILogger logger, MachineId machineId, int attempt, string reason);

    [LoggerMessage(LogLevel.Information, "Machine {MachineId} with tag {Tag} is ready after {Elapsed}")]
    public static partial void Ready(ILogger logger, MachineId machineId, string tag, TimeSpan elapsed);

    [LoggerMessage(LogLevel.Warning, "The provider refuses to {Operation} machine {MachineId}: {Reason}")]
    public static partial void Refused(ILogger logger, MachineId machineId, string operation, string reason);

    [LoggerMessage(LogLevel.Information, "Destroying machine {MachineId} with tag {Tag}: {Result}")]
    public static partial void DestroyAsked(ILogger logger, MachineId machineId, string tag, string result);

    [LoggerMessage(LogLevel.Warning, "Machine {MachineId} with tag {Tag} turned up late as {ProviderMachineId} and is released")]
    public static partial void LateMachine(ILogger logger, MachineId machineId, string tag, string providerMachineId);

    [LoggerMessage(LogLevel.Warning, "A machine with our tag {Tag} has no record: {ProviderMachineId}")]
    public static partial void Stranger(ILogger logger, string tag, string providerMachineId);

    [LoggerMessage(LogLevel.Warning, "Destroyed the machine {ProviderMachineId} with our tag {Tag} and no record: {Result}")]
    public static partial void StrangerDestroyed(ILogger logger, string tag, string providerMachineId, string result);
}
