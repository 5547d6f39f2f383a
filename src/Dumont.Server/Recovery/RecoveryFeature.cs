using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Web;
using Dumont.Server.Standby;

namespace Dumont.Server.Recovery;

internal static class RecoveryFeature
{
    public static IServiceCollection AddRecovery(this IServiceCollection services)
    {
        services.AddOptions<RecoveryOptions>().BindConfiguration("Recovery").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<RecoveryReader>();
        services.AddSingleton<RecoveryPlacement>();
        services.AddSingleton<RecoveryBeginning>();
        services.AddSingleton<RecoveryRecorder>();
        services.AddSingleton<RecoveryService>();
        services.AddSingleton<IColdRecovery>(provider => provider.GetRequiredService<RecoveryService>());
        services.AddSingleton<RecoveryMetrics>();
        services.AddSingleton<IReconciler, RecoveryReconciler>();
        return services;
    }

    public static void MapRecovery(this IEndpointRouteBuilder routes) => routes.MapApi(RecoveryEndpoints.Map);
}
