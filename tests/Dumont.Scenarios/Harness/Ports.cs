using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Dumont.Scenarios.Harness;

/// <summary>Ports that nobody uses at this moment.</summary>
internal static class Ports
{
    private const int RangeFirst = 12_000;
    private const int RangeLast = 19_000;

    private static readonly ConcurrentDictionary<int, bool> Given = new();

    private static int _taken;

    /// <summary>One free port on loopback, and never the same twice: a world that starts beside another may not have opened its own yet.</summary>
    public static int Free()
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var port = ((IPEndPoint)listener.LocalEndpoint).Port;
            if (Given.TryAdd(port, true))
            {
                return port;
            }
        }
    }

    /// <summary>The first of <paramref name="count"/> free ports in a row, below those that the kernel hands out by itself.</summary>
    public static int FreeRange(int count)
    {
        for (var tries = 0; tries < 200; tries++)
        {
            var slot = (Environment.ProcessId * 7) + Interlocked.Increment(ref _taken);
            var first = RangeFirst + (slot * count % (RangeLast - RangeFirst - count));
            if (Enumerable.Range(first, count).All(IsFree))
            {
                return first;
            }
        }

        throw new InvalidOperationException($"No {count} free ports in a row between {RangeFirst} and {RangeLast}.");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
