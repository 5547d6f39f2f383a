namespace Dumont.Snapshots;

/// <summary>How a chunk's bytes are stored. The numbers are on disk; the layouts are in <c>docs/formats/chunk-codings.md</c>.</summary>
public enum ChunkCoding : byte
{
    /// <summary>As they are.</summary>
    Stored = 0,

    /// <summary>One LZ4 block.</summary>
    Lz4 = 1,

    /// <summary>bfloat16 elements, exponents packed to 3 bits.</summary>
    ExponentBf16 = 2,

    /// <summary>float32 elements, exponents packed to 3 bits.</summary>
    ExponentFp32 = 3,

    /// <summary>float16 elements, exponents packed to 3 bits.</summary>
    ExponentFp16 = 4,

    /// <summary>Nothing but zeros; no byte is stored.</summary>
    Zero = 5,

    /// <summary>Elements of 1, 2, 4 or 8 bytes turned into bit planes; the planes that shrink are one LZ4 block.</summary>
    BitshuffleLz4 = 6,

    /// <summary>Elements turned into byte planes; the exponents' plane, and others where it pays, Huffman coded.</summary>
    ExponentHuffman = 7,

    /// <summary>One Zstandard frame.</summary>
    Zstd = 8,

    /// <summary>What changed against another chunk.</summary>
    Delta = 9,
}

/// <summary>How much work goes into making chunks small.</summary>
public enum ChunkCompression
{
    /// <summary>None, except that zeros take no space.</summary>
    None,

    /// <summary>What costs less time than it saves in writing. The default.</summary>
    Fast,

    /// <summary>Entropy coding as well: smaller by some 5 %, at a third of the speed.</summary>
    Dense,
}

/// <summary>What an encoder made of a chunk.</summary>
/// <param name="Coding">How it is stored.</param>
/// <param name="Parameter">What the decoder must know besides, such as the first element's place; its meaning depends on the coding.</param>
/// <param name="LengthBytes">How many bytes are stored; at most the chunk's length.</param>
public readonly record struct EncodedChunk(ChunkCoding Coding, byte Parameter, int LengthBytes);
