using System.Buffers;

namespace Dumont.Snapshots;

/// <summary>
/// A chunk as a pack's footer and an index list it; its offset is the sum of what comes before.
/// <code>
///  0 32  id        32 4  frame length     36 4  chunk length
/// 40  1  coding    41 1  parameter        42 8  XXH3-64 of the frame
/// only of a delta:  1 count, 1 to 4, then 32 each: the chunks that, one behind the other, are its baseline
/// </code>
/// </summary>
/// <param name="Id">Of the chunk.</param>
/// <param name="StoredBytes">Length of the frame.</param>
/// <param name="RawBytes">Length of the chunk.</param>
/// <param name="Coding">How it is encoded.</param>
/// <param name="Parameter">Of the coding.</param>
/// <param name="Checksum">Of the frame.</param>
/// <param name="Baseline">Of a delta; else empty.</param>
internal readonly record struct ChunkEntry(
    ContentHash Id, int StoredBytes, int RawBytes, ChunkCoding Coding, byte Parameter, ulong Checksum, Baseline Baseline)
{
    /// <summary>Length of an entry without a baseline.</summary>
    public const int FixedBytes = 50;

    /// <summary>Longest entry.</summary>
    public const int MaximumBytes = FixedBytes + 1 + (Baseline.MaximumCount * ContentHash.SizeBytes);

    // Longest chunk of any chunker, with room for the coding's own overhead.
    public const int MaximumChunkBytes = 4 << 20;

    /// <summary>Length of this entry.</summary>
    public int SizeBytes => FixedBytes + (Coding == ChunkCoding.Delta ? 1 + (Baseline.Count * ContentHash.SizeBytes) : 0);

    public void Write(IBufferWriter<byte> writer)
    {
        writer.WriteHash(Id);
        writer.WriteUInt32((uint)StoredBytes);
        writer.WriteUInt32((uint)RawBytes);
        writer.WriteByte((byte)Coding);
        writer.WriteByte(Parameter);
        writer.WriteUInt64(Checksum);
        if (Coding == ChunkCoding.Delta)
        {
            writer.WriteByte((byte)Baseline.Count);
            for (var i = 0; i < Baseline.Count; i++)
            {
                writer.WriteHash(Baseline[i]);
            }
        }
    }

    /// <exception cref="SnapshotFormatException">A length that no chunk has.</exception>
    public static ChunkEntry Read(ref SpanReader reader)
    {
        var id = reader.ReadHash();
        var stored = reader.ReadUInt32();
        var raw = reader.ReadUInt32();
        var coding = (ChunkCoding)reader.ReadByte();
        var parameter = reader.ReadByte();
        var checksum = reader.ReadUInt64();
        if (stored > MaximumChunkBytes + 1024 || raw is 0 or > MaximumChunkBytes)
        {
            throw reader.Broken($"lists a chunk of {raw} bytes in a frame of {stored}");
        }

        return new ChunkEntry(id, (int)stored, (int)raw, coding, parameter, checksum, coding == ChunkCoding.Delta ? Baseline.Read(ref reader) : default);
    }
}
