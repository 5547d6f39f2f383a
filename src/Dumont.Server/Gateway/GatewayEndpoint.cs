using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Dumont.Contracts;

namespace Dumont.Server.Gateway;

/// <summary>The listening port of one instance.</summary>
internal sealed class GatewayEndpoint : IAsyncDisposable
{
    /// <summary>Connections of one instance at a time; more are refused.</summary>
    private const int MaxConnections = 256;

    private const int BufferBytes = 64 * 1024;

    private readonly InstanceId _id;
    private readonly GatewayRouter _router;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Socket _listener;
    private readonly CancellationTokenSource _closing = new();
    private readonly ConcurrentDictionary<Connection, bool> _connections = new();
    private readonly Task _accepting;
    private long _generation;

    /// <summary>Opens the port.</summary>
    /// <exception cref="SocketException">It is in use.</exception>
    public GatewayEndpoint(InstanceId id, IPEndPoint address, long generation, GatewayRouter router, TimeProvider time, ILogger logger)
    {
        (_id, _router, _time, _logger, _generation) = (id, router, time, logger, generation);
        _listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            _listener.Bind(address);
            _listener.Listen(128);
        }
        catch (SocketException)
        {
            _listener.Dispose();
            throw;
        }

        _accepting = AcceptAsync();
    }

    /// <summary>Notes which generation writes, and cuts connections that lead to an older one.</summary>
    public void SetGeneration(long generation)
    {
        if (Interlocked.Exchange(ref _generation, generation) == generation)
        {
            return;
        }

        foreach (var connection in _connections.Keys.Where(connection => connection.Generation != 0 && connection.Generation < generation))
        {
            connection.Cut();
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        _listener.Dispose();
        await _accepting;
        foreach (var connection in _connections.Keys)
        {
            connection.Cut();
        }
    }

    private async Task AcceptAsync()
    {
        while (!_closing.IsCancellationRequested)
        {
            try
            {
                var client = await _listener.AcceptAsync(_closing.Token);
                if (_connections.Count >= MaxConnections)
                {
                    client.Dispose();
                    continue;
                }

                var connection = new Connection(client);
                _connections[connection] = true;
                _ = ServeAsync(connection);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException exception)
            {
                GatewayLog.AcceptFailed(_logger, _id, exception.SocketErrorCode);
                await Task.Delay(TimeSpan.FromMilliseconds(100), _time, CancellationToken.None);
            }
        }
    }

    private async Task ServeAsync(Connection connection)
    {
        try
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token, connection.Cutting);
            if (await _router.ConnectAsync(_id, ending.Token) is not var (machine, generation))
            {
                return;
            }

            using (machine)
            {
                connection.Generation = generation;
                if (generation < Interlocked.Read(ref _generation))
                {
                    return;
                }

                connection.Client.NoDelay = true;
                var up = CopyAsync(connection.Client, machine, ending.Token);
                var down = CopyAsync(machine, connection.Client, ending.Token);
                await Task.WhenAll(up, down);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // One side went away, or the connection was cut: both ends are closed below.
        }
        catch (Exception exception)
        {
            GatewayLog.ConnectionFailed(_logger, exception, _id);
        }
        finally
        {
            _connections.TryRemove(connection, out _);
            connection.Dispose();
        }
    }

    /// <summary>Copies one direction to its end, then half-closes, so that the other direction can finish.</summary>
    private static async Task CopyAsync(Socket from, Socket to, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            int read;
            while ((read = await from.ReceiveAsync(buffer, cancellationToken)) > 0)
            {
                var sent = 0;
                while (sent < read)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), cancellationToken);
                }
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // A broken direction ends the connection as a whole.
            from.Dispose();
            to.Dispose();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private sealed class Connection(Socket client) : IDisposable
    {
        private readonly CancellationTokenSource _cutting = new();

        public Socket Client { get; } = client;

        /// <summary>Generation it leads to; 0 while it is held.</summary>
        public long Generation { get; set; }

        public CancellationToken Cutting => _cutting.Token;

        public void Cut()
        {
            try
            {
                _cutting.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It ended by itself.
            }
        }

        public void Dispose()
        {
            Client.Dispose();
            _cutting.Dispose();
        }
    }
}
