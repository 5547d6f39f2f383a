using System.Buffers;

namespace Dumont.Snapshots;

/// <summary>A pack and what is in it.</summary>
/// <param name="Name">Digest of its footer and trailer; with <see cref="ObjectNames.Pack"/> its object's name.</param>
/// <param name="Salt">Of its key.</param>
/// <param name="SizeBytes">Length of the object.</param>
/// <param name="Chunks">In the order of their frames.</param>
internal sealed record PackContent(ContentHash Name, byte[] Salt, long SizeBytes, IReadOnlyList<ChunkEntry> Chunks);

/// <summary>
/// Says which chunks are in which packs. Written after its packs are durable and before the snapshot that needs them.
/// <code>
/// u32 superseded indexes, 32 bytes each      (replaced by this one; they may still be listed by the store)
/// u32 packs, each: 32 name, 16 salt, u64 size, u32 chunks, each a <see cref="ChunkEntry"/>
/// </code>
/// </summary>
internal sealed record IndexObject(IReadOnlyList<ContentHash> Supersedes, IReadOnlyList<PackContent> Packs)
{
    private const int PackHeaderBytes = ContentHash.SizeBytes + SealedObject.SaltBytes + sizeof(ulong) + sizeof(uint);

    public byte[] ToBody()
    {
        var size = 8 + (Supersedes.Count * ContentHash.SizeBytes) + Packs.Sum(pack => PackHeaderBytes + pack.Chunks.Sum(chunk => chunk.SizeBytes));
        var writer = new ArrayBufferWriter<byte>(size);
        writer.WriteUInt32((uint)Supersedes.Count);
        foreach (var name in Supersedes)
        {
            writer.WriteHash(name);
        }

        writer.WriteUInt32((uint)Packs.Count);
        foreach (var pack in Packs)
        {
            writer.WriteHash(pack.Name);
            writer.Write(pack.Salt);
            writer.WriteUInt64((ulong)pack.SizeBytes);
            writer.WriteUInt32((uint)pack.Chunks.Count);
            foreach (var chunk in pack.Chunks)
            {
                chunk.Write(writer);
            }
        }

        return writer.WrittenSpan.ToArray();
    }

    /// <exception cref="SnapshotFormatException">Not such a body.</exception>
    public static IndexObject FromBody(ReadOnlySpan<byte> body, string name)
    {
        var reader = new SpanReader(body, name);
        var supersedes = new ContentHash[reader.ReadCount(reader.ReadUInt32(), ContentHash.SizeBytes)];
        for (var i = 0; i < supersedes.Length; i++)
        {
            supersedes[i] = reader.ReadHash();
        }

        var packs = new PackContent[reader.ReadCount(reader.ReadUInt32(), PackHeaderBytes)];
        for (var i = 0; i < packs.Length; i++)
        {
            packs[i] = ReadPack(ref reader);
        }

        reader.End();
        return new IndexObject(supersedes, packs);
    }

    private static PackContent ReadPack(ref SpanReader reader)
    {
        var name = reader.ReadHash();
        var salt = reader.Take(SealedObject.SaltBytes).ToArray();
        var size = reader.ReadUInt64();
        var chunks = new ChunkEntry[reader.ReadCount(reader.ReadUInt32(), ChunkEntry.FixedBytes)];
        var end = (long)PackFormat.HeaderBytes;
        for (var i = 0; i < chunks.Length; i++)
        {
            chunks[i] = ChunkEntry.Read(ref reader);
            end += chunks[i].StoredBytes;
        }

        return size <= PackFormat.MaximumBytes && (ulong)end <= size
            ? new PackContent(name, salt, (long)size, chunks)
            : throw reader.Broken($"claims a pack of {size} bytes with {end} bytes of chunks");
    }
}
