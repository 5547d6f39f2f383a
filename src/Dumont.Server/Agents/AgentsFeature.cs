using Dumont.Server.Platform.Web;

namespace Dumont.Server.Agents;

internal static class AgentsFeature
{
    public static IServiceCollection AddAgents(this IServiceCollection services) => services.AddSingleton<AgentHub>();

    public static void MapAgents(this IEndpointRouteBuilder routes) => routes.MapApi(AgentsEndpoints.Map);
}
