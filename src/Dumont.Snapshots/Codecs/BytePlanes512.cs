using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>Moves of bytes and bits within 512 bits that the AVX-512 paths share.</summary>
internal static class BytePlanes512
{
    /// <summary>Byte i of every 8 holds bit i alone: a matrix that reads as the identity.</summary>
    private const ulong Diagonal = 0x8040201008040201UL;

    /// <summary>Even bytes of 128.</summary>
    public static Vector512<byte> EvenIndex { get; } = Index(i => 2 * i);

    /// <summary>Odd bytes of 128.</summary>
    public static Vector512<byte> OddIndex { get; } = Index(i => 2 * i + 1);

    /// <summary>Lower half of two vectors by turns.</summary>
    public static Vector512<byte> LowerZipIndex { get; } = Index(i => (i & 1) * 64 + i / 2);

    /// <summary>Upper half of two vectors by turns.</summary>
    public static Vector512<byte> UpperZipIndex { get; } = Index(i => (i & 1) * 64 + 32 + i / 2);

    /// <summary>Bytes of each word of 8 from last to first.</summary>
    public static Vector512<byte> ReverseIndex { get; } = Index(i => (i & ~7) + 7 - (i & 7));

    /// <summary>The 8 x 8 bytes, rows for columns.</summary>
    public static Vector512<byte> TransposeIndex { get; } = Index(i => (i & 7) * 8 + i / 8);

    /// <summary>The same, with each row from last to first.</summary>
    public static Vector512<byte> ReverseTransposeIndex { get; } = Index(i => (7 - (i & 7)) * 8 + i / 8);

    public static Vector512<byte> Index(Func<int, int> place)
    {
        Span<byte> bytes = stackalloc byte[Vector512<byte>.Count];
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)place(i);
        }

        return Vector512.Create((ReadOnlySpan<byte>)bytes);
    }

    /// <summary>64 bytes to their eight bit planes: word b holds bit b of every byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> ToPlanes(Vector512<byte> bytes, Vector512<byte> reverse, Vector512<byte> transpose)
    {
        // The affine product takes the matrix' rows from last to first.
        var rows = Avx512Vbmi.PermuteVar64x8(bytes, reverse);
        var columns = Gfni.V512.GaloisFieldAffineTransform(Vector512.Create(Diagonal).AsByte(), rows, 0);
        return Avx512Vbmi.PermuteVar64x8(columns, transpose);
    }

    /// <summary>Eight words, each a bit plane, to the 64 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> FromPlanes(Vector512<byte> planes, Vector512<byte> reverseTranspose)
    {
        var rows = Avx512Vbmi.PermuteVar64x8(planes, reverseTranspose);
        return Gfni.V512.GaloisFieldAffineTransform(Vector512.Create(Diagonal).AsByte(), rows, 0);
    }
}
