using System.Buffers.Binary;

namespace Dumont.Snapshots;

/// <summary>BLAKE3 of some bytes, 256 bits: the name under which content is known. 32 bytes, kept as four words so that it is a cheap key.</summary>
public readonly struct ContentHash : IEquatable<ContentHash>
{
    /// <summary>Bytes of a hash on the wire and on disk.</summary>
    public const int SizeBytes = 32;

    private readonly ulong _word0;
    private readonly ulong _word1;
    private readonly ulong _word2;
    private readonly ulong _word3;

    private ContentHash(ReadOnlySpan<byte> bytes)
    {
        _word0 = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        _word1 = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
        _word2 = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]);
        _word3 = BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]);
    }

    /// <summary>The first eight bytes: evenly spread, enough to look a chunk up, never enough to trust it.</summary>
    public ulong Prefix => _word0;

    /// <summary>Hashes <paramref name="content"/>.</summary>
    public static ContentHash Of(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[SizeBytes];
        Blake3.Hash(content, hash);
        return new ContentHash(hash);
    }

    /// <summary>Hashes <paramref name="content"/> with a key of 32 bytes: whoever lacks the key cannot tell which content a hash belongs to.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The key has another length.</exception>
    public static ContentHash Of(ReadOnlySpan<byte> key, ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[SizeBytes];
        Blake3.KeyedHash(key, content, hash);
        return new ContentHash(hash);
    }

    /// <summary>Wraps 32 bytes that are a hash already.</summary>
    /// <exception cref="ArgumentException">Not 32 bytes.</exception>
    public static ContentHash FromBytes(ReadOnlySpan<byte> bytes) =>
        bytes.Length == SizeBytes
            ? new ContentHash(bytes)
            : throw new ArgumentException($"A content hash has {SizeBytes} bytes, not {bytes.Length}.", nameof(bytes));

    /// <summary>Writes the 32 bytes.</summary>
    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination, _word0);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], _word1);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[16..], _word2);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[24..], _word3);
    }

    /// <inheritdoc />
    public bool Equals(ContentHash other) =>
        _word0 == other._word0 && _word1 == other._word1 && _word2 == other._word2 && _word3 == other._word3;

    /// <inheritdoc />
    public override bool Equals(object? obj) => obj is ContentHash other && Equals(other);

    /// <inheritdoc />
    public override int GetHashCode() => _word0.GetHashCode();

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[SizeBytes];
        CopyTo(bytes);
        return Convert.ToHexStringLower(bytes);
    }

    /// <summary>Same 32 bytes.</summary>
    public static bool operator ==(ContentHash left, ContentHash right) => left.Equals(right);

    /// <summary>Not the same 32 bytes.</summary>
    public static bool operator !=(ContentHash left, ContentHash right) => !left.Equals(right);
}
