namespace Dumont.Snapshots;

/// <summary>What the file system says, as the errors of a store.</summary>
internal static class DirectoryErrors
{
    private const int EROFS = 30;
    private const int EPERM = 1;
    private const int EIO = 5;

    /// <summary>Whether an exception of the base library or of a system call tells of the file system.</summary>
    public static bool IsOfFileSystem(Exception exception) =>
        exception is IOException and not ObjectStoreException or UnauthorizedAccessException;

    /// <summary>The error for <paramref name="action"/> (a verb, as in "write") on <paramref name="path"/>.</summary>
    public static ObjectStoreException Translate(Exception exception, string action, string path)
    {
        var (kind, reason) = ErrnoOf(exception) switch
        {
            Libc.ENOSPC => (ObjectStoreErrorKind.Full, "no space is left on its disk; free some or choose a folder on another disk"),
            Libc.EDQUOT => (ObjectStoreErrorKind.Full, "the disk quota is used up; free space or have the quota raised"),
            EROFS => (ObjectStoreErrorKind.Denied, "its file system is read-only; mount it for writing or choose another folder"),
            Libc.EACCES or EPERM => (ObjectStoreErrorKind.Denied, "the rights do not allow it; change owner or mode of the folder, or choose another one"),
            Libc.ENOENT => (ObjectStoreErrorKind.NotFound, "it is not there"),
            Libc.ENOTDIR => (ObjectStoreErrorKind.Protocol, "a file stands where a folder must be; choose another folder"),
            Libc.ENAMETOOLONG => (ObjectStoreErrorKind.Protocol, "its path is too long for the file system; choose a folder with a shorter path"),
            EIO => (ObjectStoreErrorKind.Transient, "the disk failed; check it before anything else is written"),
            _ => (ObjectStoreErrorKind.Transient, exception.Message),
        };
        return new ObjectStoreException(kind, $"cannot {action} {path}: {reason}", exception);
    }

    public static int ErrnoOf(Exception exception) => exception switch
    {
        PosixException posix => posix.Errno,
        UnauthorizedAccessException { InnerException: IOException inner } => inner.HResult,
        UnauthorizedAccessException => Libc.EACCES,
        FileNotFoundException or DirectoryNotFoundException => Libc.ENOENT,
        PathTooLongException => Libc.ENAMETOOLONG,
        // The base library keeps the kernel's number here.
        _ => exception.HResult,
    };
}
