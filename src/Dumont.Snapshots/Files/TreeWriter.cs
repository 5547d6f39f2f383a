using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Snapshots;

/// <summary>
/// Changes a tree, one atomic step at a time. New content is first written under a private name in <see cref="TreePath.StagingName"/> at the root
/// of the tree, thus on the same file system, and then renamed into place. Paths are resolved as <see cref="TreeRoot"/> does.
/// </summary>
/// <remarks>Durability is the caller's: see <see cref="SyncNames"/>. Not thread safe.</remarks>
internal sealed partial class TreeWriter : IDisposable
{
    /// <summary>Above this, one flush of the whole file system is cheaper than one a file or directory.</summary>
    public const int SyncEachLimit = 8;

    private const uint PrivateFile = 0b110_000_000;
    private const uint PrivateDirectory = 0b111_000_000;
    private const uint NewDirectory = 0b111_101_101;

    private readonly TreeRoot _root;
    private readonly SafeFileHandle _staging;
    private readonly HashSet<TreePath> _unsynced = [];
    private readonly Queue<string> _trash = new();
    private bool _attributesUnsynced;
    private long _nextName;

    /// <summary>Takes the staging directory over and empties it: what is in it is left over from a crash.</summary>
    public unsafe TreeWriter(TreeRoot root)
    {
        _root = root;
        Span<byte> name = stackalloc byte[TreePath.MaximumNameBytes + 1];
        TreeRoot.Terminate(TreePath.StagingName, name);
        if (TreeRoot.ReadStat(root.Handle, TreePath.StagingName, Libc.AT_SYMLINK_NOFOLLOW) is { } stat && !TreeRoot.IsDirectory(stat.Mode))
        {
            Unlink(root.Handle, TreePath.StagingName, 0);
        }

        fixed (byte* pointer = name)
        {
            if (Libc.MkdirAt(root.Handle, pointer, PrivateDirectory) < 0 && Marshal.GetLastPInvokeError() is var error and not Libc.EEXIST)
            {
                throw new PosixException($"create {TreePath.StagingName}", error);
            }
        }

        if (!TreeRoot.TryOpen(root.Handle, TreePath.StagingName, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW, out _staging))
        {
            throw new PosixException($"open {TreePath.StagingName}", Libc.ENOTDIR);
        }

        foreach (var left in TreeRoot.ReadNames(_staging).Select(Encoding.Latin1.GetString))
        {
            // New names must not meet left-over ones.
            _nextName = long.TryParse(left, CultureInfo.InvariantCulture, out var number) ? Math.Max(_nextName, number + 1) : _nextName;
            _trash.Enqueue(left);
        }

        EmptyTrash();
    }

    /// <summary>A new empty file in the staging directory, open for reading and writing, and its name there.</summary>
    public unsafe (SafeFileHandle File, string Name) CreateFile()
    {
        var name = NextName();
        Span<byte> zeroEnded = stackalloc byte[TreePath.MaximumNameBytes + 1];
        TreeRoot.Terminate(name, zeroEnded);
        var taken = false;
        _staging.DangerousAddRef(ref taken);
        try
        {
            fixed (byte* pointer = zeroEnded)
            {
                const int Flags = Libc.O_RDWR | Libc.O_CREAT | Libc.O_EXCL | Libc.O_NOFOLLOW | Libc.O_CLOEXEC;
                var descriptor = Libc.OpenAt((int)_staging.DangerousGetHandle(), pointer, Flags, PrivateFile);
                Libc.Check(descriptor, $"create {name}");
                return (new SafeFileHandle(descriptor, ownsHandle: true), name);
            }
        }
        finally
        {
            _staging.DangerousRelease();
        }
    }

    /// <summary>Removes a staged file that is not wanted.</summary>
    public void DeleteStaged(string name) => Unlink(_staging, name, 0);

    /// <summary>Makes the content of staged files durable. Must come before <see cref="Place"/>.</summary>
    /// <param name="count">How many files.</param>
    /// <param name="files">Their handles; only used when there are no more than <see cref="SyncEachLimit"/>.</param>
    public void SyncContent(int count, IReadOnlyList<SafeFileHandle> files)
    {
        if (count > SyncEachLimit)
        {
            Durable.SyncFileSystem(_root.Handle);
            return;
        }

        foreach (var file in files)
        {
            Durable.SyncData(file);
        }
    }

    /// <summary>Renames a staged entry to its place, over whatever is there.</summary>
    public void Place(string stagedName, TreePath path)
    {
        using var parent = OpenParent(path);
        if (TreeRoot.ReadStat(parent, path.RawName, Libc.AT_SYMLINK_NOFOLLOW) is { } stat && TreeRoot.IsDirectory(stat.Mode))
        {
            MoveToTrash(parent, path.RawName);
        }

        Rename(_staging, stagedName, parent, path.RawName);
    }

    /// <summary>Stages and places a link.</summary>
    public unsafe void PlaceLink(TreePath path, string target, long modifiedNs, EntryMetadata? metadata)
    {
        var name = NextName();
        Span<byte> zeroEnded = stackalloc byte[TreePath.MaximumNameBytes + 1];
        TreeRoot.Terminate(name, zeroEnded);
        var targetBytes = new byte[target.Length + 1];
        Encoding.Latin1.GetBytes(target, targetBytes);
        fixed (byte* namePointer = zeroEnded, targetPointer = targetBytes)
        {
            Libc.Check(Libc.SymlinkAt(targetPointer, _staging, namePointer), $"create link {path}");
            if (metadata is not null && _isRoot
                && LibcFd.FChownAt((int)_staging.DangerousGetHandle(), namePointer, metadata.UserId, metadata.GroupId, Libc.AT_SYMLINK_NOFOLLOW) < 0)
            {
                Trouble = Unset(path, "its owner");
            }

            var times = stackalloc Libc.TimeSpec[2];
            FillTimes(times, modifiedNs);
            Libc.Check(Libc.UtimensAt(_staging, namePointer, times, Libc.AT_SYMLINK_NOFOLLOW), $"set times of link {path}");
        }

        Place(name, path);
    }

    /// <summary>Makes <paramref name="path"/> another name of the file at <paramref name="target"/>, over whatever is there.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such file.</exception>
    public void PlaceHardLink(TreePath path, TreePath target)
    {
        using var from = _root.FindDirectory(target.Parent) ?? throw new DirectoryNotFoundException($"{target.Parent} is not a directory of the tree.");
        if (target.IsReserved || TreeRoot.ReadStat(from, target.RawName, Libc.AT_SYMLINK_NOFOLLOW) is not { } file || !TreeRoot.IsRegular(file.Mode))
        {
            throw new DirectoryNotFoundException($"{target} is not a file of the tree.");
        }

        using (var parent = OpenParent(path))
        {
            // A rename over another name of the same file does nothing at all, and would leave the staged name.
            if (TreeRoot.ReadStat(parent, path.RawName, Libc.AT_SYMLINK_NOFOLLOW) is { } there && there.Inode == file.Inode && there.Device == file.Device)
            {
                return;
            }
        }

        var name = NextName();
        Libc.Check(
            Posix.Link((int)from.DangerousGetHandle(), Posix.Terminated(target.RawName), (int)_staging.DangerousGetHandle(), Posix.Terminated(name)),
            $"link {path} to {target}");
        Place(name, path);
    }

    /// <summary>Makes a directory, in place of anything else that is there, and sets its attributes.</summary>
    public unsafe void MakeDirectory(TreePath path, int mode, long modifiedNs, EntryMetadata? metadata)
    {
        using var parent = OpenParent(path);
        Span<byte> zeroEnded = stackalloc byte[TreePath.MaximumNameBytes + 1];
        TreeRoot.Terminate(path.RawName, zeroEnded);
        var existing = TreeRoot.ReadStat(parent, path.RawName, Libc.AT_SYMLINK_NOFOLLOW);
        if (existing is { } other && !TreeRoot.IsDirectory(other.Mode))
        {
            Unlink(parent, path.RawName, 0);
            existing = null;
        }

        if (existing is null)
        {
            fixed (byte* pointer = zeroEnded)
            {
                Libc.Check(Libc.MkdirAt(parent, pointer, NewDirectory), $"create directory {path}");
            }
        }

        SetAttributes(parent, path, Libc.O_DIRECTORY, mode, modifiedNs, metadata);
        _unsynced.Add(path);
    }

    /// <summary>Sets mode, time, owner and extended attributes of an existing regular file.</summary>
    public void SetFileAttributes(TreePath path, int mode, long modifiedNs, EntryMetadata? metadata)
    {
        using var parent = OpenParent(path);
        SetAttributes(parent, path, Libc.O_NONBLOCK, mode, modifiedNs, metadata);
        _attributesUnsynced = true;
    }

    /// <summary>Removes whatever is at <paramref name="path"/>; nothing there is as good.</summary>
    public void Delete(TreePath path)
    {
        using var parent = _root.FindDirectory(path.Parent);
        if (parent is null || TreeRoot.ReadStat(parent, path.RawName, Libc.AT_SYMLINK_NOFOLLOW) is not { } stat)
        {
            return;
        }

        _unsynced.Add(path.Parent);
        if (TreeRoot.IsDirectory(stat.Mode))
        {
            MoveToTrash(parent, path.RawName);
        }
        else
        {
            Unlink(parent, path.RawName, 0);
        }
    }

    /// <summary>Makes every rename, creation and removal so far durable.</summary>
    public void SyncNames()
    {
        if (_unsynced.Count > SyncEachLimit || _attributesUnsynced)
        {
            Durable.SyncFileSystem(_root.Handle);
            _unsynced.Clear();
            _attributesUnsynced = false;
            return;
        }

        foreach (var path in _unsynced)
        {
            // Gone again within the batch: then its parent is in the set as well.
            using var directory = _root.FindDirectory(path);
            if (directory is not null)
            {
                Durable.Sync(directory);
            }
        }

        _unsynced.Clear();
    }

    /// <summary>Deletes removed directories for good. Without recursion: a directory inside becomes a sibling first, so depth costs nothing.</summary>
    public void EmptyTrash()
    {
        while (_trash.TryDequeue(out var name))
        {
            if (!TreeRoot.TryOpen(_staging, name, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW, out var directory))
            {
                Unlink(_staging, name, 0);
                continue;
            }

            using (directory)
            {
                foreach (var child in TreeRoot.ReadNames(directory).Select(Encoding.Latin1.GetString))
                {
                    if (TreeRoot.ReadStat(directory, child, Libc.AT_SYMLINK_NOFOLLOW) is { } stat && TreeRoot.IsDirectory(stat.Mode))
                    {
                        var moved = NextName();
                        Rename(directory, child, _staging, moved);
                        _trash.Enqueue(moved);
                    }
                    else
                    {
                        Unlink(directory, child, 0);
                    }
                }
            }

            Unlink(_staging, name, Libc.AT_REMOVEDIR);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _staging.Dispose();

    private SafeFileHandle OpenParent(TreePath path)
    {
        if (path.IsReserved)
        {
            throw new UnauthorizedAccessException($"{path} is reserved.");
        }

        _unsynced.Add(path.Parent);
        return _root.FindDirectory(path.Parent) ?? throw new DirectoryNotFoundException($"{path.Parent} is not a directory of the tree.");
    }

    private void MoveToTrash(SafeFileHandle parent, ReadOnlySpan<char> name)
    {
        var trash = NextName();
        Rename(parent, name, _staging, trash);
        _trash.Enqueue(trash);
    }

    private string NextName() => _nextName++.ToString(CultureInfo.InvariantCulture);

    private static unsafe void Rename(SafeFileHandle from, ReadOnlySpan<char> fromName, SafeFileHandle to, ReadOnlySpan<char> toName)
    {
        Span<byte> source = stackalloc byte[TreePath.MaximumNameBytes + 1];
        Span<byte> destination = stackalloc byte[TreePath.MaximumNameBytes + 1];
        TreeRoot.Terminate(fromName, source);
        TreeRoot.Terminate(toName, destination);
        fixed (byte* sourcePointer = source, destinationPointer = destination)
        {
            Libc.Check(Libc.RenameAt(from, sourcePointer, to, destinationPointer), $"rename to {toName}");
        }
    }

    private static unsafe void Unlink(SafeFileHandle directory, ReadOnlySpan<char> name, int flags)
    {
        Span<byte> zeroEnded = stackalloc byte[TreePath.MaximumNameBytes + 1];
        TreeRoot.Terminate(name, zeroEnded);
        fixed (byte* pointer = zeroEnded)
        {
            if (Libc.UnlinkAt(directory, pointer, flags) < 0 && Marshal.GetLastPInvokeError() is var error and not Libc.ENOENT)
            {
                throw new PosixException($"delete {name}", error);
            }
        }
    }
}
