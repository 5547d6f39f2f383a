using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

// System calls on bare descriptors, for the places where a handle object for each of many thousand files would cost more than the call.
// Whoever opens a descriptor closes it in a finally block. Numbers are those of Linux on x86-64, as in Libc.
internal static unsafe partial class LibcFd
{
    public const int EBADF = 9;
    public const int EWOULDBLOCK = 11;
    public const int EBUSY = 16;
    public const int EMFILE = 24;
    public const int EROFS = 30;
    public const int ENOTEMPTY = 39;

    public const uint RENAME_EXCHANGE = 2;

    public const ulong RESOLVE_NO_XDEV = 1;
    public const ulong RESOLVE_NO_SYMLINKS = 4;
    public const ulong RESOLVE_BENEATH = 8;

    public const int SEEK_DATA = 3;
    public const int SEEK_HOLE = 4;

    public const int LOCK_EX = 2;
    public const int LOCK_NB = 4;

    public const uint FifoFormat = 0x1000;

    private const nint OpenAt2Number = 437;
    private const string Library = "libc.so.6";

    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int file);

    [LibraryImport(Library, EntryPoint = "pread", SetLastError = true)]
    public static partial nint PRead(int file, byte* buffer, nuint size, long offset);

    [LibraryImport(Library, EntryPoint = "pwrite", SetLastError = true)]
    public static partial nint PWrite(int file, byte* buffer, nuint size, long offset);

    [LibraryImport(Library, EntryPoint = "lseek", SetLastError = true)]
    public static partial long LSeek(int file, long offset, int whence);

    [LibraryImport(Library, EntryPoint = "ftruncate", SetLastError = true)]
    public static partial int FTruncate(int file, long length);

    [LibraryImport(Library, EntryPoint = "fallocate", SetLastError = true)]
    public static partial int FAllocate(int file, int mode, long offset, long length);

    [LibraryImport(Library, EntryPoint = "copy_file_range", SetLastError = true)]
    public static partial nint CopyFileRange(int from, long* fromOffset, int to, long* toOffset, nuint length, uint flags);

    [LibraryImport(Library, EntryPoint = "sync_file_range", SetLastError = true)]
    public static partial int SyncFileRange(int file, long offset, long length, uint flags);

    [LibraryImport(Library, EntryPoint = "fsync", SetLastError = true)]
    public static partial int FSync(int file);

    [LibraryImport(Library, EntryPoint = "syncfs", SetLastError = true)]
    public static partial int SyncFs(int file);

    [LibraryImport(Library, EntryPoint = "flock", SetLastError = true)]
    public static partial int FLock(int file, int operation);

    [LibraryImport(Library, EntryPoint = "fchmod", SetLastError = true)]
    public static partial int FChmod(int file, uint mode);

    [LibraryImport(Library, EntryPoint = "fchown", SetLastError = true)]
    public static partial int FChown(int file, uint user, uint group);

    [LibraryImport(Library, EntryPoint = "fchownat", SetLastError = true)]
    public static partial int FChownAt(int directory, byte* name, uint user, uint group, int flags);

    [LibraryImport(Library, EntryPoint = "futimens", SetLastError = true)]
    public static partial int FUtimens(int file, Libc.TimeSpec* times);

    [LibraryImport(Library, EntryPoint = "utimensat", SetLastError = true)]
    public static partial int UtimensAt(int directory, byte* name, Libc.TimeSpec* times, int flags);

    [LibraryImport(Library, EntryPoint = "fsetxattr", SetLastError = true)]
    public static partial int FSetXattr(int file, byte* name, byte* value, nuint size, int flags);

    [LibraryImport(Library, EntryPoint = "fgetxattr", SetLastError = true)]
    public static partial nint FGetXattr(int file, byte* name, byte* value, nuint size);

    [LibraryImport(Library, EntryPoint = "flistxattr", SetLastError = true)]
    public static partial nint FListXattr(int file, byte* names, nuint size);

    [LibraryImport(Library, EntryPoint = "fremovexattr", SetLastError = true)]
    public static partial int FRemoveXattr(int file, byte* name);

    [LibraryImport(Library, EntryPoint = "mkdirat", SetLastError = true)]
    public static partial int MkdirAt(int directory, byte* name, uint mode);

    [LibraryImport(Library, EntryPoint = "mknodat", SetLastError = true)]
    public static partial int MknodAt(int directory, byte* name, uint mode, ulong device);

    [LibraryImport(Library, EntryPoint = "linkat", SetLastError = true)]
    public static partial int LinkAt(int fromDirectory, byte* from, int toDirectory, byte* to, int flags);

    [LibraryImport(Library, EntryPoint = "symlinkat", SetLastError = true)]
    public static partial int SymlinkAt(byte* target, int directory, byte* name);

    [LibraryImport(Library, EntryPoint = "readlinkat", SetLastError = true)]
    public static partial nint ReadlinkAt(int directory, byte* name, byte* buffer, nuint size);

    [LibraryImport(Library, EntryPoint = "unlinkat", SetLastError = true)]
    public static partial int UnlinkAt(int directory, byte* name, int flags);

    [LibraryImport(Library, EntryPoint = "renameat2", SetLastError = true)]
    public static partial int RenameAt2(int fromDirectory, byte* from, int toDirectory, byte* to, uint flags);

    [LibraryImport(Library, EntryPoint = "statx", SetLastError = true)]
    public static partial int Statx(int directory, byte* name, int flags, uint mask, Libc.StatxBuffer* buffer);

    [LibraryImport(Library, EntryPoint = "getdents64", SetLastError = true)]
    public static partial nint GetDents64(int directory, byte* buffer, nuint size);

    [LibraryImport(Library, EntryPoint = "fstatvfs", SetLastError = true)]
    public static partial int FStatVfs(int file, StatVfsBuffer* buffer);

    [LibraryImport(Library, EntryPoint = "geteuid")]
    public static partial uint GetEffectiveUser();

    /// <summary>Opens below <paramref name="directory"/> as <c>openat2</c> does; a C library has no function for it.</summary>
    public static int OpenAt2(int directory, byte* path, ulong flags, ulong mode, ulong resolve)
    {
        var how = new OpenHow { Flags = flags, Mode = mode, Resolve = resolve };
        return (int)SystemCall(OpenAt2Number, directory, path, &how, (nuint)sizeof(OpenHow));
    }

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, nint directory, byte* path, OpenHow* how, nuint size);

    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    /// <summary><c>struct statvfs</c> of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 112)]
    public struct StatVfsBuffer
    {
        [FieldOffset(8)]
        public ulong FragmentBytes;

        [FieldOffset(32)]
        public ulong AvailableBlocks;
    }
}
