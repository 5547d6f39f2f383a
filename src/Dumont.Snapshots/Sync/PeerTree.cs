using System.Runtime.InteropServices;

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

    /// <summary>Inode of our own entry at that comparison.</summary>
    public ulong OwnInode { get; set; }

    /// <summary>Of a directory: the next look sends it, whatever it is like: changes in it moved its time on the sink.</summary>
    public bool MustBeSent { get; set; }

    /// <summary>Of a directory: what lies directly in it.</summary>
    public HashSet<TreePath>? Children { get; set; }

    /// <summary>Of a file: all names that the sink has of it; null for one.</summary>
    public HashSet<TreePath>? Names { get; set; }
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
                Part(next, entry);
                foreach (var child in entry.Children ?? [])
                {
                    doomed.Push(child);
                }
            }
        }
    }

    /// <summary>The sink put a file of its own at <paramref name="path"/>: other names keep what they have.</summary>
    public void Part(TreePath path)
    {
        if (Find(path) is { } entry)
        {
            Part(path, entry);
        }
    }

    /// <summary>The sink made the two one file.</summary>
    public void Join(TreePath path, TreePath other)
    {
        if (Find(path) is { } entry && Find(other) is { } with)
        {
            Part(path, entry);
            with.Names ??= [other];
            with.Names.Add(path);
            entry.Names = with.Names;
        }
    }

    /// <summary>Whether the sink has the two as names of one file.</summary>
    public bool AreOneFile(TreePath path, TreePath other) => path == other || (Find(path)?.Names?.Contains(other) ?? false);

    /// <summary>The names besides that the sink has of the file at <paramref name="path"/>.</summary>
    public IEnumerable<TreePath> OtherNames(TreePath path) => Find(path)?.Names?.Where(name => name != path) ?? [];

    /// <summary>Links children to parents, and names of one file to each other, after entries arrived in any order.</summary>
    public void Relate()
    {
        var names = new Dictionary<ulong, HashSet<TreePath>>();
        foreach (var (path, entry) in _entries)
        {
            if (Find(path.Parent) is { } parent)
            {
                (parent.Children ??= []).Add(path);
            }

            if (entry.Entry.Metadata is { Inode: not 0 and var inode })
            {
                ref var ofInode = ref CollectionsMarshal.GetValueRefOrAddDefault(names, inode, out _);
                (ofInode ??= []).Add(path);
                entry.Names = ofInode;
            }
        }
    }

    private static void Part(TreePath path, PeerEntry entry)
    {
        entry.Names?.Remove(path);
        entry.Names = null;
    }
}
