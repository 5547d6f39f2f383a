using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>Moves of bytes within 256 bits that the AVX2 paths share.</summary>
internal static unsafe class BytePlanes256
{
    public const int VectorBytes = 32;

    private const int Position = ElementLayout.GroupElements;

    /// <summary>Within each half: even bytes below, odd bytes above.</summary>
    private static Vector256<byte> EvenOddIndex { get; } = Vector256.Create(
        (byte)0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);

    /// <summary>Even and odd bytes of 64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<byte> Even, Vector256<byte> Odd) Unzip(Vector256<byte> first, Vector256<byte> second)
    {
        var a = Avx2.Shuffle(first, EvenOddIndex).AsInt64();
        var b = Avx2.Shuffle(second, EvenOddIndex).AsInt64();
        return (Avx2.Permute4x64(Avx2.UnpackLow(a, b), 0xD8).AsByte(), Avx2.Permute4x64(Avx2.UnpackHigh(a, b), 0xD8).AsByte());
    }

    /// <summary>Bytes of two vectors by turns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<byte> Lower, Vector256<byte> Upper) Zip(Vector256<byte> even, Vector256<byte> odd)
    {
        var a = Avx2.Permute4x64(even.AsInt64(), 0xD8).AsByte();
        var b = Avx2.Permute4x64(odd.AsInt64(), 0xD8).AsByte();
        return (Avx2.UnpackLow(a, b), Avx2.UnpackHigh(a, b));
    }

    /// <summary>Unzips pairs of vectors: the even bytes of all to <paramref name="even"/>, the odd ones to <paramref name="odd"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void UnzipAll(byte* source, int vectors, byte* even, byte* odd)
    {
        for (var i = 0; i < vectors; i += 2)
        {
            var (lower, upper) = Unzip(Vector256.Load(source + i * VectorBytes), Vector256.Load(source + (i + 1) * VectorBytes));
            lower.Store(even + i / 2 * VectorBytes);
            upper.Store(odd + i / 2 * VectorBytes);
        }
    }

    /// <summary>The reverse.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ZipAll(byte* even, byte* odd, int vectors, byte* destination)
    {
        for (var i = 0; i < vectors; i += 2)
        {
            var (lower, upper) = Zip(Vector256.Load(even + i / 2 * VectorBytes), Vector256.Load(odd + i / 2 * VectorBytes));
            lower.Store(destination + i * VectorBytes);
            upper.Store(destination + (i + 1) * VectorBytes);
        }
    }

    /// <summary>64 elements to 64 bytes per byte position, those of position k at <paramref name="at"/> of plane k.</summary>
    [SkipLocalsInit]
    public static void UnzipElements(byte* source, int widthBytes, byte** planes, nint at)
    {
        var half = stackalloc byte[8 * Position];
        var quarter = stackalloc byte[4 * Position];
        switch (widthBytes)
        {
            case 1:
                Vector256.Load(source).Store(planes[0] + at);
                Vector256.Load(source + VectorBytes).Store(planes[0] + at + VectorBytes);
                break;
            case 2:
                UnzipAll(source, 4, planes[0] + at, planes[1] + at);
                break;
            case 4:
                UnzipAll(source, 8, half, half + 2 * Position);
                UnzipAll(half, 4, planes[0] + at, planes[2] + at);
                UnzipAll(half + 2 * Position, 4, planes[1] + at, planes[3] + at);
                break;
            default:
                UnzipAll(source, 16, half, half + 4 * Position);
                for (var odd = 0; odd < 2; odd++)
                {
                    // Within each half are four-byte elements of the positions odd, odd + 2, odd + 4, odd + 6.
                    UnzipAll(half + odd * 4 * Position, 8, quarter, quarter + 2 * Position);
                    UnzipAll(quarter, 4, planes[odd] + at, planes[odd + 4] + at);
                    UnzipAll(quarter + 2 * Position, 4, planes[odd + 2] + at, planes[odd + 6] + at);
                }

                break;
        }
    }

    /// <summary>The reverse.</summary>
    [SkipLocalsInit]
    public static void ZipElements(byte** planes, nint at, int widthBytes, byte* destination)
    {
        var half = stackalloc byte[8 * Position];
        var quarter = stackalloc byte[4 * Position];
        switch (widthBytes)
        {
            case 1:
                Vector256.Load(planes[0] + at).Store(destination);
                Vector256.Load(planes[0] + at + VectorBytes).Store(destination + VectorBytes);
                break;
            case 2:
                ZipAll(planes[0] + at, planes[1] + at, 4, destination);
                break;
            case 4:
                ZipAll(planes[0] + at, planes[2] + at, 4, half);
                ZipAll(planes[1] + at, planes[3] + at, 4, half + 2 * Position);
                ZipAll(half, half + 2 * Position, 8, destination);
                break;
            default:
                for (var odd = 0; odd < 2; odd++)
                {
                    ZipAll(planes[odd] + at, planes[odd + 4] + at, 4, quarter);
                    ZipAll(planes[odd + 2] + at, planes[odd + 6] + at, 4, quarter + 2 * Position);
                    ZipAll(quarter, quarter + 2 * Position, 8, half + odd * 4 * Position);
                }

                ZipAll(half, half + 4 * Position, 16, destination);
                break;
        }
    }
}
