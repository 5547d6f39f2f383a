using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text.Json;
using Dumont.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Dumont.Agent.Tests.Link;

/// <summary>The server's end of the agent link: keeps every report and sends the order that was set for the machine, whenever it is set.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<MachineId, AgentReport> _latest = new();
    private readonly ConcurrentDictionary<MachineId, AgentOrder> _orders = new();
    private readonly ConcurrentDictionary<MachineId, WebSocket> _links = new();
    private int _connections;

    private FakeServer(WebApplication app) => _app = app;

    public string Url => _app.Urls.First();

    public int Connections => Volatile.Read(ref _connections);

    public string? Authorization { get; private set; }

    public static async Task<FakeServer> StartAsync(string url = "http://127.0.0.1:0")
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls(url);
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var server = new FakeServer(app);
        app.UseWebSockets();
        app.MapGet("/api/v1/agent/link", server.LinkAsync);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    /// <summary>Last report of a machine.</summary>
    public AgentReport? Latest(long machineId) => _latest.GetValueOrDefault(new MachineId(machineId));

    /// <summary>Sets what a machine should be, and tells it if it is connected.</summary>
    public async Task OrderAsync(long machineId, AgentOrder order)
    {
        var id = new MachineId(machineId);
        _orders[id] = order;
        if (_links.TryGetValue(id, out var link))
        {
            await SendAsync(link, JsonSerializer.SerializeToUtf8Bytes(order, AgentLinkJson.Default.AgentOrder));
        }
    }

    /// <summary>Sends any text to a machine.</summary>
    public Task SendTextAsync(long machineId, string text) => SendAsync(_links[new MachineId(machineId)], System.Text.Encoding.UTF8.GetBytes(text));

    /// <summary>Waits for a report of a machine that says so.</summary>
    public async Task<AgentReport> ReportAsync(long machineId, Func<AgentReport, bool> condition, string what)
    {
        AgentReport? met = null;
        await Eventually.TrueAsync(() => Latest(machineId) is { } report && condition(report) && (met = report) is not null, what);
        return met!;
    }

    /// <summary>Breaks a machine's link without a word.</summary>
    public void Drop(long machineId) => _links[new MachineId(machineId)].Abort();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var link in _links.Values)
        {
            link.Abort();
        }

        await _app.DisposeAsync();
        _stop.Dispose();
    }

    private async Task LinkAsync(HttpContext context)
    {
        Authorization = context.Request.Headers.Authorization;
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        Interlocked.Increment(ref _connections);
        try
        {
            await ReadAsync(socket);
        }
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException)
        {
            // The agent went away, or the test ends.
        }
    }

    private async Task ReadAsync(WebSocket socket)
    {
        var buffer = new byte[256 << 10];
        var known = false;
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), _stop.Token);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return;
            }

            var report = JsonSerializer.Deserialize(buffer.AsSpan(0, part.Count), AgentLinkJson.Default.AgentReport)!;
            _latest[report.MachineId] = report;
            if (!known)
            {
                known = true;
                _links[report.MachineId] = socket;
                if (_orders.TryGetValue(report.MachineId, out var order))
                {
                    await SendAsync(socket, JsonSerializer.SerializeToUtf8Bytes(order, AgentLinkJson.Default.AgentOrder));
                }
            }
        }
    }

    private Task SendAsync(WebSocket socket, byte[] message) => socket.SendAsync(message, WebSocketMessageType.Text, endOfMessage: true, _stop.Token);
}
