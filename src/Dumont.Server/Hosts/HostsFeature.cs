using Dumont.Server.Platform.Web;

namespace Dumont.Server.Hosts;

/// <summary>What became of renting each physical host, and which are hidden for it.</summary>
internal static class HostsFeature
{
    /// <summary>Registers the feature.</summary>
    public static void AddHosts(this IServiceCollection services) => services.AddSingleton<HostHistory>();

    /// <summary>Maps the feature's routes.</summary>
    public static void MapHosts(this IEndpointRouteBuilder routes) => routes.MapApi(HostEndpoints.Map);
}
