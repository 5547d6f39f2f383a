using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>Bit planes with AVX2.</summary>
internal static unsafe class Bitshuffle256
{
    public static void Split(byte* source, int groups, int widthBytes, byte* planes, nint stride)
    {
        var bytes = stackalloc byte[8 * ElementLayout.GroupElements];
        var positions = stackalloc byte*[8];
        for (var position = 0; position < 8; position++)
        {
            positions[position] = bytes + position * ElementLayout.GroupElements;
        }

        for (var group = 0; group < groups; group++)
        {
            BytePlanes256.UnzipElements(source + (nint)group * ElementLayout.GroupElements * widthBytes, widthBytes, positions, 0);
            for (var position = 0; position < widthBytes; position++)
            {
                var lower = Vector256.Load(bytes + position * ElementLayout.GroupElements);
                var upper = Vector256.Load(bytes + position * ElementLayout.GroupElements + BytePlanes256.VectorBytes);
                var plane = planes + (position * 8 + 7) * stride + (nint)group * Bitshuffle.PlaneGroupBytes;
                for (var bit = 7; bit >= 0; bit--)
                {
                    *(ulong*)plane = lower.ExtractMostSignificantBits() | (ulong)upper.ExtractMostSignificantBits() << 32;
                    lower = (lower.AsUInt16() << 1).AsByte();
                    upper = (upper.AsUInt16() << 1).AsByte();
                    plane -= stride;
                }
            }
        }
    }

    public static void Join(byte** planes, int groups, int widthBytes, byte* destination)
    {
        var bytes = stackalloc byte[8 * ElementLayout.GroupElements];
        var positions = stackalloc byte*[8];
        for (var position = 0; position < 8; position++)
        {
            positions[position] = bytes + position * ElementLayout.GroupElements;
        }

        for (var group = 0; group < groups; group++)
        {
            for (var position = 0; position < widthBytes; position++)
            {
                JoinGroup(planes + position * 8, (nint)group * Bitshuffle.PlaneGroupBytes, bytes + position * ElementLayout.GroupElements);
            }

            BytePlanes256.ZipElements(positions, 0, widthBytes, destination + (nint)group * ElementLayout.GroupElements * widthBytes);
        }
    }

    /// <summary>8 x 8 bytes turned by three rounds of unpacking, then 8 x 8 bits in each word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void JoinGroup(byte** planes, nint at, byte* bytes)
    {
        var turns = Vector128.Create((byte)0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
        var a = Ssse3.Shuffle(Vector128.Create(*(ulong*)(planes[0] + at), *(ulong*)(planes[1] + at)).AsByte(), turns).AsInt16();
        var b = Ssse3.Shuffle(Vector128.Create(*(ulong*)(planes[2] + at), *(ulong*)(planes[3] + at)).AsByte(), turns).AsInt16();
        var c = Ssse3.Shuffle(Vector128.Create(*(ulong*)(planes[4] + at), *(ulong*)(planes[5] + at)).AsByte(), turns).AsInt16();
        var d = Ssse3.Shuffle(Vector128.Create(*(ulong*)(planes[6] + at), *(ulong*)(planes[7] + at)).AsByte(), turns).AsInt16();
        var ab0 = Sse2.UnpackLow(a, b).AsInt32();
        var ab1 = Sse2.UnpackHigh(a, b).AsInt32();
        var cd0 = Sse2.UnpackLow(c, d).AsInt32();
        var cd1 = Sse2.UnpackHigh(c, d).AsInt32();
        Transpose(Vector256.Create(Sse2.UnpackLow(ab0, cd0), Sse2.UnpackHigh(ab0, cd0)).AsUInt64()).Store(bytes);
        Transpose(Vector256.Create(Sse2.UnpackLow(ab1, cd1), Sse2.UnpackHigh(ab1, cd1)).AsUInt64()).Store(bytes + BytePlanes256.VectorBytes);
    }

    /// <summary><see cref="BitshuffleScalar.Transpose"/> of four words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Transpose(Vector256<ulong> words)
    {
        var swap = (words ^ (words >>> 7)) & Vector256.Create(0x00AA00AA00AA00AAUL);
        words ^= swap ^ (swap << 7);
        swap = (words ^ (words >>> 14)) & Vector256.Create(0x0000CCCC0000CCCCUL);
        words ^= swap ^ (swap << 14);
        swap = (words ^ (words >>> 28)) & Vector256.Create(0x00000000F0F0F0F0UL);
        return (words ^ swap ^ (swap << 28)).AsByte();
    }
}
