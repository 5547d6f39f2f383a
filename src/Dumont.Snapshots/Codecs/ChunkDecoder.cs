namespace Dumont.Snapshots;

/// <summary>
/// Turns stored bytes back into a chunk. Whatever the bytes are, it neither reads nor writes outside what it is given, takes memory by
/// the destination's length alone, and fails only with <see cref="SnapshotFormatException"/>. Not thread safe: one for each thread.
/// </summary>
/// <remarks>Damage that leaves a valid encoding of another chunk is found by the checksum of the stored bytes, not here.</remarks>
public sealed class ChunkDecoder : IDisposable
{
    private readonly VectorPath _path;
    private readonly BitshuffleCodec _bitshuffle;
    private readonly ExponentHuffmanCodec _huffman;

    /// <summary>Working memory of <see cref="DeltaCodec"/>: what the baseline has not.</summary>
    internal NativeBuffer DeltaFresh { get; } = new();

    /// <summary>Takes no memory until a chunk needs it.</summary>
    public ChunkDecoder()
        : this(CodecPaths.Best)
    {
    }

    internal ChunkDecoder(VectorPath path)
    {
        _path = path;
        _bitshuffle = new(path);
        _huffman = new(path);
    }

    /// <summary>Decodes one chunk. After an exception the destination's content is undefined.</summary>
    /// <param name="coding">How it was encoded. <see cref="ChunkCoding.Delta"/> needs another chunk, see <see cref="DeltaCodec"/>.</param>
    /// <param name="parameter">The encoder's.</param>
    /// <param name="stored">The encoder's bytes, no more and no fewer.</param>
    /// <param name="destination">Exactly as long as the chunk.</param>
    /// <exception cref="SnapshotFormatException">The bytes are not an encoding of a chunk of that length.</exception>
    public void Decode(ChunkCoding coding, byte parameter, ReadOnlySpan<byte> stored, Span<byte> destination)
    {
        if (destination.Length > ChunkEncoder.MaximumChunkBytes)
        {
            throw new SnapshotFormatException($"A chunk of {destination.Length} bytes is longer than any.");
        }

        switch (coding)
        {
            case ChunkCoding.ExponentBf16:
                ExponentPack.Decode(_path, ExponentFormat.Bf16, parameter, stored, destination);
                return;
            case ChunkCoding.ExponentFp32:
                ExponentPack.Decode(_path, ExponentFormat.Fp32, parameter, stored, destination);
                return;
            case ChunkCoding.ExponentFp16:
                ExponentPack.Decode(_path, ExponentFormat.Fp16, parameter, stored, destination);
                return;
            case ChunkCoding.BitshuffleLz4:
                _bitshuffle.Decode(parameter, stored, destination);
                return;
            case ChunkCoding.ExponentHuffman:
                _huffman.Decode(parameter, stored, destination);
                return;
            case ChunkCoding.Delta:
                throw new SnapshotFormatException("A chunk is stored as a difference, and what from is not known.");
            case ChunkCoding.Stored or ChunkCoding.Lz4 or ChunkCoding.Zero or ChunkCoding.Zstd when parameter != 0:
                throw new SnapshotFormatException($"Coding {coding} has no parameter {parameter}.");
            case ChunkCoding.Stored when stored.Length == destination.Length:
                stored.CopyTo(destination);
                return;
            case ChunkCoding.Zero when stored.IsEmpty:
                destination.Clear();
                return;
            case ChunkCoding.Lz4 when Lz4.TryDecode(stored, destination):
                return;
            case ChunkCoding.Zstd:
                Zstd.Decode(stored, destination);
                return;
            case ChunkCoding.Stored or ChunkCoding.Zero or ChunkCoding.Lz4:
                throw new SnapshotFormatException($"{stored.Length} bytes of coding {coding} are not a chunk of {destination.Length} bytes.");
            default:
                throw new SnapshotFormatException($"Coding {(byte)coding} is not known.");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _bitshuffle.Dispose();
        _huffman.Dispose();
        DeltaFresh.Dispose();
    }
}
