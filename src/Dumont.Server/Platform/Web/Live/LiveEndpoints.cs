using System.Globalization;
using System.Text;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Platform.Web.Live;

/// <summary>Whether a session has been ended since its stream was opened. Implemented by the feature that knows.</summary>
internal interface ISessionWatch
{
    /// <summary>Whether it was.</summary>
    bool IsOver(string sessionId);
}

/// <summary>The stream of server-sent events that an open page listens to.</summary>
internal static class LiveEndpoints
{
    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(12);

    /// <summary>Registers what keeps pages up to date.</summary>
    public static void AddLive(this IServiceCollection services)
    {
        services.AddSingleton<LiveHub>();
        services.AddHostedService(provider => provider.GetRequiredService<LiveHub>());
    }

    /// <summary>Maps the route.</summary>
    public static void Map(IEndpointRouteBuilder routes) => routes.MapPages(pages => pages.MapGet("/live", StreamAsync));

    // Written by hand rather than as a sequence of items: a thousand open pages should hold as little as can be.
    private static async Task<IResult> StreamAsync(
        HttpContext context, Caller caller, LiveHub hub, ISessionWatch sessions, TimeProvider time, IHostApplicationLifetime lifetime, string view, string? of, string? since)
    {
        if (!hub.Has(view))
        {
            return Problems.Unknown("live view", view);
        }

        var key = new LiveKey(view, caller.UserId, of ?? "", Language.Of(context.Request).Tag);
        if (hub.Join(key, LastSeen(context.Request) ?? since) is not { } client)
        {
            return new Problem(Problems.TooManyRequests, "Too many pages are open.", retryAfter: TimeSpan.FromSeconds(30));
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        try
        {
            context.Response.ContentType = "text/event-stream; charset=utf-8";
            context.Response.Headers.CacheControl = "no-store";
            context.Response.Headers["X-Accel-Buffering"] = "no";
            await SendAsync(context, "retry: 2000\n\n", stop.Token);
            await FollowAsync(context, client, caller, sessions, time, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The page was closed, or the server stops.
        }
        finally
        {
            hub.Leave(client);
        }

        return Results.Empty;
    }

    private static async Task FollowAsync(
        HttpContext context, LiveClient client, Caller caller, ISessionWatch sessions, TimeProvider time, CancellationToken cancellationToken)
    {
        var lastSentAt = DateTimeOffset.MinValue;
        while (true)
        {
            await client.WaitAsync(cancellationToken);
            if (caller.SessionId is { } session && sessions.IsOver(session))
            {
                await SendAsync(context, "event: live\ndata: <template data-reload></template>\n\n", cancellationToken);
                return;
            }

            var now = time.GetUtcNow();
            if (client.Group.ChangesSince(client.Seen) is var (html, version, isGone))
            {
                client.Seen = version;
                await SendAsync(context, Message(client, isGone ? "<template data-reload></template>" : html), cancellationToken);
                lastSentAt = now;
                if (isGone)
                {
                    return;
                }
            }
            else if (now - lastSentAt >= HeartbeatInterval)
            {
                await SendAsync(context, Message(client, ""), cancellationToken);
                lastSentAt = now;
            }
        }
    }

    // The id is what the browser sends back when it connects again: it then gets what it has missed, and nothing else.
    private static string Message(LiveClient client, string html)
    {
        var message = new StringBuilder(html.Length + 100);
        message.Append(CultureInfo.InvariantCulture, $"event: live\nid: {client.Group.Id}.{client.Seen}\n");
        foreach (var line in html.AsSpan().EnumerateLines())
        {
            message.Append("data: ").Append(line).Append('\n');
        }

        return message.Append('\n').ToString();
    }

    private static async Task SendAsync(HttpContext context, string text, CancellationToken cancellationToken)
    {
        Encoding.UTF8.GetBytes(text, context.Response.BodyWriter);
        await context.Response.BodyWriter.FlushAsync(cancellationToken);
    }

    private static string? LastSeen(HttpRequest request) => request.Headers["Last-Event-ID"] is [{ Length: > 0 and < 100 } id] ? id : null;
}
