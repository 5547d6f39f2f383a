using Dumont.Contracts;
using Dumont.Providers;

namespace Dumont.Server.Instances;

internal static partial class InstancesLog
{
    [LoggerMessage(LogLevel.Warning, "No offers could be searched for instance {InstanceId}: {Kind}")]
    public static partial void SearchFailed(ILogger logger, InstanceId instanceId, ProviderErrorKind kind);
}
