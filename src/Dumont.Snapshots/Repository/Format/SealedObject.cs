using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Dumont.Snapshots;

/// <summary>What a small object of a repository is; part of its header, so that one cannot stand in for another.</summary>
internal enum ObjectKind : byte
{
    Config = 1,
    Key = 2,
    Index = 3,
    Snapshot = 4,
    Lock = 5,
    Pending = 6,
}

/// <summary>
/// Wrapping of every object that is not a pack.
/// <code>
///  0  8  "DUMONTOB"
///  8  1  kind            9  1  format version, 1
/// 10  1  flags: 1 sealed 11  1  zero
/// 12  4  body length     16 16  salt: random
/// 32  …  body: AES-256-GCM ciphertext and 16 bytes of tag when sealed
///     8  XXH3-64 of everything before
/// </code>
/// </summary>
/// <remarks>The salt is new for every object. So no two objects have one name, also when they say the same: one that was superseded or deleted does
/// not come between. And the key is derived from it, so the nonce can be zero. The header is authenticated with the body.
/// The checksum finds damage without the key; only the tag proves that nobody changed anything.</remarks>
internal static class SealedObject
{
    public const byte FormatVersion = 1;
    public const int SaltBytes = 16;
    public const int TagBytes = 16;
    private const int HeaderBytes = 32;
    private const int ChecksumBytes = 8;
    private const byte SealedFlag = 1;

    // An index of 64 million chunks; a larger claim is damage.
    private const int MaximumBodyBytes = int.MaxValue / 2;

    public static byte[] Seal(ObjectKind kind, ReadOnlySpan<byte> body, RepositoryKeys? keys)
    {
        var stored = body.Length + (keys is null ? 0 : TagBytes);
        var result = new byte[HeaderBytes + stored + ChecksumBytes];
        var header = result.AsSpan(0, HeaderBytes);
        "DUMONTOB"u8.CopyTo(header);
        header[8] = (byte)kind;
        header[9] = FormatVersion;
        header[10] = keys is null ? (byte)0 : SealedFlag;
        RandomNumberGenerator.Fill(header[16..]);
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], stored);
        var target = result.AsSpan(HeaderBytes, stored);
        if (keys is null)
        {
            body.CopyTo(target);
        }
        else
        {
            using var cipher = keys.CreateObjectCipher(header[16..]);
            Span<byte> nonce = stackalloc byte[12];
            nonce.Clear();
            cipher.Encrypt(nonce, body, target[..body.Length], target[body.Length..], header);
        }

        BinaryPrimitives.WriteUInt64LittleEndian(result.AsSpan(HeaderBytes + stored), XxHash3.Hash(result.AsSpan(0, HeaderBytes + stored)));
        return result;
    }

    /// <summary>The body of an object.</summary>
    /// <param name="kind">What it must be.</param>
    /// <param name="content">The whole object.</param>
    /// <param name="keys">Null: it must not be sealed.</param>
    /// <param name="name">For messages.</param>
    /// <exception cref="SnapshotFormatException">Damaged, of another kind or version, or sealed under another key.</exception>
    public static byte[] Open(ObjectKind kind, ReadOnlySpan<byte> content, RepositoryKeys? keys, string name)
    {
        if (content.Length < HeaderBytes + ChecksumBytes || !content[..8].SequenceEqual("DUMONTOB"u8))
        {
            throw new SnapshotFormatException($"{name} is not an object of a repository");
        }

        var end = content.Length - ChecksumBytes;
        if (XxHash3.Hash(content[..end]) != BinaryPrimitives.ReadUInt64LittleEndian(content[end..]))
        {
            throw new SnapshotFormatException($"{name} is damaged: its checksum does not match");
        }

        CheckHeader(kind, content[..HeaderBytes], end - HeaderBytes, keys is not null, name);
        var stored = content[HeaderBytes..end];
        if (keys is null)
        {
            return stored.ToArray();
        }

        var body = new byte[stored.Length - TagBytes];
        using var cipher = keys.CreateObjectCipher(content.Slice(16, SaltBytes));
        Span<byte> nonce = stackalloc byte[12];
        nonce.Clear();
        try
        {
            cipher.Decrypt(nonce, stored[..body.Length], stored[body.Length..], body, content[..HeaderBytes]);
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new SnapshotFormatException($"{name} was changed, or sealed under another key");
        }

        return body;
    }

    private static void CheckHeader(ObjectKind kind, ReadOnlySpan<byte> header, int stored, bool mustBeSealed, string name)
    {
        if (header[9] != FormatVersion)
        {
            throw new SnapshotFormatException($"{name} has format version {header[9]}; this program reads version {FormatVersion}");
        }

        if (header[8] != (byte)kind || header[11] != 0 || header[10] is not (0 or SealedFlag))
        {
            throw new SnapshotFormatException($"{name} is not of kind {kind}");
        }

        if (header[10] == SealedFlag != mustBeSealed)
        {
            throw new SnapshotFormatException(mustBeSealed ? $"{name} is not encrypted, but the repository is" : $"{name} is encrypted, but the repository is not");
        }

        if (BinaryPrimitives.ReadInt32LittleEndian(header[12..]) != stored || stored < (mustBeSealed ? TagBytes : 0) || stored > MaximumBodyBytes)
        {
            throw new SnapshotFormatException($"{name} claims another length than it has");
        }
    }
}
