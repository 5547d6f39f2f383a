using System.Buffers.Binary;
using System.Text;

namespace Dumont.Agent;

/// <summary>An OpenSSH public key, parsed strictly: whatever else a line of <c>authorized_keys</c> may hold (options, commands) is refused.</summary>
/// <param name="Type">Algorithm, one of <see cref="Types"/>.</param>
/// <param name="Base64">The key's blob.</param>
/// <param name="Comment">Trailing text, printable ASCII; empty without one.</param>
internal sealed record SshKey(string Type, string Base64, string Comment)
{
    /// <summary>Longest line taken; an RSA key of 16384 bits has 2.8 KB.</summary>
    public const int MaximumLength = 4096;

    /// <summary>Algorithms taken.</summary>
    public static readonly IReadOnlyList<string> Types =
    [
        "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
    ];

    /// <summary>Parses one line.</summary>
    public static bool TryParse(string line, out SshKey key)
    {
        key = new SshKey("", "", "");
        var parts = line.Trim(' ').Split(' ', 3);
        if (line.Length > MaximumLength || parts.Length < 2 || line.Any(static letter => letter is < ' ' or > '~') ||
            !Types.Contains(parts[0]) || !IsBlobOf(parts[0], parts[1]))
        {
            return false;
        }

        key = new SshKey(parts[0], parts[1], parts.Length == 3 ? parts[2].Trim(' ') : "");
        return true;
    }

    /// <summary>As it stands in a file.</summary>
    public override string ToString() => Comment.Length == 0 ? $"{Type} {Base64}" : $"{Type} {Base64} {Comment}";

    // The blob begins with the algorithm's name, as a string of SSH: length big-endian, then bytes.
    private static bool IsBlobOf(string type, string base64)
    {
        var blob = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, blob, out var length) && length > sizeof(uint) + type.Length &&
            BinaryPrimitives.ReadUInt32BigEndian(blob) == type.Length &&
            blob.AsSpan(sizeof(uint), type.Length).SequenceEqual(Encoding.ASCII.GetBytes(type));
    }
}
