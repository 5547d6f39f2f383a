using Dumont.Server.Platform.Web;

namespace Dumont.Server.Settings;

/// <summary>What users set: values, secrets, SSH keys; and the provider accounts that follow from it.</summary>
internal static class SettingsFeature
{
    /// <summary>Registers the feature.</summary>
    public static void AddSettings(this IServiceCollection services)
    {
        services.AddOptions<VastOptions>().BindConfiguration("Providers:Vast").ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<GcpOptions>().BindConfiguration("Providers:Gcp").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<SecretStore>();
        services.AddSingleton<SettingsStore>();
        services.AddSingleton<SshKeyStore>();
        services.AddSingleton<ProviderAccounts>();
        services.AddSingleton<ProviderClientFactory>(_ => (provider, _) => throw new NotSupportedException($"No client for {provider} yet."));
    }

    /// <summary>Maps the feature's routes.</summary>
    public static void MapSettings(this IEndpointRouteBuilder routes) => routes.MapApi(SettingsEndpoints.Map);
}
