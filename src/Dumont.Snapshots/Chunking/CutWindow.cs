using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>
/// Judges the 68 bytes before a place where a chunk could end, in two stages: a filter over twelve of them that passes one window in 1024
/// and runs in vectors, and a hash over the last 64 for those that pass.
/// <code>
/// a a b b │ 28 bytes │ c c d d │ 28 bytes │ e e e e │ cut?
///
/// (((a · k + b · l + c · m + d · n) xor e) · f − o) mod 2^32 below 2^22: passes
/// </code>
/// a to d are 16 bits, signed; e is 32; all little-endian. Constants come from the secret, see <see cref="Create"/>.
/// </summary>
/// <remarks>The twelve bytes are far apart because text repeats short strings: a filter over neighbours passes the same few words again and
/// again, its places lie in clusters and chunks get longer. They are 32 bytes apart so that what one vector has loaded serves for the
/// next places too.</remarks>
internal readonly unsafe struct CutWindow
{
    /// <summary>Bytes of a window.</summary>
    public const int Bytes = 68;

    /// <summary>One window in 2^10 passes the filter. More bits would make short averages impossible, fewer cost speed.</summary>
    public const int FilterBits = 10;

    private const int Middle = 32;
    private const int Last = 64;
    private const uint FilterLimit = 1u << (32 - FilterBits);

    // A pair of 16-bit factors each: the low half is that of the lower address.
    private readonly uint _firstFactors;
    private readonly uint _middleFactors;
    private readonly uint _factor;
    private readonly uint _offset;
    private readonly ulong _a;
    private readonly ulong _b;
    private readonly ulong _c;
    private readonly ulong _d;
    private readonly ulong _middle;
    private readonly ulong _last;

    private CutWindow(SplitMix64 random)
    {
        _firstFactors = (uint)random.Next() | 0x0001_0001;
        _middleFactors = (uint)random.Next() | 0x0001_0001;
        _factor = (uint)random.Next() | 1;
        _a = random.Next() | 1;
        _b = random.Next() | 1;
        _c = random.Next() | 1;
        _d = random.Next() | 1;
        _middle = random.Next() | 1;
        _last = random.Next() | 1;

        // A run of one byte, zeros above all, must not be cut everywhere.
        do
        {
            _offset = (uint)random.Next();
        }
        while (PassesSomeRun());
    }

    /// <summary>The constants of a secret: the outputs of SplitMix64 seeded with <c>44756D6F6E740002</c> xor the secret, in this order: k and l
    /// (low 32 bits, both halves made odd), m and n likewise, f (low 32 bits, made odd), the six factors of the hash (made odd), then offsets o
    /// (low 32 bits) until no run of a single byte passes.</summary>
    public static CutWindow Create(ulong secret) => new(new SplitMix64(0x44756D6F6E740002 ^ secret));

    /// <summary>The first place from <paramref name="start"/> to <paramref name="end"/> whose window passes the filter and has zeros in its hash
    /// where <paramref name="mask"/> has ones; 0 when there is none.</summary>
    /// <param name="data">Start is at least <see cref="Bytes"/> and end at most its length.</param>
    /// <param name="start">First place.</param>
    /// <param name="end">Last place.</param>
    /// <param name="mask">Bits that must be zero.</param>
    /// <param name="path">How to look.</param>
    public int Find(ReadOnlySpan<byte> data, int start, int end, ulong mask, VectorPath path)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(start, Bytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, data.Length);
        fixed (byte* bytes = data)
        {
            return path switch
            {
                VectorPath.Vector512 => Find512(bytes, start, end, mask),
                VectorPath.Vector256 => Find256(bytes, start, end, mask),
                VectorPath.Scalar => FindScalar(bytes, start, end, mask),
            };
        }
    }

    // The windows of 64 places: word j of h<k> belongs to place 4j + k. The last four bytes of these windows are the first of the next.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Find512(byte* data, int start, int end, ulong mask)
    {
        if (start > end - 63)
        {
            return FindScalar(data, start, end, mask);
        }

        var firstFactors = Vector512.Create(_firstFactors).AsInt16();
        var middleFactors = Vector512.Create(_middleFactors).AsInt16();
        var factor = Vector512.Create(_factor);
        var offset = Vector512.Create(_offset);
        var limit = Vector512.Create(FilterLimit);
        var place = start;
        var q = data + place - Bytes;
        var first0 = Vector512.Load((uint*)q);
        var first1 = Vector512.Load((uint*)(q + 1));
        var first2 = Vector512.Load((uint*)(q + 2));
        var first3 = Vector512.Load((uint*)(q + 3));
        for (; place <= end - 63; place += 64)
        {
            q = data + place - Bytes;
            var middle0 = Vector512.Load((uint*)(q + Middle));
            var middle1 = Vector512.Load((uint*)(q + Middle + 1));
            var middle2 = Vector512.Load((uint*)(q + Middle + 2));
            var middle3 = Vector512.Load((uint*)(q + Middle + 3));
            var last0 = Vector512.Load((uint*)(q + Last));
            var last1 = Vector512.Load((uint*)(q + Last + 1));
            var last2 = Vector512.Load((uint*)(q + Last + 2));
            var last3 = Vector512.Load((uint*)(q + Last + 3));
            var sum0 = Avx512BW.MultiplyAddAdjacent(first0.AsInt16(), firstFactors) + Avx512BW.MultiplyAddAdjacent(middle0.AsInt16(), middleFactors);
            var h0 = ((sum0.AsUInt32() ^ last0) * factor) - offset;
            var sum1 = Avx512BW.MultiplyAddAdjacent(first1.AsInt16(), firstFactors) + Avx512BW.MultiplyAddAdjacent(middle1.AsInt16(), middleFactors);
            var h1 = ((sum1.AsUInt32() ^ last1) * factor) - offset;
            var sum2 = Avx512BW.MultiplyAddAdjacent(first2.AsInt16(), firstFactors) + Avx512BW.MultiplyAddAdjacent(middle2.AsInt16(), middleFactors);
            var h2 = ((sum2.AsUInt32() ^ last2) * factor) - offset;
            var sum3 = Avx512BW.MultiplyAddAdjacent(first3.AsInt16(), firstFactors) + Avx512BW.MultiplyAddAdjacent(middle3.AsInt16(), middleFactors);
            var h3 = ((sum3.AsUInt32() ^ last3) * factor) - offset;
            first0 = last0;
            first1 = last1;
            first2 = last2;
            first3 = last3;
            if (!Vector512.LessThanAny(Vector512.Min(Vector512.Min(h0, h1), Vector512.Min(h2, h3)), limit))
            {
                continue;
            }

            var passed = (Vector512.LessThan(h0, limit) & Vector512.Create(0x000000FFu))
                | (Vector512.LessThan(h1, limit) & Vector512.Create(0x0000FF00u))
                | (Vector512.LessThan(h2, limit) & Vector512.Create(0x00FF0000u))
                | (Vector512.LessThan(h3, limit) & Vector512.Create(0xFF000000u));
            for (var bits = passed.AsByte().ExtractMostSignificantBits(); bits != 0; bits &= bits - 1)
            {
                var candidate = place + BitOperations.TrailingZeroCount(bits);
                if ((Hash(data + candidate) & mask) == 0)
                {
                    return candidate;
                }
            }
        }

        return FindScalar(data, place, end, mask);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Find256(byte* data, int start, int end, ulong mask)
    {
        if (start > end - 31)
        {
            return FindScalar(data, start, end, mask);
        }

        var firstFactors = Vector256.Create(_firstFactors).AsInt16();
        var middleFactors = Vector256.Create(_middleFactors).AsInt16();
        var factor = Vector256.Create(_factor);
        var offset = Vector256.Create(_offset);

        // There is no unsigned comparison: the lower of a word and the highest that passes is the word itself where it passes.
        var highest = Vector256.Create(FilterLimit - 1);
        var place = start;
        var q = data + place - Bytes;
        var first0 = Vector256.Load((uint*)q);
        var first1 = Vector256.Load((uint*)(q + 1));
        var first2 = Vector256.Load((uint*)(q + 2));
        var first3 = Vector256.Load((uint*)(q + 3));
        var middle0 = Vector256.Load((uint*)(q + Middle));
        var middle1 = Vector256.Load((uint*)(q + Middle + 1));
        var middle2 = Vector256.Load((uint*)(q + Middle + 2));
        var middle3 = Vector256.Load((uint*)(q + Middle + 3));
        for (; place <= end - 31; place += 32)
        {
            q = data + place - Bytes;
            var last0 = Vector256.Load((uint*)(q + Last));
            var last1 = Vector256.Load((uint*)(q + Last + 1));
            var last2 = Vector256.Load((uint*)(q + Last + 2));
            var last3 = Vector256.Load((uint*)(q + Last + 3));
            var sum0 = Avx2.MultiplyAddAdjacent(first0.AsInt16(), firstFactors) + Avx2.MultiplyAddAdjacent(middle0.AsInt16(), middleFactors);
            var h0 = ((sum0.AsUInt32() ^ last0) * factor) - offset;
            var sum1 = Avx2.MultiplyAddAdjacent(first1.AsInt16(), firstFactors) + Avx2.MultiplyAddAdjacent(middle1.AsInt16(), middleFactors);
            var h1 = ((sum1.AsUInt32() ^ last1) * factor) - offset;
            var sum2 = Avx2.MultiplyAddAdjacent(first2.AsInt16(), firstFactors) + Avx2.MultiplyAddAdjacent(middle2.AsInt16(), middleFactors);
            var h2 = ((sum2.AsUInt32() ^ last2) * factor) - offset;
            var sum3 = Avx2.MultiplyAddAdjacent(first3.AsInt16(), firstFactors) + Avx2.MultiplyAddAdjacent(middle3.AsInt16(), middleFactors);
            var h3 = ((sum3.AsUInt32() ^ last3) * factor) - offset;
            first0 = middle0;
            middle0 = last0;
            first1 = middle1;
            middle1 = last1;
            first2 = middle2;
            middle2 = last2;
            first3 = middle3;
            middle3 = last3;
            var lowest = Avx2.Min(Avx2.Min(h0, h1), Avx2.Min(h2, h3));
            if (Avx2.MoveMask(Vector256.Equals(Avx2.Min(lowest, highest), lowest).AsByte()) == 0)
            {
                continue;
            }

            var passed = (Vector256.Equals(Avx2.Min(h0, highest), h0) & Vector256.Create(0x000000FFu))
                | (Vector256.Equals(Avx2.Min(h1, highest), h1) & Vector256.Create(0x0000FF00u))
                | (Vector256.Equals(Avx2.Min(h2, highest), h2) & Vector256.Create(0x00FF0000u))
                | (Vector256.Equals(Avx2.Min(h3, highest), h3) & Vector256.Create(0xFF000000u));
            for (var bits = (uint)Avx2.MoveMask(passed.AsByte()); bits != 0; bits &= bits - 1)
            {
                var candidate = place + BitOperations.TrailingZeroCount(bits);
                if ((Hash(data + candidate) & mask) == 0)
                {
                    return candidate;
                }
            }
        }

        return FindScalar(data, place, end, mask);
    }

    private int FindScalar(byte* data, int start, int end, ulong mask)
    {
        for (var place = start; place <= end; place++)
        {
            var q = data + place - Bytes;
            if (Passes(Unsafe.ReadUnaligned<uint>(q), Unsafe.ReadUnaligned<uint>(q + Middle), Unsafe.ReadUnaligned<uint>(q + Last))
                && (Hash(data + place) & mask) == 0)
            {
                return place;
            }
        }

        return 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Passes(uint first, uint middle, uint last)
    {
        var sum = Products(first, _firstFactors) + Products(middle, _middleFactors);
        return (((uint)sum ^ last) * _factor) - _offset < FilterLimit;
    }

    // Sum of the products of the two halves, signed.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Products(uint pair, uint factors) => ((short)pair * (short)factors) + (((int)pair >> 16) * ((int)factors >> 16));

    // Hash of the 64 bytes that end here, modulo 2^64. Only its upper bits are used.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong Hash(byte* end)
    {
        var hash = PairHash(end - 64, _a, _b, 29) + PairHash(end - 48, _c, _d, 31);
        hash = ((hash ^ (hash >> 32)) * _middle) + PairHash(end - 32, _a, _b, 29);
        hash = ((hash ^ (hash >> 32)) * _middle) + PairHash(end - 16, _c, _d, 31);
        return (hash ^ (hash >> 29)) * _last;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong PairHash(byte* at, ulong factor, ulong nextFactor, int rotation) =>
        (Unsafe.ReadUnaligned<ulong>(at) * factor) ^ BitOperations.RotateLeft(Unsafe.ReadUnaligned<ulong>(at + 8) * nextFactor, rotation);

    private bool PassesSomeRun()
    {
        for (var value = 0u; value < 256; value++)
        {
            if (Passes(value * 0x01010101, value * 0x01010101, value * 0x01010101))
            {
                return true;
            }
        }

        return false;
    }
}
