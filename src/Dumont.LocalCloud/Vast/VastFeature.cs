using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Vast;

/// <summary>The Vast.ai side of the local cloud.</summary>
internal static class VastFeature
{
    public static void AddVast(this IServiceCollection services, LocalCloudOptions options)
    {
        services.AddSingleton(OfferGenerator.Generate(options.Seed));
        services.AddSingleton(provider => new ContractBook(options.DataFolder, options.StartingCreditUsd, provider.GetRequiredService<ChargeBook>()));
        services.AddSingleton(new PriceProcess(options.Seed));
        services.AddSingleton<OfferMarket>();
        services.AddSingleton(provider => new VolumeBook(options.DataFolder, provider.GetRequiredService<ContractBook>(), provider.GetRequiredService<ChargeBook>()));
        services.AddSingleton(provider => new VolumeFiles(options.DataFolder, provider.GetRequiredService<Sandbox>()));
        services.AddSingleton<VolumeCloud>();
        services.AddSingleton<FileTransfer>();
        services.AddSingleton<CopyDesk>();
        services.AddHostedService(provider => provider.GetRequiredService<CopyDesk>());
        services.AddSingleton<VastCloud>();
        services.AddSingleton<ContractLifecycle>();
        services.AddHostedService(provider => provider.GetRequiredService<ContractLifecycle>());
        services.AddSingleton<VastAuthentication>();
        services.AddSingleton<VastRateLimiter>();
        services.AddSingleton<OfferEndpoints>();
        services.AddSingleton<InstanceEndpoints>();
        services.AddSingleton<AccountEndpoints>();
        services.AddSingleton<VolumeEndpoints>();
        services.AddSingleton<CopyEndpoints>();
        services.AddSingleton<ChargeEndpoints>();
        services.AddSingleton<ResultEndpoints>();
    }

    public static void MapVast(this WebApplication app)
    {
        var services = app.Services;
        var limiter = services.GetRequiredService<VastRateLimiter>();
        var authentication = services.GetRequiredService<VastAuthentication>();
        var open = app.MapGroup("/api/v0");
        var v0 = app.MapGroup("/api/v0");
        var v1 = app.MapGroup("/api/v1");
        foreach (var group in (RouteGroupBuilder[])[open, v0, v1])
        {
            group.AddEndpointFilter(limiter);
            group.AddEndpointFilter(TranslateAsync);
        }

        v0.AddEndpointFilter(authentication);
        v1.AddEndpointFilter(authentication);
        services.GetRequiredService<OfferEndpoints>().MapOpen(open);
        services.GetRequiredService<OfferEndpoints>().Map(v0);
        services.GetRequiredService<InstanceEndpoints>().Map(v0, v1);
        services.GetRequiredService<AccountEndpoints>().Map(v0);
        services.GetRequiredService<VolumeEndpoints>().MapOpen(open);
        services.GetRequiredService<VolumeEndpoints>().Map(v0);
        services.GetRequiredService<CopyEndpoints>().Map(v0);
        services.GetRequiredService<ChargeEndpoints>().Map(v0, v1);
        services.GetRequiredService<ResultEndpoints>().Map(v0);
        services.GetRequiredService<ResultEndpoints>().MapResults(app);
        v0.Map("/{**rest}", (HttpRequest request) => VastProblem.NotSupported($"{request.Method} {request.Path}"));
        v1.Map("/{**rest}", (HttpRequest request) => VastProblem.NotSupported($"{request.Method} {request.Path}"));
    }

    private static async ValueTask<object?> TranslateAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context);
        }
        catch (BadRequestException e)
        {
            return VastProblem.InvalidRequest(e.Message);
        }
        catch (LeftOutException e)
        {
            return VastProblem.NotSupported(e.Message);
        }
        catch (InvalidCursorException e)
        {
            return new VastProblem(StatusCodes.Status400BadRequest, "invalid_token", e.Message);
        }
    }
}
