using System.Net;
using System.Net.Sockets;
using Dumont.Server.Platform;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Instances;

/// <summary>Whether nobody listens on <paramref name="port"/> of the gateway's address now.</summary>
internal delegate bool PortProbe(int port);

/// <summary>Gives each new instance a port that it keeps for life.</summary>
internal sealed class GatewayPorts(IOptions<ServerOptions> options, PortProbe isFree)
{
    private int _next;

    /// <summary>A port of the range that is neither in <paramref name="taken"/> nor used by another program now. Goes round the range rather than
    /// reusing the lowest, because a new instance at an old address would be met with the old host key; after a restart it goes on behind
    /// <paramref name="last"/>, the port that was given away last, whether its instance is there still or not.</summary>
    /// <exception cref="InvalidOperationException">The whole range is in use.</exception>
    public int Choose(IReadOnlySet<int> taken, int? last)
    {
        var (first, count) = (options.Value.GatewayFirstPort, options.Value.GatewayPortCount);
        if (_next == 0 && last is { } before && before >= first && before < first + count)
        {
            _next = before - first;
        }

        for (var tries = 0; tries < count; tries++)
        {
            var port = first + (int)((uint)Interlocked.Increment(ref _next) % (uint)count);
            if (!taken.Contains(port) && isFree(port))
            {
                return port;
            }
        }

        throw new InvalidOperationException($"All {count} gateway ports from {first} on are in use. Widen Server:GatewayPortCount.");
    }

    /// <summary>Asks the computer itself.</summary>
    public static bool IsFree(string bindAddress, int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Parse(bindAddress), port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
