using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>Packed exponents with AVX-512 VBMI2 and GFNI, 64 elements a turn and without a branch on the data.</summary>
internal static unsafe class ExponentPack512
{
    private const int VectorBytes = 64;

    /// <summary>The lower three bytes of sixteen elements.</summary>
    private static Vector512<byte> ThreeOfFourIndex { get; } = BytePlanes512.Index(i => i < 48 ? i / 3 * 4 + i % 3 : 0);

    /// <summary>Three bytes of the first vector and one of the second by turns, for each quarter of the second.</summary>
    private static Vector512<byte> FourthIndex(int quarter) => BytePlanes512.Index(i => i % 4 < 3 ? i / 4 * 3 + i % 4 : 64 + quarter * 16 + i / 4);

    private static readonly Vector512<byte> FourthIndex0 = FourthIndex(0);
    private static readonly Vector512<byte> FourthIndex1 = FourthIndex(1);
    private static readonly Vector512<byte> FourthIndex2 = FourthIndex(2);
    private static readonly Vector512<byte> FourthIndex3 = FourthIndex(3);

    public static bool Encode(ExponentFormat format, ref ExponentWork work) => format switch
    {
        ExponentFormat.Bf16 => EncodeBf16(ref work),
        ExponentFormat.Fp32 => EncodeFp32(ref work),
        ExponentFormat.Fp16 => EncodeFp16(ref work),
    };

    public static void Decode(ExponentFormat format, ref ExponentWork work)
    {
        switch (format)
        {
            case ExponentFormat.Bf16:
                DecodeBf16(ref work);
                break;
            case ExponentFormat.Fp32:
                DecodeFp32(ref work);
                break;
            case ExponentFormat.Fp16:
                DecodeFp16(ref work);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool EncodeBf16(ref ExponentWork state)
    {
        var work = state;
        var largest = Vector512.Create(work.Base);
        for (; work.Groups > 0 && work.Escapes < work.EscapesEnd; work.Groups--)
        {
            var (low, high) = Split16(work.Elements);
            low.Store(work.Low);
            var codes = Code(high, largest, ref work.Escapes);
            StoreThree(BytePlanes512.ToPlanes(codes, BytePlanes512.ReverseIndex, BytePlanes512.TransposeIndex), work.Codes);
            work.Elements += 2 * VectorBytes;
            work.Low += VectorBytes;
            work.Codes += 24;
        }

        state = work;
        return work.Groups == 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool EncodeFp16(ref ExponentWork state)
    {
        var work = state;
        var largest = Vector512.Create(work.Base);
        for (; work.Groups > 0 && work.Escapes < work.EscapesEnd; work.Groups--)
        {
            var (low, high) = Split16(work.Elements);
            low.Store(work.Low);
            var exponents = (high.AsUInt16() >>> 3).AsByte() & Vector512.Create((byte)0x1F);
            var mantissas = (high & Vector512.Create((byte)7)).AsUInt16() << 3;
            var codes = Code(exponents, largest, ref work.Escapes) | mantissas.AsByte();
            var words = BytePlanes512.ToPlanes(codes, BytePlanes512.ReverseIndex, BytePlanes512.TransposeIndex);
            words.GetLower().Store(work.Codes);
            words.GetUpper().GetLower().Store(work.Codes + 32);
            work.Elements += 2 * VectorBytes;
            work.Low += VectorBytes;
            work.Codes += 48;
        }

        state = work;
        return work.Groups == 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool EncodeFp32(ref ExponentWork state)
    {
        var work = state;
        var largest = Vector512.Create(work.Base);
        for (; work.Groups > 0 && work.Escapes < work.EscapesEnd; work.Groups--)
        {
            var a = StoreLow(work.Elements, work.Low);
            var b = StoreLow(work.Elements + VectorBytes, work.Low + 48);
            var c = StoreLow(work.Elements + 2 * VectorBytes, work.Low + 96);
            var d = StoreLow(work.Elements + 3 * VectorBytes, work.Low + 144);
            var odd = BytePlanes512.OddIndex;
            var high = Avx512Vbmi.PermuteVar64x8x2(
                Avx512Vbmi.PermuteVar64x8x2(a, odd, b), odd, Avx512Vbmi.PermuteVar64x8x2(c, odd, d));
            var codes = Code(high, largest, ref work.Escapes);
            StoreThree(BytePlanes512.ToPlanes(codes, BytePlanes512.ReverseIndex, BytePlanes512.TransposeIndex), work.Codes);
            work.Elements += 4 * VectorBytes;
            work.Low += 3 * VectorBytes;
            work.Codes += 24;
        }

        state = work;
        return work.Groups == 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DecodeBf16(ref ExponentWork state)
    {
        var work = state;
        var largest = Vector512.Create(work.Base);
        for (; work.Groups > 0 && work.Escapes <= work.EscapesEnd; work.Groups--)
        {
            var codes = BytePlanes512.FromPlanes(LoadThree(work.Codes), BytePlanes512.ReverseTransposeIndex);
            Join16(Vector512.Load(work.Low), Exponents(codes, largest, ref work.Escapes), work.Elements);
            work.Elements += 2 * VectorBytes;
            work.Low += VectorBytes;
            work.Codes += 24;
        }

        state = work;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DecodeFp16(ref ExponentWork state)
    {
        var work = state;
        var largest = Vector512.Create(work.Base);
        for (; work.Groups > 0 && work.Escapes <= work.EscapesEnd; work.Groups--)
        {
            var words = Vector512.Create(Vector256.Load(work.Codes), Vector128.Load(work.Codes + 32).ToVector256());
            var codes = BytePlanes512.FromPlanes(words, BytePlanes512.ReverseTransposeIndex);
            var exponents = Exponents(codes & Vector512.Create((byte)7), largest, ref work.Escapes);
            var high = ((exponents & Vector512.Create((byte)0x1F)).AsUInt16() << 3).AsByte()
                | ((codes.AsUInt16() >>> 3).AsByte() & Vector512.Create((byte)7));
            Join16(Vector512.Load(work.Low), high, work.Elements);
            work.Elements += 2 * VectorBytes;
            work.Low += VectorBytes;
            work.Codes += 48;
        }

        state = work;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DecodeFp32(ref ExponentWork state)
    {
        var work = state;
        var largest = Vector512.Create(work.Base);
        for (; work.Groups > 0 && work.Escapes <= work.EscapesEnd; work.Groups--)
        {
            var codes = BytePlanes512.FromPlanes(LoadThree(work.Codes), BytePlanes512.ReverseTransposeIndex);
            var high = Exponents(codes, largest, ref work.Escapes);
            // Whole vectors of the low bytes read up to 16 bytes of the codes behind them.
            Join32(work.Low, high, FourthIndex0, work.Elements);
            Join32(work.Low + 48, high, FourthIndex1, work.Elements + VectorBytes);
            Join32(work.Low + 96, high, FourthIndex2, work.Elements + 2 * VectorBytes);
            Join32(work.Low + 144, high, FourthIndex3, work.Elements + 3 * VectorBytes);
            work.Elements += 4 * VectorBytes;
            work.Low += 3 * VectorBytes;
            work.Codes += 24;
        }

        state = work;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<byte> Low, Vector512<byte> High) Split16(byte* elements)
    {
        var a = Vector512.Load((ushort*)elements);
        var b = Vector512.Load((ushort*)(elements + VectorBytes));
        a = (a << 1) | (a >>> 15);
        b = (b << 1) | (b >>> 15);
        return (
            Avx512Vbmi.PermuteVar64x8x2(a.AsByte(), BytePlanes512.EvenIndex, b.AsByte()),
            Avx512Vbmi.PermuteVar64x8x2(a.AsByte(), BytePlanes512.OddIndex, b.AsByte()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Join16(Vector512<byte> low, Vector512<byte> high, byte* elements)
    {
        var a = Avx512Vbmi.PermuteVar64x8x2(low, BytePlanes512.LowerZipIndex, high).AsUInt16();
        var b = Avx512Vbmi.PermuteVar64x8x2(low, BytePlanes512.UpperZipIndex, high).AsUInt16();
        ((a >>> 1) | (a << 15)).Store((ushort*)elements);
        ((b >>> 1) | (b << 15)).Store((ushort*)(elements + VectorBytes));
    }

    /// <summary>Rotates sixteen elements and stores their lower three bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> StoreLow(byte* elements, byte* low)
    {
        var rotated = Avx512F.RotateLeft(Vector512.Load((uint*)elements), 1).AsByte();
        var three = Avx512Vbmi.PermuteVar64x8(rotated, ThreeOfFourIndex);
        three.GetLower().Store(low);
        three.GetUpper().GetLower().Store(low + 32);
        return rotated;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Join32(byte* low, Vector512<byte> high, Vector512<byte> index, byte* elements) =>
        Avx512F.RotateRight(Avx512Vbmi.PermuteVar64x8x2(Vector512.Load(low), index, high).AsUInt32(), 1).Store((uint*)elements);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Code(Vector512<byte> exponents, Vector512<byte> largest, ref byte* escapes)
    {
        var limit = Vector512.Create((byte)ExponentPack.Escape);
        var codes = Vector512.Min(largest - exponents, limit);
        var escaped = Vector512.Equals(codes, limit);
        Avx512Vbmi2.Compress(Vector512<byte>.Zero, escaped, exponents).Store(escapes);
        escapes += BitOperations.PopCount(escaped.ExtractMostSignificantBits());
        return codes;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Exponents(Vector512<byte> codes, Vector512<byte> largest, ref byte* escapes)
    {
        var escaped = Vector512.Equals(codes, Vector512.Create((byte)ExponentPack.Escape));
        var exponents = Avx512Vbmi2.Expand(largest - codes, escaped, Vector512.Load(escapes));
        escapes += BitOperations.PopCount(escaped.ExtractMostSignificantBits());
        return exponents;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreThree(Vector512<byte> words, byte* codes)
    {
        words.GetLower().GetLower().Store(codes);
        *(ulong*)(codes + 16) = words.AsUInt64().GetElement(2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> LoadThree(byte* codes) =>
        Vector256.Create(Vector128.Load(codes), Vector128.CreateScalar(*(ulong*)(codes + 16)).AsByte()).ToVector512();
}
