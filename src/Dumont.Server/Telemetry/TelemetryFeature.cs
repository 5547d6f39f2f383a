using Dumont.Server.Platform;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Telemetry;

/// <summary>The Prometheus exporter: <c>GET /metrics</c> on a port of its own, on loopback.</summary>
internal static class TelemetryFeature
{
    /// <summary>Registers the feature.</summary>
    public static void AddTelemetry(this IServiceCollection services)
    {
        services.AddSingleton<MeterCollector>();
        services.AddSingleton<ProcessMetrics>();
    }

    /// <summary>Answers on the metrics port, and nothing else there. Before the web pipeline: a scrape takes no part in it.</summary>
    public static void UseTelemetry(this WebApplication app)
    {
        // Made now, so that nothing is missed that happens before the first scrape.
        var collector = app.Services.GetRequiredService<MeterCollector>();
        _ = app.Services.GetRequiredService<ProcessMetrics>();
        var port = app.Services.GetRequiredService<IOptions<ServerOptions>>().Value.MetricsPort;
        if (port != 0)
        {
            app.MapWhen(context => context.Connection.LocalPort == port, metrics => metrics.Run(context => AnswerAsync(context, collector)));
        }
    }

    private static async Task AnswerAsync(HttpContext context, MeterCollector collector)
    {
        if (context.Request.Path != "/metrics" || !(HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        context.Response.ContentType = PrometheusText.ContentType;
        await context.Response.WriteAsync(PrometheusText.Write(collector.Collect()), context.RequestAborted);
    }
}
