namespace Dumont.Snapshots.Engines;

/// <summary>What a directory has and a snapshot has not.</summary>
internal sealed class TargetSurplus
{
    private readonly string _target;
    private readonly IReadOnlyList<string> _include;
    private readonly Func<string, bool> _isKnown;
    private readonly List<string> _paths = [];
    private long _count;
    private long _bytes;

    private TargetSurplus(string target, IReadOnlyList<string> include, Func<string, bool> isKnown) =>
        (_target, _include, _isKnown) = (target, include, isKnown);

    /// <summary>Paths relative to the target; a directory that is not known stands for all it holds.</summary>
    public IReadOnlyList<string> Paths => _paths;

    /// <summary>How much that is.</summary>
    public RemovedEntries Summary => new(_count, _bytes, [.. _paths.Take(EngineLimits.RemovedPathsMax).Select(Escape)]);

    /// <summary>Looks through a directory.</summary>
    /// <param name="target">Which; it need not be there.</param>
    /// <param name="include">Paths relative to it, each with everything below it; empty for all.</param>
    /// <param name="isKnown">Whether the snapshot has a path.</param>
    public static TargetSurplus Find(string target, IReadOnlyList<string> include, Func<string, bool> isKnown)
    {
        var found = new TargetSurplus(target, include, isKnown);
        if (Directory.Exists(target))
        {
            found.Look("");
        }

        return found;
    }

    private void Look(string directory)
    {
        foreach (var entry in new DirectoryInfo(Path.Combine(_target, directory)).EnumerateFileSystemInfos().OrderBy(each => each.Name, StringComparer.Ordinal))
        {
            var path = Path.Combine(directory, entry.Name);
            var isFolder = entry is DirectoryInfo { LinkTarget: null };
            if (path is TreePath.StagingName or TreePath.RestoreStagingName)
            {
                // Of syncs and restores themselves.
                continue;
            }

            if (_isKnown(path) || (isFolder && LeadsToIncluded(path)))
            {
                if (isFolder)
                {
                    Look(path);
                }
            }
            else if (IsIncluded(path))
            {
                _paths.Add(path);
                Count(entry);
            }
        }
    }

    private void Count(FileSystemInfo entry)
    {
        _count++;
        if (entry is DirectoryInfo { LinkTarget: null } directory)
        {
            foreach (var below in directory.EnumerateFileSystemInfos())
            {
                Count(below);
            }
        }
        else
        {
            _bytes += entry is FileInfo { LinkTarget: null } file ? file.Length : 0;
        }
    }

    private bool IsIncluded(string path) =>
        _include.Count == 0 || _include.Any(root => path == root || path.StartsWith(root + "/", StringComparison.Ordinal));

    private bool LeadsToIncluded(string path) => _include.Any(root => root.StartsWith(path + "/", StringComparison.Ordinal));

    private static string Escape(string path) => string.Concat(path.Select(letter => char.IsControl(letter) ? "?" : letter.ToString()));
}
