using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.OwnMachines;

/// <summary>Computers of the users' own.</summary>
internal static class OwnMachinesFeature
{
    /// <summary>Registers the feature.</summary>
    public static void AddOwnMachines(this IServiceCollection services)
    {
        services.AddOptions<OwnMachineOptions>().BindConfiguration("OwnMachines").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<OwnMachineStore>();
        services.AddSingleton<OwnMachineAccess>();
        services.AddSingleton<OwnMachineService>();
        services.AddSingleton<OwnMachineOffers>();
        services.AddSingleton<IReconciler, OwnMachineReconciler>();
        services.AddSingleton<ILiveView, OwnMachinesView>();
    }

    /// <summary>Maps the feature's routes.</summary>
    public static void MapOwnMachines(this IEndpointRouteBuilder routes)
    {
        routes.MapApi(OwnMachineEndpoints.Map);
        routes.MapPages(OwnMachinePages.Map);
    }
}
