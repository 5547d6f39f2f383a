using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>
/// Makes and fills the files of a restore. A small file is made, written, stamped and closed in one go; of the large ones as many stay open as
/// there are descriptors for. Thread safe.
/// </summary>
internal sealed class RestoreFiles : IDisposable
{
    // Extents of smaller files are given out when they are written; for larger ones asking for all at once keeps them together, makes
    // each write cheaper, and finds a full disk before the work is done.
    private const long ReserveBytes = 1 << 20;
    private const int OpenFilesMax = 256;

    // From this size on a file that has to be on the disk in the end goes there past the page cache: a sixth of the processor time, and a
    // machine whose memory the host gives it page by page saves far more. Shorter stretches are not worth a wait for the disk.
    private const long DirectFileBytes = 1 << 20;
    private const int DirectStretchBytes = 64 << 10;

    private readonly AttributeWriter _attributes;
    private readonly bool _replaceLeftOvers;
    private readonly bool _goesToDisk;
    private readonly RestoreCounters _counters;
    private readonly Lock _lock = new();
    private readonly List<RestoreItem> _open = [];

    /// <param name="attributes">Sets modes, owners and times.</param>
    /// <param name="replaceLeftOvers">An earlier run left files that are not finished.</param>
    /// <param name="goesToDisk">The restore ends with a flush.</param>
    /// <param name="counters">Counts what is done.</param>
    public RestoreFiles(AttributeWriter attributes, bool replaceLeftOvers, bool goesToDisk, RestoreCounters counters)
    {
        _attributes = attributes;
        _replaceLeftOvers = replaceLeftOvers;
        _goesToDisk = goesToDisk;
        _counters = counters;
    }

    /// <summary>Writes one chunk to one of its places; finishes the file when it was the last.</summary>
    /// <param name="worker">Who calls.</param>
    /// <param name="item">The file.</param>
    /// <param name="offset">Where in it.</param>
    /// <param name="content">The chunk.</param>
    /// <param name="isZero">All zeros: need not be written where the file system says so anyway.</param>
    public void Write(RestoreWorker worker, RestoreItem item, long offset, ReadOnlySpan<byte> content, bool isZero)
    {
        if (item.Entry.Content.Count == 1)
        {
            WriteWhole(worker, item, content);
            return;
        }

        if (!isZero)
        {
            WriteStretch(worker, item, offset, content);
        }

        Complete(worker, item, 1, content.Length);
    }

    /// <summary>Whether stretches of this file are worth putting together, see <see cref="WriteRun"/>.</summary>
    public bool IsDirect(RestoreItem item) => _goesToDisk && item.Entry.SizeBytes >= DirectFileBytes && item.Entry.Content.Count > 1;

    /// <summary>Writes part of a large file.</summary>
    /// <param name="worker">Who calls.</param>
    /// <param name="item">The file.</param>
    /// <param name="offset">Where in it.</param>
    /// <param name="content">What; to go past the page cache it must lie in memory as it will lie on the disk.</param>
    public void WriteStretch(RestoreWorker worker, RestoreItem item, long offset, ReadOnlySpan<byte> content)
    {
        var file = Acquire(worker, item);
        try
        {
            var head = (int)Math.Min(content.Length, WriteRun.RoundUp(offset) - offset);
            var middle = (int)(WriteRun.RoundDown(offset + content.Length) - (offset + head));
            if (item.DirectDescriptor < 0 || middle < DirectStretchBytes ||
                !TryWriteDirect(item, content.Slice(head, middle), offset + head))
            {
                Write(file, item, content, offset);
                return;
            }

            // The blocks at the ends are shared with other stretches, so they go through the page cache, where both meet.
            Write(file, item, content[..head], offset);
            Write(file, item, content[(head + middle)..], offset + head + middle);
        }
        finally
        {
            Release(item);
        }
    }

    /// <summary>Says that so many extents of a file are written; finishes it when they were the last.</summary>
    public void Complete(RestoreWorker worker, RestoreItem item, int extents, long bytes)
    {
        _counters.AddBytes(bytes);
        if (Interlocked.Add(ref item.Remaining, -extents) == 0)
        {
            Finish(worker, item);
        }
    }

    /// <summary>Makes a file that needs nothing fetched: empty, all holes, or all copied from what was there.</summary>
    public void WriteWithout(RestoreWorker worker, RestoreItem item)
    {
        Acquire(worker, item);
        Release(item);
        Finish(worker, item);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var item in _open)
        {
            Close(item);
        }

        _open.Clear();
    }

    private void WriteWhole(RestoreWorker worker, RestoreItem item, ReadOnlySpan<byte> content)
    {
        var mode = _attributes.CreationModeOf(item.Entry);
        var file = Create(worker, item, mode);
        try
        {
            if (!Posix.TryWrite(file, content, 0))
            {
                throw Failed("write", item);
            }

            _attributes.Finish(file, item.Entry, mode);
        }
        finally
        {
            Posix.Close(file);
        }

        item.IsCreated = true;
        _counters.AddBytes(content.Length);
        _counters.AddFile();
    }

    private void Finish(RestoreWorker worker, RestoreItem item)
    {
        var file = Acquire(worker, item);
        try
        {
            _attributes.Finish(file, item.Entry, AttributeWriter.PrivateFile);
        }
        finally
        {
            lock (_lock)
            {
                _open.Remove(item);
                Close(item);
                item.Users = 0;
            }
        }

        _counters.AddFile();
    }

    private int Acquire(RestoreWorker worker, RestoreItem item)
    {
        lock (_lock)
        {
            if (item.Descriptor < 0)
            {
                CloseIdle();
                item.Descriptor = item.IsCreated ? Reopen(worker, item) : Prepare(worker, item);
                item.IsCreated = true;
                item.DirectDescriptor = IsDirect(item) ? OpenDirect(worker, item) : -1;
                _open.Add(item);
            }

            item.Users++;
            return item.Descriptor;
        }
    }

    private void Release(RestoreItem item)
    {
        lock (_lock)
        {
            item.Users--;
        }
    }

    private void CloseIdle()
    {
        if (_open.Count < OpenFilesMax || _open.FindIndex(static item => item.Users == 0) is not (>= 0 and var idle))
        {
            return;
        }

        Close(_open[idle]);
        _open.RemoveAt(idle);
    }

    private static void Close(RestoreItem item)
    {
        Posix.Close(item.Descriptor);
        Posix.Close(item.DirectDescriptor);
        (item.Descriptor, item.DirectDescriptor) = (-1, -1);
    }

    private int Prepare(RestoreWorker worker, RestoreItem item)
    {
        var file = Create(worker, item, AttributeWriter.PrivateFile);
        try
        {
            Reserve(file, item);
            if (item.EqualExtents is { } equal)
            {
                CopyEqual(worker, item, equal, file);
            }

            return file;
        }
        catch
        {
            Posix.Close(file);
            throw;
        }
    }

    private static void Reserve(int file, RestoreItem item)
    {
        var entry = item.Entry;
        if (entry.SizeBytes >= ReserveBytes && !entry.Content.Any(static extent => extent.IsHole))
        {
            if (LibcFd.FAllocate(file, 0, 0, entry.SizeBytes) == 0)
            {
                return;
            }

            if (Marshal.GetLastPInvokeError() is not (Libc.EOPNOTSUPP or Libc.ENOSYS or Libc.EINTR))
            {
                throw Failed("reserve space for", item);
            }
        }

        if (entry.SizeBytes > 0 && LibcFd.FTruncate(file, entry.SizeBytes) < 0)
        {
            throw Failed("set the size of", item);
        }
    }

    private int Create(RestoreWorker worker, RestoreItem item, uint mode)
    {
        Span<byte> name = stackalloc byte[Posix.NameBytes];
        item.TerminateName(name);
        var directory = worker.Staged.Get(item.Directory.StagedPath);
        const int Flags = Libc.O_WRONLY | Libc.O_CREAT | Libc.O_EXCL;
        var file = Posix.Open(directory, name, Flags, mode);
        if (file < 0 && _replaceLeftOvers && Marshal.GetLastPInvokeError() == Libc.EEXIST)
        {
            Posix.Unlink(directory, name);
            file = Posix.Open(directory, name, Flags, mode);
        }

        if (file >= 0)
        {
            return file;
        }

        throw Marshal.GetLastPInvokeError() == Libc.EEXIST
            ? ManifestCheck.Refuse(item.Entry.Path, "is for this file system the same name as another one")
            : Failed("create", item);
    }

    private static int Reopen(RestoreWorker worker, RestoreItem item) =>
        OpenAgain(worker, item, 0) is >= 0 and var file ? file : throw Failed("open", item);

    // Some file systems have no such thing; then there is the page cache.
    private static int OpenDirect(RestoreWorker worker, RestoreItem item) => OpenAgain(worker, item, Libc.O_DIRECT);

    private static int OpenAgain(RestoreWorker worker, RestoreItem item, int flags)
    {
        Span<byte> name = stackalloc byte[Posix.NameBytes];
        item.TerminateName(name);
        return Posix.Open(worker.Staged.Get(item.Directory.StagedPath), name, Libc.O_WRONLY | Libc.O_NONBLOCK | flags);
    }

    private static void Write(int file, RestoreItem item, ReadOnlySpan<byte> content, long offset)
    {
        if (!Posix.TryWrite(file, content, offset))
        {
            throw Failed("write", item);
        }
    }

    // False when the disk wants it otherwise than it lies in memory.
    private static bool TryWriteDirect(RestoreItem item, ReadOnlySpan<byte> content, long offset) =>
        Posix.TryWrite(item.DirectDescriptor, content, offset) ||
        (Marshal.GetLastPInvokeError() == Libc.EINVAL ? false : throw Failed("write", item));

    // Runs of equal extents go from the old file to the new one inside the kernel, or not at all where the file system can share them.
    private unsafe void CopyEqual(RestoreWorker worker, RestoreItem item, bool[] equal, int file)
    {
        var path = item.Entry.Path;
        var old = Posix.Open(worker.Target!.Get(path.Parent.Raw), Posix.Terminated(path.RawName), Libc.O_RDONLY | Libc.O_NONBLOCK);
        if (old < 0)
        {
            throw Failed("read the old content of", item);
        }

        try
        {
            var offset = 0L;
            for (var i = 0; i < equal.Length; i++)
            {
                var end = offset + item.Entry.Content[i].LengthBytes;
                while (equal[i] && offset < end)
                {
                    long from = offset, to = offset;
                    var copied = LibcFd.CopyFileRange(old, &from, file, &to, (nuint)(end - offset), 0);
                    if (copied <= 0)
                    {
                        throw Failed("copy the old content of", item);
                    }

                    offset += copied;
                    _counters.AddReused(copied);
                }

                offset = end;
            }
        }
        finally
        {
            Posix.Close(old);
        }
    }

    private static Exception Failed(string call, RestoreItem item)
    {
        var error = Posix.LastError($"{call} {RestoreWarnings.Escape(item.Entry.Path)}");
        return error.IsNoSpace
            ? new RestoreException($"{RestoreWarnings.Escape(item.Entry.Path)}: the disk of the target is full; make room, or restore elsewhere", error)
            : error;
    }
}
