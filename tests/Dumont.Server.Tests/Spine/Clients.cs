using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Dumont.Server.Tests.Spine;

/// <summary>A listener on loopback that stands for a machine's sshd, and what its connections say.</summary>
internal sealed class LoopbackServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public LoopbackServer() => _listener.Start();

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>A port of loopback that was free a moment ago.</summary>
    public static int FreePort()
    {
        using var server = new LoopbackServer();
        return server.Port;
    }

    public async Task<Line> AcceptAsync() => new(await _listener.AcceptSocketAsync(Line.Deadline()));

    public void Dispose() => _listener.Dispose();
}

/// <summary>One end of a TCP connection; every wait has a deadline.</summary>
internal sealed class Line(Socket socket) : IDisposable
{
    public static async Task<Line> ConnectAsync(int port)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port, Deadline());
        return new Line(socket);
    }

    public static CancellationToken Deadline()
    {
        var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(TimeSpan.FromSeconds(20));
        return deadline.Token;
    }

    public async Task SendAsync(string text) => await socket.SendAsync(Encoding.UTF8.GetBytes(text), Deadline());

    /// <summary>Exactly as many bytes as <paramref name="text"/> has, which must be it.</summary>
    public async Task ExpectAsync(string text)
    {
        var buffer = new byte[Encoding.UTF8.GetByteCount(text)];
        for (var read = 0; read < buffer.Length;)
        {
            var count = await socket.ReceiveAsync(buffer.AsMemory(read), Deadline());
            Assert.True(count > 0, "The connection ended early.");
            read += count;
        }

        Assert.Equal(text, Encoding.UTF8.GetString(buffer));
    }

    /// <summary>The other side closes, in order or by force, without another byte.</summary>
    public async Task ExpectEndAsync()
    {
        try
        {
            Assert.Equal(0, await socket.ReceiveAsync(new byte[1], Deadline()));
        }
        catch (SocketException)
        {
            // Cut by force.
        }
    }

    public void EndSending() => socket.Shutdown(SocketShutdown.Send);

    public void Dispose() => socket.Dispose();
}
