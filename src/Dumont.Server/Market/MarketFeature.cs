using Dumont.Server.Platform.Web;

namespace Dumont.Server.Market;

/// <summary>Figures of the market.</summary>
internal static class MarketFeature
{
    /// <summary>Registers the feature.</summary>
    public static void AddMarket(this IServiceCollection services) => services.AddSingleton<CurrentMarket>();

    /// <summary>Maps the feature's routes.</summary>
    public static void MapMarket(this IEndpointRouteBuilder routes) => routes.MapApi(MarketEndpoints.Map);
}
