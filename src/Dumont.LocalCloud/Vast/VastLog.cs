namespace Dumont.LocalCloud.Vast;

internal static partial class VastLog
{
    [LoggerMessage(LogLevel.Information, "Contract {ContractId}: {Before} to {After} ({Message})")]
    public static partial void StatusChanged(ILogger logger, long contractId, string? before, string? after, string? message);

    [LoggerMessage(LogLevel.Error, "A round over the contracts failed")]
    public static partial void RoundFailed(ILogger logger, Exception exception);
}
