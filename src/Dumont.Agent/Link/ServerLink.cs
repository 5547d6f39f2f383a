using System.Net.WebSockets;
using System.Text.Json;
using Dumont.Contracts;

namespace Dumont.Agent.Link;

/// <summary>
/// The agent's side of the link: dials the server, reports at once, then every interval and whenever the state changed, and hands orders
/// on. Comes back by itself; nothing on the machine waits for it.
/// </summary>
/// <param name="config">Where and as whom.</param>
/// <param name="options">Timeouts.</param>
/// <param name="report">Makes the next report.</param>
/// <param name="accept">Takes an order.</param>
/// <param name="interval">Time between two reports that is wanted now.</param>
/// <param name="backoff">Pauses between tries.</param>
/// <param name="log">For links made and lost.</param>
/// <param name="time">Clock.</param>
internal sealed class ServerLink(
    AgentConfig config,
    AgentOptions options,
    Func<AgentReport> report,
    Action<AgentOrder> accept,
    Func<TimeSpan> interval,
    Backoff backoff,
    AgentLog log,
    TimeProvider time) : IDisposable
{
    // The contract's limit for one message.
    private const int MessageBytes = 256 << 10;

    private static readonly TimeSpan IntervalMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan IntervalMax = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _soon = new(0, 1);
    private string? _lastTold;

    /// <summary>The state changed: report before the interval is over.</summary>
    public void ReportSoon()
    {
        lock (_soon)
        {
            if (_soon.CurrentCount == 0)
            {
                _soon.Release();
            }
        }
    }

    /// <summary>Where to dial.</summary>
    internal static Uri LinkUri(string serverUrl)
    {
        var server = new UriBuilder(serverUrl);
        server.Scheme = server.Scheme is "https" or "wss" ? "wss" : "ws";
        server.Path = server.Path.TrimEnd('/') + "/api/v1/agent/link";
        return server.Uri;
    }

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var uri = LinkUri(config.ServerUrl);
        while (true)
        {
            try
            {
                await ServeAsync(uri, cancellationToken);
                Tell(uri, "closed by the server");
            }
            catch (Exception lost) when (lost is WebSocketException or IOException or TimeoutException or HttpRequestException)
            {
                Tell(uri, lost.InnerException?.Message ?? lost.Message);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                Tell(uri, "timed out");
            }

            await backoff.PauseAsync(cancellationToken);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _soon.Dispose();

    // Once for the same failure again and again: a server that is down for a day is one line.
    private void Tell(Uri uri, string reason)
    {
        if (reason != _lastTold)
        {
            log.Warn("link.lost", ("server", uri.Authority), ("reason", reason));
        }

        _lastTold = reason;
    }

    private async Task ServeAsync(Uri uri, CancellationToken cancellationToken)
    {
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {config.Token}");
        socket.Options.KeepAliveInterval = options.LinkTimeout / 2;
        socket.Options.KeepAliveTimeout = options.LinkTimeout;
        using (var connecting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
        {
            connecting.CancelAfter(options.LinkConnectTimeout);
            await socket.ConnectAsync(uri, connecting.Token);
        }

        _lastTold = null;
        log.Info("link.up", ("server", uri.Authority));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reporting = ReportAsync(socket, stop.Token);
        var receiving = ReceiveAsync(socket, stop.Token);
        var first = await Task.WhenAny(reporting, receiving);
        await stop.CancelAsync();
        await Task.WhenAll(reporting, receiving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        await first;
    }

    private async Task ReportAsync(ClientWebSocket socket, CancellationToken cancellationToken)
    {
        while (true)
        {
            var json = JsonSerializer.SerializeToUtf8Bytes(report(), AgentLinkJson.Default.AgentReport);
            await socket.SendAsync(json, WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, cancellationToken);
            await WaitForNextAsync(cancellationToken);
        }
    }

    private async Task WaitForNextAsync(CancellationToken cancellationToken)
    {
        using var over = new CancellationTokenSource(WithinBounds(interval()), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, over.Token);
        try
        {
            await _soon.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The interval is over.
        }
    }

    // A server of another version must neither silence a machine nor have it do nothing but report.
    private static TimeSpan WithinBounds(TimeSpan wanted) =>
        wanted < IntervalMin ? IntervalMin : wanted > IntervalMax ? IntervalMax : wanted;

    private async Task ReceiveAsync(ClientWebSocket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[MessageBytes];
        while (true)
        {
            var length = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                part = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
                length += part.Count;
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    return;
                }

                if (length == buffer.Length && !part.EndOfMessage)
                {
                    throw new IOException("The server sent a message over the limit.");
                }
            }
            while (!part.EndOfMessage);

            Handle(buffer.AsSpan(0, length));
        }
    }

    private void Handle(ReadOnlySpan<byte> message)
    {
        try
        {
            if (JsonSerializer.Deserialize(message, AgentLinkJson.Default.AgentOrder) is { Workspace: not null, AuthorizedKeys: not null } order)
            {
                // Only a server that speaks ends the backoff: one that accepts and drops us at once must not be hammered.
                backoff.Reset();
                accept(order);
                return;
            }
        }
        catch (JsonException)
        {
            // Said below.
        }

        log.Warn("order.unreadable", ("bytes", message.Length));
    }
}
