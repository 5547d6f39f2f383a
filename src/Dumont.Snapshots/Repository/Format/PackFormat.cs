using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Dumont.Snapshots;

/// <summary>
/// A pack: many chunks in one object.
/// <code>
/// "DUMONTPK"                                                8 bytes
/// frame, frame, …                                           coded chunk, then 16 bytes of tag when encrypted
/// footer    one <see cref="ChunkEntry"/> a frame, in order, then 16 bytes of tag when encrypted
/// trailer   16 salt | u32 footer length | u32 frames | XXH3-64 of the footer as stored | "DUMONTPE"      40 bytes
/// </code>
/// </summary>
/// <remarks>The pack's name is the BLAKE3 of footer and trailer; the footer holds a checksum of every frame, so the name stands for all bytes and
/// yet no byte of the content is hashed twice. Nonce of a frame: its offset as 64 bits, then 32 bits of 0; of the footer: its offset, then 1.</remarks>
internal static class PackFormat
{
    public const int HeaderBytes = 8;
    public const int TrailerBytes = 40;
    public const int NonceBytes = 12;

    // Offsets are 32 bits with a sign; a pack is a few dozen MiB.
    public const long MaximumBytes = 1L << 30;

    private const int AssociatedBytes = ContentHash.SizeBytes + 6;

    public static ReadOnlySpan<byte> Magic => "DUMONTPK"u8;

    public static ReadOnlySpan<byte> EndMagic => "DUMONTPE"u8;

    /// <summary>Encrypts a frame: ciphertext and tag.</summary>
    public static void SealFrame(AesGcm cipher, ContentHash id, in EncodedChunk coded, int rawBytes, long offset, ReadOnlySpan<byte> plain, Span<byte> frame)
    {
        Span<byte> nonce = stackalloc byte[NonceBytes];
        Span<byte> associated = stackalloc byte[AssociatedBytes];
        FillNonce(nonce, offset, isFooter: false);
        FillAssociated(associated, id, coded.Coding, coded.Parameter, rawBytes);
        cipher.Encrypt(nonce, plain, frame[..plain.Length], frame.Slice(plain.Length, SealedObject.TagBytes), associated);
    }

    /// <summary>Decrypts a frame.</summary>
    /// <exception cref="AuthenticationTagMismatchException">It was changed, or is of another chunk or pack.</exception>
    public static void OpenFrame(AesGcm cipher, ContentHash id, in ChunkLocation location, ReadOnlySpan<byte> frame, Span<byte> plain)
    {
        Span<byte> nonce = stackalloc byte[NonceBytes];
        Span<byte> associated = stackalloc byte[AssociatedBytes];
        FillNonce(nonce, location.OffsetBytes, isFooter: false);
        FillAssociated(associated, id, location.Coding, location.Parameter, location.RawBytes);
        var length = frame.Length - SealedObject.TagBytes;
        cipher.Decrypt(nonce, frame[..length], frame[length..], plain[..length], associated);
    }

    /// <summary>Bytes that footer and trailer take.</summary>
    /// <param name="entryBytes">Sum of the entries' lengths.</param>
    /// <param name="isEncrypted">With a tag.</param>
    public static int TailBytes(int entryBytes, bool isEncrypted) => entryBytes + (isEncrypted ? SealedObject.TagBytes : 0) + TrailerBytes;

    /// <summary>Writes footer and trailer behind the frames.</summary>
    /// <returns>Name of the pack.</returns>
    public static ContentHash WriteTail(Span<byte> destination, IReadOnlyList<ChunkEntry> chunks, ReadOnlySpan<byte> salt, AesGcm? cipher, long offset)
    {
        var entry = new ArrayBufferWriter<byte>(ChunkEntry.MaximumBytes);
        var length = 0;
        foreach (var chunk in chunks)
        {
            entry.ResetWrittenCount();
            chunk.Write(entry);
            entry.WrittenSpan.CopyTo(destination[length..]);
            length += entry.WrittenCount;
        }

        var footer = destination[..(length + (cipher is null ? 0 : SealedObject.TagBytes))];
        if (cipher is not null)
        {
            Span<byte> nonce = stackalloc byte[NonceBytes];
            FillNonce(nonce, offset, isFooter: true);
            cipher.Encrypt(nonce, footer[..length], footer[..length], footer[length..], salt);
        }

        var trailer = destination.Slice(footer.Length, TrailerBytes);
        salt.CopyTo(trailer);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[16..], (uint)footer.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[20..], (uint)chunks.Count);
        BinaryPrimitives.WriteUInt64LittleEndian(trailer[24..], XxHash3.Hash(footer));
        EndMagic.CopyTo(trailer[32..]);
        return ContentHash.Of(destination[..(footer.Length + TrailerBytes)]);
    }

    /// <summary>Length of footer and trailer together, from the last bytes of a pack.</summary>
    /// <exception cref="SnapshotFormatException">No trailer, or one that cannot be.</exception>
    public static int TailBytesOf(ReadOnlySpan<byte> trailer, long packBytes, bool isEncrypted, string name)
    {
        if (trailer.Length != TrailerBytes || !trailer[32..].SequenceEqual(EndMagic))
        {
            throw new SnapshotFormatException($"{name} does not end like a pack");
        }

        var footer = BinaryPrimitives.ReadUInt32LittleEndian(trailer[16..]);
        var frames = BinaryPrimitives.ReadUInt32LittleEndian(trailer[20..]);
        var entries = (long)footer - (isEncrypted ? SealedObject.TagBytes : 0);
        var isPossible = entries >= (long)frames * ChunkEntry.FixedBytes && entries <= (long)frames * ChunkEntry.MaximumBytes;
        return isPossible && footer + TrailerBytes + HeaderBytes <= packBytes
            ? (int)footer + TrailerBytes
            : throw new SnapshotFormatException($"{name} claims {frames} chunks in a footer of {footer} bytes");
    }

    /// <summary>Reads the tail of a pack, checks it against the pack's name and opens it.</summary>
    /// <exception cref="SnapshotFormatException">Damaged, or of another pack.</exception>
    public static PackContent ReadTail(ContentHash packName, ReadOnlySpan<byte> tail, long packBytes, RepositoryKeys? keys, string name)
    {
        var trailer = tail[^Math.Min(TrailerBytes, tail.Length)..];
        if (TailBytesOf(trailer, packBytes, keys is not null, name) != tail.Length || ContentHash.Of(tail) != packName)
        {
            throw new SnapshotFormatException($"{name} is damaged: its footer does not match its name");
        }

        var salt = trailer[..SealedObject.SaltBytes].ToArray();
        var footer = OpenFooter(tail[..^TrailerBytes], salt, packBytes - tail.Length, keys, name);
        var reader = new SpanReader(footer, name);
        var frames = BinaryPrimitives.ReadUInt32LittleEndian(trailer[20..]);
        var chunks = new ChunkEntry[reader.ReadCount(frames, ChunkEntry.FixedBytes)];
        var end = (long)HeaderBytes;
        for (var i = 0; i < chunks.Length; i++)
        {
            chunks[i] = ChunkEntry.Read(ref reader);
            end += chunks[i].StoredBytes;
        }

        reader.End();
        return end + tail.Length == packBytes
            ? new PackContent(packName, salt, packBytes, chunks)
            : throw new SnapshotFormatException($"{name} has {packBytes} bytes, its footer speaks of {end + tail.Length}");
    }

    private static byte[] OpenFooter(ReadOnlySpan<byte> footer, byte[] salt, long offset, RepositoryKeys? keys, string name)
    {
        if (keys is null)
        {
            return footer.ToArray();
        }

        var plain = new byte[footer.Length - SealedObject.TagBytes];
        Span<byte> nonce = stackalloc byte[NonceBytes];
        FillNonce(nonce, offset, isFooter: true);
        using var cipher = keys.CreatePackCipher(salt);
        try
        {
            cipher.Decrypt(nonce, footer[..plain.Length], footer[plain.Length..], plain, salt);
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new SnapshotFormatException($"{name} was changed, or sealed under another key");
        }

        return plain;
    }

    private static void FillNonce(Span<byte> nonce, long offset, bool isFooter)
    {
        BinaryPrimitives.WriteInt64LittleEndian(nonce, offset);
        BinaryPrimitives.WriteUInt32LittleEndian(nonce[8..], isFooter ? 1u : 0u);
    }

    private static void FillAssociated(Span<byte> associated, ContentHash id, ChunkCoding coding, byte parameter, int rawBytes)
    {
        id.CopyTo(associated);
        associated[32] = (byte)coding;
        associated[33] = parameter;
        BinaryPrimitives.WriteInt32LittleEndian(associated[34..], rawBytes);
    }
}
