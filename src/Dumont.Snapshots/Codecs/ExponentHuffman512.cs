using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>
/// Writes codes with AVX-512 VBMI, for planes of at most 64 neighbouring symbols, as exponents are: looks up 64 at once, joins them four by
/// four within their lanes, and leaves only a sixteenth of the shifting to the scalar registers.
/// </summary>
internal static unsafe class ExponentHuffman512
{
    public const int MaximumSymbols = 64;

    /// <summary>Neighbouring symbols that <see cref="Count"/> counts without touching memory.</summary>
    public const int CountedSymbols = 16;

    private const int BlockBytes = 64;

    /// <summary>Counts a plane of whole vectors, quickly if nearly all of it is one of 16 symbols from <paramref name="firstSymbol"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Count(ReadOnlySpan<byte> plane, byte firstSymbol, Span<uint> counts)
    {
        counts.Clear();
        Span<int> near = stackalloc int[CountedSymbols];
        near.Clear();
        var first = Vector512.Create(firstSymbol);
        var limit = Vector512.Create((byte)CountedSymbols);
        for (var at = 0; at < plane.Length; at += BlockBytes)
        {
            var symbols = Vector512.Create(plane[at..]) - first;
            for (var i = 0; i < CountedSymbols; i++)
            {
                near[i] += BitOperations.PopCount(Vector512.Equals(symbols, Vector512.Create((byte)i)).ExtractMostSignificantBits());
            }

            for (var far = Vector512.GreaterThanOrEqual(symbols, limit).ExtractMostSignificantBits(); far != 0; far &= far - 1)
            {
                counts[plane[at + BitOperations.TrailingZeroCount(far)]]++;
            }
        }

        for (var i = 0; i < CountedSymbols; i++)
        {
            counts[(byte)(firstSymbol + i)] += (uint)near[i];
        }
    }

    /// <summary>Two streams at once, until fewer than 64 symbols of each are left; returns how many are done.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Write(byte* first, byte* second, int count, uint* table, byte firstSymbol, ref CodeWriter firstTo, ref CodeWriter secondTo)
    {
        var lower = stackalloc byte[MaximumSymbols];
        var upper = stackalloc byte[MaximumSymbols];
        var lengths = stackalloc byte[MaximumSymbols];
        for (var i = 0; i < MaximumSymbols; i++)
        {
            var entry = firstSymbol + i < ExponentHuffmanCode.Symbols ? table[firstSymbol + i] : 0;
            lower[i] = (byte)entry;
            upper[i] = (byte)(entry >> 8);
            lengths[i] = (byte)(entry >> 16);
        }

        var lowerTable = Vector512.Load(lower);
        var upperTable = Vector512.Load(upper);
        var lengthTable = Vector512.Load(lengths);
        var codes = stackalloc ulong[4 * Vector512<ulong>.Count];
        var bits = stackalloc ulong[4 * Vector512<ulong>.Count];
        var (a, b) = (firstTo, secondTo);
        var done = 0;
        for (; done + BlockBytes <= count; done += BlockBytes)
        {
            Join(Vector512.Load(first + done) - Vector512.Create(firstSymbol), lowerTable, upperTable, lengthTable, codes, bits);
            Join(Vector512.Load(second + done) - Vector512.Create(firstSymbol), lowerTable, upperTable, lengthTable, codes + 16, bits + 16);
            for (var i = 0; i < Vector512<ulong>.Count; i++)
            {
                a.Add(codes[i], (int)bits[i]);
                b.Add(codes[16 + i], (int)bits[16 + i]);
                a.Add(codes[8 + i], (int)bits[8 + i]);
                b.Add(codes[24 + i], (int)bits[24 + i]);
            }
        }

        firstTo = a;
        secondTo = b;
        return done;
    }

    /// <summary>Sixteen times four codes and their lengths in bits: those of even place in the first vector, of odd place in the second.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Join(
        Vector512<byte> symbols, Vector512<byte> lowerTable, Vector512<byte> upperTable, Vector512<byte> lengthTable, ulong* codes, ulong* bits)
    {
        var lower = Avx512Vbmi.PermuteVar64x8(lowerTable, symbols).AsUInt16();
        var upper = Avx512Vbmi.PermuteVar64x8(upperTable, symbols).AsUInt16();
        var length = Avx512Vbmi.PermuteVar64x8(lengthTable, symbols).AsUInt16();

        // Symbols of even and of odd place, each in 16 bits.
        var byteMask = Vector512.Create((ushort)0xFF);
        var even = ((lower & byteMask) | (upper << 8)).AsUInt32();
        var odd = ((lower >>> 8) | (upper & ~byteMask)).AsUInt32();
        var evenLength = (length & byteMask).AsUInt32();
        var pairLength = ((length & byteMask) + (length >>> 8)).AsUInt32();

        // Pairs of even and of odd place, each in 32 bits.
        var halfMask = Vector512.Create(0xFFFFU);
        var evenPair = ((even & halfMask) | Avx512F.ShiftLeftLogicalVariable(odd & halfMask, evenLength & halfMask)).AsUInt64();
        var oddPair = ((even >>> 16) | Avx512F.ShiftLeftLogicalVariable(odd >>> 16, evenLength >>> 16)).AsUInt64();
        var evenPairLength = (pairLength & halfMask).AsUInt64();
        var fourLength = ((pairLength & halfMask) + (pairLength >>> 16)).AsUInt64();

        var wordMask = Vector512.Create(0xFFFFFFFFUL);
        ((evenPair & wordMask) | Avx512F.ShiftLeftLogicalVariable(oddPair & wordMask, evenPairLength & wordMask)).Store(codes);
        ((evenPair >>> 32) | Avx512F.ShiftLeftLogicalVariable(oddPair >>> 32, evenPairLength >>> 32)).Store(codes + Vector512<ulong>.Count);
        (fourLength & wordMask).Store(bits);
        (fourLength >>> 32).Store(bits + Vector512<ulong>.Count);
    }
}

/// <summary>Codes to bytes, from the lowest bit up.</summary>
internal unsafe struct CodeWriter
{
    private byte* _to;
    private ulong _bits;
    private int _held;

    public CodeWriter(byte* to) => _to = to;

    /// <summary>Up to 57 bits more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(ulong code, int bits)
    {
        _bits |= code << _held;
        _held += bits;
        *(ulong*)_to = _bits;
        _to += _held >> 3;
        _bits >>= _held & ~7;
        _held &= 7;
    }

    /// <summary>The end, the last byte filled with zeros.</summary>
    public readonly byte* Finish() => _to + (_held + 7) / 8;
}
