using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>CRC-32C as S3 wants it: computed on three lanes at once, since the processor's instruction takes three cycles and can start one in each;
/// and put together from those of parts.</summary>
internal static class S3Crc
{
    private const uint Polynomial = 0x82F63B78;
    private const int LaneBytes = 8 << 10;

    private static readonly uint OneLane = PowerOfX(LaneBytes * 8L);
    private static readonly uint TwoLanes = PowerOfX(LaneBytes * 16L);

    /// <summary>The checksum of what <paramref name="crc"/> is the checksum of, followed by <paramref name="bytes"/>. Begin with 0.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        var state = ~crc;
        while (bytes.Length >= 3 * LaneBytes)
        {
            state = AppendLanes(state, bytes[..(3 * LaneBytes)]);
            bytes = bytes[(3 * LaneBytes)..];
        }

        while (bytes.Length >= sizeof(ulong))
        {
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var value in bytes)
        {
            state = BitOperations.Crc32C(state, value);
        }

        return ~state;
    }

    /// <summary>The checksum of one content followed by another.</summary>
    public static uint Combine(uint first, uint second, long secondLength) => Multiply(PowerOfX(secondLength * 8), first) ^ second;

    /// <summary>As it stands in headers.</summary>
    public static string ToBase64(uint crc)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, crc);
        return Convert.ToBase64String(bytes);
    }

    private static uint AppendLanes(uint state, ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        const int Lane = LaneBytes / sizeof(ulong);
        ref var first = ref MemoryMarshal.GetReference(words);
        uint second = 0, third = 0;
        for (var i = 0; i < Lane; i++)
        {
            state = BitOperations.Crc32C(state, Unsafe.Add(ref first, i));
            second = BitOperations.Crc32C(second, Unsafe.Add(ref first, Lane + i));
            third = BitOperations.Crc32C(third, Unsafe.Add(ref first, (2 * Lane) + i));
        }

        return Multiply(TwoLanes, state) ^ Multiply(OneLane, second) ^ third;
    }

    // Of polynomials, modulo the one above. Reflected: the lowest bit stands for the highest power.
    private static uint Multiply(uint one, uint other)
    {
        var product = 0u;
        for (var bit = 1u << 31; bit != 0; bit >>= 1)
        {
            product ^= (one & bit) != 0 ? other : 0;
            other = (other >> 1) ^ ((other & 1) != 0 ? Polynomial : 0);
        }

        return product;
    }

    private static uint PowerOfX(long exponent)
    {
        var result = 1u << 31;
        for (var square = 1u << 30; exponent > 0; exponent >>= 1)
        {
            if ((exponent & 1) != 0)
            {
                result = Multiply(result, square);
            }

            square = Multiply(square, square);
        }

        return result;
    }
}
