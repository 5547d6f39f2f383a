using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Dumont.Server.Settings;

/// <summary>One OpenSSH public key. It ends up in <c>authorized_keys</c> of machines, so nothing but a plain key is taken: no options before it, no
/// second line, a type we know, and a blob that is exactly what the type says.</summary>
internal sealed record SshPublicKey(string Type, string Base64, string Comment)
{
    private const int CommentLengthMax = 100;
    private const int RsaBitsMin = 2048;
    private const int RsaBitsMax = 16384;

    // Public point of each NIST curve: one byte and two coordinates.
    private static readonly Dictionary<string, int> PointBytes = new() { ["nistp256"] = 65, ["nistp384"] = 97, ["nistp521"] = 133 };

    /// <summary>The line to keep.</summary>
    public string Line => Comment.Length == 0 ? $"{Type} {Base64}" : $"{Type} {Base64} {Comment}";

    /// <summary>As <c>ssh-keygen -l</c> prints it.</summary>
    public string Fingerprint => "SHA256:" + Convert.ToBase64String(SHA256.HashData(Convert.FromBase64String(Base64))).TrimEnd('=');

    /// <summary>Reads a line, or says no.</summary>
    public static SshPublicKey? TryParse(string line)
    {
        line = line.Trim();
        if (line.Any(letter => letter is < ' ' or '\u007f'))
        {
            return null;
        }

        var parts = line.Split(' ', 3, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (parts.Length < 2)
        {
            return null;
        }

        var blob = new byte[parts[1].Length];
        // Written again it must be the same text: no other spelling, no spaces within.
        if (!Convert.TryFromBase64String(parts[1], blob, out var length) || Convert.ToBase64String(blob, 0, length) != parts[1]
            || !IsKey(parts[0], new Blob(blob.AsSpan(0, length))))
        {
            return null;
        }

        var comment = parts.Length == 3 ? new string([.. parts[2].Where(letter => letter is >= ' ' and <= '~')]) : "";
        return new SshPublicKey(parts[0], parts[1], comment.Length <= CommentLengthMax ? comment : comment[..CommentLengthMax]);
    }

    private static bool IsKey(string type, Blob blob) =>
        blob.TryText(out var named) && named == type && type switch
        {
            "ssh-ed25519" => blob.TryBytes(out var point) && point.Length == 32 && blob.IsAtEnd,
            "ssh-rsa" => blob.TryBytes(out var exponent) && exponent.Length is > 0 and <= 8
                && blob.TryBytes(out var modulus) && BitsOf(modulus) is >= RsaBitsMin and <= RsaBitsMax && blob.IsAtEnd,
            "ecdsa-sha2-nistp256" or "ecdsa-sha2-nistp384" or "ecdsa-sha2-nistp521" => IsEcdsa(type["ecdsa-sha2-".Length..], ref blob) && blob.IsAtEnd,
            "sk-ssh-ed25519@openssh.com" => blob.TryBytes(out var point) && point.Length == 32 && blob.TryText(out _) && blob.IsAtEnd,
            "sk-ecdsa-sha2-nistp256@openssh.com" => IsEcdsa("nistp256", ref blob) && blob.TryText(out _) && blob.IsAtEnd,
            _ => false,
        };

    private static bool IsEcdsa(string curve, ref Blob blob) =>
        blob.TryText(out var named) && named == curve && blob.TryBytes(out var point) && point.Length == PointBytes[curve] && point[0] == 4;

    private static int BitsOf(ReadOnlySpan<byte> number)
    {
        number = number.TrimStart((byte)0);
        return number.Length == 0 ? 0 : (number.Length * 8) - byte.LeadingZeroCount(number[0]);
    }

    // Strings with a length of four bytes before them, RFC 4251 section 5.
    private ref struct Blob(ReadOnlySpan<byte> rest)
    {
        private ReadOnlySpan<byte> _rest = rest;

        public readonly bool IsAtEnd => _rest.IsEmpty;

        public bool TryBytes(out ReadOnlySpan<byte> bytes)
        {
            bytes = default;
            if (_rest.Length < 4 || BinaryPrimitives.ReadUInt32BigEndian(_rest) is var length && length > (uint)_rest.Length - 4)
            {
                return false;
            }

            bytes = _rest.Slice(4, (int)length);
            _rest = _rest[(4 + (int)length)..];
            return true;
        }

        public bool TryText(out string text)
        {
            var read = TryBytes(out var bytes);
            text = Encoding.ASCII.GetString(bytes);
            return read;
        }
    }
}
