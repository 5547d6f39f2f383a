namespace Dumont.Snapshots;

/// <summary>Compares a manifest with the target and decides what to do. Reads the target, changes nothing.</summary>
internal sealed class RestorePlanner : IDisposable
{
    private readonly RestoreSelection _selection;
    private readonly AttributeWriter _attributes;
    private readonly RestoreOptions _options;
    private readonly DirectoryCache? _target;
    private readonly RestorePlan _plan = new();
    private readonly Dictionary<TreePath, Place> _directories = [];
    private readonly Dictionary<TreePath, FirstName> _firstNames = [];
    private readonly Dictionary<TreePath, ManifestEntry> _linkedFiles = [];
    private readonly ulong _device;

    /// <param name="target">Root of the target, open; -1 for a new tree.</param>
    /// <param name="selection">What to restore.</param>
    /// <param name="attributes">Knows which attributes can be set, and so which differ.</param>
    /// <param name="options">Of the restore.</param>
    public RestorePlanner(int target, RestoreSelection selection, AttributeWriter attributes, RestoreOptions options)
    {
        _selection = selection;
        _attributes = attributes;
        _options = options;
        if (target >= 0)
        {
            _target = new DirectoryCache(target);
            _device = Posix.Stat(target).Device;
        }
    }

    /// <summary>Plans a checked manifest.</summary>
    /// <exception cref="IOException">The target cannot be read, or another file system is in the way.</exception>
    public RestorePlan Plan(IReadOnlyList<ManifestEntry> manifest, CancellationToken cancellationToken)
    {
        FindLinkedFiles(manifest);
        AddRoot(manifest);
        foreach (var entry in manifest)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (entry.Path.IsRoot || IsLeftOut(entry))
            {
                continue;
            }

            var parent = _directories[entry.Path.Parent];
            var choice = _selection.Choose(entry.Path, parent.Choice);
            if (entry.Kind == EntryKind.Directory)
            {
                var place = new Place(entry, choice, parent);
                _directories.Add(entry.Path, place);
                if (choice == Choice.Selected)
                {
                    Settle(place);
                }
            }
            else if (choice == Choice.Selected)
            {
                AddLeaf(entry, Settle(parent));
            }
        }

        if (_options.Delete && _target is not null)
        {
            new SurplusFinder(_target, _selection, _plan, _device).Find(manifest, path => _directories.TryGetValue(path, out var place) ? place.Choice : Choice.Undecided);
        }

        return _plan;
    }

    public void Dispose() => _target?.Dispose();

    // What sync and restores put aside while they work is not part of a tree, even where a snapshot has caught it.
    private bool IsLeftOut(ManifestEntry entry)
    {
        if (entry.Path.IsReserved && entry.Path.Parent.IsRoot)
        {
            _attributes.Warnings.Add(entry.Path, "is a staging directory and was left out");
        }

        return entry.Path.IsReserved;
    }

    private void FindLinkedFiles(IReadOnlyList<ManifestEntry> manifest)
    {
        var first = manifest.Where(entry => entry.Kind == EntryKind.HardLink).Select(ManifestCheck.FirstName).ToHashSet();
        if (first.Count > 0)
        {
            foreach (var entry in manifest.Where(entry => entry.Kind == EntryKind.File && first.Contains(entry.Path)))
            {
                _linkedFiles.Add(entry.Path, entry);
            }
        }
    }

    private void AddRoot(IReadOnlyList<ManifestEntry> manifest)
    {
        var described = manifest.FirstOrDefault(entry => entry.Path.IsRoot);
        var entry = described ?? new ManifestEntry(TreePath.Root, EntryKind.Directory, 0b111_101_101, 0, 0, 0, 0, null, [], []);
        var place = new Place(entry, _selection.AtRoot, null);
        _directories.Add(TreePath.Root, place);
        if (_target is not null)
        {
            place.Settle(staged: null);
            if (described is not null && _selection.AtRoot == Choice.Selected)
            {
                KeepDirectory(entry, Posix.Stat(_target.Get("")));
            }
        }
        else
        {
            Stage(place, _plan.Directories[0], TreeName);
            _plan.Swaps.Add(new PlannedSwap(TreeName, TreePath.Root, entry));
        }
    }

    /// <summary>Name in staging of a whole new tree.</summary>
    public const string TreeName = "tree";

    // Decides where a directory is that something is restored into. Those on the way to it come first.
    private Place Settle(Place place)
    {
        var open = new Stack<Place>();
        for (var current = place; !current.IsSettled; current = current.Parent!)
        {
            open.Push(current);
        }

        while (open.TryPop(out var next))
        {
            SettleBelowSettled(next);
        }

        return place;
    }

    private void SettleBelowSettled(Place place)
    {
        var path = place.Entry.Path;
        var parent = place.Parent!;
        if (parent.Staged is { } staged)
        {
            Stage(place, staged, path.RawName.ToString());
        }
        else if (TryStat(path, out var stat) && stat.Format == TreeRoot.FormatDirectory)
        {
            if (stat.Device != _device)
            {
                throw new RestoreException(
                    $"{RestoreWarnings.Escape(path)}: another file system is mounted there; restore into it on its own, or exclude it");
            }

            place.Settle(staged: null);
            KeepDirectory(place.Entry, stat);
        }
        else
        {
            var name = PlannedSwap.NameOf(path);
            Stage(place, _plan.Directories[0], name);
            _plan.Swaps.Add(new PlannedSwap(name, path, place.Entry));
        }
    }

    private void Stage(Place place, StagedDirectory parent, string name)
    {
        var directory = new StagedDirectory(parent.StagedPath.Length == 0 ? name : $"{parent.StagedPath}/{name}", place.Entry);
        _plan.Directories.Add(directory);
        place.Settle(directory);
    }

    private void KeepDirectory(ManifestEntry entry, in Libc.StatxBuffer stat)
    {
        _plan.KeptDirectories.Add(entry.Path, entry);
        if (stat.ModifiedNs != entry.ModifiedNs || _attributes.Differ(entry, stat) || ExtendedDiffer(entry))
        {
            _plan.Stamps.Add(entry);
        }
    }

    private void AddLeaf(ManifestEntry entry, Place parent)
    {
        if (entry.Kind == EntryKind.Fifo && !_options.Fifos)
        {
            _attributes.Warnings.Add(entry.Path, "is a FIFO and was left out");
            return;
        }

        if (entry.Kind == EntryKind.HardLink)
        {
            AddHardLink(entry, parent);
        }
        else if (parent.Staged is null && TryStat(entry.Path, out var stat) && TryKeep(entry, stat))
        {
            return;
        }
        else
        {
            Add(entry, parent, first: null);
        }
    }

    private void AddHardLink(ManifestEntry entry, Place parent)
    {
        var firstPath = ManifestCheck.FirstName(entry);
        if (!_firstNames.TryGetValue(firstPath, out var first))
        {
            // Its first name is not restored: this one takes its part.
            AddLeafAs(_linkedFiles[firstPath] with { Path = entry.Path }, firstPath, parent);
            return;
        }

        if (parent.Staged is null && first.Inode != 0 && TryStat(entry.Path, out var stat) && stat.Inode == first.Inode)
        {
            _plan.FilesSkipped++;
            return;
        }

        Add(entry, parent, first);
    }

    private void AddLeafAs(ManifestEntry entry, TreePath firstPath, Place parent)
    {
        _linkedFiles[entry.Path] = entry;
        AddLeaf(entry, parent);
        _firstNames[firstPath] = _firstNames[entry.Path];
    }

    private void Add(ManifestEntry entry, Place parent, FirstName? first)
    {
        RestoreItem item;
        if (parent.Staged is { } staged)
        {
            item = new RestoreItem(entry, staged, entry.Path.RawName.ToString()) { First = first };
        }
        else
        {
            var name = PlannedSwap.NameOf(entry.Path);
            var isThere = TryStat(entry.Path, out var stat);
            if (isThere && stat.Format == TreeRoot.FormatDirectory)
            {
                RequireReplaceable(entry.Path, stat);
            }

            var hasBasis = isThere && entry.Kind == EntryKind.File && entry.Content.Count > 0 && stat.Format == TreeRoot.FormatRegular && stat.Size > 0;
            item = new RestoreItem(entry, _plan.Directories[0], name) { First = first, HasBasis = hasBasis };
            _plan.Swaps.Add(new PlannedSwap(name, entry.Path, entry));
        }

        (entry.Kind == EntryKind.File ? _plan.Files : _plan.Links).Add(item);
        if (_linkedFiles.ContainsKey(entry.Path))
        {
            _firstNames[entry.Path] = new FirstName { Path = entry.Path, Item = item };
        }
    }

    // A directory that is in the way of something else goes only when the user wants things to go.
    private void RequireReplaceable(TreePath path, in Libc.StatxBuffer stat)
    {
        if (stat.Device != _device)
        {
            throw new RestoreException($"{RestoreWarnings.Escape(path)}: another file system is mounted there; unmount it, or exclude the path");
        }

        if (_options.Delete)
        {
            new SurplusFinder(_target!, _selection, _plan, _device).CountBelow(path);
            return;
        }

        var directory = Posix.Open(_target!.Get(path.Parent.Raw), Posix.Terminated(path.RawName), Libc.O_RDONLY | Libc.O_DIRECTORY);
        if (directory < 0)
        {
            throw Posix.LastError($"list {RestoreWarnings.Escape(path)}");
        }

        try
        {
            if (Posix.ReadNames(directory).Count > 0)
            {
                throw new RestoreException(
                    $"{RestoreWarnings.Escape(path)}: is a directory with something in it and none in the snapshot; move it away, or restore with deletion");
            }
        }
        finally
        {
            Posix.Close(directory);
        }
    }

    // Whether what is there will do, perhaps with other attributes.
    private bool TryKeep(ManifestEntry entry, in Libc.StatxBuffer stat)
    {
        switch (entry.Kind)
        {
            case EntryKind.File when stat.Format == TreeRoot.FormatRegular && (long)stat.Size == entry.SizeBytes && stat.ModifiedNs == entry.ModifiedNs:
                _plan.FilesSkipped++;
                if (_linkedFiles.ContainsKey(entry.Path))
                {
                    _firstNames[entry.Path] = new FirstName { Path = entry.Path, Inode = stat.Inode };
                }

                break;
            case EntryKind.Link when stat.Format == TreeRoot.FormatLink && ReadLink(entry.Path) is { } target && target.AsSpan().SequenceEqual(entry.LinkTarget):
            case EntryKind.Fifo when stat.Format == LibcFd.FifoFormat:
                break;
            case EntryKind.File:
            case EntryKind.Link:
            case EntryKind.Fifo:
            case EntryKind.Directory:
            case EntryKind.HardLink:
                return false;
        }

        if (stat.ModifiedNs != entry.ModifiedNs || _attributes.Differ(entry, stat) || ExtendedDiffer(entry))
        {
            _plan.Stamps.Add(entry);
        }

        return true;
    }

    private bool ExtendedDiffer(ManifestEntry entry)
    {
        if (entry.Attributes.Count == 0 || entry.Kind is not (EntryKind.File or EntryKind.Directory))
        {
            return false;
        }

        var file = Posix.Open(
            _target!.Get(entry.Path.Parent.Raw), entry.Path.IsRoot ? "."u8 : Posix.Terminated(entry.Path.RawName), Libc.O_RDONLY | Libc.O_NONBLOCK);
        if (file < 0)
        {
            return true;
        }

        try
        {
            return _attributes.ExtendedDiffer(entry, file);
        }
        finally
        {
            Posix.Close(file);
        }
    }

    private bool TryStat(TreePath path, out Libc.StatxBuffer stat)
    {
        stat = default;
        if (_target is null || !_target.TryGet(path.Parent.Raw, out var parent))
        {
            return false;
        }

        Span<byte> name = stackalloc byte[Posix.NameBytes];
        TreeRoot.Terminate(path.RawName, name);
        return Posix.TryStat(parent, name, out stat);
    }

    private byte[]? ReadLink(TreePath path) => Posix.ReadLink(_target!.Get(path.Parent.Raw), Posix.Terminated(path.RawName));

    // A directory of the manifest: chosen or not, and once something is restored into it, staged or kept.
    private sealed class Place(ManifestEntry entry, Choice choice, Place? parent)
    {
        public ManifestEntry Entry { get; } = entry;

        public Choice Choice { get; } = choice;

        public Place? Parent { get; } = parent;

        public bool IsSettled { get; private set; }

        public StagedDirectory? Staged { get; private set; }

        public void Settle(StagedDirectory? staged)
        {
            Staged = staged;
            IsSettled = true;
        }
    }
}
