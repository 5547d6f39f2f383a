using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>The Compute Engine side of the local cloud.</summary>
internal static class GcpFeature
{
    public static void AddGcp(this IServiceCollection services, LocalCloudOptions options)
    {
        services.AddSingleton(provider => new VmBook(options.DataFolder, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<GcpCloud>();
        services.AddSingleton<VmLifecycle>();
        services.AddHostedService(provider => provider.GetRequiredService<VmLifecycle>());
        services.AddSingleton<GcpAuthentication>();
        services.AddSingleton<VmEndpoints>();
    }

    public static void MapGcp(this WebApplication app)
    {
        var authentication = app.Services.GetRequiredService<GcpAuthentication>();
        authentication.MapToken(app);
        var project = app.MapGroup("/compute/v1/projects/{project}");
        project.AddEndpointFilter(TranslateAsync);
        project.AddEndpointFilter(authentication);
        CatalogueEndpoints.Map(project);
        app.Services.GetRequiredService<VmEndpoints>().Map(project);
        project.Map("/{**rest}", (HttpRequest request) => GcpError.NotSupported($"{request.Method} {request.Path}"));
        app.Map("/compute/{**rest}", (HttpRequest request) => GcpError.NotSupported($"{request.Method} {request.Path}"));
        app.Map("/batch/{**rest}", (HttpRequest request) => GcpError.NotSupported($"{request.Method} {request.Path}"));
    }

    private static async ValueTask<object?> TranslateAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context);
        }
        catch (BadRequestException e)
        {
            return GcpError.Invalid(e.Message);
        }
    }
}
