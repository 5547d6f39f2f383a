using Dumont.Server.Agents;
using Dumont.Server.Platform;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Web;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Instances;

internal static class InstancesFeature
{
    public static IServiceCollection AddInstances(this IServiceCollection services)
    {
        services.AddOptions<InstancesOptions>().BindConfiguration("Instances").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<InstanceStore>();
        services.AddSingleton<AssociationStore>();
        services.AddSingleton<MigrationStore>();
        services.AddSingleton<ServiceStore>();
        services.AddSingleton<RecoveryStore>();
        services.AddOptions<DetectionOptions>().BindConfiguration("Standby").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<AutoStandby>();
        services.AddSingleton<FailoverSettings>();
        services.AddSingleton<CreditCache>();
        services.AddSingleton<GatewayPorts>();
        services.AddSingleton<PortProbe>(provider =>
        {
            var address = provider.GetRequiredService<IOptions<ServerOptions>>().Value.BindAddress;
            return port => GatewayPorts.IsFree(address, port);
        });
        services.AddSingleton<InstanceChanges>();
        services.AddSingleton<InstanceService>();
        services.AddSingleton<InstanceViews>();
        services.AddSingleton<InstancesEndpoints.Actions>();
        services.AddSingleton<MachinePlacement>();
        services.AddSingleton<IAgentOrders, AgentOrders>();
        services.AddSingleton<IReconciler, InstanceReconciler>();
        return services;
    }

    public static void MapInstances(this IEndpointRouteBuilder routes) => routes.MapApi(InstancesEndpoints.Map);
}
