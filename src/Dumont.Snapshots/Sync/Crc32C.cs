using System.Buffers.Binary;
using System.Numerics;

namespace Dumont.Snapshots.Sync;

/// <summary>CRC-32C (Castagnoli), the checksum of frames: one processor instruction for eight bytes. Finds damage, not malice.</summary>
internal static class Crc32C
{
    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return ~crc;
    }
}
