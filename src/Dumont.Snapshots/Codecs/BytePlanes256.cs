using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>Moves of bytes within 256 bits that the AVX2 paths share.</summary>
internal static unsafe class BytePlanes256
{
    public const int VectorBytes = 32;

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

    /// <summary>64 elements to 64 bytes per byte position, one position behind the other.</summary>
    public static void UnzipElements(byte* source, int widthBytes, byte* positions)
    {
        var half = stackalloc byte[8 * ElementLayout.GroupElements];
        var quarter = stackalloc byte[4 * ElementLayout.GroupElements];
        const int position = ElementLayout.GroupElements;
        switch (widthBytes)
        {
            case 1:
                Vector256.Load(source).Store(positions);
                Vector256.Load(source + VectorBytes).Store(positions + VectorBytes);
                break;
            case 2:
                UnzipAll(source, 4, positions, positions + position);
                break;
            case 4:
                UnzipAll(source, 8, half, half + 2 * position);
                UnzipAll(half, 4, positions, positions + 2 * position);
                UnzipAll(half + 2 * position, 4, positions + position, positions + 3 * position);
                break;
            default:
                UnzipAll(source, 16, half, half + 4 * position);
                for (var odd = 0; odd < 2; odd++)
                {
                    // Within each half are four-byte elements of the positions odd, odd + 2, odd + 4, odd + 6.
                    UnzipAll(half + odd * 4 * position, 8, quarter, quarter + 2 * position);
                    UnzipAll(quarter, 4, positions + odd * position, positions + (odd + 4) * position);
                    UnzipAll(quarter + 2 * position, 4, positions + (odd + 2) * position, positions + (odd + 6) * position);
                }

                break;
        }
    }

    /// <summary>The reverse.</summary>
    public static void ZipElements(byte* positions, int widthBytes, byte* destination)
    {
        var half = stackalloc byte[8 * ElementLayout.GroupElements];
        var quarter = stackalloc byte[4 * ElementLayout.GroupElements];
        const int position = ElementLayout.GroupElements;
        switch (widthBytes)
        {
            case 1:
                Vector256.Load(positions).Store(destination);
                Vector256.Load(positions + VectorBytes).Store(destination + VectorBytes);
                break;
            case 2:
                ZipAll(positions, positions + position, 4, destination);
                break;
            case 4:
                ZipAll(positions, positions + 2 * position, 4, half);
                ZipAll(positions + position, positions + 3 * position, 4, half + 2 * position);
                ZipAll(half, half + 2 * position, 8, destination);
                break;
            default:
                for (var odd = 0; odd < 2; odd++)
                {
                    ZipAll(positions + odd * position, positions + (odd + 4) * position, 4, quarter);
                    ZipAll(positions + (odd + 2) * position, positions + (odd + 6) * position, 4, quarter + 2 * position);
                    ZipAll(quarter, quarter + 2 * position, 8, half + odd * 4 * position);
                }

                ZipAll(half, half + 4 * position, 16, destination);
                break;
        }
    }
}
