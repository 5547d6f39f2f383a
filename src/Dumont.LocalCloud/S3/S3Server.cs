using System.Net;
using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Faults;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Dumont.LocalCloud.S3;

/// <summary>The S3 side of the local cloud, on a port of its own: what clients send goes straight from the socket to a file and back.</summary>
internal sealed class S3Server : IAsyncDisposable
{
    // Enough for a connection to go on while the other side writes or reads.
    private const int BufferBytes = 1 << 20;

    private readonly WebApplication _app;
    private readonly BucketShelf _shelf;

    private S3Server(WebApplication app, BucketShelf shelf, Uri endpoint) => (_app, _shelf, Endpoint) = (app, shelf, endpoint);

    /// <summary>Where it listens.</summary>
    public Uri Endpoint { get; }

    /// <param name="port">On 127.0.0.1; 0 takes a free one.</param>
    /// <param name="folder">Where buckets are kept.</param>
    /// <param name="account">The keys that it accepts.</param>
    /// <param name="faults">Faults that may strike.</param>
    /// <param name="time">The clock that signatures are checked by.</param>
    /// <param name="logLevel">Lowest level that is logged, on standard error.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<S3Server> StartAsync(
        int port, string folder, S3Account account, FaultBook faults, TimeProvider time, LogLevel logLevel, CancellationToken cancellationToken)
    {
        var shelf = new BucketShelf(folder);
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ApplicationName = typeof(S3Server).Assembly.GetName().Name });
        LocalCloudApp.ConfigureLogging(builder.Logging, logLevel);
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>>(new LargeBlockPool());
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, port);
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxRequestBufferSize = BufferBytes;
            kestrel.Limits.MaxResponseBufferSize = BufferBytes;
        });
        var app = builder.Build();
        var handler = new S3Handler(account, shelf, faults, time, app.Services.GetRequiredService<ILogger<S3Handler>>());
        app.Run(handler.HandleAsync);
        await app.StartAsync(cancellationToken);
        return new S3Server(app, shelf, new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()));
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        _shelf.Dispose();
    }
}
