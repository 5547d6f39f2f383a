using Dumont.Contracts;
using Dumont.Server.Platform;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Health;

/// <summary>Whether the server works, for load balancers and people.</summary>
internal static class HealthFeature
{
    /// <summary>Registers the feature.</summary>
    public static void AddHealth(this IServiceCollection services)
    {
        services.AddSingleton<HealthProbe>();
        services.AddHostedService(provider => provider.GetRequiredService<HealthProbe>());
    }

    /// <summary>Maps the feature's routes.</summary>
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/health", HealthAsync).AllowAnonymous().ExcludeFromDescription();
        routes.MapApi(api => api.MapGet("/health", HealthAsync).Produces<HealthResponse>().AllowAnonymous().WithTags("health")
            .WithSummary("Whether the server works"));
    }

    private static async Task<IResult> HealthAsync(HealthProbe probe, CancellationToken cancellationToken)
    {
        var reading = await probe.ReadAsync(cancellationToken);
        return TypedResults.Json(
            new HealthResponse(reading.IsHealthy ? "healthy" : "degraded", PlatformFeature.Version, "dumont-cloud", reading.Reason),
            statusCode: reading.IsHealthy ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }
}
