using System.Runtime.InteropServices;
using System.Text;

namespace Dumont.Snapshots;

/// <summary>System calls on bare descriptors with names as zero-terminated bytes. Nothing here follows a link in the last component, and
/// <see cref="OpenBeneath"/> in none.</summary>
internal static unsafe class Posix
{
    /// <summary>Room for a name or for a path of the kernel's longest length, with the final zero.</summary>
    public const int NameBytes = TreePath.MaximumNameBytes + 1;

    /// <summary>Throws what the last call left as its error.</summary>
    public static PosixException LastError(string what) => new(what, Marshal.GetLastPInvokeError());

    /// <summary>A zero-terminated copy.</summary>
    public static byte[] Terminated(ReadOnlySpan<char> latin1)
    {
        var bytes = new byte[latin1.Length + 1];
        Encoding.Latin1.GetBytes(latin1, bytes);
        return bytes;
    }

    /// <summary>Opens the directory <paramref name="path"/> (components as one char a byte, "" for itself) without following any link and
    /// without leaving the file system; -1 and the kernel's error when it cannot be.</summary>
    public static int OpenBeneath(int directory, string path)
    {
        const int Flags = Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW | Libc.O_CLOEXEC;
        if (path.Length == 0)
        {
            return Open(directory, "."u8, Flags);
        }

        if (path.Length <= TreePath.MaximumBytes)
        {
            Span<byte> bytes = stackalloc byte[path.Length + 1];
            TreeRoot.Terminate(path, bytes);
            fixed (byte* pointer = bytes)
            {
                const ulong Resolve = LibcFd.RESOLVE_BENEATH | LibcFd.RESOLVE_NO_SYMLINKS | LibcFd.RESOLVE_NO_XDEV;
                var opened = LibcFd.OpenAt2(directory, pointer, Flags, 0, Resolve);
                if (opened >= 0 || Marshal.GetLastPInvokeError() is not (Libc.ENOSYS or Libc.EPERM))
                {
                    return opened;
                }
            }
        }

        return WalkBeneath(directory, path, Flags);
    }

    /// <summary>Opens one name; -1 when it cannot be.</summary>
    public static int Open(int directory, ReadOnlySpan<byte> name, int flags, uint mode = 0)
    {
        fixed (byte* pointer = name)
        {
            return Libc.OpenAt(directory, pointer, flags | Libc.O_NOFOLLOW | Libc.O_CLOEXEC, mode);
        }
    }

    /// <summary>Attributes of a name, not following it; false when there is no such name.</summary>
    public static bool TryStat(int directory, ReadOnlySpan<byte> name, out Libc.StatxBuffer stat)
    {
        fixed (byte* pointer = name)
        fixed (Libc.StatxBuffer* buffer = &stat)
        {
            if (LibcFd.Statx(directory, pointer, Libc.AT_SYMLINK_NOFOLLOW, Libc.STATX_BASIC_STATS, buffer) == 0)
            {
                return true;
            }
        }

        var error = Marshal.GetLastPInvokeError();
        return error is Libc.ENOENT or Libc.ENOTDIR
            ? false
            : throw new PosixException($"stat {Encoding.UTF8.GetString(name.TrimEnd((byte)0))}", error);
    }

    /// <summary>Attributes of an open file.</summary>
    public static Libc.StatxBuffer Stat(int file)
    {
        Libc.StatxBuffer stat;
        byte nothing = 0;
        Libc.Check(LibcFd.Statx(file, &nothing, Libc.AT_EMPTY_PATH, Libc.STATX_BASIC_STATS, &stat), "statx");
        return stat;
    }

    /// <summary>Makes a directory; 0, or -1 when it cannot.</summary>
    public static int MakeDirectory(int directory, ReadOnlySpan<byte> name, uint mode)
    {
        fixed (byte* pointer = name)
        {
            return LibcFd.MkdirAt(directory, pointer, mode);
        }
    }

    /// <summary>Removes a name; nothing there is as good.</summary>
    public static void Unlink(int directory, ReadOnlySpan<byte> name, int flags = 0)
    {
        fixed (byte* pointer = name)
        {
            if (LibcFd.UnlinkAt(directory, pointer, flags) < 0 && Marshal.GetLastPInvokeError() is var error and not Libc.ENOENT)
            {
                throw new PosixException($"delete {Encoding.UTF8.GetString(name.TrimEnd((byte)0))}", error);
            }
        }
    }

    /// <summary>Renames; 0, or -1 when it cannot.</summary>
    public static int Rename(int fromDirectory, ReadOnlySpan<byte> from, int toDirectory, ReadOnlySpan<byte> to, uint flags)
    {
        fixed (byte* source = from, destination = to)
        {
            return LibcFd.RenameAt2(fromDirectory, source, toDirectory, destination, flags);
        }
    }

    /// <summary>Gives an inode a second name; 0, or -1 when it cannot.</summary>
    public static int Link(int fromDirectory, ReadOnlySpan<byte> from, int toDirectory, ReadOnlySpan<byte> to)
    {
        fixed (byte* source = from, destination = to)
        {
            return LibcFd.LinkAt(fromDirectory, source, toDirectory, destination, 0);
        }
    }

    /// <summary>Target of a symbolic link; null when it is none.</summary>
    public static byte[]? ReadLink(int directory, ReadOnlySpan<byte> name)
    {
        Span<byte> target = stackalloc byte[TreePath.MaximumBytes + 1];
        fixed (byte* namePointer = name, targetPointer = target)
        {
            var length = LibcFd.ReadlinkAt(directory, namePointer, targetPointer, (nuint)target.Length);
            return length < 0 ? null : target[..(int)length].ToArray();
        }
    }

    /// <summary>Writes all of it; false and the kernel's error when that cannot be.</summary>
    public static bool TryWrite(int file, ReadOnlySpan<byte> content, long offset)
    {
        fixed (byte* pointer = content)
        {
            var written = 0;
            while (written < content.Length)
            {
                var step = LibcFd.PWrite(file, pointer + written, (nuint)(content.Length - written), offset + written);
                if (step > 0)
                {
                    written += (int)step;
                }
                else if (Marshal.GetLastPInvokeError() != Libc.EINTR)
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>Reads until <paramref name="destination"/> is full or the file ends.</summary>
    public static int Read(int file, Span<byte> destination, long offset)
    {
        fixed (byte* pointer = destination)
        {
            var filled = 0;
            while (filled < destination.Length)
            {
                var step = LibcFd.PRead(file, pointer + filled, (nuint)(destination.Length - filled), offset + filled);
                if (step == 0)
                {
                    break;
                }

                if (step > 0)
                {
                    filled += (int)step;
                }
                else if (Marshal.GetLastPInvokeError() is var error and not Libc.EINTR)
                {
                    throw new PosixException("read", error);
                }
            }

            return filled;
        }
    }

    /// <summary>Sets access and modification time of an open file, or of a name when there is one.</summary>
    public static int SetTimes(int file, ReadOnlySpan<byte> name, long modifiedNs)
    {
        var (seconds, nanoseconds) = Math.DivRem(modifiedNs, 1_000_000_000);
        if (nanoseconds < 0)
        {
            seconds--;
            nanoseconds += 1_000_000_000;
        }

        var times = stackalloc Libc.TimeSpec[2];
        times[0] = times[1] = new Libc.TimeSpec { Seconds = seconds, Nanoseconds = nanoseconds };
        if (name.IsEmpty)
        {
            return LibcFd.FUtimens(file, times);
        }

        fixed (byte* pointer = name)
        {
            return LibcFd.UtimensAt(file, pointer, times, Libc.AT_SYMLINK_NOFOLLOW);
        }
    }

    /// <summary>Names in a directory, zero-terminated, without the two dots.</summary>
    public static List<byte[]> ReadNames(int directory)
    {
        const int NameOffset = 19;
        var names = new List<byte[]>();
        var buffer = new byte[32 << 10];
        fixed (byte* start = buffer)
        {
            while (true)
            {
                var filled = LibcFd.GetDents64(directory, start, (nuint)buffer.Length);
                if (filled == 0 || (filled < 0 && Marshal.GetLastPInvokeError() == Libc.ENOENT))
                {
                    return names;
                }

                Libc.Check(filled, "getdents64");
                for (var record = start; record < start + filled; record += *(ushort*)(record + 16))
                {
                    var name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(record + NameOffset);
                    if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                    {
                        var copy = new byte[name.Length + 1];
                        name.CopyTo(copy);
                        names.Add(copy);
                    }
                }
            }
        }
    }

    // For kernels and sandboxes without openat2, and for paths longer than one call takes: one component at a time.
    private static int WalkBeneath(int directory, string path, int flags)
    {
        var device = Stat(directory).Device;
        var current = -1;
        Span<byte> name = stackalloc byte[NameBytes];
        foreach (var range in path.AsSpan().Split('/'))
        {
            TreeRoot.Terminate(path.AsSpan(range), name);
            var next = Open(current < 0 ? directory : current, name, flags);
            var error = Marshal.GetLastPInvokeError();
            Close(current);
            if (next >= 0 && Stat(next).Device != device)
            {
                Close(next);
                (next, error) = (-1, Libc.EXDEV);
            }

            if (next < 0)
            {
                Marshal.SetLastPInvokeError(error);
                return -1;
            }

            current = next;
        }

        return current;
    }

    /// <summary>Closes a descriptor; none (-1) is as good. Errors of a close say nothing that a sync would not.</summary>
    public static void Close(int file)
    {
        if (file >= 0)
        {
            _ = LibcFd.Close(file);
        }
    }
}
