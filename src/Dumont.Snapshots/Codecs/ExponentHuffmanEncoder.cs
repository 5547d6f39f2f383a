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

    /// <summary>Codes added at once: 4 times 11 bits fit a word.</summary>
    private const int CodesPerAdd = 4;

    private const int SampleBytes = 4096;

    /// <summary>Of a sample, what must be near for the vector count.</summary>
    private const float CertainShare = 0.98F;

    /// <summary>Bytes of working memory for a plane.</summary>
    public static int ScratchBytes(int planeBytes) => planeBytes / 8 * ExponentHuffmanCode.MaximumBits + 64 * Streams;

    /// <summary>Bytes written; 0 when that would reach the end of <paramref name="destination"/>.</summary>
    public static int Encode(VectorPath path, ReadOnlySpan<byte> plane, Span<byte> destination, byte* scratch)
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
            var (first, share) = NearestSymbols(counts);
            if (path == VectorPath.Vector512 && share >= CertainShare)
            {
                ExponentHuffman512.Count(plane, first, counts);
            }
            else
            {
                Count(plane, counts);
            }

            if (ExponentHuffmanCode.TryBuild(counts, lengths) && Size(counts, lengths) < plane.Length - plane.Length / 64)
            {
                return EncodeStreams(path, plane, lengths, destination, scratch);
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
        counts.Clear();
        if (plane.Length <= SampleBytes)
        {
            return true;
        }

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

    /// <summary>Where the sixteen neighbours with the most occurrences begin, and their part of all.</summary>
    private static (byte First, float Share) NearestSymbols(ReadOnlySpan<uint> sample)
    {
        const int near = ExponentHuffman512.CountedSymbols;
        var all = 0U;
        var sum = 0U;
        var best = 0U;
        var first = 0;
        for (var i = 0; i < sample.Length; i++)
        {
            all += sample[i];
            sum += sample[i] - (i >= near ? sample[i - near] : 0);
            if (sum > best)
            {
                best = sum;
                first = Math.Max(0, i - near + 1);
            }
        }

        return ((byte)first, all == 0 ? 0 : (float)best / all);
    }

    /// <summary>In eight tables by turns, so that equal neighbours do not wait for each other.</summary>
    [SkipLocalsInit]
    private static void Count(ReadOnlySpan<byte> plane, Span<uint> counts)
    {
        const int symbols = ExponentHuffmanCode.Symbols;
        var tables = stackalloc uint[sizeof(ulong) * symbols];
        new Span<uint>(tables, sizeof(ulong) * symbols).Clear();
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(plane))
        {
            tables[(byte)word]++;
            tables[symbols + (byte)(word >> 8)]++;
            tables[2 * symbols + (byte)(word >> 16)]++;
            tables[3 * symbols + (byte)(word >> 24)]++;
            tables[4 * symbols + (byte)(word >> 32)]++;
            tables[5 * symbols + (byte)(word >> 40)]++;
            tables[6 * symbols + (byte)(word >> 48)]++;
            tables[7 * symbols + (int)(word >> 56)]++;
        }

        counts.Clear();
        for (var table = 0; table < sizeof(ulong); table++)
        {
            for (var i = 0; i < symbols; i++)
            {
                counts[i] += tables[table * symbols + i];
            }
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

    private static int EncodeStreams(VectorPath path, ReadOnlySpan<byte> plane, ReadOnlySpan<byte> lengths, Span<byte> destination, byte* scratch)
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

        var region = ScratchBytes(plane.Length) / Streams;
        var ends = stackalloc byte*[Streams];
        WriteStreams(path, plane, table, header[1], header[2] + 1, scratch, region, ends);
        var written = at + Streams * StreamLengthBytes;
        for (var stream = 0; stream < Streams; stream++)
        {
            var bytes = (int)(ends[stream] - (scratch + stream * region));
            header[at++] = (byte)bytes;
            header[at++] = (byte)(bytes >> 8);
            header[at++] = (byte)(bytes >> 16);
            if (written + bytes > destination.Length)
            {
                return 0;
            }

            new ReadOnlySpan<byte>(scratch + stream * region, bytes).CopyTo(destination[written..]);
            written += bytes;
        }

        header[..at].CopyTo(destination);
        return written;
    }

    private static void WriteStreams(
        VectorPath path, ReadOnlySpan<byte> plane, uint* table, byte firstSymbol, int symbols, byte* scratch, int region, byte** ends)
    {
        var quarter = plane.Length / Streams;
        fixed (byte* source = plane)
        {
            for (var stream = 0; stream < Streams; stream += 2)
            {
                var first = source + stream * quarter;
                var second = first + quarter;
                var firstTo = new CodeWriter(scratch + stream * region);
                var secondTo = new CodeWriter(scratch + (stream + 1) * region);
                var done = path == VectorPath.Vector512 && symbols <= ExponentHuffman512.MaximumSymbols
                    ? ExponentHuffman512.Write(first, second, quarter, table, firstSymbol, ref firstTo, ref secondTo)
                    : 0;
                WriteStream(first + done, quarter - done, table, ref firstTo);
                WriteStream(second + done, quarter - done, table, ref secondTo);
                ends[stream] = firstTo.Finish();
                ends[stream + 1] = secondTo.Finish();
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WriteStream(byte* source, int count, uint* table, ref CodeWriter writer)
    {
        var to = writer;
        var end = source + count;
        for (; end - source >= CodesPerAdd; source += CodesPerAdd)
        {
            var a = table[source[0]];
            var b = table[source[1]];
            var c = table[source[2]];
            var d = table[source[3]];
            var aBits = (int)(a >> 16);
            var cBits = (int)(c >> 16);
            var abBits = aBits + (int)(b >> 16);
            var ab = (ushort)a | (ulong)(ushort)b << aBits;
            var cd = (ushort)c | (ulong)(ushort)d << cBits;
            to.Add(ab | cd << abBits, abBits + cBits + (int)(d >> 16));
        }

        for (; source < end; source++)
        {
            to.Add((ushort)table[*source], (int)(table[*source] >> 16));
        }

        writer = to;
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
}
