namespace Dumont.Server.Agents;

internal static class AgentsFeature
{
    public static IServiceCollection AddAgents(this IServiceCollection services) => services.AddSingleton<AgentHub>();
}
