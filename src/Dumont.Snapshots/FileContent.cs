using System.Buffers;
using System.Buffers.Binary;
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

    // Of one chunk in a file's digest.
    private const int RecordBytes = ContentHash.SizeBytes + sizeof(uint);

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
            var lengths = new int[(buffer.Length / chunker.Sizes.MinimumBytes) + 1];
            var offset = 0L;
            var start = 0;
            var end = Fill(file, buffer, 0, 0);
            var atEnd = end < buffer.Length;
            var whole = atEnd && end <= WholeFileBytes;
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var count = whole ? TakeWhole(end, lengths) : chunker.Cut(buffer.AsSpan(start..end), atEnd, lengths);
                for (var i = 0; i < count; i++)
                {
                    yield return new FileChunk(ContentHash.Of(buffer.AsSpan(start, lengths[i])), offset, lengths[i]);
                    start += lengths[i];
                    offset += lengths[i];
                }

                if (atEnd && start == end)
                {
                    yield break;
                }

                // Also when a chunk ended just where the buffer does: only the end of the file ends the loop.
                Buffer.BlockCopy(buffer, start, buffer, 0, end - start);
                end = Fill(file, buffer, end - start, offset);
                start = 0;
                atEnd = end < buffer.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Names a whole file: BLAKE3 over, for each chunk in order, its hash and its length as 32 bits little-endian.</summary>
    public static ContentHash DigestOf(IEnumerable<FileChunk> chunks)
    {
        // A few MiB for a file of 10 GiB; most files have one chunk.
        var records = new ArrayBufferWriter<byte>();
        foreach (var chunk in chunks)
        {
            var record = records.GetSpan(RecordBytes);
            chunk.Hash.CopyTo(record);
            BinaryPrimitives.WriteUInt32LittleEndian(record[ContentHash.SizeBytes..], (uint)chunk.LengthBytes);
            records.Advance(RecordBytes);
        }

        return ContentHash.Of(records.WrittenSpan);
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

    private static int TakeWhole(int length, int[] lengths)
    {
        lengths[0] = length;
        return length == 0 ? 0 : 1;
    }

    // Fills the buffer behind its first kept bytes, which lie at offset in the file; the new end.
    private static int Fill(SafeFileHandle file, byte[] buffer, int kept, long offset) =>
        kept + ReadFully(file, buffer.AsSpan(kept), offset + kept);
}
