using Microsoft.Win32.SafeHandles;

namespace Dumont.Snapshots;

/// <summary>Keeps the files that were read last open: restoring reads a pack in many pieces. A file that was replaced or deleted, by
/// whomever, is opened anew.</summary>
internal sealed class OpenFiles(int capacity) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<(string Path, SafeFileHandle File)>> _byPath = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Path, SafeFileHandle File)> _byUse = [];

    /// <summary>Fills <paramref name="destination"/> from <paramref name="offset"/> on, as far as the file goes.</summary>
    public int Read(string path, long offset, Span<byte> destination)
    {
        while (true)
        {
            var file = Find(path) ?? Open(path);
            try
            {
                var total = 0;
                while (total < destination.Length)
                {
                    var read = RandomAccess.Read(file, destination[total..], offset + total);
                    if (read == 0)
                    {
                        break;
                    }

                    total += read;
                }

                return total;
            }
            catch (ObjectDisposedException)
            {
                // Another reader needed the place. The file is opened again.
            }
        }
    }

    public void Forget(string path)
    {
        lock (_gate)
        {
            if (_byPath.Remove(path, out var node))
            {
                _byUse.Remove(node);
                node.Value.File.Dispose();
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var (_, file) in _byUse)
            {
                file.Dispose();
            }

            _byUse.Clear();
            _byPath.Clear();
        }
    }

    private SafeFileHandle? Find(string path)
    {
        lock (_gate)
        {
            if (!_byPath.TryGetValue(path, out var node))
            {
                return null;
            }

            if (!IsLinked(node.Value.File))
            {
                _byPath.Remove(path);
                _byUse.Remove(node);
                node.Value.File.Dispose();
                return null;
            }

            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return node.Value.File;
        }
    }

    private SafeFileHandle Open(string path)
    {
        // Shared with everything: the base library would otherwise ask for a lock that a writer holds until its file has its name.
        var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        lock (_gate)
        {
            if (_byPath.TryGetValue(path, out var other))
            {
                file.Dispose();
                return other.Value.File;
            }

            _byPath[path] = _byUse.AddFirst((path, file));
            if (_byUse.Count > capacity)
            {
                var (oldest, handle) = _byUse.Last!.Value;
                _byUse.RemoveLast();
                _byPath.Remove(oldest);
                handle.Dispose();
            }

            return file;
        }
    }

    /// <summary>Whether a file has a name: else it was deleted, or another took its name.</summary>
    public static unsafe bool IsLinked(SafeFileHandle file)
    {
        Libc.StatxBuffer status;
        byte nothing = 0;
        Libc.Check(Libc.Statx(file, &nothing, Libc.AT_EMPTY_PATH, Libc.STATX_BASIC_STATS, &status), "statx of an open file");
        return status.Links > 0;
    }
}
