using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Dumont.Contracts;
using Dumont.Snapshots;

namespace Dumont.Agent;

/// <summary>
/// The newest order, kept across restarts of agent and machine, so that a machine that was fenced stays fenced and a pair goes on syncing
/// while the server is away.
/// <code>
/// order:  64 hexadecimal digits, SHA-256 of what follows the line feed | LF | AgentOrder as JSON
/// </code>
/// Replaced atomically. A file that does not check counts as none: the agent then does nothing to any workspace until the server speaks,
/// which is safe, and never fails to start over it.
/// </summary>
internal sealed class OrderStore(string stateDirectory, AgentLog log)
{
    private const int DigestLength = 64;
    private readonly string _path = Path.Combine(stateDirectory, "order");

    /// <summary>The order last saved; null when there is none, or none that can be trusted.</summary>
    public AgentOrder? Find()
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(_path);
        }
        catch (FileNotFoundException)
        {
            return null;
        }

        try
        {
            if (bytes.Length > DigestLength + 1 && Encoding.ASCII.GetString(bytes, 0, DigestLength) == DigestOf(bytes.AsSpan(DigestLength + 1)))
            {
                return JsonSerializer.Deserialize(bytes.AsSpan(DigestLength + 1), AgentLinkJson.Default.AgentOrder);
            }
        }
        catch (JsonException)
        {
            // Written by another version; the server will repeat what it wants.
        }

        log.Warn("order.damaged", ("path", _path));
        return null;
    }

    /// <summary>Saves an order; it is on the disk when this returns.</summary>
    /// <exception cref="IOException">It is not.</exception>
    public void Save(AgentOrder order)
    {
        // Work is for once, and bears a secret.
        var json = JsonSerializer.SerializeToUtf8Bytes(order with { Work = null }, AgentLinkJson.Default.AgentOrder);
        var bytes = new byte[DigestLength + 1 + json.Length];
        Encoding.ASCII.GetBytes(DigestOf(json), bytes);
        bytes[DigestLength] = (byte)'\n';
        json.CopyTo(bytes, DigestLength + 1);
        Durable.WriteAtomic(_path, bytes);
    }

    private static string DigestOf(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
