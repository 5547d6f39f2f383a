using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Snapshots;

/// <summary>A file without the name of an object yet. While it is open it is locked, so that no other writer takes it for a left-over.</summary>
internal sealed class TemporaryFile : IDisposable
{
    private const UnixFileMode ModeBits = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // 1 to 4 MiB copy at the full speed of memory; smaller pieces notice a cancellation sooner.
    private const int PieceBytes = 4 << 20;

    private readonly string _path;
    private readonly SafeFileHandle _file;
    private long _reservedBytes;
    private bool _isGone;

    /// <summary>Makes one.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="expectedBytes">About as long as it will be.</param>
    /// <exception cref="IOException">Not made. ENOENT or EAGAIN: between its creation and its lock another process took it for a left-over, or
    /// somebody removed the folder.</exception>
    public TemporaryFile(string folder, long expectedBytes)
    {
        _path = Path.Combine(folder, Guid.NewGuid().ToString("n"));
        _file = File.OpenHandle(_path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        try
        {
            File.SetUnixFileMode(_file, ModeBits);
            if (!OpenFiles.IsLinked(_file))
            {
                throw new PosixException($"create {_path}", Libc.ENOENT);
            }

            Reserve(expectedBytes);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Writes a stretch; whole pages from several threads at once.</summary>
    /// <exception cref="IOException">Not written.</exception>
    public void Write(long offset, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        DirectWrite.Write(_file, content, offset, PieceBytes, cancellationToken);

    /// <summary>Makes its content durable, gives it a name, which is not durable yet, and closes it. What was not named can be tried again.</summary>
    /// <param name="path">The name.</param>
    /// <param name="lengthBytes">How long it is; what was reserved beyond is given back.</param>
    /// <param name="mode">What to do when the name is taken.</param>
    /// <returns>False when the name is taken and stays so.</returns>
    /// <exception cref="IOException">It has no name and is still open. ENOENT: one of the folders is gone.</exception>
    public bool Name(string path, long lengthBytes, PutMode mode)
    {
        if (_reservedBytes > lengthBytes)
        {
            RandomAccess.SetLength(_file, lengthBytes);
            _reservedBytes = lengthBytes;
        }

        Durable.SyncData(_file);
        var isNamed = mode == PutMode.Overwrite ? Replace(path) : NameOnce(path);

        // At once: nobody can read it while it is locked.
        Dispose();
        return isNamed;
    }

    public void Dispose()
    {
        if (!_isGone)
        {
            Remove();
        }

        _file.Dispose();
    }

    // One piece of disk instead of many, and a full disk is found before anything is written. Not every file system can.
    private void Reserve(long bytes)
    {
        if (bytes > 0 && Libc.FAllocate(_file, 0, 0, bytes) == 0)
        {
            _reservedBytes = bytes;
        }
        else if (bytes > 0 && Marshal.GetLastPInvokeError() is Libc.ENOSPC or Libc.EDQUOT)
        {
            throw new PosixException("fallocate", Libc.ENOSPC);
        }
    }

    private bool Replace(string path)
    {
        Libc.Check(Libc.Rename(_path, path), $"rename to {path}");
        _isGone = true;
        return true;
    }

    // False when the name is taken.
    private bool NameOnce(string path)
    {
        if (Libc.RenameAt2(Libc.AT_FDCWD, _path, Libc.AT_FDCWD, path, Libc.RENAME_NOREPLACE) == 0)
        {
            _isGone = true;
            return true;
        }

        var errno = Marshal.GetLastPInvokeError();
        if (errno is Libc.EINVAL or Libc.ENOSYS)
        {
            // A file system that cannot rename so, such as NFS: a second name for the file is refused as well when it is taken.
            errno = Libc.Link(_path, path) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }

        return errno switch
        {
            0 => true,
            Libc.EEXIST => false,
            _ => throw new PosixException($"rename to {path}", errno),
        };
    }

    private void Remove()
    {
        _isGone = true;
        try
        {
            File.Delete(_path);
        }
        catch (Exception e) when (DirectoryErrors.IsOfFileSystem(e))
        {
            // It is a left-over then, which the next writer clears.
        }
    }
}
