using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Snapshots;

/// <summary>
/// An open directory tree in which every path is resolved component by component without following links. A link that somebody plants
/// inside the tree, before or while we work, can therefore never lead a read or a write out of it.
/// </summary>
/// <remarks>The root itself may be reached through a link (<c>/workspace</c> often is one). Directories of other file systems mounted inside
/// the tree are not part of it: a rename could not reach them. Thread safe.</remarks>
public sealed class TreeRoot : IDisposable
{
    private const int ListBufferBytes = 64 << 10;

    private readonly ulong _device;

    private TreeRoot(string path, SafeFileHandle directory)
    {
        Location = path;
        Handle = directory;
        _device = ReadStat(directory, [], Libc.AT_EMPTY_PATH)?.Device ?? throw new DirectoryNotFoundException(path);
    }

    /// <summary>Absolute path it was opened by.</summary>
    public string Location { get; }

    /// <summary>The root directory.</summary>
    internal SafeFileHandle Handle { get; }

    /// <summary>Opens an existing directory.</summary>
    /// <exception cref="PosixException">Missing, not a directory, or not allowed.</exception>
    public static unsafe TreeRoot Open(string path)
    {
        var name = Marshal.StringToCoTaskMemUTF8(path);
        try
        {
            var descriptor = Libc.OpenAt(Libc.AT_FDCWD, (byte*)name, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC, 0);
            Libc.Check(descriptor, $"open directory {path}");
            return new TreeRoot(Path.GetFullPath(path), new SafeFileHandle(descriptor, ownsHandle: true));
        }
        finally
        {
            Marshal.FreeCoTaskMem(name);
        }
    }

    /// <summary>What is at <paramref name="path"/>.</summary>
    /// <returns>Null when nothing is, when a parent is no directory, or when it is something that trees do not hold.</returns>
    public TreeEntry? Find(TreePath path)
    {
        using var parent = FindDirectory(path.Parent);
        return parent is null ? null : ReadEntry(parent, path);
    }

    /// <summary>Opens a regular file for reading; null when there is none at <paramref name="path"/>.</summary>
    /// <exception cref="PosixException">There is one, but it cannot be opened.</exception>
    public SafeFileHandle? FindFile(TreePath path)
    {
        using var parent = FindDirectory(path.Parent);

        // O_NONBLOCK: a FIFO put there in the meantime must not hold us.
        if (parent is null || !TryOpen(parent, path.RawName, Libc.O_RDONLY | Libc.O_NOFOLLOW | Libc.O_NONBLOCK, out var file))
        {
            return null;
        }

        if (ReadStat(file, [], Libc.AT_EMPTY_PATH) is { } stat && IsRegular(stat.Mode))
        {
            return file;
        }

        file.Dispose();
        return null;
    }

    /// <summary>Owner and extended attributes of an entry as they are now. One that is gone, or may not be opened, has no attributes; nor has a link.</summary>
    public EntryMetadata ReadMetadata(TreeEntry entry)
    {
        var flags = Libc.O_RDONLY | Libc.O_NOFOLLOW | Libc.O_NONBLOCK | (entry.Kind == TreeEntryKind.Directory ? Libc.O_DIRECTORY : 0);
        using var parent = entry.Kind == TreeEntryKind.Link ? null : FindDirectory(entry.Path.Parent);
        try
        {
            if (parent is not null && TryOpen(parent, entry.Path.RawName, flags, out var file))
            {
                using (file)
                {
                    return EntryMetadata.Read(file, entry.UserId, entry.GroupId);
                }
            }
        }
        catch (PosixException refused) when (refused.Errno is Libc.EACCES or Libc.EPERM)
        {
            // Not ours to read; only root may read everything.
        }

        return EntryMetadata.Of(entry.UserId, entry.GroupId, []);
    }

    /// <summary>Stamp of an open file.</summary>
    public static FileStamp StampOf(SafeFileHandle file) =>
        ReadStat(file, [], Libc.AT_EMPTY_PATH) is { } stat ? ToStamp(stat) : throw new PosixException("statx", Libc.ENOENT);

    /// <summary>The entries of one directory, in no order; empty when it is gone. Names that a <see cref="TreePath"/> cannot hold, other
    /// file systems and special files are left out.</summary>
    public List<TreeEntry> List(TreePath directory)
    {
        using var handle = FindDirectory(directory);
        var entries = new List<TreeEntry>();
        if (handle is null)
        {
            return entries;
        }

        foreach (var name in ReadNames(handle))
        {
            if (directory.TryAppend(name, out var path) && ReadEntry(handle, path) is { } entry)
            {
                entries.Add(entry);
            }
        }

        return entries;
    }

    /// <summary>Every entry below the root, parents before children, without the staging directory and what is excluded. What vanishes while it is walked is left
    /// out.</summary>
    public IEnumerable<TreeEntry> Walk(PathFilter? excludes = null)
    {
        var directories = new Stack<TreePath>();
        directories.Push(TreePath.Root);
        while (directories.TryPop(out var directory))
        {
            foreach (var entry in List(directory))
            {
                if (entry.Path.IsReserved || excludes?.IsMatch(entry.Path) == true)
                {
                    continue;
                }

                yield return entry;
                if (entry.Kind == TreeEntryKind.Directory)
                {
                    directories.Push(entry.Path);
                }
            }
        }
    }

    /// <inheritdoc />
    public void Dispose() => Handle.Dispose();

    /// <summary>Opens a directory of the tree, or says null when some component is missing, a link or no directory.</summary>
    internal SafeFileHandle? FindDirectory(TreePath path)
    {
        if (!TryOpen(Handle, ".", Libc.O_RDONLY | Libc.O_DIRECTORY, out var current) || path.IsRoot)
        {
            return current;
        }

        foreach (var range in path.Raw.AsSpan().Split('/'))
        {
            var opened = TryOpen(current, path.Raw.AsSpan(range), Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW, out var next);
            current.Dispose();
            if (!opened)
            {
                return null;
            }

            current = next;
        }

        return current;
    }

    /// <summary>Names in an open directory, without the two dots. Reads from its start.</summary>
    internal static unsafe List<byte[]> ReadNames(SafeFileHandle directory)
    {
        const int TypeOffset = 18;
        var names = new List<byte[]>();
        var buffer = new byte[ListBufferBytes];
        fixed (byte* start = buffer)
        {
            while (true)
            {
                var filled = Libc.GetDents64(directory, start, (nuint)buffer.Length);

                // A directory that was removed after it was opened has no entries and says so with an error.
                if (filled == 0 || (filled < 0 && Marshal.GetLastPInvokeError() == Libc.ENOENT))
                {
                    return names;
                }

                Libc.Check(filled, "getdents64");

                for (var record = start; record < start + filled; record += *(ushort*)(record + 16))
                {
                    var name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(record + TypeOffset + 1);
                    if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                    {
                        names.Add(name.ToArray());
                    }
                }
            }
        }
    }

    /// <summary>Opens <paramref name="name"/> in <paramref name="directory"/>; false when it is missing, a link or not of the wanted kind.</summary>
    internal static unsafe bool TryOpen(SafeFileHandle directory, ReadOnlySpan<char> name, int flags, out SafeFileHandle file)
    {
        Span<byte> zeroEnded = stackalloc byte[TreePath.MaximumNameBytes + 1];
        Terminate(name, zeroEnded);
        var taken = false;
        directory.DangerousAddRef(ref taken);
        try
        {
            fixed (byte* pointer = zeroEnded)
            {
                var descriptor = Libc.OpenAt((int)directory.DangerousGetHandle(), pointer, flags | Libc.O_CLOEXEC, 0);
                if (descriptor >= 0)
                {
                    file = new SafeFileHandle(descriptor, ownsHandle: true);
                    return true;
                }
            }
        }
        finally
        {
            directory.DangerousRelease();
        }

        var error = Marshal.GetLastPInvokeError();
        file = new SafeFileHandle();
        return error is Libc.ENOENT or Libc.ENOTDIR or Libc.ELOOP or Libc.ENXIO
            ? false
            : throw new PosixException($"open {name}", error);
    }

    /// <summary>Writes a name with its final NUL.</summary>
    internal static void Terminate(ReadOnlySpan<char> name, Span<byte> destination)
    {
        var length = Encoding.Latin1.GetBytes(name, destination);
        destination[length] = 0;
    }

    private TreeEntry? ReadEntry(SafeFileHandle parent, TreePath path)
    {
        if (ReadStat(parent, path.RawName, Libc.AT_SYMLINK_NOFOLLOW) is not { } stat)
        {
            return null;
        }

        TreeEntryKind kind;
        string? target = null;
        switch (stat.Mode & FormatMask)
        {
            case FormatRegular:
                kind = TreeEntryKind.File;
                break;
            case FormatDirectory when stat.Device == _device:
                kind = TreeEntryKind.Directory;
                break;
            case FormatLink:
                kind = TreeEntryKind.Link;
                target = ReadLink(parent, path);
                break;
            default:
                return null;
        }

        return kind == TreeEntryKind.Link && target is null
            ? null
            : new TreeEntry(
                path, kind, kind == TreeEntryKind.Link ? 0 : stat.Mode & TreeEntry.PreservedMode, ToStamp(stat), target, stat.UserId, stat.GroupId, stat.Links);
    }

    private static unsafe string? ReadLink(SafeFileHandle parent, TreePath path)
    {
        Span<byte> name = stackalloc byte[TreePath.MaximumNameBytes + 1];
        Terminate(path.RawName, name);
        Span<byte> target = stackalloc byte[TreePath.MaximumBytes + 1];
        fixed (byte* namePointer = name, targetPointer = target)
        {
            var length = Libc.ReadlinkAt(parent, namePointer, targetPointer, (nuint)target.Length);
            return length <= 0 ? null : Encoding.Latin1.GetString(target[..(int)length]);
        }
    }

    /// <summary>Attributes of a name in a directory, or of the directory's own handle; null when there is no such name.</summary>
    internal static unsafe Libc.StatxBuffer? ReadStat(SafeFileHandle directory, ReadOnlySpan<char> name, int flags)
    {
        Span<byte> zeroEnded = stackalloc byte[TreePath.MaximumNameBytes + 1];
        Terminate(name, zeroEnded);
        Libc.StatxBuffer buffer;
        fixed (byte* pointer = zeroEnded)
        {
            if (Libc.Statx(directory, pointer, flags, Libc.STATX_BASIC_STATS, &buffer) == 0)
            {
                return buffer;
            }
        }

        var error = Marshal.GetLastPInvokeError();
        return error is Libc.ENOENT or Libc.ENOTDIR ? null : throw new PosixException($"stat {name}", error);
    }

    internal const int FormatMask = 0xF000;
    internal const int FormatRegular = 0x8000;
    internal const int FormatDirectory = 0x4000;
    internal const int FormatLink = 0xA000;

    internal static bool IsRegular(ushort mode) => (mode & FormatMask) == FormatRegular;

    internal static bool IsDirectory(ushort mode) => (mode & FormatMask) == FormatDirectory;

    internal static FileStamp ToStamp(in Libc.StatxBuffer stat) => new(
        (long)stat.Size,
        stat.ModifiedNs,
        stat.ChangedNs,
        stat.Inode);
}
