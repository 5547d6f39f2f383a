namespace Dumont.Snapshots.Sync;

/// <summary>First byte of a frame. Below 64 the source speaks, from 64 the sink. Numbers are never used again for something else.</summary>
public enum SyncMessageType
{
    /// <summary><see cref="HelloMessage"/>.</summary>
    Hello = 1,

    /// <summary><see cref="FileMessage"/>.</summary>
    File = 2,

    /// <summary><see cref="DirectoryMessage"/>.</summary>
    Directory = 3,

    /// <summary><see cref="LinkMessage"/>.</summary>
    Link = 4,

    /// <summary><see cref="AttributesMessage"/>.</summary>
    Attributes = 5,

    /// <summary><see cref="DeleteMessage"/>.</summary>
    Delete = 6,

    /// <summary><see cref="CommitMessage"/>.</summary>
    Commit = 7,

    /// <summary><see cref="MarkMessage"/>.</summary>
    Mark = 8,

    /// <summary><see cref="HardLinkMessage"/>.</summary>
    HardLink = 9,

    /// <summary><see cref="StageMessage"/>.</summary>
    Stage = 16,

    /// <summary><see cref="ChunkMessage"/>.</summary>
    Chunk = 17,

    /// <summary><see cref="RepeatMessage"/>.</summary>
    Repeat = 18,

    /// <summary><see cref="DropMessage"/>.</summary>
    Drop = 19,

    /// <summary><see cref="WelcomeMessage"/>.</summary>
    Welcome = 64,

    /// <summary><see cref="RefuseMessage"/>.</summary>
    Refuse = 65,

    /// <summary><see cref="EntriesMessage"/>.</summary>
    Entries = 66,

    /// <summary><see cref="EntriesEndMessage"/>.</summary>
    EntriesEnd = 67,

    /// <summary><see cref="NeedMessage"/>.</summary>
    Need = 68,

    /// <summary><see cref="AckMessage"/>.</summary>
    Ack = 69,

    /// <summary><see cref="FaultMessage"/>.</summary>
    Fault = 70,
}

/// <summary>Why a sink will not serve a source.</summary>
public enum SyncRefusal
{
    /// <summary>The source's generation is below the sink's fence: it must stop writing for good.</summary>
    Fenced = 1,

    /// <summary>The protocol versions do not meet.</summary>
    Version = 2,

    /// <summary>The two machines belong to different instances.</summary>
    Instance = 3,

    /// <summary>The sink's machine is not a follower now.</summary>
    NotFollowing = 4,

    /// <summary>A newer connection took this one's place.</summary>
    Replaced = 5,
}

/// <summary>What went wrong on the sink's side.</summary>
public enum SyncFault
{
    /// <summary>The disk or a quota is full.</summary>
    NoSpace = 1,

    /// <summary>Reading, writing or flushing failed.</summary>
    InputOutput = 2,

    /// <summary>The sink's tree is not as the source believes; comparing again will heal it.</summary>
    TreeDiffers = 3,

    /// <summary>The source broke the protocol.</summary>
    Protocol = 4,
}

/// <summary>One frame's content. Byte layouts: <c>docs/formats/sync-protocol.md</c>.</summary>
public abstract record SyncMessage
{
    private protected SyncMessage()
    {
    }

    /// <summary>Its number on the wire.</summary>
    public abstract SyncMessageType Type { get; }
}

/// <summary>A message that changes the sink's tree. <paramref name="Sequence"/> counts them from 1 without gaps within one connection.</summary>
public abstract record SyncChange(ulong Sequence) : SyncMessage;

/// <summary>First frame of a source.</summary>
/// <param name="Version">Highest protocol version it speaks.</param>
/// <param name="Identity">Who it is.</param>
/// <param name="Session">Random; tells one connection from the next in logs.</param>
public sealed record HelloMessage(int Version, SyncIdentity Identity, Guid Session) : SyncMessage
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Hello;
}

/// <summary>A whole small file. Metadata, here and in the others, is null on a connection that carries none.</summary>
public sealed record FileMessage(
    ulong Sequence, TreePath Path, int Mode, long ModifiedNs, ReadOnlyMemory<byte> Content, EntryMetadata? Metadata = null) : SyncChange(Sequence)
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.File;
}

/// <summary>A directory, made if missing, and its attributes.</summary>
public sealed record DirectoryMessage(ulong Sequence, TreePath Path, int Mode, long ModifiedNs, EntryMetadata? Metadata = null) : SyncChange(Sequence)
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Directory;
}

/// <summary>A symbolic link; <paramref name="Target"/> is one char a byte.</summary>
public sealed record LinkMessage(ulong Sequence, TreePath Path, long ModifiedNs, string Target, EntryMetadata? Metadata = null) : SyncChange(Sequence)
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Link;
}

/// <summary>New attributes of a file whose content the sink has.</summary>
public sealed record AttributesMessage(ulong Sequence, TreePath Path, int Mode, long ModifiedNs, EntryMetadata? Metadata = null) : SyncChange(Sequence)
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Attributes;
}

/// <summary>Removes whatever is at the path, with all below it.</summary>
public sealed record DeleteMessage(ulong Sequence, TreePath Path) : SyncChange(Sequence)
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Delete;
}

/// <summary>Puts a complete staged file in its place.</summary>
public sealed record CommitMessage(
    ulong Sequence, uint StageId, TreePath Path, int Mode, long ModifiedNs, long SizeBytes, ContentHash Digest, EntryMetadata? Metadata = null)
    : SyncChange(Sequence)
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Commit;
}

/// <summary>Changes nothing: at this sequence number the sink's tree is the source's.</summary>
public sealed record MarkMessage(ulong Sequence) : SyncChange(Sequence)
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Mark;
}

/// <summary>One more name of the file that the sink has at <paramref name="Target"/>.</summary>
public sealed record HardLinkMessage(ulong Sequence, TreePath Path, TreePath Target) : SyncChange(Sequence)
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.HardLink;
}

/// <summary>Part of a large file's list of chunks; <paramref name="FirstChunk"/> 0 opens the stage. Offsets follow from the lengths.</summary>
public sealed record StageMessage(uint StageId, uint FirstChunk, IReadOnlyList<(ContentHash Hash, int LengthBytes)> Chunks) : SyncMessage
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Stage;
}

/// <summary>Bytes of one chunk that the sink asked for.</summary>
public sealed record ChunkMessage(uint StageId, uint Chunk, ReadOnlyMemory<byte> Content) : SyncMessage
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Chunk;
}

/// <summary>Instead of the bytes: the chunk equals an earlier one of the same stage.</summary>
public sealed record RepeatMessage(uint StageId, uint Chunk, uint EarlierChunk) : SyncMessage
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Repeat;
}

/// <summary>The file is gone or changed: forget the stage.</summary>
public sealed record DropMessage(uint StageId) : SyncMessage
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Drop;
}

/// <summary>The sink takes the connection; its tree's entries follow.</summary>
public sealed record WelcomeMessage(int Version, SyncIdentity Identity) : SyncMessage
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Welcome;
}

/// <summary>The sink will not go on; last frame it sends.</summary>
public sealed record RefuseMessage(SyncRefusal Reason, long Fence, string Text) : SyncMessage
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Refuse;
}

/// <summary>Some entries of the sink's tree.</summary>
public sealed record EntriesMessage(IReadOnlyList<SyncEntry> Entries) : SyncMessage
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Entries;
}

/// <summary>All entries have been sent.</summary>
public sealed record EntriesEndMessage(uint Count) : SyncMessage
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.EntriesEnd;
}

/// <summary>Answer to one <see cref="StageMessage"/>: which of its chunks the sink lacks, one bit each, lowest bit first.</summary>
public sealed record NeedMessage(uint StageId, uint FirstChunk, int Count, ReadOnlyMemory<byte> Bits) : SyncMessage
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Need;

    /// <summary>Whether chunk <paramref name="index"/> of the list (from 0) must be sent.</summary>
    public bool IsNeeded(int index) => (Bits.Span[index >> 3] & (1 << (index & 7))) != 0;
}

/// <summary>Every change up to <paramref name="Sequence"/> is applied and durable.</summary>
public sealed record AckMessage(ulong Sequence) : SyncMessage
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Ack;
}

/// <summary>The sink failed; last frame it sends.</summary>
public sealed record FaultMessage(SyncFault Fault, string Text) : SyncMessage
{
    /// <inheritdoc />
    public override SyncMessageType Type => SyncMessageType.Fault;
}

/// <summary>One side of a connection.</summary>
/// <param name="MachineId">Its machine, from 1.</param>
/// <param name="InstanceId">The instance it belongs to; 0 when it was not told.</param>
/// <param name="Generation">Of a source the generation it writes in; of a sink the lowest it accepts.</param>
public readonly record struct SyncIdentity(long MachineId, long InstanceId, long Generation);

/// <summary>An entry of the sink's tree as the source needs it for comparing.</summary>
/// <param name="Path">Where.</param>
/// <param name="Kind">What.</param>
/// <param name="Mode">Permission bits; 0 for a link.</param>
/// <param name="ModifiedNs">Nanoseconds since 1970.</param>
/// <param name="SizeBytes">Of a file, else 0.</param>
/// <param name="Digest">Of a file's content, else all zero.</param>
/// <param name="LinkTarget">Of a link, else null; one char a byte.</param>
/// <param name="Metadata">Null on a connection that carries none.</param>
public sealed record SyncEntry(
    TreePath Path,
    TreeEntryKind Kind,
    int Mode,
    long ModifiedNs,
    long SizeBytes,
    ContentHash Digest,
    string? LinkTarget,
    SyncEntryMetadata? Metadata = null);

/// <summary>Owner and extended attributes of an entry of the sink's, for comparing.</summary>
/// <param name="UserId">Owner.</param>
/// <param name="GroupId">Group.</param>
/// <param name="AttributesHash">Of the extended attributes, all zero for none.</param>
/// <param name="Inode">The same for all names of one file; 0 for what has one name.</param>
public readonly record struct SyncEntryMetadata(uint UserId, uint GroupId, ContentHash AttributesHash, ulong Inode);
