using System.Net.Sockets;

namespace Dumont.Agent.Workspace;

/// <summary>What the forced command of the sync key runs: carries bytes between SSH and the resident agent, and understands none of them.</summary>
internal static class SinkPipe
{
    /// <summary>Runs until either side closes.</summary>
    /// <exception cref="SocketException">No agent is running here.</exception>
    public static async Task RunAsync(string stateDirectory, Stream input, Stream output, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(SyncReceiver.SocketPath(stateDirectory)), cancellationToken);
        await using var stream = new NetworkStream(socket, ownsSocket: false);
        var sending = CopyAsync(input, stream, cancellationToken);
        var receiving = CopyAsync(stream, output, cancellationToken);

        // Whichever closes first ends the connection; the process exits and takes the other direction with it.
        await (await Task.WhenAny(sending, receiving));
    }

    private static async Task CopyAsync(Stream from, Stream to, CancellationToken cancellationToken)
    {
        var buffer = new byte[256 << 10];
        while (await from.ReadAsync(buffer, cancellationToken) is > 0 and var count)
        {
            await to.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
            await to.FlushAsync(cancellationToken);
        }
    }
}
