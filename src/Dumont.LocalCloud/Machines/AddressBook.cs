using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Dumont.LocalCloud.Machines;

/// <summary>Hands out loopback addresses, each to one machine. Two local clouds side by side draw from different ranges.</summary>
internal sealed class AddressBook
{
    private const int SshPortMin = 20000;
    private const int SshPortMax = 32000;

    private readonly Lock _gate = new();
    private readonly HashSet<IPAddress> _taken = [];
    private readonly byte _range;
    private int _next;

    /// <param name="dataFolder">Tells the range; the ranges of two folders may still meet, so every address is tried before use.</param>
    public AddressBook(string dataFolder)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(dataFolder)));
        // 127.0 and the last ranges are left to other programs.
        _range = (byte)(16 + (hash[0] % 230));
        _next = BitConverter.ToUInt16(hash, 1) % 60_000;
    }

    /// <summary>Marks the address of a machine that was made before this start.</summary>
    public void Keep(string? address)
    {
        if (IPAddress.TryParse(address, out var known))
        {
            lock (_gate)
            {
                _taken.Add(known);
            }
        }
    }

    public void Release(string? address)
    {
        if (IPAddress.TryParse(address, out var known))
        {
            lock (_gate)
            {
                _taken.Remove(known);
            }
        }
    }

    /// <summary>An address on which the given port is free, or any address where no port is given.</summary>
    public IPAddress Take(int? port = null)
    {
        lock (_gate)
        {
            for (var tries = 0; tries < 60_000; tries++)
            {
                _next = (_next + 1) % 60_000;
                var address = new IPAddress([127, _range, (byte)(1 + (_next / 250)), (byte)(2 + (_next % 250))]);
                if (!_taken.Contains(address) && (port is null || IsFree(address, port.Value)))
                {
                    _taken.Add(address);
                    return address;
                }
            }
        }

        throw new MachineException($"no loopback address has port {port} free");
    }

    /// <summary>An address and a port of its own for a machine whose port may be any; the port after it is free too.</summary>
    public (IPAddress Address, int Port) TakeWithPort(long salt)
    {
        var port = SshPortMin + (int)(salt % (SshPortMax - SshPortMin));
        return (Take(port), port);
    }

    /// <summary>Whether a server could listen there now.</summary>
    public static bool IsFree(IPAddress address, int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(address, port));
            socket.Listen(1);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
