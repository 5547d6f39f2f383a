using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Migration;

internal static class MigrationFeature
{
    public static IServiceCollection AddMigration(this IServiceCollection services)
    {
        services.AddOptions<MigrationOptions>().BindConfiguration("Migration").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<MigrationPlacement>();
        services.AddSingleton<MigrationService>();
        services.AddSingleton<MigrationViews>();
        services.AddSingleton<MigrationMetrics>();
        services.AddSingleton<MigrationPages.Services>();
        services.AddSingleton<ILiveView, MigrationsView>();
        services.AddSingleton<IReconciler, MigrationReconciler>();
        return services;
    }

    public static void MapMigration(this IEndpointRouteBuilder routes)
    {
        routes.MapApi(MigrationEndpoints.Map);
        routes.MapPages(MigrationPages.Map);
    }
}
