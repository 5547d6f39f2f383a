using System.Runtime.InteropServices;
using System.Text;
using Dumont.Snapshots;
using Dumont.Snapshots.Sync;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Agent.Workspace;

/// <summary>
/// Tells <see cref="TreeChanges"/> where something happens in a tree, within a millisecond, by <c>inotify</c>. A hint, not the truth: the
/// comparison that runs every few seconds finds what is missed here. Own calls rather than <see cref="FileSystemWatcher"/>, which
/// follows links and loses what is in a directory that appears already filled.
/// </summary>
/// <remarks>A new directory is first watched and then listed, so whatever is created in it is in the list or in an event, or both.</remarks>
internal sealed unsafe class TreeWatcher : IDisposable
{
    private const uint Mask = Native.IN_MODIFY | Native.IN_ATTRIB | Native.IN_CLOSE_WRITE | Native.IN_MOVED_FROM | Native.IN_MOVED_TO |
        Native.IN_CREATE | Native.IN_DELETE | Native.IN_DELETE_SELF | Native.IN_ONLYDIR | Native.IN_DONT_FOLLOW | Native.IN_EXCL_UNLINK;

    private const int BufferBytes = 64 << 10;
    private const int EventHeaderBytes = 16;

    // How often the thread looks whether it should end.
    private const int PollMilliseconds = 200;
    private const int PauseMilliseconds = 1000;

    private readonly TreeRoot _root;
    private readonly TreeChanges _changes;
    private readonly AgentLog _log;
    private readonly SafeFileHandle _inotify;
    private readonly byte[] _buffer = new byte[BufferBytes];
    private readonly Dictionary<int, TreePath> _paths = [];
    private readonly Dictionary<TreePath, int> _watches = [];
    private readonly Lock _lock = new();
    private readonly Thread _thread;
    private volatile bool _stopping;
    private volatile bool _ready;

    // Some directory has no watch, and never will have; of the reason the log tells once.
    private bool _isPartial;

    // What happened before this comparison may have gone unnoticed.
    private long _missed;

    /// <summary>Begins to watch; what is in the tree already is not reported.</summary>
    /// <exception cref="PosixException">The tree cannot be opened, or the system has no watch to give.</exception>
    public TreeWatcher(string workspace, TreeChanges changes, AgentLog log)
    {
        _changes = changes;
        _log = log;
        _root = TreeRoot.Open(workspace);
        var descriptor = Native.InotifyInit(Native.IN_NONBLOCK | Native.IN_CLOEXEC);
        if (descriptor < 0)
        {
            _root.Dispose();
            throw new PosixException("inotify_init", Marshal.GetLastPInvokeError());
        }

        _inotify = new SafeFileHandle(descriptor, ownsHandle: true);
        _thread = new Thread(Run) { IsBackground = true, Name = "inotify" };
        _thread.Start();
    }

    /// <summary>Whether every directory that was there at the start is watched by now.</summary>
    public bool IsReady => _ready;

    /// <summary>Marks everything that happened before this call.</summary>
    /// <returns>False when something may be missing: not all directories are watched, or events were lost and the comparison after that has not ended.</returns>
    public bool Drain()
    {
        lock (_lock)
        {
            try
            {
                // Never of a descriptor that was closed: its number may be another's by now.
                while (!_stopping && ReadEvents() > 0)
                {
                    // Until nothing is waiting.
                }
            }
            catch (Exception trouble) when (trouble is IOException or UnauthorizedAccessException)
            {
                Lose(trouble);
            }

            return _ready && !_stopping && !_isPartial && _changes.HasCompared(_missed);
        }
    }

    /// <summary>What is at <paramref name="path"/> now.</summary>
    public TreeEntry? Find(TreePath path) => _root.Find(path);

    /// <inheritdoc />
    public void Dispose()
    {
        _stopping = true;
        _thread.Join();
        lock (_lock)
        {
            _inotify.Dispose();
            _root.Dispose();
        }
    }

    private int Descriptor => (int)_inotify.DangerousGetHandle();

    private void Run()
    {
        while (!_stopping)
        {
            try
            {
                if (!_ready)
                {
                    Begin();
                }

                var poll = new Native.PollFile { File = Descriptor, Events = Native.POLLIN };
                if (Native.Poll(&poll, 1, PollMilliseconds) > 0)
                {
                    lock (_lock)
                    {
                        ReadEvents();
                    }
                }
            }
            catch (Exception trouble) when (trouble is IOException or UnauthorizedAccessException)
            {
                Lose(trouble);
                PauseAfterTrouble();
            }
        }
    }

    // The rest of what was read is not looked at: the thread begins anew.
    private void Lose(Exception trouble)
    {
        _log.Warn("watch.failed", ("reason", trouble.Message));
        _ready = false;
    }

    // Also after trouble: whatever was missed is found by watching anew and comparing.
    private void Begin()
    {
        lock (_lock)
        {
            Watch(TreePath.Root, markEntries: false);
            _missed = _changes.RequestRescan();
            _ready = true;
        }
    }

    // Handles what is waiting, as far as it fits; 0 when nothing is.
    private int ReadEvents()
    {
        fixed (byte* start = _buffer)
        {
            var filled = (int)Native.Read(Descriptor, start, (nuint)_buffer.Length);
            for (var position = 0; position + EventHeaderBytes <= filled;)
            {
                position += Handle(_buffer.AsSpan(position, filled - position));
            }

            return filled;
        }
    }

    // A poll of nothing: waits without a timer.
    private static void PauseAfterTrouble() => _ = Native.Poll(null, 0, PauseMilliseconds);

    // struct inotify_event: watch i32 | mask u32 | cookie u32 | length u32 | name, padded with NUL. How many bytes it had.
    private int Handle(ReadOnlySpan<byte> record)
    {
        var watch = MemoryMarshal.Read<int>(record);
        var mask = MemoryMarshal.Read<uint>(record[4..]);
        var length = MemoryMarshal.Read<int>(record[12..]);
        var name = record.Slice(EventHeaderBytes, length).TrimEnd((byte)0);
        if ((mask & Native.IN_Q_OVERFLOW) != 0)
        {
            // New directories may be among what was lost.
            _log.Warn("watch.overflow");
            Watch(TreePath.Root, markEntries: false);
            _missed = _changes.RequestRescan();
        }
        else if ((mask & Native.IN_IGNORED) != 0)
        {
            Forget(watch);
        }
        else if (_paths.TryGetValue(watch, out var directory))
        {
            Handle(directory, mask, name);
        }

        return EventHeaderBytes + length;
    }

    private void Handle(TreePath directory, uint mask, ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty)
        {
            Mark(directory);
            return;
        }

        if (!directory.TryAppend(name, out var path))
        {
            return;
        }

        if ((mask & (Native.IN_ISDIR | Native.IN_MOVED_FROM)) == (Native.IN_ISDIR | Native.IN_MOVED_FROM))
        {
            // The watches move along with the inodes: they would report under the old name.
            Unwatch(path);
        }

        Mark(path);
        if ((mask & (Native.IN_CREATE | Native.IN_DELETE | Native.IN_MOVED_FROM | Native.IN_MOVED_TO)) != 0)
        {
            // The directory's own time changed.
            Mark(directory);
            if ((mask & Native.IN_ISDIR) != 0 && (mask & (Native.IN_CREATE | Native.IN_MOVED_TO)) != 0)
            {
                Watch(path, markEntries: true);
            }
        }
    }

    private void Mark(TreePath path)
    {
        if (!path.IsRoot)
        {
            _changes.Mark(path);
        }
    }

    // Watches a directory and everything below it.
    private void Watch(TreePath top, bool markEntries)
    {
        var queue = new Stack<TreePath>();
        queue.Push(top);
        while (!_stopping && queue.TryPop(out var directory))
        {
            if (!Add(directory))
            {
                continue;
            }

            foreach (var entry in _root.List(directory))
            {
                if (markEntries)
                {
                    _changes.Mark(entry.Path);
                }

                if (entry.Kind == TreeEntryKind.Directory && !entry.Path.IsReserved)
                {
                    queue.Push(entry.Path);
                }
            }
        }
    }

    private bool Add(TreePath directory)
    {
        var watch = AddWatch(directory);
        if (watch >= 0)
        {
            _paths[watch] = directory;
            _watches[directory] = watch;
            return true;
        }

        var error = Marshal.GetLastPInvokeError();
        if (error is not (Native.ENOENT or Native.ENOTDIR) && !_isPartial)
        {
            _isPartial = true;
            _log.Warn(
                "watch.limit",
                ("setting", error == Native.ENOSPC ? "fs.inotify.max_user_watches" : Marshal.GetPInvokeErrorMessage(error)),
                ("effect", "changes are found by comparison only"));
        }

        // Gone again, or no watch to be had: either way its content is still listed by comparison.
        return error == Native.ENOSPC;
    }

    private int AddWatch(TreePath directory)
    {
        var path = Encoding.UTF8.GetBytes(_root.Location + (directory.IsRoot ? "" : "/"));
        var full = new byte[path.Length + directory.LengthBytes + 1];
        path.CopyTo(full, 0);
        directory.ToBytes().CopyTo(full, path.Length);
        fixed (byte* pointer = full)
        {
            // The root may be a link; nothing below may.
            return Native.InotifyAddWatch(Descriptor, pointer, directory.IsRoot ? Mask & ~Native.IN_DONT_FOLLOW : Mask);
        }
    }

    private void Unwatch(TreePath top)
    {
        foreach (var (path, watch) in _watches.Where(entry => entry.Key.IsWithin(top)).ToList())
        {
            _ = Native.InotifyRemoveWatch(Descriptor, watch);
            _watches.Remove(path);
            _paths.Remove(watch);
        }
    }

    private void Forget(int watch)
    {
        if (_paths.Remove(watch, out var path) && _watches.GetValueOrDefault(path) == watch)
        {
            _watches.Remove(path);
        }
    }
}
