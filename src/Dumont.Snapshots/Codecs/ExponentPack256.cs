using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>Packed exponents with AVX2.</summary>
internal static unsafe class ExponentPack256
{
    private const int VectorBytes = BytePlanes256.VectorBytes;

    /// <summary>Within each half, of four elements: their lower three bytes, then their highest.</summary>
    private static Vector256<byte> ThreeOneIndex { get; } = Vector256.Create(
        (byte)0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);

    /// <summary>The reverse.</summary>
    private static Vector256<byte> OneThreeIndex { get; } = Vector256.Create(
        (byte)0, 1, 2, 12, 3, 4, 5, 13, 6, 7, 8, 14, 9, 10, 11, 15, 0, 1, 2, 12, 3, 4, 5, 13, 6, 7, 8, 14, 9, 10, 11, 15);

    /// <summary>Byte i of 32 takes byte i div 8.</summary>
    private static Vector256<byte> SpreadIndex { get; } = Vector256.Create(
        (byte)0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);

    public static bool Encode(ExponentFormat format, ref ExponentWork state)
    {
        var work = state;
        var high = stackalloc byte[ElementLayout.GroupElements];
        var width = format.WidthBytes();
        var codeBits = format.CodeBits();
        var isHalf = format == ExponentFormat.Fp16;
        for (; work.Groups > 0 && work.Escapes < work.EscapesEnd; work.Groups--)
        {
            if (width == 4)
            {
                Split32(work.Elements, work.Low, high);
            }
            else
            {
                Split16(work.Elements, work.Low, high);
                Split16(work.Elements + 2 * VectorBytes, work.Low + VectorBytes, high + VectorBytes);
            }

            StoreCodes(high, work.Base, isHalf, codeBits, work.Codes, ref work.Escapes);
            StoreCodes(high + VectorBytes, work.Base, isHalf, codeBits, work.Codes + 4, ref work.Escapes);
            work.Elements += ElementLayout.GroupElements * width;
            work.Low += ElementLayout.GroupElements * (width - 1);
            work.Codes += 8 * codeBits;
        }

        state = work;
        return work.Groups == 0;
    }

    public static void Decode(ExponentFormat format, ref ExponentWork state)
    {
        var work = state;
        var high = stackalloc byte[ElementLayout.GroupElements];
        var width = format.WidthBytes();
        var codeBits = format.CodeBits();
        for (; work.Groups > 0 && work.Escapes <= work.EscapesEnd; work.Groups--)
        {
            if (format == ExponentFormat.Fp16)
            {
                LoadHalfCodes(work.Codes, work.Base, high, ref work.Escapes);
                LoadHalfCodes(work.Codes + 4, work.Base, high + VectorBytes, ref work.Escapes);
            }
            else
            {
                LoadCodes(work.Codes, work.Base, high, ref work.Escapes);
                LoadCodes(work.Codes + 4, work.Base, high + VectorBytes, ref work.Escapes);
            }

            if (width == 4)
            {
                Join32(work.Low, high, work.Elements);
            }
            else
            {
                Join16(work.Low, high, work.Elements);
                Join16(work.Low + VectorBytes, high + VectorBytes, work.Elements + 2 * VectorBytes);
            }

            work.Elements += ElementLayout.GroupElements * width;
            work.Low += ElementLayout.GroupElements * (width - 1);
            work.Codes += 8 * codeBits;
        }

        state = work;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Split16(byte* elements, byte* low, byte* high)
    {
        var a = Vector256.Load((ushort*)elements);
        var b = Vector256.Load((ushort*)(elements + VectorBytes));
        a = (a << 1) | (a >>> 15);
        b = (b << 1) | (b >>> 15);
        var (even, odd) = BytePlanes256.Unzip(a.AsByte(), b.AsByte());
        even.Store(low);
        odd.Store(high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Join16(byte* low, byte* high, byte* elements)
    {
        var (lower, upper) = BytePlanes256.Zip(Vector256.Load(low), Vector256.Load(high));
        var a = lower.AsUInt16();
        var b = upper.AsUInt16();
        ((a >>> 1) | (a << 15)).Store((ushort*)elements);
        ((b >>> 1) | (b << 15)).Store((ushort*)(elements + VectorBytes));
    }

    private static void Split32(byte* elements, byte* low, byte* high)
    {
        for (var i = 0; i < ElementLayout.GroupElements; i += 8, elements += VectorBytes, low += 24, high += 8)
        {
            var a = Vector256.Load((uint*)elements);
            var parts = Avx2.Shuffle(((a << 1) | (a >>> 31)).AsByte(), ThreeOneIndex);
            var first = parts.GetLower();
            var second = parts.GetUpper();
            *(ulong*)low = first.AsUInt64().ToScalar();
            *(uint*)(low + 8) = first.AsUInt32().GetElement(2);
            *(ulong*)(low + 12) = second.AsUInt64().ToScalar();
            *(uint*)(low + 20) = second.AsUInt32().GetElement(2);
            *(uint*)high = first.AsUInt32().GetElement(3);
            *(uint*)(high + 4) = second.AsUInt32().GetElement(3);
        }
    }

    private static void Join32(byte* low, byte* high, byte* elements)
    {
        for (var i = 0; i < ElementLayout.GroupElements; i += 8, elements += VectorBytes, low += 24, high += 8)
        {
            // Whole vectors of the low bytes read 4 bytes of the codes behind them.
            var first = Vector128.Load(low).AsUInt32().WithElement(3, *(uint*)high);
            var second = Vector128.Load(low + 12).AsUInt32().WithElement(3, *(uint*)(high + 4));
            var a = Avx2.Shuffle(Vector256.Create(first, second).AsByte(), OneThreeIndex).AsUInt32();
            ((a >>> 1) | (a << 31)).Store((uint*)elements);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreCodes(byte* high, byte largest, bool isHalf, int codeBits, byte* codes, ref byte* escapes)
    {
        var highs = Vector256.Load(high);
        var exponents = isHalf ? (highs.AsUInt16() >>> 3).AsByte() & Vector256.Create((byte)0x1F) : highs;
        var limit = Vector256.Create((byte)ExponentPack.Escape);
        var code = Vector256.Min(Vector256.Create(largest) - exponents, limit);
        var escaped = Vector256.Equals(code, limit).ExtractMostSignificantBits();
        for (; escaped != 0; escaped &= escaped - 1)
        {
            var at = high[BitOperations.TrailingZeroCount(escaped)];
            *escapes++ = isHalf ? (byte)(at >> 3) : at;
        }

        if (isHalf)
        {
            code |= ((highs & limit).AsUInt16() << 3).AsByte();
        }

        for (var bit = 0; bit < codeBits; bit++)
        {
            *(uint*)(codes + 8 * bit) = (code.AsUInt16() << (7 - bit)).AsByte().ExtractMostSignificantBits();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadCodes(byte* codes, byte largest, byte* high, ref byte* escapes)
    {
        var code = Bits(codes, 1) | Bits(codes + 8, 2) | Bits(codes + 16, 4);
        (Vector256.Create(largest) - code).Store(high);
        var escaped = Vector256.Equals(code, Vector256.Create((byte)ExponentPack.Escape)).ExtractMostSignificantBits();
        for (; escaped != 0; escaped &= escaped - 1)
        {
            high[BitOperations.TrailingZeroCount(escaped)] = *escapes++;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadHalfCodes(byte* codes, byte largest, byte* high, ref byte* escapes)
    {
        var code = Bits(codes, 1) | Bits(codes + 8, 2) | Bits(codes + 16, 4);
        var mantissas = Bits(codes + 24, 1) | Bits(codes + 32, 2) | Bits(codes + 40, 4);
        var exponents = (Vector256.Create(largest) - code) & Vector256.Create((byte)0x1F);
        ((exponents.AsUInt16() << 3).AsByte() | mantissas).Store(high);
        var escaped = Vector256.Equals(code, Vector256.Create((byte)ExponentPack.Escape)).ExtractMostSignificantBits();
        for (; escaped != 0; escaped &= escaped - 1)
        {
            var at = high + BitOperations.TrailingZeroCount(escaped);
            *at = (byte)(*escapes++ << 3 | *at & 7);
        }
    }

    /// <summary>32 bits to as many bytes, <paramref name="value"/> where the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Bits(byte* word, byte value)
    {
        var bits = Vector256.Create(0x8040201008040201UL).AsByte();
        var spread = Avx2.Shuffle(Vector256.Create(*(uint*)word).AsByte(), SpreadIndex);
        return Vector256.Equals(spread & bits, bits) & Vector256.Create(value);
    }
}
