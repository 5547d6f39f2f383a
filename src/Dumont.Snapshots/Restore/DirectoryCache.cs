using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>Keeps the directories open in which a worker last had something to do, so that a file costs no path resolution. One for each
/// worker; not thread safe.</summary>
/// <param name="root">Directory that all paths start at; not closed here.</param>
internal sealed class DirectoryCache(int root) : IDisposable
{
    private const int Capacity = 64;

    private readonly Dictionary<string, int> _open = new(Capacity, StringComparer.Ordinal);
    private readonly Queue<string> _order = new(Capacity);
    private string? _lastPath;
    private int _last = -1;

    /// <summary>The directory, open until another <see cref="Capacity"/> have been asked for.</summary>
    /// <exception cref="PosixException">Missing, a link or on another file system.</exception>
    public int Get(string path) =>
        TryGet(path, out var directory) ? directory : throw Posix.LastError($"open directory {Show(path)}");

    /// <summary>As <see cref="Get"/>, but false when it cannot be opened.</summary>
    public bool TryGet(string path, out int directory)
    {
        if (ReferenceEquals(path, _lastPath))
        {
            directory = _last;
            return true;
        }

        if (!_open.TryGetValue(path, out directory))
        {
            if (_open.Count == Capacity)
            {
                _open.Remove(_order.Dequeue(), out var oldest);
                Posix.Close(oldest);
            }

            directory = Open(path);
            if (directory < 0)
            {
                var error = Marshal.GetLastPInvokeError();
                _lastPath = null;
                Marshal.SetLastPInvokeError(error);
                return false;
            }

            _open.Add(path, directory);
            _order.Enqueue(path);
        }

        (_lastPath, _last) = (path, directory);
        return true;
    }

    public void Dispose()
    {
        foreach (var directory in _open.Values)
        {
            Posix.Close(directory);
        }

        _open.Clear();
        _order.Clear();
        _lastPath = null;
    }

    // From the directory above it where that is open: a tree as deep as paths can be would otherwise be walked from its root each time.
    private int Open(string path)
    {
        var slash = path.LastIndexOf('/');
        return slash > 0 && _open.TryGetValue(path[..slash], out var parent)
            ? Posix.OpenBeneath(parent, path[(slash + 1)..])
            : Posix.OpenBeneath(root, path);
    }

    private static string Show(string path) => RestoreWarnings.Escape(System.Text.Encoding.Latin1.GetBytes(path));
}
