using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Offers;

/// <summary>What can be rented now.</summary>
internal static class OffersFeature
{
    /// <summary>Registers the feature.</summary>
    public static void AddOffers(this IServiceCollection services)
    {
        services.AddOptions<OfferOptions>().BindConfiguration("Offers").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<OfferCatalog>();
        services.AddSingleton<OfferViews>();
    }

    /// <summary>Maps the feature's routes.</summary>
    public static void MapOffers(this IEndpointRouteBuilder routes)
    {
        routes.MapApi(OfferEndpoints.Map);
        routes.MapPages(OfferPages.Map);
    }
}
