namespace Dumont.Snapshots;

/// <summary>Patterns of what to leave out, each with all that lies below what it matches; see <see cref="PathPattern"/>.</summary>
public sealed class PathFilter
{
    /// <summary>Leaves out nothing.</summary>
    public static readonly PathFilter None = new([]);

    private readonly PathPattern[] _patterns;

    /// <summary>Reads the patterns.</summary>
    /// <exception cref="ArgumentException">One is no pattern; the message names it.</exception>
    public PathFilter(IEnumerable<string> patterns)
    {
        _patterns = [.. patterns.Select(PathPattern.Parse)];
    }

    /// <summary>Whether a text is a pattern.</summary>
    public static bool IsPattern(string text) => PathPattern.IsPattern(text);

    /// <summary>Whether it leaves out nothing.</summary>
    public bool IsEmpty => _patterns.Length == 0;

    /// <summary>Whether a pattern matches this very path.</summary>
    public bool IsMatch(TreePath path) => Array.Exists(_patterns, pattern => pattern.IsMatch(path));

    /// <summary>Whether a pattern matches this path or a directory that it is in.</summary>
    public bool Covers(TreePath path)
    {
        for (var at = path; _patterns.Length > 0 && !at.IsRoot; at = at.Parent)
        {
            if (IsMatch(at))
            {
                return true;
            }
        }

        return false;
    }
}
