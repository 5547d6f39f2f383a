using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;
using Microsoft.AspNetCore.Authentication;

namespace Dumont.Server.Auth;

/// <summary>Users, sessions and API keys.</summary>
internal static class AuthFeature
{
    /// <summary>Registers the feature.</summary>
    public static void AddAuth(this IServiceCollection services)
    {
        services.AddOptions<AuthOptions>().BindConfiguration("Auth").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<AuthStore>();
        services.AddSingleton<ApiKeyStore>();
        services.AddSingleton<JsonWebTokens>();
        services.AddSingleton(_ => new PasswordHasher());
        services.AddSingleton<LoginThrottle>();
        services.AddSingleton<ApiKeyCache>();
        services.AddSingleton<RevokedSessions>();
        services.AddHostedService(provider => provider.GetRequiredService<RevokedSessions>());
        services.AddSingleton<SessionService>();
        // Not AddAuthentication: it would make Data Protection keys in the home folder, which nothing here uses.
        services.AddAuthenticationCore(options => options.DefaultScheme = BearerAuthentication.SchemeName);
        services.AddWebEncoders();
        new AuthenticationBuilder(services)
            .AddScheme<AuthenticationSchemeOptions, BearerAuthentication>(BearerAuthentication.SchemeName, null)
            .AddScheme<AuthenticationSchemeOptions, CookieAuthentication>(Pages.Scheme, null);
        services.AddSingleton<CookieSessions>();
        services.AddSingleton<ISessionWatch>(provider => provider.GetRequiredService<CookieSessions>());
    }

    /// <summary>Maps the feature's routes.</summary>
    public static void MapAuth(this IEndpointRouteBuilder routes)
    {
        routes.MapApi(AuthEndpoints.Map);
        routes.MapPages(AuthPages.Map);
        routes.MapPages(ApiKeyPages.Map);
    }
}
