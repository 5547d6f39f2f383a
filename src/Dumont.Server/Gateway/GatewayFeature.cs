namespace Dumont.Server.Gateway;

internal static class GatewayFeature
{
    public static IServiceCollection AddGateway(this IServiceCollection services)
    {
        services.AddOptions<GatewayOptions>().BindConfiguration("Gateway").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<GatewayRouter>();
        services.AddHostedService<GatewayService>();
        return services;
    }
}
