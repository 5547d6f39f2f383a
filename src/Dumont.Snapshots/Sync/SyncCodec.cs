using System.Diagnostics;

namespace Dumont.Snapshots.Sync;

/// <summary>Messages to bytes and back. <c>docs/formats/sync-protocol.md</c> has the layouts; a round-trip test keeps the two methods equal.</summary>
internal static class SyncCodec
{
    /// <summary>Appends one whole frame.</summary>
    public static void Write(FrameWriter writer, SyncMessage message)
    {
        var frame = writer.BeginFrame();
        writer.WriteByte((int)message.Type);
        if (message is SyncChange change)
        {
            writer.WriteUInt64(change.Sequence);
            WriteChange(writer, change);
        }
        else
        {
            WriteOther(writer, message);
        }

        writer.EndFrame(frame);
    }

    /// <summary>Reads the counted part of a frame. Content points into <paramref name="body"/>.</summary>
    /// <exception cref="SyncProtocolException">Whatever is wrong with it.</exception>
    public static SyncMessage Read(ReadOnlyMemory<byte> body)
    {
        var reader = new FrameReader(body);
        var type = reader.ReadEnum<SyncMessageType>();
        var message = type <= SyncMessageType.Mark && type != SyncMessageType.Hello
            ? ReadChange(type, reader.ReadUInt64(), ref reader)
            : ReadOther(type, ref reader);
        reader.ExpectEnd();
        return message;
    }

    private static void WriteChange(FrameWriter writer, SyncChange change)
    {
        switch (change)
        {
            case FileMessage file:
                writer.WritePath(file.Path);
                writer.WriteUInt16(file.Mode);
                writer.WriteInt64(file.ModifiedNs);
                writer.WriteBytes(file.Content.Span);
                break;
            case DirectoryMessage directory:
                writer.WritePath(directory.Path);
                writer.WriteUInt16(directory.Mode);
                writer.WriteInt64(directory.ModifiedNs);
                break;
            case LinkMessage link:
                writer.WritePath(link.Path);
                writer.WriteInt64(link.ModifiedNs);
                writer.WriteLatin1(link.Target);
                break;
            case AttributesMessage attributes:
                writer.WritePath(attributes.Path);
                writer.WriteUInt16(attributes.Mode);
                writer.WriteInt64(attributes.ModifiedNs);
                break;
            case DeleteMessage delete:
                writer.WritePath(delete.Path);
                break;
            case CommitMessage commit:
                writer.WriteUInt32(commit.StageId);
                writer.WritePath(commit.Path);
                writer.WriteUInt16(commit.Mode);
                writer.WriteInt64(commit.ModifiedNs);
                writer.WriteInt64(commit.SizeBytes);
                writer.WriteHash(commit.Digest);
                break;
            case MarkMessage:
                break;
            default:
                throw new UnreachableException();
        }
    }

    private static void WriteOther(FrameWriter writer, SyncMessage message)
    {
        switch (message)
        {
            case HelloMessage hello:
                writer.WriteUInt32(SyncLimits.Magic);
                writer.WriteUInt16(hello.Version);
                WriteIdentity(writer, hello.Identity);
                writer.WriteGuid(hello.Session);
                break;
            case WelcomeMessage welcome:
                writer.WriteUInt32(SyncLimits.Magic);
                writer.WriteUInt16(welcome.Version);
                WriteIdentity(writer, welcome.Identity);
                break;
            case StageMessage stage:
                writer.WriteUInt32(stage.StageId);
                writer.WriteUInt32(stage.FirstChunk);
                writer.WriteUInt16(stage.Chunks.Count);
                foreach (var (hash, length) in stage.Chunks)
                {
                    writer.WriteHash(hash);
                    writer.WriteUInt32((uint)length);
                }

                break;
            case ChunkMessage chunk:
                writer.WriteUInt32(chunk.StageId);
                writer.WriteUInt32(chunk.Chunk);
                writer.WriteBytes(chunk.Content.Span);
                break;
            case RepeatMessage repeat:
                writer.WriteUInt32(repeat.StageId);
                writer.WriteUInt32(repeat.Chunk);
                writer.WriteUInt32(repeat.EarlierChunk);
                break;
            case DropMessage drop:
                writer.WriteUInt32(drop.StageId);
                break;
            case RefuseMessage refuse:
                writer.WriteByte((int)refuse.Reason);
                writer.WriteInt64(refuse.Fence);
                writer.WriteText(refuse.Text);
                break;
            case EntriesMessage entries:
                WriteEntries(writer, entries);
                break;
            case EntriesEndMessage end:
                writer.WriteUInt32(end.Count);
                break;
            case NeedMessage need:
                writer.WriteUInt32(need.StageId);
                writer.WriteUInt32(need.FirstChunk);
                writer.WriteUInt16(need.Count);
                writer.WriteBytes(need.Bits.Span);
                break;
            case AckMessage ack:
                writer.WriteUInt64(ack.Sequence);
                break;
            case FaultMessage fault:
                writer.WriteByte((int)fault.Fault);
                writer.WriteText(fault.Text);
                break;
            default:
                throw new UnreachableException();
        }
    }

    private static SyncChange ReadChange(SyncMessageType type, ulong sequence, ref FrameReader reader) => type switch
    {
        SyncMessageType.File => new FileMessage(sequence, reader.ReadPath(), reader.ReadMode(), reader.ReadInt64(), reader.ReadRest()),
        SyncMessageType.Directory => new DirectoryMessage(sequence, reader.ReadPath(), reader.ReadMode(), reader.ReadInt64()),
        SyncMessageType.Link => new LinkMessage(sequence, reader.ReadPath(), reader.ReadInt64(), reader.ReadLinkTarget()),
        SyncMessageType.Attributes => new AttributesMessage(sequence, reader.ReadPath(), reader.ReadMode(), reader.ReadInt64()),
        SyncMessageType.Delete => new DeleteMessage(sequence, reader.ReadPath()),
        SyncMessageType.Commit => ReadCommit(sequence, ref reader),
        SyncMessageType.Mark => new MarkMessage(sequence),
        _ => throw new UnreachableException(),
    };

    private static SyncMessage ReadOther(SyncMessageType type, ref FrameReader reader) => type switch
    {
        SyncMessageType.Hello => new HelloMessage(ReadVersion(ref reader), ReadIdentity(ref reader), reader.ReadGuid()),
        SyncMessageType.Welcome => new WelcomeMessage(ReadVersion(ref reader), ReadIdentity(ref reader)),
        SyncMessageType.Stage => ReadStage(ref reader),
        SyncMessageType.Chunk => new ChunkMessage(reader.ReadUInt32(), reader.ReadUInt32(), ReadChunkContent(ref reader)),
        SyncMessageType.Repeat => new RepeatMessage(reader.ReadUInt32(), reader.ReadUInt32(), reader.ReadUInt32()),
        SyncMessageType.Drop => new DropMessage(reader.ReadUInt32()),
        SyncMessageType.Refuse => new RefuseMessage(reader.ReadEnum<SyncRefusal>(), reader.ReadInt64(), reader.ReadText()),
        SyncMessageType.Entries => ReadEntries(ref reader),
        SyncMessageType.EntriesEnd => new EntriesEndMessage(reader.ReadUInt32()),
        SyncMessageType.Need => ReadNeed(ref reader),
        SyncMessageType.Ack => new AckMessage(reader.ReadUInt64()),
        SyncMessageType.Fault => new FaultMessage(reader.ReadEnum<SyncFault>(), reader.ReadText()),
        _ => throw new UnreachableException(),
    };

    private static CommitMessage ReadCommit(ulong sequence, ref FrameReader reader)
    {
        var stageId = reader.ReadUInt32();
        var path = reader.ReadPath();
        return new CommitMessage(
            sequence, stageId, path, reader.ReadMode(), reader.ReadInt64(), ReadSize(ref reader), reader.ReadHash());
    }

    private static StageMessage ReadStage(ref FrameReader reader)
    {
        var stageId = reader.ReadUInt32();
        var first = reader.ReadUInt32();
        var chunks = new (ContentHash, int)[ReadCount(ref reader, SyncLimits.ChunksPerStage)];
        for (var i = 0; i < chunks.Length; i++)
        {
            var hash = reader.ReadHash();
            var length = reader.ReadUInt32();
            if (length is 0 or > SyncLimits.ChunkBytes)
            {
                throw new SyncProtocolException($"A chunk of {length} bytes is not allowed.");
            }

            chunks[i] = (hash, (int)length);
        }

        return new StageMessage(stageId, first, chunks);
    }

    private static NeedMessage ReadNeed(ref FrameReader reader)
    {
        var stageId = reader.ReadUInt32();
        var first = reader.ReadUInt32();
        var count = ReadCount(ref reader, SyncLimits.ChunksPerStage);
        var bits = reader.ReadRest();

        // Copied: the answer waits for the reader of the large file, longer than the frame lives.
        return bits.Length == (count + 7) / 8
            ? new NeedMessage(stageId, first, count, bits.ToArray())
            : throw new SyncProtocolException("A need has the wrong number of bits.");
    }

    private static void WriteEntries(FrameWriter writer, EntriesMessage message)
    {
        writer.WriteUInt16(message.Entries.Count);
        foreach (var entry in message.Entries)
        {
            writer.WriteByte((int)entry.Kind);
            writer.WritePath(entry.Path);
            writer.WriteUInt16(entry.Mode);
            writer.WriteInt64(entry.ModifiedNs);
            switch (entry.Kind)
            {
                case TreeEntryKind.File:
                    writer.WriteInt64(entry.SizeBytes);
                    writer.WriteHash(entry.Digest);
                    break;
                case TreeEntryKind.Link:
                    writer.WriteLatin1(entry.LinkTarget ?? "");
                    break;
                case TreeEntryKind.Directory:
                    break;
            }
        }
    }

    private static EntriesMessage ReadEntries(ref FrameReader reader)
    {
        var entries = new SyncEntry[ReadCount(ref reader, SyncLimits.EntriesPerMessage)];
        for (var i = 0; i < entries.Length; i++)
        {
            var kind = reader.ReadEnum<TreeEntryKind>();
            var path = reader.ReadPath();
            var mode = reader.ReadMode();
            var modified = reader.ReadInt64();
            entries[i] = kind switch
            {
                TreeEntryKind.File => new SyncEntry(path, kind, mode, modified, ReadSize(ref reader), reader.ReadHash(), null),
                TreeEntryKind.Link => new SyncEntry(path, kind, mode, modified, 0, default, reader.ReadLinkTarget()),
                TreeEntryKind.Directory => new SyncEntry(path, kind, mode, modified, 0, default, null),
            };
        }

        return new EntriesMessage(entries);
    }

    private static void WriteIdentity(FrameWriter writer, SyncIdentity identity)
    {
        writer.WriteInt64(identity.MachineId);
        writer.WriteInt64(identity.InstanceId);
        writer.WriteInt64(identity.Generation);
    }

    private static SyncIdentity ReadIdentity(ref FrameReader reader) => new(reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64());

    private static int ReadVersion(ref FrameReader reader) => reader.ReadUInt32() == SyncLimits.Magic
        ? reader.ReadUInt16()
        : throw new SyncProtocolException("The other side does not speak this protocol.");

    private static long ReadSize(ref FrameReader reader) => reader.ReadInt64() is >= 0 and var size
        ? size
        : throw new SyncProtocolException("A size is negative.");

    private static int ReadCount(ref FrameReader reader, int limit) => reader.ReadUInt16() is var count && count <= limit
        ? count
        : throw new SyncProtocolException($"A list of {count} is over the limit of {limit}.");

    private static ReadOnlyMemory<byte> ReadChunkContent(ref FrameReader reader) => reader.Remaining is > 0 and <= SyncLimits.ChunkBytes
        ? reader.ReadRest()
        : throw new SyncProtocolException("A chunk is empty or too long.");
}
