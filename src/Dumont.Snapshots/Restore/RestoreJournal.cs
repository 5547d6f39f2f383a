using System.Runtime.InteropServices;
using System.Text;

namespace Dumont.Snapshots;

/// <summary>How far a restore had come, as it is found after a crash.</summary>
internal enum JournalState : byte
{
    /// <summary>New content was being prepared; the target is untouched.</summary>
    Staging = 1,

    /// <summary>Entries were being exchanged; the journal says which.</summary>
    Placing = 2,

    /// <summary>All in place; only what was kept aside is left to delete.</summary>
    Done = 3,
}

/// <summary>Owner, mode and time of an entry of the target.</summary>
internal readonly record struct EntryAttributes(int Mode, uint UserId, uint GroupId, long ModifiedNs);

/// <summary>A unit that goes to <paramref name="Path"/>. Inodes tell, after a crash, what is where.</summary>
internal readonly record struct JournalSwap(string StagedName, TreePath Path, ulong NewInode, ulong OldInode);

/// <summary>An entry that is put aside.</summary>
internal readonly record struct JournalRemoval(string KeptName, TreePath Path, ulong Inode);

/// <summary>An entry that stays and gets other attributes; <see cref="Old"/> is null for one that is new itself.</summary>
internal sealed record JournalStamp(
    TreePath Path, EntryKind Kind, EntryAttributes? Old, EntryAttributes New, IReadOnlyList<(byte[] Name, byte[]? Old, byte[] New)> Extended);

/// <summary>What a restore is about to change in the target, written before the first change.</summary>
internal sealed record RestoreJournal(JournalState State, ContentHash Identity, bool IsDurable, string BootId, long RootModifiedNs)
{
    private const uint Magic = 0x314A5244; // "DRJ1"
    private const int MaximumBytes = 1 << 30;

    public IReadOnlyList<JournalSwap> Swaps { get; init; } = [];

    public IReadOnlyList<JournalRemoval> Removals { get; init; } = [];

    public IReadOnlyList<JournalStamp> Stamps { get; init; } = [];

    /// <summary>Whether what was written without a flush is still what was written.</summary>
    public bool IsOfThisBoot => BootId == CurrentBootId();

    /// <summary>Names this start of the machine.</summary>
    public static string CurrentBootId()
    {
        try
        {
            return File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "unknown";
        }
    }

    /// <summary>Writes it under another name, makes it durable and renames it.</summary>
    public void Write(int directory)
    {
        var body = Serialize();
        var temporary = "journal.tmp\0"u8;
        Posix.Unlink(directory, temporary);
        var file = Posix.Open(directory, temporary, Libc.O_WRONLY | Libc.O_CREAT | Libc.O_EXCL, AttributeWriter.PrivateFile);
        if (file < 0)
        {
            throw Posix.LastError("create the journal of the restore");
        }

        try
        {
            if (!Posix.TryWrite(file, body, 0))
            {
                throw Posix.LastError("write the journal of the restore");
            }

            Libc.Check(LibcFd.FSync(file), "make the journal of the restore durable");
        }
        finally
        {
            Posix.Close(file);
        }

        Libc.Check(Posix.Rename(directory, temporary, directory, "journal\0"u8, 0), "rename the journal of the restore");
        Libc.Check(LibcFd.FSync(directory), "make the journal of the restore durable");
    }

    /// <summary>Reads it; null when there is none, or one that was not written to its end.</summary>
    public static RestoreJournal? TryRead(int directory)
    {
        var file = Posix.Open(directory, "journal\0"u8, Libc.O_RDONLY | Libc.O_NONBLOCK);
        if (file < 0)
        {
            return Marshal.GetLastPInvokeError() == Libc.ENOENT ? null : throw Posix.LastError("open the journal of the restore");
        }

        try
        {
            var size = Posix.Stat(file).Size;
            if (size is <= ContentHash.SizeBytes or > MaximumBytes)
            {
                return null;
            }

            var bytes = new byte[size];
            var read = Posix.Read(file, bytes, 0);
            return read == bytes.Length ? TryParse(bytes) : null;
        }
        finally
        {
            Posix.Close(file);
        }
    }

    private static RestoreJournal? TryParse(byte[] bytes)
    {
        var body = bytes.AsSpan(..^ContentHash.SizeBytes);
        if (ContentHash.Of(body) != ContentHash.FromBytes(bytes.AsSpan(^ContentHash.SizeBytes..)))
        {
            return null;
        }

        using var reader = new BinaryReader(new MemoryStream(bytes, 0, body.Length, writable: false));
        if (reader.ReadUInt32() != Magic)
        {
            return null;
        }

        var state = (JournalState)reader.ReadByte();
        var identity = ContentHash.FromBytes(reader.ReadBytes(ContentHash.SizeBytes));
        return new RestoreJournal(state, identity, reader.ReadBoolean(), reader.ReadString(), reader.ReadInt64())
        {
            Swaps = ReadList(reader, static r => new JournalSwap(r.ReadString(), ReadPath(r), r.ReadUInt64(), r.ReadUInt64())),
            Removals = ReadList(reader, static r => new JournalRemoval(r.ReadString(), ReadPath(r), r.ReadUInt64())),
            Stamps = ReadList(reader, static r => new JournalStamp(
                ReadPath(r),
                (EntryKind)r.ReadByte(),
                r.ReadBoolean() ? ReadAttributes(r) : null,
                ReadAttributes(r),
                ReadList(r, static x => (ReadBytes(x), x.ReadBoolean() ? ReadBytes(x) : null, ReadBytes(x))))),
        };
    }

    private byte[] Serialize()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        writer.Write(Magic);
        writer.Write((byte)State);
        Span<byte> hash = stackalloc byte[ContentHash.SizeBytes];
        Identity.CopyTo(hash);
        writer.Write(hash);
        writer.Write(IsDurable);
        writer.Write(BootId);
        writer.Write(RootModifiedNs);
        writer.Write(Swaps.Count);
        foreach (var swap in Swaps)
        {
            writer.Write(swap.StagedName);
            WriteBytes(writer, swap.Path.ToBytes());
            writer.Write(swap.NewInode);
            writer.Write(swap.OldInode);
        }

        writer.Write(Removals.Count);
        foreach (var removal in Removals)
        {
            writer.Write(removal.KeptName);
            WriteBytes(writer, removal.Path.ToBytes());
            writer.Write(removal.Inode);
        }

        WriteStamps(writer);
        writer.Flush();
        ContentHash.Of(stream.GetBuffer().AsSpan(0, (int)stream.Length)).CopyTo(hash);
        writer.Write(hash);
        writer.Flush();
        return stream.ToArray();
    }

    private void WriteStamps(BinaryWriter writer)
    {
        writer.Write(Stamps.Count);
        foreach (var stamp in Stamps)
        {
            WriteBytes(writer, stamp.Path.ToBytes());
            writer.Write((byte)stamp.Kind);
            writer.Write(stamp.Old is not null);
            if (stamp.Old is { } old)
            {
                WriteAttributes(writer, old);
            }

            WriteAttributes(writer, stamp.New);
            writer.Write(stamp.Extended.Count);
            foreach (var (name, before, after) in stamp.Extended)
            {
                WriteBytes(writer, name);
                writer.Write(before is not null);
                if (before is not null)
                {
                    WriteBytes(writer, before);
                }

                WriteBytes(writer, after);
            }
        }
    }

    private static List<T> ReadList<T>(BinaryReader reader, Func<BinaryReader, T> read)
    {
        var list = new List<T>();
        for (var left = reader.ReadInt32(); left > 0; left--)
        {
            list.Add(read(reader));
        }

        return list;
    }

    private static TreePath ReadPath(BinaryReader reader) =>
        ReadBytes(reader) is { Length: > 0 } bytes && TreePath.TryCreate(bytes, out var path) ? path : TreePath.Root;

    private static byte[] ReadBytes(BinaryReader reader) => reader.ReadBytes(reader.ReadInt32());

    private static void WriteBytes(BinaryWriter writer, byte[] bytes)
    {
        writer.Write(bytes.Length);
        writer.Write(bytes);
    }

    private static EntryAttributes ReadAttributes(BinaryReader reader) =>
        new(reader.ReadInt32(), reader.ReadUInt32(), reader.ReadUInt32(), reader.ReadInt64());

    private static void WriteAttributes(BinaryWriter writer, EntryAttributes attributes)
    {
        writer.Write(attributes.Mode);
        writer.Write(attributes.UserId);
        writer.Write(attributes.GroupId);
        writer.Write(attributes.ModifiedNs);
    }
}
