using System.Net.Sockets;
using Dumont.Snapshots.Sync;

namespace Dumont.Agent.Workspace;

/// <summary>
/// Takes sync connections on a Unix socket, into which <c>dumont-agent sink</c>, the forced command of the sync key, pipes what comes over
/// SSH. Listens as long as the agent runs; whether there is somebody to serve depends on the role.
/// </summary>
internal sealed class SyncReceiver(string stateDirectory, SyncFence fence, AgentLog log)
{
    // Longer than the greeting's own limit would be pointless; more at once than the writer's tries can only be abuse.
    private const int ConnectionsAtOnce = 8;

    private volatile SyncSink? _sink;

    /// <summary>Path of the socket: in a directory that only root may enter.</summary>
    public static string SocketPath(string stateDirectory) => Path.Combine(stateDirectory, "sync.sock");

    /// <summary>From now on connections are served by this; null sends them away.</summary>
    public void Serve(SyncSink? sink) => _sink = sink;

    /// <summary>Listens until cancelled, then waits for open connections to end.</summary>
    /// <exception cref="SocketException">The socket cannot be made.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var path = SocketPath(stateDirectory);
        File.Delete(path);
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        var open = new List<Task>();
        try
        {
            while (true)
            {
                var socket = await listener.AcceptAsync(cancellationToken);
                open.RemoveAll(static connection => connection.IsCompleted);
                if (open.Count < ConnectionsAtOnce)
                {
                    open.Add(ServeToEndAsync(socket, cancellationToken));
                }
                else
                {
                    socket.Dispose();
                }
            }
        }
        finally
        {
            File.Delete(path);
            await Task.WhenAll(open);
        }
    }

    private async Task ServeToEndAsync(Socket socket, CancellationToken cancellationToken)
    {
        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            await ServeAsync(stream, cancellationToken);
        }
        catch (Exception ended) when (ended is IOException or SocketException or OperationCanceledException or UnauthorizedAccessException or ObjectDisposedException)
        {
            log.Info("sync.connection_ended", ("reason", ended.Message));
        }
    }

    private async Task ServeAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        if (_sink is { } sink)
        {
            log.Info("sync.connection");
            await sink.RunAsync(stream, stream, cancellationToken);
            return;
        }

        await SyncSink.RefuseAsync(
            stream, SyncRefusal.NotFollowing, fence.Generation, "This machine is not a follower.", cancellationToken);
    }
}
