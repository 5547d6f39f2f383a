using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Snapshots;

/// <summary>A stretch of a file.</summary>
/// <param name="Hash">Of its bytes.</param>
/// <param name="OffsetBytes">Where in the file it starts.</param>
/// <param name="LengthBytes">At least 1.</param>
public readonly record struct FileChunk(ContentHash Hash, long OffsetBytes, int LengthBytes);

/// <summary>Reads files as chunks, and names the content of a whole file by its chunks.</summary>
public static class FileContent
{
    /// <summary>Files up to this size are one chunk, and none when they are empty. Cutting them would cost more than it could save.</summary>
    public const int WholeFileBytes = 256 << 10;

    // Room for the longest chunk and a read of useful size behind it.
    private const int BufferBytes = 2 << 20;

    /// <summary>Cuts what is in the file now into chunks, in order, with bounded memory.</summary>
    /// <param name="file">Open for reading; its position is not used.</param>
    /// <param name="chunker">Where to cut.</param>
    /// <param name="cancellationToken">Checked for each chunk.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IEnumerable<FileChunk> ReadChunks(SafeFileHandle file, Chunker chunker, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            var offset = 0L;
            var start = 0;
            var end = Fill(file, buffer, 0, 0);
            var atEnd = end < buffer.Length;
            var whole = atEnd && end <= WholeFileBytes;
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();

                // Also when a chunk ended just where the buffer does: only the end of the file ends the loop.
                if (!atEnd && end - start < chunker.MaximumBytes)
                {
                    Buffer.BlockCopy(buffer, start, buffer, 0, end - start);
                    end -= start;
                    start = 0;
                    end = Fill(file, buffer, end, offset);
                    atEnd = end < buffer.Length;
                }

                if (start == end)
                {
                    yield break;
                }

                var length = whole ? end : chunker.NextChunk(buffer.AsSpan(start..end));
                yield return new FileChunk(ContentHash.Of(buffer.AsSpan(start, length)), offset, length);
                start += length;
                offset += length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Names a whole file: SHA-256 over, for each chunk in order, its hash and its length as 32 bits little-endian.</summary>
    public static ContentHash DigestOf(IEnumerable<FileChunk> chunks)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> record = stackalloc byte[ContentHash.SizeBytes + sizeof(uint)];
        foreach (var chunk in chunks)
        {
            chunk.Hash.CopyTo(record);
            BinaryPrimitives.WriteUInt32LittleEndian(record[ContentHash.SizeBytes..], (uint)chunk.LengthBytes);
            hash.AppendData(record);
        }

        Span<byte> digest = stackalloc byte[ContentHash.SizeBytes];
        hash.GetHashAndReset(digest);
        return ContentHash.FromBytes(digest);
    }

    /// <summary>Chunks of a file of at most <see cref="WholeFileBytes"/>, already in memory.</summary>
    public static FileChunk[] ChunksOfWhole(ReadOnlySpan<byte> content) =>
        content.IsEmpty ? [] : [new FileChunk(ContentHash.Of(content), 0, content.Length)];

    /// <summary>Reads until <paramref name="destination"/> is full or the file ends; how many bytes there were.</summary>
    public static int ReadFully(SafeFileHandle file, Span<byte> destination, long offsetBytes)
    {
        var filled = 0;
        while (filled < destination.Length)
        {
            var read = RandomAccess.Read(file, destination[filled..], offsetBytes + filled);
            if (read == 0)
            {
                break;
            }

            filled += read;
        }

        return filled;
    }

    // Fills the buffer behind its first kept bytes, which lie at offset in the file; the new end.
    private static int Fill(SafeFileHandle file, byte[] buffer, int kept, long offset) =>
        kept + ReadFully(file, buffer.AsSpan(kept), offset + kept);
}
