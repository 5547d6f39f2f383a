using System.Diagnostics;

namespace Dumont.Snapshots.Sync;

/// <summary>Messages to bytes and back. <c>docs/formats/sync-protocol.md</c> has the layouts; a round-trip test keeps the two methods equal, in
/// each version.</summary>
internal static class SyncCodec
{
    // What follows the owner of an entry.
    private const int HasAttributes = 1;
    private const int HasNames = 2;

    /// <summary>Appends one whole frame.</summary>
    public static void Write(FrameWriter writer, SyncMessage message, int version)
    {
        var frame = writer.BeginFrame();
        writer.WriteByte((int)message.Type);
        if (message is SyncChange change)
        {
            writer.WriteUInt64(change.Sequence);
            WriteChange(writer, change, version);
        }
        else
        {
            WriteOther(writer, message, version);
        }

        writer.EndFrame(frame);
    }

    /// <summary>Reads the counted part of a frame. Content points into <paramref name="body"/>.</summary>
    /// <exception cref="SyncProtocolException">Whatever is wrong with it.</exception>
    public static SyncMessage Read(ReadOnlyMemory<byte> body, int version)
    {
        var reader = new FrameReader(body);
        var type = reader.ReadEnum<SyncMessageType>();
        if (type == SyncMessageType.HardLink && version < SyncLimits.MetadataVersion)
        {
            throw new SyncProtocolException($"{type} is not in version {version}.");
        }

        var message = type <= SyncMessageType.HardLink && type != SyncMessageType.Hello
            ? ReadChange(type, reader.ReadUInt64(), version, ref reader)
            : ReadOther(type, version, ref reader);
        reader.ExpectEnd();
        return message;
    }

    private static void WriteChange(FrameWriter writer, SyncChange change, int version)
    {
        switch (change)
        {
            case FileMessage file:
                writer.WritePath(file.Path);
                WriteAttributes(writer, file.Mode, file.ModifiedNs, file.Metadata, version);
                writer.WriteBytes(file.Content.Span);
                break;
            case DirectoryMessage directory:
                writer.WritePath(directory.Path);
                WriteAttributes(writer, directory.Mode, directory.ModifiedNs, directory.Metadata, version);
                break;
            case LinkMessage link:
                writer.WritePath(link.Path);
                writer.WriteInt64(link.ModifiedNs);
                WriteMetadata(writer, link.Metadata, version);
                writer.WriteLatin1(link.Target);
                break;
            case AttributesMessage attributes:
                writer.WritePath(attributes.Path);
                WriteAttributes(writer, attributes.Mode, attributes.ModifiedNs, attributes.Metadata, version);
                break;
            case DeleteMessage delete:
                writer.WritePath(delete.Path);
                break;
            case CommitMessage commit:
                writer.WriteUInt32(commit.StageId);
                writer.WritePath(commit.Path);
                WriteAttributes(writer, commit.Mode, commit.ModifiedNs, commit.Metadata, version);
                writer.WriteInt64(commit.SizeBytes);
                writer.WriteHash(commit.Digest);
                break;
            case MarkMessage:
                break;
            case HardLinkMessage link:
                writer.WritePath(link.Path);
                writer.WritePath(link.Target);
                break;
            default:
                throw new UnreachableException();
        }
    }

    private static void WriteAttributes(FrameWriter writer, int mode, long modifiedNs, EntryMetadata? metadata, int version)
    {
        writer.WriteUInt16(mode);
        writer.WriteInt64(modifiedNs);
        WriteMetadata(writer, metadata, version);
    }

    private static void WriteMetadata(FrameWriter writer, EntryMetadata? metadata, int version)
    {
        if (version >= SyncLimits.MetadataVersion)
        {
            var told = metadata ?? throw new InvalidOperationException($"Version {version} carries metadata.");
            writer.WriteUInt32(told.UserId);
            writer.WriteUInt32(told.GroupId);
            writer.WriteUInt32((uint)told.Payload.Length);
            writer.WriteBytes(told.Payload.Span);
        }
    }

    private static void WriteOther(FrameWriter writer, SyncMessage message, int version)
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
                WriteEntries(writer, entries, version);
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

    private static SyncChange ReadChange(SyncMessageType type, ulong sequence, int version, ref FrameReader reader) => type switch
    {
        SyncMessageType.File => ReadFile(sequence, version, ref reader),
        SyncMessageType.Directory =>
            new DirectoryMessage(sequence, reader.ReadPath(), reader.ReadMode(), reader.ReadInt64(), ReadMetadata(version, ref reader)),
        SyncMessageType.Link => ReadLink(sequence, version, ref reader),
        SyncMessageType.Attributes =>
            new AttributesMessage(sequence, reader.ReadPath(), reader.ReadMode(), reader.ReadInt64(), ReadMetadata(version, ref reader)),
        SyncMessageType.Delete => new DeleteMessage(sequence, reader.ReadPath()),
        SyncMessageType.Commit => ReadCommit(sequence, version, ref reader),
        SyncMessageType.Mark => new MarkMessage(sequence),
        SyncMessageType.HardLink => new HardLinkMessage(sequence, reader.ReadPath(), reader.ReadPath()),
        _ => throw new UnreachableException(),
    };

    private static SyncMessage ReadOther(SyncMessageType type, int version, ref FrameReader reader) => type switch
    {
        SyncMessageType.Hello => new HelloMessage(ReadVersion(ref reader), ReadIdentity(ref reader), reader.ReadGuid()),
        SyncMessageType.Welcome => new WelcomeMessage(ReadVersion(ref reader), ReadIdentity(ref reader)),
        SyncMessageType.Stage => ReadStage(ref reader),
        SyncMessageType.Chunk => new ChunkMessage(reader.ReadUInt32(), reader.ReadUInt32(), ReadChunkContent(ref reader)),
        SyncMessageType.Repeat => new RepeatMessage(reader.ReadUInt32(), reader.ReadUInt32(), reader.ReadUInt32()),
        SyncMessageType.Drop => new DropMessage(reader.ReadUInt32()),
        SyncMessageType.Refuse => new RefuseMessage(reader.ReadEnum<SyncRefusal>(), reader.ReadInt64(), reader.ReadText()),
        SyncMessageType.Entries => ReadEntries(version, ref reader),
        SyncMessageType.EntriesEnd => new EntriesEndMessage(reader.ReadUInt32()),
        SyncMessageType.Need => ReadNeed(ref reader),
        SyncMessageType.Ack => new AckMessage(reader.ReadUInt64()),
        SyncMessageType.Fault => new FaultMessage(reader.ReadEnum<SyncFault>(), reader.ReadText()),
        _ => throw new UnreachableException(),
    };

    private static FileMessage ReadFile(ulong sequence, int version, ref FrameReader reader)
    {
        var (path, mode, modified) = (reader.ReadPath(), reader.ReadMode(), reader.ReadInt64());
        var metadata = ReadMetadata(version, ref reader);
        return new FileMessage(sequence, path, mode, modified, reader.ReadRest(), metadata);
    }

    private static LinkMessage ReadLink(ulong sequence, int version, ref FrameReader reader)
    {
        var (path, modified) = (reader.ReadPath(), reader.ReadInt64());
        var metadata = ReadMetadata(version, ref reader);
        return new LinkMessage(sequence, path, modified, reader.ReadLinkTarget(), metadata);
    }

    private static CommitMessage ReadCommit(ulong sequence, int version, ref FrameReader reader)
    {
        var stageId = reader.ReadUInt32();
        var (path, mode, modified) = (reader.ReadPath(), reader.ReadMode(), reader.ReadInt64());
        var metadata = ReadMetadata(version, ref reader);
        return new CommitMessage(sequence, stageId, path, mode, modified, ReadSize(ref reader), reader.ReadHash(), metadata);
    }

    private static EntryMetadata? ReadMetadata(int version, ref FrameReader reader) =>
        version >= SyncLimits.MetadataVersion ? reader.ReadMetadata() : null;

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

    private static void WriteEntries(FrameWriter writer, EntriesMessage message, int version)
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

            if (version >= SyncLimits.MetadataVersion)
            {
                WriteEntryMetadata(writer, entry.Metadata ?? throw new InvalidOperationException($"Version {version} carries metadata."));
            }
        }
    }

    private static void WriteEntryMetadata(FrameWriter writer, SyncEntryMetadata metadata)
    {
        writer.WriteUInt32(metadata.UserId);
        writer.WriteUInt32(metadata.GroupId);
        writer.WriteByte((metadata.AttributesHash == default ? 0 : HasAttributes) | (metadata.Inode == 0 ? 0 : HasNames));
        if (metadata.AttributesHash != default)
        {
            writer.WriteHash(metadata.AttributesHash);
        }

        if (metadata.Inode != 0)
        {
            writer.WriteUInt64(metadata.Inode);
        }
    }

    private static EntriesMessage ReadEntries(int version, ref FrameReader reader)
    {
        var entries = new SyncEntry[ReadCount(ref reader, SyncLimits.EntriesPerMessage)];
        for (var i = 0; i < entries.Length; i++)
        {
            var kind = reader.ReadEnum<TreeEntryKind>();
            var path = reader.ReadPath();
            var mode = reader.ReadMode();
            var modified = reader.ReadInt64();
            var entry = kind switch
            {
                TreeEntryKind.File => new SyncEntry(path, kind, mode, modified, ReadSize(ref reader), reader.ReadHash(), null),
                TreeEntryKind.Link => new SyncEntry(path, kind, mode, modified, 0, default, reader.ReadLinkTarget()),
                TreeEntryKind.Directory => new SyncEntry(path, kind, mode, modified, 0, default, null),
            };
            entries[i] = version >= SyncLimits.MetadataVersion ? entry with { Metadata = ReadEntryMetadata(ref reader) } : entry;
        }

        return new EntriesMessage(entries);
    }

    private static SyncEntryMetadata ReadEntryMetadata(ref FrameReader reader)
    {
        var (user, group, has) = (reader.ReadUInt32(), reader.ReadUInt32(), reader.ReadByte());
        return (has & ~(HasAttributes | HasNames)) == 0
            ? new SyncEntryMetadata(user, group, (has & HasAttributes) != 0 ? reader.ReadHash() : default, (has & HasNames) != 0 ? reader.ReadUInt64() : 0)
            : throw new SyncProtocolException($"An entry has unknown parts: {has:x2}.");
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
