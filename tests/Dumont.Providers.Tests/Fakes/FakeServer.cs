using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Dumont.Providers.Tests.Fakes;

/// <summary>A real HTTP server on a free port, for what only a socket can do: refuse, hang, drip, break off.</summary>
public sealed class FakeServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeServer(WebApplication app) => _app = app;

    public Uri Url => new(_app.Urls.Single() + "/");

    public static async Task<FakeServer> StartAsync(RequestDelegate answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.Run(answer);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new FakeServer(app);
    }

    /// <summary>An address where nobody listens: a server's that has gone.</summary>
    public static async Task<Uri> ClosedAsync()
    {
        await using var server = await StartAsync(_ => Task.CompletedTask);
        return server.Url;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
