using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Settings;

/// <summary>What users set: values, secrets, SSH keys; and the provider accounts that follow from it.</summary>
internal static class SettingsFeature
{
    /// <summary>Registers the feature.</summary>
    public static void AddSettings(this IServiceCollection services)
    {
        services.AddOptions<VastAccountOptions>().BindConfiguration("Providers:Vast").ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<GcpAccountOptions>().BindConfiguration("Providers:Gcp").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<SecretStore>();
        services.AddSingleton<SettingsStore>();
        services.AddSingleton<SshKeyStore>();
        services.AddSingleton<ProviderAccounts>();
        services.AddSingleton<ProviderClients>();
        services.AddSingleton<ProviderClientFactory>(provider => provider.GetRequiredService<ProviderClients>().Create);
    }

    /// <summary>Maps the feature's routes.</summary>
    public static void MapSettings(this IEndpointRouteBuilder routes)
    {
        routes.MapApi(SettingsEndpoints.Map);
        routes.MapPages(SettingsPages.Map);
    }
}
