using System.Runtime.CompilerServices;

namespace Dumont.Snapshots;

/// <summary>
/// LZ4 blocks, without frame or checksum: the fastest general codec there is. Thread safe; allocates nothing.
/// <code>
/// sequence = token │ more literal length … │ literals │ offset u16 │ more match length …
///            4 bits literals, 4 bits match − 4; 15 in either means that bytes follow that add up, the last of them below 255
/// </code>
/// A block ends with a sequence of literals only.
/// </summary>
/// <remarks>Collet, LZ4 block format: <c>github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md</c>. Blocks are the same on every machine: liblz4 is not
/// used, whose encoder is 5 to 10 % faster and whose decoder is not (ADR-0011).</remarks>
public static unsafe class Lz4
{
    internal const int MinimumMatchBytes = 4;
    internal const int MaximumOffset = 65_535;

    /// <summary>The last bytes of a block are always literals, …</summary>
    internal const int LastLiterals = 5;

    /// <summary>… and no match begins closer to the end than this.</summary>
    internal const int MatchMargin = 12;

    /// <summary>Most that <paramref name="length"/> bytes can become.</summary>
    public static int MaximumEncodedBytes(int length) => checked(length + (length / 255) + 16);

    /// <summary>Encodes <paramref name="source"/> as one block.</summary>
    /// <param name="source">Any bytes.</param>
    /// <param name="destination">Room for less than <see cref="MaximumEncodedBytes"/> is allowed: what does not get smaller need not be
    /// finished.</param>
    /// <returns>Length of the block; 0 when it does not fit.</returns>
    [SkipLocalsInit]
    public static int Encode(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        // On the stack: 32 KiB that the last call has left in the cache.
        var table = stackalloc uint[Lz4Encoder.TableEntries];
        fixed (byte* input = source)
        fixed (byte* output = destination)
        {
            return Lz4Encoder.Encode(input, source.Length, output, destination.Length, table);
        }
    }

    /// <summary>Decodes a block that gives exactly as many bytes as <paramref name="destination"/> holds. Safe on any input: nothing outside the
    /// two spans is read or written.</summary>
    /// <returns>Whether it was such a block; if not, what is in the destination means nothing.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        fixed (byte* input = source)
        fixed (byte* output = destination)
        {
            return Lz4Decoder.TryDecode(input, input + source.Length, output, output + destination.Length);
        }
    }
}
