using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>Bit planes with AVX-512 VBMI and GFNI, eight groups at a time so that every store is a whole vector.</summary>
internal static unsafe class Bitshuffle512
{
    private const int VectorBytes = 64;
    private const int BlockGroups = 8;

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Split(byte* source, int groups, int widthBytes, byte* planes, nint stride)
    {
        var bytes = stackalloc byte[BlockGroups * Bitshuffle.MaximumPlanes / 8 * VectorBytes];
        var groupBytes = (nint)ElementLayout.GroupElements * widthBytes;
        var group = 0;
        for (; group + BlockGroups <= groups; group += BlockGroups)
        {
            for (var i = 0; i < BlockGroups; i++)
            {
                Unzip(source + (group + i) * groupBytes, widthBytes, bytes + i * VectorBytes, BlockGroups * VectorBytes);
            }

            for (var position = 0; position < widthBytes; position++)
            {
                var to = planes + position * 8 * stride + (nint)group * Bitshuffle.PlaneGroupBytes;
                SplitBlock(bytes + position * BlockGroups * VectorBytes, to, stride);
            }
        }

        for (; group < groups; group++)
        {
            Unzip(source + group * groupBytes, widthBytes, bytes, VectorBytes);
            for (var position = 0; position < widthBytes; position++)
            {
                var words = BytePlanes512.ToPlanes(
                    Vector512.Load(bytes + position * VectorBytes), BytePlanes512.ReverseIndex, BytePlanes512.TransposeIndex).AsUInt64();
                for (var bit = 0; bit < 8; bit++)
                {
                    *(ulong*)(planes + (position * 8 + bit) * stride + (nint)group * Bitshuffle.PlaneGroupBytes) = words[bit];
                }
            }
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Join(byte** planes, int groups, int widthBytes, byte* destination)
    {
        var bytes = stackalloc byte[BlockGroups * Bitshuffle.MaximumPlanes / 8 * VectorBytes];
        var groupBytes = (nint)ElementLayout.GroupElements * widthBytes;
        var group = 0;
        for (; group + BlockGroups <= groups; group += BlockGroups)
        {
            for (var position = 0; position < widthBytes; position++)
            {
                JoinBlock(planes + position * 8, (nint)group * Bitshuffle.PlaneGroupBytes, bytes + position * BlockGroups * VectorBytes);
            }

            for (var i = 0; i < BlockGroups; i++)
            {
                Zip(bytes + i * VectorBytes, BlockGroups * VectorBytes, widthBytes, destination + (group + i) * groupBytes);
            }
        }

        for (; group < groups; group++)
        {
            var at = (nint)group * Bitshuffle.PlaneGroupBytes;
            for (var position = 0; position < widthBytes; position++)
            {
                var from = planes + position * 8;
                var words = Vector512.Create(
                    *(ulong*)(from[0] + at), *(ulong*)(from[1] + at), *(ulong*)(from[2] + at), *(ulong*)(from[3] + at),
                    *(ulong*)(from[4] + at), *(ulong*)(from[5] + at), *(ulong*)(from[6] + at), *(ulong*)(from[7] + at));
                BytePlanes512.FromPlanes(words.AsByte(), BytePlanes512.ReverseTransposeIndex).Store(bytes + position * VectorBytes);
            }

            Zip(bytes, VectorBytes, widthBytes, destination + group * groupBytes);
        }
    }

    /// <summary>64 elements to one vector per byte position.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Unzip(byte* source, int widthBytes, byte* bytes, nint stride)
    {
        if (widthBytes == 1)
        {
            Vector512.Load(source).Store(bytes);
        }
        else if (widthBytes == 2)
        {
            var (even, odd) = Unzip(Vector512.Load(source), Vector512.Load(source + VectorBytes));
            even.Store(bytes);
            odd.Store(bytes + stride);
        }
        else if (widthBytes == 4)
        {
            UnzipFour(source, VectorBytes, bytes, stride);
        }
        else
        {
            UnzipEight(source, bytes, stride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnzipFour(byte* source, nint step, byte* bytes, nint stride)
    {
        var (even0, odd0) = Unzip(Vector512.Load(source), Vector512.Load(source + step));
        var (even1, odd1) = Unzip(Vector512.Load(source + 2 * step), Vector512.Load(source + 3 * step));
        var (byte0, byte2) = Unzip(even0, even1);
        var (byte1, byte3) = Unzip(odd0, odd1);
        byte0.Store(bytes);
        byte1.Store(bytes + stride);
        byte2.Store(bytes + 2 * stride);
        byte3.Store(bytes + 3 * stride);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void UnzipEight(byte* source, byte* bytes, nint stride)
    {
        // Even and odd bytes apart, each half is four-byte elements.
        var halves = stackalloc byte[8 * VectorBytes];
        for (var i = 0; i < 4; i++)
        {
            var (even, odd) = Unzip(Vector512.Load(source + 2 * i * VectorBytes), Vector512.Load(source + (2 * i + 1) * VectorBytes));
            even.Store(halves + i * VectorBytes);
            odd.Store(halves + (4 + i) * VectorBytes);
        }

        UnzipFour(halves, VectorBytes, bytes, 2 * stride);
        UnzipFour(halves + 4 * VectorBytes, VectorBytes, bytes + stride, 2 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Zip(byte* bytes, nint stride, int widthBytes, byte* destination)
    {
        if (widthBytes == 1)
        {
            Vector512.Load(bytes).Store(destination);
        }
        else if (widthBytes == 2)
        {
            var (lower, upper) = Zip(Vector512.Load(bytes), Vector512.Load(bytes + stride));
            lower.Store(destination);
            upper.Store(destination + VectorBytes);
        }
        else if (widthBytes == 4)
        {
            ZipFour(bytes, stride, destination);
        }
        else
        {
            ZipEight(bytes, stride, destination);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ZipFour(byte* bytes, nint stride, byte* destination)
    {
        var (even0, even1) = Zip(Vector512.Load(bytes), Vector512.Load(bytes + 2 * stride));
        var (odd0, odd1) = Zip(Vector512.Load(bytes + stride), Vector512.Load(bytes + 3 * stride));
        var (first, second) = Zip(even0, odd0);
        var (third, fourth) = Zip(even1, odd1);
        first.Store(destination);
        second.Store(destination + VectorBytes);
        third.Store(destination + 2 * VectorBytes);
        fourth.Store(destination + 3 * VectorBytes);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void ZipEight(byte* bytes, nint stride, byte* destination)
    {
        var halves = stackalloc byte[8 * VectorBytes];
        ZipFour(bytes, 2 * stride, halves);
        ZipFour(bytes + stride, 2 * stride, halves + 4 * VectorBytes);
        for (var i = 0; i < 4; i++)
        {
            var (lower, upper) = Zip(Vector512.Load(halves + i * VectorBytes), Vector512.Load(halves + (4 + i) * VectorBytes));
            lower.Store(destination + 2 * i * VectorBytes);
            upper.Store(destination + (2 * i + 1) * VectorBytes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<byte> Even, Vector512<byte> Odd) Unzip(Vector512<byte> first, Vector512<byte> second) => (
        Avx512Vbmi.PermuteVar64x8x2(first, BytePlanes512.EvenIndex, second),
        Avx512Vbmi.PermuteVar64x8x2(first, BytePlanes512.OddIndex, second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<byte> Lower, Vector512<byte> Upper) Zip(Vector512<byte> even, Vector512<byte> odd) => (
        Avx512Vbmi.PermuteVar64x8x2(even, BytePlanes512.LowerZipIndex, odd),
        Avx512Vbmi.PermuteVar64x8x2(even, BytePlanes512.UpperZipIndex, odd));

    /// <summary>Eight vectors of 64 bytes to 64 bytes of each of eight planes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SplitBlock(byte* bytes, byte* planes, nint stride)
    {
        var reverse = BytePlanes512.ReverseIndex;
        var transpose = BytePlanes512.TransposeIndex;
        var r0 = BytePlanes512.ToPlanes(Vector512.Load(bytes), reverse, transpose).AsUInt64();
        var r1 = BytePlanes512.ToPlanes(Vector512.Load(bytes + VectorBytes), reverse, transpose).AsUInt64();
        var r2 = BytePlanes512.ToPlanes(Vector512.Load(bytes + 2 * VectorBytes), reverse, transpose).AsUInt64();
        var r3 = BytePlanes512.ToPlanes(Vector512.Load(bytes + 3 * VectorBytes), reverse, transpose).AsUInt64();
        var r4 = BytePlanes512.ToPlanes(Vector512.Load(bytes + 4 * VectorBytes), reverse, transpose).AsUInt64();
        var r5 = BytePlanes512.ToPlanes(Vector512.Load(bytes + 5 * VectorBytes), reverse, transpose).AsUInt64();
        var r6 = BytePlanes512.ToPlanes(Vector512.Load(bytes + 6 * VectorBytes), reverse, transpose).AsUInt64();
        var r7 = BytePlanes512.ToPlanes(Vector512.Load(bytes + 7 * VectorBytes), reverse, transpose).AsUInt64();
        Transpose(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7);
        r0.AsByte().Store(planes);
        r1.AsByte().Store(planes + stride);
        r2.AsByte().Store(planes + 2 * stride);
        r3.AsByte().Store(planes + 3 * stride);
        r4.AsByte().Store(planes + 4 * stride);
        r5.AsByte().Store(planes + 5 * stride);
        r6.AsByte().Store(planes + 6 * stride);
        r7.AsByte().Store(planes + 7 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void JoinBlock(byte** planes, nint at, byte* bytes)
    {
        var r0 = Vector512.Load((ulong*)(planes[0] + at));
        var r1 = Vector512.Load((ulong*)(planes[1] + at));
        var r2 = Vector512.Load((ulong*)(planes[2] + at));
        var r3 = Vector512.Load((ulong*)(planes[3] + at));
        var r4 = Vector512.Load((ulong*)(planes[4] + at));
        var r5 = Vector512.Load((ulong*)(planes[5] + at));
        var r6 = Vector512.Load((ulong*)(planes[6] + at));
        var r7 = Vector512.Load((ulong*)(planes[7] + at));
        Transpose(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7);
        var index = BytePlanes512.ReverseTransposeIndex;
        BytePlanes512.FromPlanes(r0.AsByte(), index).Store(bytes);
        BytePlanes512.FromPlanes(r1.AsByte(), index).Store(bytes + VectorBytes);
        BytePlanes512.FromPlanes(r2.AsByte(), index).Store(bytes + 2 * VectorBytes);
        BytePlanes512.FromPlanes(r3.AsByte(), index).Store(bytes + 3 * VectorBytes);
        BytePlanes512.FromPlanes(r4.AsByte(), index).Store(bytes + 4 * VectorBytes);
        BytePlanes512.FromPlanes(r5.AsByte(), index).Store(bytes + 5 * VectorBytes);
        BytePlanes512.FromPlanes(r6.AsByte(), index).Store(bytes + 6 * VectorBytes);
        BytePlanes512.FromPlanes(r7.AsByte(), index).Store(bytes + 7 * VectorBytes);
    }

    /// <summary>8 x 8 words, rows for columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(
        ref Vector512<ulong> r0, ref Vector512<ulong> r1, ref Vector512<ulong> r2, ref Vector512<ulong> r3,
        ref Vector512<ulong> r4, ref Vector512<ulong> r5, ref Vector512<ulong> r6, ref Vector512<ulong> r7)
    {
        var a0 = Avx512F.UnpackLow(r0, r1);
        var a1 = Avx512F.UnpackHigh(r0, r1);
        var a2 = Avx512F.UnpackLow(r2, r3);
        var a3 = Avx512F.UnpackHigh(r2, r3);
        var a4 = Avx512F.UnpackLow(r4, r5);
        var a5 = Avx512F.UnpackHigh(r4, r5);
        var a6 = Avx512F.UnpackLow(r6, r7);
        var a7 = Avx512F.UnpackHigh(r6, r7);

        // 0x88 takes lanes 0 and 2 of both, 0xDD lanes 1 and 3.
        var b0 = Avx512F.Shuffle4x128(a0, a2, 0x88);
        var b1 = Avx512F.Shuffle4x128(a1, a3, 0x88);
        var b2 = Avx512F.Shuffle4x128(a0, a2, 0xDD);
        var b3 = Avx512F.Shuffle4x128(a1, a3, 0xDD);
        var b4 = Avx512F.Shuffle4x128(a4, a6, 0x88);
        var b5 = Avx512F.Shuffle4x128(a5, a7, 0x88);
        var b6 = Avx512F.Shuffle4x128(a4, a6, 0xDD);
        var b7 = Avx512F.Shuffle4x128(a5, a7, 0xDD);
        r0 = Avx512F.Shuffle4x128(b0, b4, 0x88);
        r1 = Avx512F.Shuffle4x128(b1, b5, 0x88);
        r2 = Avx512F.Shuffle4x128(b2, b6, 0x88);
        r3 = Avx512F.Shuffle4x128(b3, b7, 0x88);
        r4 = Avx512F.Shuffle4x128(b0, b4, 0xDD);
        r5 = Avx512F.Shuffle4x128(b1, b5, 0xDD);
        r6 = Avx512F.Shuffle4x128(b2, b6, 0xDD);
        r7 = Avx512F.Shuffle4x128(b3, b7, 0xDD);
    }
}
