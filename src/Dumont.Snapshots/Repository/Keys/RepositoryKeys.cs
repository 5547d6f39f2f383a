using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Dumont.Snapshots;

/// <summary>What is derived from the master key of an encrypted repository. Held in memory only.</summary>
/// <remarks>HKDF-SHA-256 throughout: one master key of 32 random bytes gives independent keys for content, for the names of chunks and for where
/// chunks are cut. Names are keyed so that a reader of the store cannot tell whether a known file is in it; cuts are, so that the sizes of the
/// chunks are no fingerprint.</remarks>
internal sealed class RepositoryKeys
{
    public const int KeyBytes = 32;

    private readonly byte[] _encryption;

    public RepositoryKeys(ReadOnlySpan<byte> master)
    {
        Master = master.ToArray();
        _encryption = Derive("dumont encryption"u8);
        ChunkId = Derive("dumont chunk id"u8);
        ChunkerSecret = BinaryPrimitives.ReadUInt64LittleEndian(Derive("dumont chunker"u8));
    }

    /// <summary>The master key itself, to be wrapped for another password or key file.</summary>
    public byte[] Master { get; }

    /// <summary>Key of the chunks' names.</summary>
    public byte[] ChunkId { get; }

    /// <summary>Moves every cut.</summary>
    public ulong ChunkerSecret { get; }

    /// <summary>Cipher of one small object.</summary>
    public AesGcm CreateObjectCipher(ReadOnlySpan<byte> salt) => Create(salt, "dumont object"u8);

    /// <summary>Cipher of the frames of one pack.</summary>
    public AesGcm CreatePackCipher(ReadOnlySpan<byte> salt) => Create(salt, "dumont pack"u8);

    private AesGcm Create(ReadOnlySpan<byte> salt, ReadOnlySpan<byte> purpose)
    {
        Span<byte> key = stackalloc byte[KeyBytes];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _encryption, key, salt, purpose);
        var cipher = new AesGcm(key, SealedObject.TagBytes);
        CryptographicOperations.ZeroMemory(key);
        return cipher;
    }

    private byte[] Derive(ReadOnlySpan<byte> purpose)
    {
        var key = new byte[KeyBytes];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, Master, key, [], purpose);
        return key;
    }
}
