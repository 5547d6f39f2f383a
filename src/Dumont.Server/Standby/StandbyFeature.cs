using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Standby;

internal static class StandbyFeature
{
    public static IServiceCollection AddStandby(this IServiceCollection services)
    {
        services.AddOptions<StandbyOptions>().BindConfiguration("Standby").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<FailoverStore>();
        services.AddSingleton<FailoverRecorder>();
        services.AddSingleton<FailoverSteps>();
        services.AddSingleton<FailoverService>();
        services.AddSingleton<PairRecorder>();
        services.AddSingleton<LossConfirmation>();
        services.AddSingleton<StandbyPlacement>();
        services.AddSingleton<StandbyViews>();
        services.AddSingleton<IReconciler, StandbyReconciler>();
        return services;
    }

    public static void MapStandby(this IEndpointRouteBuilder routes)
    {
        routes.MapApi(api =>
        {
            StandbyEndpoints.Map(api);
            FailoverEndpoints.Map(api);
            FailoverControlEndpoints.Map(api);
            FailoverSettingsEndpoints.Map(api);
        });
        routes.MapPages(StandbyPages.Map);
        routes.MapPages(FailoverSettingsPages.Map);
    }
}
