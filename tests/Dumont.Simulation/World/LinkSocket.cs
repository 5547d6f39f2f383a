using System.Net.WebSockets;

namespace Dumont.Simulation.World;

/// <summary>The server's end of an agent link, without a network beneath it.</summary>
internal sealed class LinkSocket(Func<ReadOnlyMemory<byte>, Task> send) : WebSocket
{
    private readonly Queue<byte[]> _inbox = [];
    private TaskCompletionSource? _arrival;
    private bool _isClosed;

    /// <inheritdoc />
    public override WebSocketCloseStatus? CloseStatus => null;

    /// <inheritdoc />
    public override string? CloseStatusDescription => null;

    /// <inheritdoc />
    public override WebSocketState State => _isClosed ? WebSocketState.Closed : WebSocketState.Open;

    /// <inheritdoc />
    public override string? SubProtocol => null;

    /// <summary>A message of the agent arrives.</summary>
    public void Deliver(byte[] message)
    {
        if (!_isClosed)
        {
            _inbox.Enqueue(message);
            _arrival?.TrySetResult();
        }
    }

    /// <summary>The connection ends.</summary>
    public void Break()
    {
        _isClosed = true;
        _arrival?.TrySetResult();
    }

    /// <inheritdoc />
    public override async ValueTask<ValueWebSocketReceiveResult> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (_inbox.Count == 0)
        {
            if (_isClosed)
            {
                return new ValueWebSocketReceiveResult(0, WebSocketMessageType.Close, endOfMessage: true);
            }

            _arrival = new TaskCompletionSource();
            await using var _ = cancellationToken.Register(() => _arrival.TrySetCanceled(cancellationToken));
            await _arrival.Task;
        }

        var message = _inbox.Dequeue();
        message.CopyTo(buffer);
        return new ValueWebSocketReceiveResult(message.Length, WebSocketMessageType.Text, endOfMessage: true);
    }

    /// <inheritdoc />
    public override async ValueTask SendAsync(ReadOnlyMemory<byte> buffer, WebSocketMessageType messageType, bool endOfMessage, CancellationToken cancellationToken) =>
        await send(buffer);

    /// <inheritdoc />
    public override Task SendAsync(ArraySegment<byte> buffer, WebSocketMessageType messageType, bool endOfMessage, CancellationToken cancellationToken) =>
        send(buffer);

    /// <inheritdoc />
    public override Task<WebSocketReceiveResult> ReceiveAsync(ArraySegment<byte> buffer, CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <inheritdoc />
    public override void Abort() => Break();

    /// <inheritdoc />
    public override Task CloseAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken)
    {
        Break();
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public override Task CloseOutputAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) =>
        CloseAsync(closeStatus, statusDescription, cancellationToken);

    /// <inheritdoc />
    public override void Dispose() => Break();
}
