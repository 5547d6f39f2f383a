using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Snapshots;

/// <summary>
/// The only way in which data that must survive a power cut is written. Goes past the base library on purpose: on .NET 10
/// <see cref="FileStream.Flush(bool)"/> and <see cref="RandomAccess.FlushToDisk"/> return normally when <c>fsync</c> fails, and a
/// directory cannot be opened at all. Every call here checks the kernel's answer.
/// </summary>
/// <remarks>After a failed <c>fsync</c> the kernel may have dropped the dirty pages, so a second try that succeeds proves nothing: callers
/// must treat the file as lost and write it again.</remarks>
public static class Durable
{
    private const UnixFileMode PrivateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Makes the content and the metadata of an open file durable.</summary>
    /// <exception cref="PosixException">The kernel could not; treat the file as lost.</exception>
    public static void Sync(SafeFileHandle file) => Libc.Check(Libc.FSync(file), "fsync");

    /// <summary>Makes the content of an open file durable, and of its metadata only what is needed to read it back.</summary>
    /// <exception cref="PosixException">The kernel could not; treat the file as lost.</exception>
    public static void SyncData(SafeFileHandle file) => Libc.Check(Libc.FDataSync(file), "fdatasync");

    /// <summary>Makes everything written so far to the file system that holds <paramref name="anyFile"/> durable, in one call. Cheaper than
    /// one <c>fsync</c> a file as soon as there are more than a handful.</summary>
    /// <exception cref="PosixException">Some page could not be written (reported since Linux 5.8).</exception>
    public static void SyncFileSystem(SafeFileHandle anyFile) => Libc.Check(Libc.SyncFs(anyFile), "syncfs");

    /// <summary>Makes the names in a directory durable.</summary>
    /// <exception cref="PosixException">The directory cannot be opened or synced.</exception>
    public static void SyncDirectory(string path)
    {
        using var directory = OpenDirectory(path);
        Sync(directory);
    }

    /// <summary>Replaces <paramref name="path"/> in one step: a reader, and a machine that lost power, sees the old content or the new one,
    /// never a mixture; when the call returns it is the new one for ever. Mode 0600 unless told.</summary>
    /// <exception cref="IOException">Not written; the old content is still there.</exception>
    public static void WriteAtomic(string path, ReadOnlySpan<byte> content, UnixFileMode mode = PrivateMode)
    {
        var temporary = TemporaryName(path);
        WriteTemporary(temporary, content, mode, static file => Sync(file));
        Libc.Check(Libc.Rename(temporary, path), $"rename to {path}");
        SyncDirectory(DirectoryOf(path));
    }

    /// <summary>Group commit: writes many files with one flush of their file system before the renames and one flush of each directory after.
    /// Each file is replaced atomically; together they are not a transaction. All paths must be on one file system.</summary>
    /// <exception cref="IOException">Some file may have been replaced and some not; none is torn.</exception>
    public static void WriteBatch(IReadOnlyList<KeyValuePair<string, ReadOnlyMemory<byte>>> files, UnixFileMode mode = PrivateMode)
    {
        if (files.Count == 0)
        {
            return;
        }

        foreach (var (path, content) in files)
        {
            WriteTemporary(TemporaryName(path), content.Span, mode, static _ => { });
        }

        using (var anyDirectory = OpenDirectory(DirectoryOf(files[0].Key)))
        {
            SyncFileSystem(anyDirectory);
        }

        foreach (var (path, _) in files)
        {
            Libc.Check(Libc.Rename(TemporaryName(path), path), $"rename to {path}");
        }

        foreach (var directory in files.Select(file => DirectoryOf(file.Key)).Distinct(StringComparer.Ordinal))
        {
            SyncDirectory(directory);
        }
    }

    private static void WriteTemporary(string path, ReadOnlySpan<byte> content, UnixFileMode mode, Action<SafeFileHandle> sync)
    {
        // A left-over of a crash may have another mode, and UnixCreateMode only works on creation.
        File.Delete(path);
        using var stream = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            BufferSize = 0,
            UnixCreateMode = mode,
        });
        stream.Write(content);
        sync(stream.SafeFileHandle);
    }

    private static string TemporaryName(string path) => path + ".tmp";

    private static string DirectoryOf(string path) => Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";

    internal static unsafe SafeFileHandle OpenDirectory(string path)
    {
        var name = Marshal.StringToCoTaskMemUTF8(path);
        try
        {
            var descriptor = Libc.OpenAt(Libc.AT_FDCWD, (byte*)name, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC, 0);
            Libc.Check(descriptor, $"open directory {path}");
            return new SafeFileHandle(descriptor, ownsHandle: true);
        }
        finally
        {
            Marshal.FreeCoTaskMem(name);
        }
    }
}
