namespace Dumont.Snapshots;

/// <summary>
/// Which entries are restored. An include pattern takes what it matches and everything below; directories on the way come along. An exclude
/// pattern leaves out what it matches and everything below, and wins.
/// </summary>
public sealed class RestoreSelection
{
    private readonly PathPattern[] _include;
    private readonly PathPattern[] _exclude;

    /// <summary>Reads patterns; no include pattern means everything.</summary>
    /// <exception cref="ArgumentException">One is not a pattern.</exception>
    public RestoreSelection(IEnumerable<string> include, IEnumerable<string> exclude)
    {
        _include = [.. include.Select(PathPattern.Parse)];
        _exclude = [.. exclude.Select(PathPattern.Parse)];
    }

    /// <summary>Whether everything is selected.</summary>
    public bool IsEverything => _include.Length == 0 && _exclude.Length == 0;

    /// <summary>Whether whatever is in the root of the tree is selected.</summary>
    internal Choice AtRoot => _include.Length == 0 ? Choice.Selected : Choice.Undecided;

    /// <summary>Whether the entry at <paramref name="path"/> is selected, when its directory is known to be.</summary>
    internal Choice Choose(TreePath path, Choice directory)
    {
        if (directory == Choice.Excluded || _exclude.Any(pattern => pattern.IsMatch(path)))
        {
            return Choice.Excluded;
        }

        return directory == Choice.Selected || _include.Any(pattern => pattern.IsMatch(path)) ? Choice.Selected : Choice.Undecided;
    }
}

/// <summary>What a selection says about an entry.</summary>
internal enum Choice
{
    /// <summary>Nothing so far; something below may be selected.</summary>
    Undecided,

    /// <summary>It and what is below, unless excluded.</summary>
    Selected,

    /// <summary>It and everything below is left out.</summary>
    Excluded,
}
