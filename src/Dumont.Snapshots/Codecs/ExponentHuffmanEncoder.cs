using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>
/// Writes a byte plane: <c>| 0 | value |</c> when constant, <c>| 1 | bytes |</c> as it is, or Huffman coded
/// <code>
/// | 2 | first symbol | symbols - 1 | lengths, 4 bits each, lower half first | four lengths of 3 bytes | four streams |
/// </code>
/// Each stream holds a quarter of the plane, codes from the lowest bit up, so that a decoder can follow four at once.
/// </summary>
internal static unsafe class ExponentHuffmanEncoder
{
    public const byte ConstantMode = 0;
    public const byte StoredMode = 1;
    public const byte HuffmanMode = 2;
    public const int Streams = 4;
    public const int StreamLengthBytes = 3;

    /// <summary>Codes written before whole bytes are flushed: 5 times 11 bits and 7 left over fit a word.</summary>
    private const int CodesPerFlush = 5;

    private const int SampleBytes = 4096;

    /// <summary>Bytes of working memory for a plane.</summary>
    public static int ScratchBytes(int planeBytes) => planeBytes / 8 * ExponentHuffmanCode.MaximumBits + 64 * Streams;

    /// <summary>Bytes written; 0 when that would reach the end of <paramref name="destination"/>.</summary>
    public static int Encode(ReadOnlySpan<byte> plane, Span<byte> destination, byte* scratch)
    {
        if (destination.Length < 2)
        {
            return 0;
        }

        Span<uint> counts = stackalloc uint[ExponentHuffmanCode.Symbols];
        Span<byte> lengths = stackalloc byte[ExponentHuffmanCode.Symbols];
        if (!plane.ContainsAnyExcept(plane[0]))
        {
            destination[0] = ConstantMode;
            destination[1] = plane[0];
            return 2;
        }

        if (MayShrink(plane, counts))
        {
            Count(plane, counts);
            if (ExponentHuffmanCode.TryBuild(counts, lengths) && Size(counts, lengths) < plane.Length - plane.Length / 64)
            {
                return EncodeStreams(plane, lengths, destination, scratch);
            }
        }

        if (plane.Length + 1 > destination.Length)
        {
            return 0;
        }

        destination[0] = StoredMode;
        plane.CopyTo(destination[1..]);
        return 1 + plane.Length;
    }

    /// <summary>Whether two bytes of a sample are equal more often than of noise by an eighth.</summary>
    private static bool MayShrink(ReadOnlySpan<byte> plane, Span<uint> counts)
    {
        if (plane.Length <= SampleBytes)
        {
            return true;
        }

        counts.Clear();
        const int parts = 16;
        for (var part = 0; part < parts; part++)
        {
            foreach (var value in plane.Slice((int)((long)(plane.Length - SampleBytes / parts) * part / parts), SampleBytes / parts))
            {
                counts[value]++;
            }
        }

        var pairs = 0UL;
        foreach (var count in counts)
        {
            pairs += (ulong)count * count;
        }

        const ulong noise = (ulong)SampleBytes * SampleBytes / ExponentHuffmanCode.Symbols + SampleBytes;
        return pairs > noise + noise / 8;
    }

    /// <summary>In four tables by turns, so that equal neighbours do not wait for each other.</summary>
    private static void Count(ReadOnlySpan<byte> plane, Span<uint> counts)
    {
        var tables = stackalloc uint[4 * ExponentHuffmanCode.Symbols];
        new Span<uint>(tables, 4 * ExponentHuffmanCode.Symbols).Clear();
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(plane))
        {
            var lower = (uint)word;
            var upper = (uint)(word >> 32);
            tables[(byte)lower]++;
            tables[256 + (byte)(lower >> 8)]++;
            tables[512 + (byte)(lower >> 16)]++;
            tables[768 + (lower >> 24)]++;
            tables[(byte)upper]++;
            tables[256 + (byte)(upper >> 8)]++;
            tables[512 + (byte)(upper >> 16)]++;
            tables[768 + (upper >> 24)]++;
        }

        for (var i = 0; i < ExponentHuffmanCode.Symbols; i++)
        {
            counts[i] = tables[i] + tables[256 + i] + tables[512 + i] + tables[768 + i];
        }
    }

    private static int Size(ReadOnlySpan<uint> counts, ReadOnlySpan<byte> lengths)
    {
        var bits = 0L;
        for (var i = 0; i < ExponentHuffmanCode.Symbols; i++)
        {
            bits += (long)counts[i] * lengths[i];
        }

        return (int)(bits / 8) + 3 + ExponentHuffmanCode.Symbols / 2 + Streams * (StreamLengthBytes + 1);
    }

    private static int EncodeStreams(ReadOnlySpan<byte> plane, ReadOnlySpan<byte> lengths, Span<byte> destination, byte* scratch)
    {
        Span<byte> header = stackalloc byte[3 + ExponentHuffmanCode.Symbols / 2 + Streams * StreamLengthBytes];
        var at = WriteLengths(lengths, header);
        Span<ushort> codes = stackalloc ushort[ExponentHuffmanCode.Symbols];
        ExponentHuffmanCode.Assign(lengths, codes);
        var table = stackalloc uint[ExponentHuffmanCode.Symbols];
        for (var i = 0; i < ExponentHuffmanCode.Symbols; i++)
        {
            table[i] = codes[i] | (uint)lengths[i] << 16;
        }

        var end = scratch;
        var quarter = plane.Length / Streams;
        for (var stream = 0; stream < Streams; stream++)
        {
            var begin = end;
            fixed (byte* source = plane.Slice(stream * quarter, quarter))
            {
                end = WriteStream(source, quarter, table, begin);
            }

            var bytes = (int)(end - begin);
            header[at++] = (byte)bytes;
            header[at++] = (byte)(bytes >> 8);
            header[at++] = (byte)(bytes >> 16);
        }

        var streams = new ReadOnlySpan<byte>(scratch, (int)(end - scratch));
        if (at + streams.Length > destination.Length)
        {
            return 0;
        }

        header[..at].CopyTo(destination);
        streams.CopyTo(destination[at..]);
        return at + streams.Length;
    }

    private static int WriteLengths(ReadOnlySpan<byte> lengths, Span<byte> header)
    {
        var first = lengths.IndexOfAnyExcept((byte)0);
        var count = lengths.LastIndexOfAnyExcept((byte)0) - first + 1;
        header[0] = HuffmanMode;
        header[1] = (byte)first;
        header[2] = (byte)(count - 1);
        for (var i = 0; i < count; i += 2)
        {
            header[3 + i / 2] = (byte)(lengths[first + i] | (i + 1 < count ? lengths[first + i + 1] << 4 : 0));
        }

        return 3 + (count + 1) / 2;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte* WriteStream(byte* source, int count, uint* table, byte* to)
    {
        var bits = 0UL;
        var held = 0;
        var end = source + count;
        for (; end - source >= CodesPerFlush; source += CodesPerFlush)
        {
            var a = table[source[0]];
            var b = table[source[1]];
            var c = table[source[2]];
            var d = table[source[3]];
            var e = table[source[4]];
            bits |= (ulong)(ushort)a << held;
            held += (int)(a >> 16);
            bits |= (ulong)(ushort)b << held;
            held += (int)(b >> 16);
            bits |= (ulong)(ushort)c << held;
            held += (int)(c >> 16);
            bits |= (ulong)(ushort)d << held;
            held += (int)(d >> 16);
            bits |= (ulong)(ushort)e << held;
            held += (int)(e >> 16);
            *(ulong*)to = bits;
            to += held >> 3;
            bits >>= held & ~7;
            held &= 7;
        }

        for (; source < end; source++)
        {
            bits |= (ulong)(ushort)table[*source] << held;
            held += (int)(table[*source] >> 16);
        }

        *(ulong*)to = bits;
        return to + (held + 7) / 8;
    }
}
