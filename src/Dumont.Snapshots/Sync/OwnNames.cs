namespace Dumont.Snapshots.Sync;

/// <summary>Which names of a tree are one file. A hint that grows as the tree is looked at; whoever uses it looks again.</summary>
internal sealed class OwnNames(TreeRoot root)
{
    private readonly Dictionary<ulong, TreePath> _first = [];
    private readonly Dictionary<ulong, HashSet<TreePath>> _more = [];

    /// <summary>Files with more than one name: one of them, and the others.</summary>
    public IEnumerable<(TreePath First, IReadOnlyCollection<TreePath> Others)> Files => _more.Select(pair => (_first[pair.Key], (IReadOnlyCollection<TreePath>)pair.Value));

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        _first.Clear();
        _more.Clear();
    }

    /// <summary>Learns a name. A file with one name as well: the next may come any time.</summary>
    public void Add(TreeEntry entry)
    {
        if (entry.Kind != TreeEntryKind.File || _first.TryAdd(entry.Stamp.Inode, entry.Path) || _first[entry.Stamp.Inode] == entry.Path)
        {
            return;
        }

        if (!_more.TryGetValue(entry.Stamp.Inode, out var others))
        {
            _more[entry.Stamp.Inode] = others = [];
        }

        others.Add(entry.Path);
    }

    /// <summary>Names besides that the file has now, always in the same order.</summary>
    public IEnumerable<TreePath> OthersOf(TreeEntry entry)
    {
        if (entry.Links < 2 || !_first.TryGetValue(entry.Stamp.Inode, out var first))
        {
            return [];
        }

        return _more.GetValueOrDefault(entry.Stamp.Inode, []).Prepend(first)
            .Where(name => name != entry.Path && root.Find(name) is { Kind: TreeEntryKind.File } other && other.Stamp.Inode == entry.Stamp.Inode)
            .ToList();
    }
}
