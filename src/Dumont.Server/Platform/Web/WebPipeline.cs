using System.Net;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Platform.Web;

/// <summary>What every request passes, from the socket to its endpoint.</summary>
/// <code>
/// socket → limits → HEAD, request id, security headers → exceptions and empty answers become problems → routing → 404, 405
///        → authentication → authorization → idempotency → endpoint (binding, validation, handler)
/// </code>
internal static class WebPipeline
{
    private const long MaxBodyBytes = 1 << 20;
    private const int RequestIdLengthMax = 64;
    private static readonly object HeadMark = new();

    /// <summary>Registers the services of the pipeline.</summary>
    public static void AddWebPipeline(this IServiceCollection services)
    {
        services.AddSingleton<IConfigureOptions<KestrelServerOptions>, Listening>();
        services.AddApiJson();
        services.AddValidation();
        services.AddSingleton<IProblemDetailsService, ValidationProblems>();
        services.AddSingleton<IdempotencyStore>();
        ApiDescription.Add(services);
        services.AddPages();
        services.AddLive();
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.AddAuthorizationBuilder().SetFallbackPolicy(
            new Microsoft.AspNetCore.Authorization.AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
    }

    /// <summary>Puts the middleware in order and maps the API's description; the features' endpoints are mapped after this.</summary>
    public static void UseWebPipeline(this WebApplication app)
    {
        app.Use(AnswerHeadAsGet);
        app.Use(SetCommonHeaders);
        app.UseMiddleware<ExceptionProblems>();
        app.UseStatusCodePages(DescribeStatus);
        app.UseRouting();
        app.Use(RefuseNulInQuery);
        app.Use(AnswerUnmatched);
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseWebSockets();
        app.UseMiddleware<IdempotencyMiddleware>();
        ApiDescription.Map(app);
        WebAssets.Map(app);
        Preferences.Map(app);
        LiveEndpoints.Map(app);
    }

    /// <summary>Whether only the headers of the answer are asked for; endpoints see GET.</summary>
    public static bool IsHead(HttpContext context) => context.Items.ContainsKey(HeadMark);

    // Routing would refuse HEAD on a GET route. Kestrel decides from the method whether a body is sent, so it must see HEAD again in time.
    private static Task AnswerHeadAsGet(HttpContext context, RequestDelegate next)
    {
        if (HttpMethods.IsHead(context.Request.Method))
        {
            context.Request.Method = HttpMethods.Get;
            context.Items[HeadMark] = true;
            context.Response.OnStarting(() =>
            {
                context.Request.Method = HttpMethods.Head;
                return Task.CompletedTask;
            });
        }

        return next(context);
    }

    private static Task SetCommonHeaders(HttpContext context, RequestDelegate next)
    {
        if (context.Request.Headers["X-Request-Id"] is [{ Length: > 0 and <= RequestIdLengthMax } id]
            && id.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_'))
        {
            context.TraceIdentifier = id;
        }

        var headers = context.Response.Headers;
        headers["X-Request-Id"] = context.TraceIdentifier;
        headers.ContentSecurityPolicy = "default-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.XFrameOptions = "DENY";
        if (context.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal))
        {
            headers.CacheControl = "no-store";
        }

        return next(context);
    }

    private static Task DescribeStatus(StatusCodeContext context) =>
        Pages.WriteAsync(context.HttpContext, ProblemMapping.OfStatus(context.HttpContext));

    // No database text holds it; in bodies the JSON reader refuses it, in paths Kestrel.
    private static Task RefuseNulInQuery(HttpContext context, RequestDelegate next)
    {
        if (context.Request.QueryString.Value?.Contains("%00", StringComparison.Ordinal) == true)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return Task.CompletedTask;
        }

        return next(context);
    }

    // Routing answers a wrong method or media type by an endpoint of its own, and no route by none. Neither may be asked for a token first:
    // an unknown path is 404 for everybody.
    private static Task AnswerUnmatched(HttpContext context, RequestDelegate next)
    {
        switch (context.GetEndpoint())
        {
            case null:
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return Task.CompletedTask;
            case RouteEndpoint:
                return next(context);
            case var endpoint:
                return endpoint.RequestDelegate!(context);
        }
    }

    // Where Kestrel listens and how much it takes.
    private sealed class Listening(IOptions<ServerOptions> server) : IConfigureOptions<KestrelServerOptions>
    {
        public void Configure(KestrelServerOptions options)
        {
            options.AddServerHeader = false;
            options.Limits.MaxRequestBodySize = MaxBodyBytes;
            options.Limits.MaxConcurrentConnections = 20_000;
            options.Limits.MaxConcurrentUpgradedConnections = 20_000;
            options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
            options.Listen(IPAddress.Parse(server.Value.BindAddress), server.Value.Port);
            if (server.Value.MetricsPort != 0)
            {
                options.Listen(IPAddress.Loopback, server.Value.MetricsPort);
            }
        }
    }
}
