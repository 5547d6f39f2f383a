namespace Dumont.Snapshots;

/// <summary>
/// Makes chunks smaller, each with the coding that suits what it is made of. Not thread safe: one for each thread, which keeps its
/// working memory. The same chunk gives the same bytes on every machine with the same libraries.
/// </summary>
public sealed class ChunkEncoder : IDisposable
{
    /// <summary>Longest chunk, 16 MiB: some codings store lengths in three bytes.</summary>
    public const int MaximumChunkBytes = 16 << 20;

    /// <summary>Kernels write whole vectors.</summary>
    private const int SlackBytes = 64;

    /// <summary>A coding must save a 64th to be worth decoding.</summary>
    private const int WorthwhilePart = 64;

    /// <summary>So many exponents near the base leave no doubt that they are exponents.</summary>
    private const float CertainShare = 0.88F;

    private const int ProbeParts = 4;
    private const int ProbePartBytes = 4096;

    /// <summary>A chunk is probed when it is larger, and otherwise tried as a whole.</summary>
    private const int ProbeAboveBytes = 2 * ProbeParts * ProbePartBytes;

    /// <summary>What a probe must leave at most: noise stays as it is.</summary>
    private const float CompressibleCost = 0.97F;

    private readonly ChunkCompression _compression;
    private readonly VectorPath _path;
    private readonly BitshuffleCodec _bitshuffle;
    private readonly ExponentHuffmanCodec _huffman;
    private readonly NativeBuffer _probe = new();
    private readonly NativeBuffer _other = new();

    /// <summary>Working memory of <see cref="DeltaCodec"/>: places in the baseline.</summary>
    internal NativeBuffer DeltaIndex { get; } = new();

    /// <summary>What the baseline has not.</summary>
    internal NativeBuffer DeltaFresh { get; } = new();

    /// <summary>The same, encoded.</summary>
    internal NativeBuffer DeltaEncoded { get; } = new();

    internal List<DeltaRun> DeltaRuns { get; } = [];

    /// <summary>Takes no memory until a chunk needs it.</summary>
    /// <param name="compression">How much work goes into a chunk.</param>
    public ChunkEncoder(ChunkCompression compression)
        : this(compression, CodecPaths.Best)
    {
    }

    internal ChunkEncoder(ChunkCompression compression, VectorPath path)
    {
        _compression = compression;
        _path = path;
        _bitshuffle = new(path);
        _huffman = new(path);
    }

    /// <summary>Bytes that the destination must have for a chunk; more than are ever stored.</summary>
    /// <param name="length">Of the chunk, in bytes.</param>
    public static int MaximumEncodedBytes(int length) => checked(length + SlackBytes);

    /// <summary>Encodes one chunk.</summary>
    /// <param name="chunk">Any bytes, none included; at most <see cref="MaximumChunkBytes"/>.</param>
    /// <param name="destination">At least <see cref="MaximumEncodedBytes"/>; what lies behind the stored bytes is overwritten.</param>
    /// <returns>How it was encoded; never longer than the chunk.</returns>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is too short, or the chunk too long.</exception>
    public EncodedChunk Encode(ReadOnlySpan<byte> chunk, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(chunk.Length, MaximumChunkBytes, nameof(chunk));
        if (destination.Length < MaximumEncodedBytes(chunk.Length))
        {
            throw new ArgumentException("The destination is too short.", nameof(destination));
        }

        if (chunk.Length > 0 && chunk[0] == 0 && !chunk.ContainsAnyExcept((byte)0))
        {
            return new(ChunkCoding.Zero, 0, 0);
        }

        if (_compression != ChunkCompression.None)
        {
            var encoded = TryEncode(chunk, destination, chunk.Length - chunk.Length / WorthwhilePart);
            if (encoded.LengthBytes > 0)
            {
                return encoded;
            }
        }

        chunk.CopyTo(destination);
        return new(ChunkCoding.Stored, 0, chunk.Length);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _bitshuffle.Dispose();
        _huffman.Dispose();
        _probe.Dispose();
        _other.Dispose();
        DeltaIndex.Dispose();
        DeltaFresh.Dispose();
        DeltaEncoded.Dispose();
    }

    /// <summary>A length of 0 when nothing makes the chunk shorter than <paramref name="limit"/>.</summary>
    private EncodedChunk TryEncode(ReadOnlySpan<byte> chunk, Span<byte> destination, int limit)
    {
        if (chunk.Length < ElementDetector.MinimumBytes)
        {
            return EncodeSequences(chunk, destination, limit);
        }

        var sample = ElementDetector.Look(chunk);
        if (sample.IsText)
        {
            return EncodeSequences(chunk, destination, limit);
        }

        if (sample.ExponentShare >= CertainShare && sample.PackCost <= sample.PlaneCost)
        {
            return EncodeFloats(chunk, sample, destination, limit);
        }

        var cost = chunk.Length > ProbeAboveBytes ? Probe(chunk) : CompressibleCost - 0.01F;
        if (Math.Min(sample.PackCost, sample.PlaneCost) < Math.Min(cost, CompressibleCost))
        {
            return sample.PackCost <= sample.PlaneCost
                ? EncodeFloats(chunk, sample, destination, limit)
                : EncodePlanes(chunk, sample, destination, limit);
        }

        if (cost < CompressibleCost)
        {
            return EncodeSequences(chunk, destination, limit);
        }

        return IsDense
            ? new(
                ChunkCoding.ExponentHuffman, ExponentHuffmanCodec.Parameter(0, 1, rotated: false),
                _huffman.Encode(chunk, 0, 1, rotated: false, destination, limit))
            : default;
    }

    private bool IsDense => _compression == ChunkCompression.Dense;

    private EncodedChunk EncodeFloats(ReadOnlySpan<byte> chunk, in ElementSample sample, Span<byte> destination, int limit)
    {
        if (IsDense)
        {
            var width = sample.Format.WidthBytes();
            return new(
                ChunkCoding.ExponentHuffman, ExponentHuffmanCodec.Parameter(sample.FormatPhase, width, rotated: true),
                _huffman.Encode(chunk, sample.FormatPhase, width, rotated: true, destination, limit));
        }

        return new(
            sample.Format.Coding(), (byte)sample.FormatPhase,
            ExponentPack.Encode(_path, sample.Format, chunk, sample.FormatPhase, sample.BaseExponent, destination, limit));
    }

    private EncodedChunk EncodePlanes(ReadOnlySpan<byte> chunk, in ElementSample sample, Span<byte> destination, int limit)
    {
        // Floats of which few bits are used: the better of bits and bytes.
        var floats = IsDense && sample.ExponentShare >= CertainShare ? EncodeFloats(chunk, sample, destination, limit) : default;
        var into = floats.LengthBytes > 0 ? _other.Take(chunk.Length) : destination;
        var planes = new EncodedChunk(
            ChunkCoding.BitshuffleLz4, BitshuffleCodec.Parameter(0, sample.PlaneWidthBytes),
            _bitshuffle.Encode(chunk, 0, sample.PlaneWidthBytes, into, floats.LengthBytes > 0 ? floats.LengthBytes : limit));
        if (floats.LengthBytes > 0 && planes.LengthBytes > 0)
        {
            into[..planes.LengthBytes].CopyTo(destination);
        }

        return planes.LengthBytes > 0 ? planes : floats;
    }

    /// <summary>Looks for repeated sequences of bytes. The fast way can be read everywhere; libzstd is not on every machine.</summary>
    private EncodedChunk EncodeSequences(ReadOnlySpan<byte> chunk, Span<byte> destination, int limit) => IsDense && Zstd.IsAvailable
        ? new(ChunkCoding.Zstd, 0, Zstd.Encode(chunk, destination[..limit]))
        : new(ChunkCoding.Lz4, 0, Lz4.Encode(chunk, destination[..limit]));

    /// <summary>What LZ4 leaves of a few places of the chunk, 1 for no gain.</summary>
    private float Probe(ReadOnlySpan<byte> chunk)
    {
        var left = 0;
        for (var part = 0; part < ProbeParts; part++)
        {
            var piece = chunk.Slice((int)((long)(chunk.Length - ProbePartBytes) * part / (ProbeParts - 1)), ProbePartBytes);
            var bytes = Lz4.Encode(piece, _probe.Take(ProbePartBytes));
            left += bytes == 0 ? ProbePartBytes : bytes;
        }

        return (float)left / (ProbeParts * ProbePartBytes);
    }
}
