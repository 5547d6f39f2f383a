using Dumont.Server.Platform.Reconcile;

namespace Dumont.Server.Machines;

internal static class MachinesFeature
{
    public static IServiceCollection AddMachines(this IServiceCollection services)
    {
        services.AddOptions<MachinesOptions>().BindConfiguration("Machines").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<ServerIdentity>();
        services.AddSingleton<InstanceKeyStore>();
        services.AddSingleton<MachineStore>();
        services.AddSingleton<SweepStore>();
        services.AddSingleton<ISshClient, SshClient>();
        services.AddSingleton<MachinePreparer>();
        services.AddHostedService<MachinesStartup>();
        services.AddSingleton<IReconciler, MachineReconciler>();
        services.AddSingleton<IReconciler, SweepReconciler>();
        return services;
    }
}
