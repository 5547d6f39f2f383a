namespace Dumont.Snapshots.Sync;

/// <summary>An entry that the sink has, or will have once it has applied what was sent.</summary>
internal sealed class PeerEntry(SyncEntry entry)
{
    /// <summary>As the sink has it.</summary>
    public SyncEntry Entry { get; set; } = entry;

    /// <summary>Stamp of our own entry when the two were known to be equal; null makes the next comparison read the file.</summary>
    public FileStamp? OwnStamp { get; set; }

    /// <summary>Number of the last comparison that met the path in our own tree.</summary>
    public long SeenInScan { get; set; }

    /// <summary>Of a directory: what lies directly in it.</summary>
    public HashSet<TreePath>? Children { get; set; }
}

/// <summary>The source's picture of the sink's tree.</summary>
internal sealed class PeerTree
{
    private readonly Dictionary<TreePath, PeerEntry> _entries = [];

    /// <summary>All entries.</summary>
    public IReadOnlyDictionary<TreePath, PeerEntry> Entries => _entries;

    /// <summary>What the sink has at <paramref name="path"/>, or null.</summary>
    public PeerEntry? Find(TreePath path) => _entries.GetValueOrDefault(path);

    /// <summary>Whether something can be put at <paramref name="path"/>.</summary>
    public bool HasDirectory(TreePath path) => path.IsRoot || Find(path)?.Entry.Kind == TreeEntryKind.Directory;

    /// <summary>The sink has this now. Another kind of entry replaces what was there with all below it.</summary>
    public PeerEntry Set(SyncEntry entry, FileStamp? ownStamp)
    {
        if (Find(entry.Path) is { } known && known.Entry.Kind == entry.Kind)
        {
            known.Entry = entry;
            known.OwnStamp = ownStamp;
            return known;
        }

        Remove(entry.Path);
        var added = new PeerEntry(entry) { OwnStamp = ownStamp };
        _entries[entry.Path] = added;
        if (!entry.Path.Parent.IsRoot && Find(entry.Path.Parent) is { } parent)
        {
            (parent.Children ??= []).Add(entry.Path);
        }

        return added;
    }

    /// <summary>The sink has nothing at <paramref name="path"/> any more, nor below it.</summary>
    public void Remove(TreePath path)
    {
        if (!_entries.ContainsKey(path))
        {
            return;
        }

        Find(path.Parent)?.Children?.Remove(path);
        var doomed = new Stack<TreePath>();
        doomed.Push(path);
        while (doomed.TryPop(out var next))
        {
            if (_entries.Remove(next, out var entry))
            {
                foreach (var child in entry.Children ?? [])
                {
                    doomed.Push(child);
                }
            }
        }
    }

    /// <summary>Links children to parents after entries arrived in any order.</summary>
    public void LinkChildren()
    {
        foreach (var path in _entries.Keys)
        {
            if (Find(path.Parent) is { } parent)
            {
                (parent.Children ??= []).Add(path);
            }
        }
    }
}
