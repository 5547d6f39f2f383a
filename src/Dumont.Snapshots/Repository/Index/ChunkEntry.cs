using System.Buffers;

namespace Dumont.Snapshots;

/// <summary>
/// A chunk as a pack's footer and an index list it; its offset is the sum of what comes before.
/// <code>
///  0 32  id        32 4  frame length     36 4  chunk length
/// 40  1  coding    41 1  parameter        42 8  XXH3-64 of the frame
/// </code>
/// </summary>
internal readonly record struct ChunkEntry(ContentHash Id, int StoredBytes, int RawBytes, ChunkCoding Coding, byte Parameter, ulong Checksum)
{
    public const int SizeBytes = 50;

    // Longest chunk of any chunker, with room for the coding's own overhead.
    public const int MaximumChunkBytes = 4 << 20;

    public void Write(IBufferWriter<byte> writer)
    {
        writer.WriteHash(Id);
        writer.WriteUInt32((uint)StoredBytes);
        writer.WriteUInt32((uint)RawBytes);
        writer.WriteByte((byte)Coding);
        writer.WriteByte(Parameter);
        writer.WriteUInt64(Checksum);
    }

    /// <exception cref="SnapshotFormatException">A length that no chunk has.</exception>
    public static ChunkEntry Read(ref SpanReader reader)
    {
        var id = reader.ReadHash();
        var stored = reader.ReadUInt32();
        var raw = reader.ReadUInt32();
        var entry = new ChunkEntry(id, (int)stored, (int)raw, (ChunkCoding)reader.ReadByte(), reader.ReadByte(), reader.ReadUInt64());
        return stored <= MaximumChunkBytes + 1024 && raw is > 0 and <= MaximumChunkBytes
            ? entry
            : throw reader.Broken($"lists a chunk of {raw} bytes in a frame of {stored}");
    }
}
