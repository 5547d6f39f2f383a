using System.Runtime.InteropServices;
using System.Text;

namespace Dumont.Snapshots;

/// <summary>The tree that a snapshot is taken of, read through bare descriptors. A link inside it is never followed, also not one that
/// replaces a directory while it is read. Thread safe.</summary>
internal sealed unsafe class SourceTree : IDisposable
{
    private readonly TreeRoot _root;
    private readonly int _descriptor;
    private volatile bool _lacksOpenAt2;

    public SourceTree(string path)
    {
        _root = TreeRoot.Open(path);
        _descriptor = (int)_root.Handle.DangerousGetHandle();
    }

    /// <summary>Absolute path.</summary>
    public string Location => _root.Location;

    /// <summary>Opens a directory of the tree.</summary>
    /// <exception cref="PosixException">It cannot be.</exception>
    public int OpenDirectory(string path) => Open(path, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW);

    /// <summary>Opens a file. The kernel does not wait for the other end of a pipe that took its place.</summary>
    /// <exception cref="PosixException">It cannot be.</exception>
    public int OpenFile(string directory, ReadOnlySpan<byte> name)
    {
        var text = Encoding.Latin1.GetString(name);
        return Open(directory.Length == 0 ? text : string.Concat(directory, "/", text), Libc.O_RDONLY | Libc.O_NOFOLLOW | Libc.O_NONBLOCK);
    }

    /// <summary>Target of a link; 0 or less when it is gone, or is no link any more.</summary>
    /// <exception cref="PosixException">Its directory cannot be opened.</exception>
    public int ReadLink(string directory, ReadOnlySpan<byte> name, Span<byte> target)
    {
        Span<byte> ended = stackalloc byte[TreePath.MaximumNameBytes + 1];
        name.CopyTo(ended);
        ended[name.Length] = 0;
        var descriptor = OpenDirectory(directory);
        try
        {
            fixed (byte* pointer = ended, buffer = target)
            {
                return (int)LibcFd.ReadlinkAt(descriptor, pointer, buffer, (nuint)target.Length);
            }
        }
        finally
        {
            _ = LibcFd.Close(descriptor);
        }
    }

    public static Libc.StatxBuffer StatOf(int descriptor)
    {
        Libc.StatxBuffer stat;
        var nothing = (byte)0;
        Libc.Check(LibcFd.Statx(descriptor, &nothing, Libc.AT_EMPTY_PATH, Libc.STATX_BASIC_STATS, &stat), "stat");
        return stat;
    }

    public void Dispose() => _root.Dispose();

    private int Open(string path, int flags)
    {
        if (!_lacksOpenAt2)
        {
            Span<byte> name = stackalloc byte[TreePath.MaximumBytes + 2];
            var length = Encoding.Latin1.GetBytes(path.Length == 0 ? "." : path, name);
            name[length] = 0;
            fixed (byte* pointer = name)
            {
                var descriptor = LibcFd.OpenAt2(
                    _descriptor, pointer, (ulong)(flags | Libc.O_CLOEXEC), 0, LibcFd.RESOLVE_BENEATH | LibcFd.RESOLVE_NO_SYMLINKS);
                if (descriptor >= 0)
                {
                    return descriptor;
                }
            }

            // Sandboxes that do not know the call answer that it is forbidden.
            var error = Marshal.GetLastPInvokeError();
            if (error is not (Libc.ENOSYS or Libc.EPERM))
            {
                throw new PosixException($"open {path}", error);
            }

            _lacksOpenAt2 = true;
        }

        return OpenStepwise(path, flags);
    }

    private int OpenStepwise(string path, int flags)
    {
        var slash = path.LastIndexOf('/');
        var parentPath = TreePath.Root;
        if (slash > 0 && !TreePath.TryCreate(Encoding.Latin1.GetBytes(path[..slash]), out parentPath))
        {
            throw new PosixException($"open {path}", Libc.ENOENT);
        }

        using var parent = _root.FindDirectory(parentPath) ?? throw new PosixException($"open {path}", Libc.ENOENT);
        if (!TreeRoot.TryOpen(parent, path.Length == 0 ? "." : path.AsSpan(slash + 1), flags, out var file))
        {
            throw new PosixException($"open {path}", Libc.ENOENT);
        }

        // The descriptor goes on without its handle: it is closed by number like the others.
        var descriptor = (int)file.DangerousGetHandle();
        file.SetHandleAsInvalid();
        return descriptor;
    }
}
