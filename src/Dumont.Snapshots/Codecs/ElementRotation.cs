using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Dumont.Snapshots;

/// <summary>Rotates the 64 elements of a group by one bit, as little-endian numbers.</summary>
internal static unsafe class ElementRotation
{
    private const int VectorBytes = BytePlanes256.VectorBytes;

    public static void Left(VectorPath path, byte* source, int widthBytes, byte* destination) =>
        Rotate(path, source, widthBytes, 1, destination);

    public static void Right(VectorPath path, byte* source, int widthBytes, byte* destination) =>
        Rotate(path, source, widthBytes, 8 * widthBytes - 1, destination);

    private static void Rotate(VectorPath path, byte* source, int widthBytes, int left, byte* destination)
    {
        var bytes = ElementLayout.GroupElements * widthBytes;
        if (path == VectorPath.Scalar)
        {
            for (var i = 0; i < bytes; i += widthBytes)
            {
                RotateOne(source + i, widthBytes, left, destination + i);
            }

            return;
        }

        for (var i = 0; i < bytes; i += VectorBytes)
        {
            RotateVector(Vector256.Load(source + i), widthBytes, left).Store(destination + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> RotateVector(Vector256<byte> bytes, int widthBytes, int left) => widthBytes switch
    {
        2 => ((bytes.AsUInt16() << left) | (bytes.AsUInt16() >>> (16 - left))).AsByte(),
        4 => ((bytes.AsUInt32() << left) | (bytes.AsUInt32() >>> (32 - left))).AsByte(),
        8 => ((bytes.AsUInt64() << left) | (bytes.AsUInt64() >>> (64 - left))).AsByte(),
        _ => ((bytes.AsUInt16() << left) & Vector256.Create((ushort)(0x0101 * (byte)(0xFF << left))) |
            (bytes.AsUInt16() >>> (8 - left)) & Vector256.Create((ushort)(0x0101 * (0xFF >> (8 - left))))).AsByte(),
    };

    private static void RotateOne(byte* source, int widthBytes, int left, byte* destination)
    {
        switch (widthBytes)
        {
            case 1:
                *destination = (byte)(*source << left | *source >> (8 - left));
                break;
            case 2:
                *(ushort*)destination = (ushort)(*(ushort*)source << left | *(ushort*)source >> (16 - left));
                break;
            case 4:
                *(uint*)destination = BitOperations.RotateLeft(*(uint*)source, left);
                break;
            default:
                *(ulong*)destination = BitOperations.RotateLeft(*(ulong*)source, left);
                break;
        }
    }
}
