using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Services;

internal static class ServicesFeature
{
    public static IServiceCollection AddInstanceServices(this IServiceCollection services) => services.AddSingleton<ServiceCatalog>();

    public static void MapInstanceServices(this IEndpointRouteBuilder routes)
    {
        routes.MapApi(ServiceEndpoints.Map);
        routes.MapPages(ServicePages.Map);
    }
}
