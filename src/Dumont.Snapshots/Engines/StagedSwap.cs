using System.Text;

namespace Dumont.Snapshots.Engines;

/// <summary>Puts a tree that was built aside into its place. Entries that are in the way are kept beside it until all is done, and come back when
/// something fails. A run that was killed is finished, or undone, by running it again.</summary>
/// <code>
/// staging/new/…   what is to be placed; entries leave it one by one
/// staging/old/…   what stood in their way, under the same relative paths
/// </code>
internal sealed class StagedSwap(string staging)
{
    private readonly string _old = Path.Combine(staging, "old");
    private readonly List<string> _placed = [];

    /// <summary>Where the tree is to be built.</summary>
    public string NewPath { get; } = Path.Combine(staging, "new");

    /// <summary>An empty place to build in.</summary>
    public void Begin()
    {
        Remove(NewPath);
        Directory.CreateDirectory(NewPath, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Moves everything below <paramref name="source"/>, a directory in <see cref="NewPath"/>, into <paramref name="target"/>. Directories that
    /// both have are joined; what only the target has stays, but for <paramref name="surplus"/>: paths relative to it that go.</summary>
    /// <exception cref="IOException">It could not be done; the target is as before.</exception>
    public (long Files, long Bytes) Place(string source, string target, IReadOnlyList<string> surplus)
    {
        var counted = Count(source);
        Directory.CreateDirectory(target);
        try
        {
            // First, so that folders have their times in the end.
            foreach (var path in surplus)
            {
                SetAside(Path.Combine(target, path), path);
            }

            Merge(source, target, "");
            Remove(staging);
            return counted;
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            RollBack(target);
            throw new IOException($"{failed.Message} Everything is as before.", failed);
        }
    }

    /// <summary>Leaves nothing behind.</summary>
    public void Discard() => Remove(staging);

    private void Merge(string source, string target, string relative)
    {
        foreach (var entry in new DirectoryInfo(source).EnumerateFileSystemInfos().ToList())
        {
            var (path, place) = (Path.Combine(relative, entry.Name), Path.Combine(target, entry.Name));
            if (IsDirectory(entry) && IsDirectory(new DirectoryInfo(place)))
            {
                // Before its entries leave it.
                var modifiedNs = ModifiedOf(entry.FullName);
                Merge(entry.FullName, place, path);
                File.SetUnixFileMode(place, entry.UnixFileMode);
                SetModified(place, modifiedNs);
                continue;
            }

            SetAside(place, path);
            Move(entry.FullName, place);
            _placed.Add(path);
        }
    }

    private void SetAside(string place, string path)
    {
        if (!Exists(place))
        {
            return;
        }

        var kept = Path.Combine(_old, path);
        if (Exists(kept))
        {
            // From a run that was killed: that one is the user's, this one was placed by it.
            Remove(place);
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(kept)!);
        Move(place, kept);
    }

    private void RollBack(string target)
    {
        for (var i = _placed.Count - 1; i >= 0; i--)
        {
            Remove(Path.Combine(target, _placed[i]));
        }

        if (Directory.Exists(_old))
        {
            BringBack(_old, target);
        }

        Remove(staging);
    }

    private static void BringBack(string from, string to)
    {
        foreach (var entry in new DirectoryInfo(from).EnumerateFileSystemInfos().ToList())
        {
            var place = Path.Combine(to, entry.Name);
            if (IsDirectory(entry) && IsDirectory(new DirectoryInfo(place)))
            {
                BringBack(entry.FullName, place);
            }
            else
            {
                Move(entry.FullName, place);
            }
        }
    }

    private static (long Files, long Bytes) Count(string folder)
    {
        var (files, bytes) = (0L, 0L);
        foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos())
        {
            if (IsDirectory(entry))
            {
                var below = Count(entry.FullName);
                (files, bytes) = (files + below.Files, bytes + below.Bytes);
            }
            else
            {
                files++;
                bytes += entry is FileInfo { LinkTarget: null } file ? file.Length : 0;
            }
        }

        return (files, bytes);
    }

    // To the nanosecond, which the runtime's own calls are not.
    private static long ModifiedOf(string path)
    {
        var directory = OpenDirectory(path);
        try
        {
            return Posix.Stat(directory).ModifiedNs;
        }
        finally
        {
            Posix.Close(directory);
        }
    }

    private static void SetModified(string path, long modifiedNs)
    {
        var directory = OpenDirectory(path);
        try
        {
            Libc.Check(Posix.SetTimes(directory, [], modifiedNs), $"set the time of {path}");
        }
        finally
        {
            Posix.Close(directory);
        }
    }

    private static int OpenDirectory(string path) =>
        Posix.Open(Libc.AT_FDCWD, Encoding.UTF8.GetBytes(path + '\0'), Libc.O_RDONLY | Libc.O_DIRECTORY);

    // A link to a directory is a link.
    private static bool IsDirectory(FileSystemInfo entry) => entry is DirectoryInfo { Exists: true, LinkTarget: null };

    private static bool Exists(string path) => Path.Exists(path) || new FileInfo(path).LinkTarget is not null;

    private static void Move(string from, string to)
    {
        if (IsDirectory(new DirectoryInfo(from)))
        {
            Directory.Move(from, to);
        }
        else
        {
            File.Move(from, to, overwrite: false);
        }
    }

    private static void Remove(string path)
    {
        if (IsDirectory(new DirectoryInfo(path)))
        {
            Directory.Delete(path, recursive: true);
        }
        else if (Exists(path))
        {
            File.Delete(path);
        }
    }
}
