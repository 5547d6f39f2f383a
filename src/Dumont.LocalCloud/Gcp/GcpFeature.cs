using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Gcp;

/// <summary>The Compute Engine side of the local cloud.</summary>
internal static class GcpFeature
{
    public static void AddGcp(this IServiceCollection services, LocalCloudOptions options)
    {
        services.AddSingleton(provider => new GcpBook(
            options.DataFolder, provider.GetRequiredService<CurrentAccount>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<DiskCloud>();
        services.AddSingleton<GcpCloud>();
        services.AddSingleton<VmLifecycle>();
        services.AddHostedService(provider => provider.GetRequiredService<VmLifecycle>());
        services.AddSingleton<GcpAuthentication>();
        services.AddSingleton<VmEndpoints>();
        services.AddSingleton<DiskEndpoints>();
        services.AddSingleton<OperationEndpoints>();
        services.AddSingleton<CatalogueEndpoints>();
        services.AddSingleton<GcpBatch>();
        services.AddHttpClient(GcpBatch.ClientName).RemoveAllLoggers();
        services.AddHostedService<MetadataServers>();
        services.AddHostedService<DiskCleaner>();
    }

    public static void MapGcp(this WebApplication app)
    {
        var authentication = app.Services.GetRequiredService<GcpAuthentication>();
        authentication.MapToken(app);
        var project = app.MapGroup("/compute/v1/projects/{project}");
        project.AddEndpointFilter(TranslateAsync);
        project.AddEndpointFilter(authentication);
        app.Services.GetRequiredService<CatalogueEndpoints>().Map(project);
        app.Services.GetRequiredService<VmEndpoints>().Map(project);
        app.Services.GetRequiredService<DiskEndpoints>().Map(project);
        app.Services.GetRequiredService<OperationEndpoints>().Map(project);
        project.Map("/{**rest}", (HttpRequest request) => GcpError.NotSupported($"{request.Method} {request.Path}"));
        app.Map("/compute/{**rest}", (HttpRequest request) => GcpError.NotSupported($"{request.Method} {request.Path}"));
        app.MapPost("/batch/compute/v1", (HttpContext http, GcpBatch batch) => batch.AnswerAsync(http)).Does(CloudOperation.Of("gcp", CloudOperation.Batch));
        app.Map("/batch/{**rest}", (HttpRequest request) => GcpError.NotSupported($"{request.Method} {request.Path}"));
    }

    private static async ValueTask<object?> TranslateAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context);
        }
        catch (RefusedException e)
        {
            return e.Error;
        }
        catch (UnreadableBodyException e)
        {
            return GcpError.Unreadable(e.Message);
        }
        catch (BadRequestException e)
        {
            return GcpError.Invalid(e.Message);
        }
    }
}
