namespace Dumont.LocalCloud.Vast;

internal static partial class VastLog
{
    [LoggerMessage(LogLevel.Information, "Contract {ContractId}: {Before} to {After} ({Message})")]
    public static partial void StatusChanged(ILogger logger, long contractId, string? before, string? after, string? message);

    [LoggerMessage(LogLevel.Information, "Copied {From} to {To}, {Bytes} bytes")]
    public static partial void Copied(ILogger logger, CopyPlace from, CopyPlace to, long bytes);

    [LoggerMessage(LogLevel.Warning, "Copying {From} to {To} failed")]
    public static partial void CopyFailed(ILogger logger, CopyPlace from, CopyPlace to, Exception exception);

    [LoggerMessage(LogLevel.Error, "A round over the contracts failed")]
    public static partial void RoundFailed(ILogger logger, Exception exception);
}
