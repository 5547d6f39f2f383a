using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Machines;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace Dumont.LocalCloud.Gcp;

/// <summary>The metadata server of each VM that is on: <c>http://metadata.google.internal</c> inside it, an address of its own outside.</summary>
/// <remarks>A server listens from the boot of its VM to its end, and on the VM's own metadata address, so it knows who asks.</remarks>
internal sealed class MetadataServers(
    GcpBook book, GcpAuthentication authentication, CurrentAccount account, LocalCloudOptions options, TimeProvider time, ILoggerFactory loggers) : BackgroundService
{
    private const string Root = "/computeMetadata/v1";

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan WaitInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan WaitMax = TimeSpan.FromHours(1);

    private readonly ILogger _logger = loggers.CreateLogger<MetadataServers>();
    private readonly Dictionary<string, (KestrelServer Server, ulong VmId)> _servers = [];
    private readonly HashSet<string> _failed = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Rounds.RunAsync(Interval, FollowAsync, time, _logger, stoppingToken);
        foreach (var (server, _) in _servers.Values)
        {
            server.Dispose();
        }
    }

    // Starts servers of VMs that came up, ends those of VMs that went.
    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        Dictionary<string, ulong> wanted;
        lock (book.Gate)
        {
            wanted = book.Vms.Where(vm => vm.MetadataAddress is not null).ToDictionary(vm => vm.MetadataAddress!, vm => vm.Id);
        }

        foreach (var (address, server) in _servers.Where(server => !wanted.ContainsKey(server.Key) || wanted[server.Key] != server.Value.VmId).ToArray())
        {
            server.Server.Dispose();
            _servers.Remove(address);
        }

        _failed.IntersectWith(wanted.Keys);
        foreach (var (address, vmId) in wanted.Where(vm => !_servers.ContainsKey(vm.Key) && !_failed.Contains(vm.Key)))
        {
            await StartAsync(address, vmId, cancellationToken);
        }
    }

    private async Task StartAsync(string address, ulong vmId, CancellationToken cancellationToken)
    {
        var kestrel = new KestrelServerOptions { AddServerHeader = false };
        kestrel.Listen(IPAddress.Parse(address), options.GcpMetadataPort!.Value);
        var server = new KestrelServer(
            Options.Create(kestrel), new SocketTransportFactory(Options.Create(new SocketTransportOptions()), loggers), loggers);
        try
        {
            await server.StartAsync(new Application(http => AnswerAsync(http, vmId)), cancellationToken);
            _servers.Add(address, (server, vmId));
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            // Somebody else took the port meanwhile; the VM runs without.
            server.Dispose();
            _failed.Add(address);
            GcpLog.NoMetadataServer(_logger, address, options.GcpMetadataPort!.Value, e.Message);
        }
    }

    private async Task AnswerAsync(HttpContext http, ulong vmId)
    {
        var (request, response) = (http.Request, http.Response);
        response.Headers["Metadata-Flavor"] = "Google";
        if (request.Path == "/")
        {
            await WriteAsync(response, 200, "application/text", "0.1/\ncomputeMetadata/\n");
        }
        else if (request.Headers["Metadata-Flavor"] != "Google" || request.Headers.ContainsKey("X-Forwarded-For"))
        {
            await WriteAsync(response, 403, "text/html; charset=UTF-8", "Missing Metadata-Flavor:Google header.\n");
        }
        else if (request.Method != "GET")
        {
            await WriteAsync(response, 405, "text/html; charset=UTF-8", "Only GET is supported.\n");
        }
        else
        {
            await AnswerAsync(http, vmId, request.Path.Value!);
        }
    }

    private async Task AnswerAsync(HttpContext http, ulong vmId, string path)
    {
        var found = Find(vmId, path);
        var query = http.Request.Query;
        if (found is not null && query["wait_for_change"] == "true")
        {
            found = await ChangedAsync(vmId, path, query["last_etag"].FirstOrDefault() ?? Tag(found), query["timeout_sec"].FirstOrDefault(), http.RequestAborted);
        }

        if (found is null)
        {
            await WriteAsync(http.Response, 404, "text/html; charset=UTF-8", "Not Found\n");
            return;
        }

        http.Response.Headers.ETag = Tag(found);
        // A token is a document; so is a branch that is asked for whole.
        var whole = query["recursive"] == "true" || query["alt"] == "json" || path.EndsWith("/token", StringComparison.Ordinal);
        await WriteAsync(
            http.Response,
            200,
            whole && query["alt"] != "text" ? "application/json" : "application/text",
            whole ? found.ToJsonString() : MetadataTree.Render(found));
    }

    private async Task<JsonNode?> ChangedAsync(ulong vmId, string path, string tag, string? seconds, CancellationToken cancellationToken)
    {
        var limit = double.TryParse(seconds, System.Globalization.CultureInfo.InvariantCulture, out var asked) && asked > 0
            ? TimeSpan.FromSeconds(Math.Min(asked, WaitMax.TotalSeconds))
            : WaitMax;
        var began = time.GetTimestamp();
        while (true)
        {
            var found = Find(vmId, path);
            if (found is null || Tag(found) != tag || time.GetElapsedTime(began) >= limit)
            {
                return found;
            }

            await Task.Delay(WaitInterval, time, cancellationToken);
        }
    }

    private JsonNode? Find(ulong vmId, string path)
    {
        lock (book.Gate)
        {
            return path.StartsWith(Root, StringComparison.Ordinal) && book.Vms.FirstOrDefault(vm => vm.Id == vmId) is { } vm
                ? MetadataTree.Find(
                    MetadataTree.Of(vm, book.Settings.Metadata, book.Project, account.File.GcpServiceAccount.ClientEmail, authentication.TokenAnswer), path[Root.Length..])
                : null;
        }
    }

    private static string Tag(JsonNode value) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(value.ToJsonString())).AsSpan(0, 8));

    private static async Task WriteAsync(HttpResponse response, int status, string type, string text)
    {
        response.StatusCode = status;
        response.ContentType = type;
        await response.WriteAsync(text);
    }

    /// <summary>The smallest thing that Kestrel serves.</summary>
    private sealed class Application(RequestDelegate answer) : IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public Task ProcessRequestAsync(HttpContext context) => answer(context);

        public void DisposeContext(HttpContext context, Exception? exception)
        {
            // Nothing is held.
        }
    }
}
