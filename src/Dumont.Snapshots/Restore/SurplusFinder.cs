namespace Dumont.Snapshots;

/// <summary>Finds what is in the target, selected, and not in the snapshot. A directory goes as a whole when nothing in it has to stay.</summary>
internal sealed class SurplusFinder(DirectoryCache target, RestoreSelection selection, RestorePlan plan, ulong device)
{
    /// <param name="manifest">All of it, selected or not.</param>
    /// <param name="choiceOf">What was chosen for a directory of the manifest.</param>
    public void Find(IReadOnlyList<ManifestEntry> manifest, Func<TreePath, Choice> choiceOf)
    {
        var known = manifest.Select(entry => entry.Path).ToHashSet();
        var staying = manifest.Where(entry => entry.Kind == EntryKind.Directory).Select(entry => entry.Path).Append(TreePath.Root).Distinct();
        foreach (var directory in staying)
        {
            if (choiceOf(directory) != Choice.Excluded)
            {
                foreach (var path in List(directory))
                {
                    if (!known.Contains(path) && !path.IsReserved)
                    {
                        Collect(path, selection.Choose(path, choiceOf(directory)));
                    }
                }
            }
        }
    }

    /// <summary>Counts what goes with a directory that gives way to something else.</summary>
    public void CountBelow(TreePath replaced)
    {
        var open = new Stack<TreePath>([replaced]);
        while (open.TryPop(out var directory))
        {
            foreach (var path in List(directory))
            {
                var (isDirectory, _, bytes) = Look(path);
                plan.CountRemoved(path, bytes, isTop: directory == replaced);
                if (isDirectory)
                {
                    open.Push(path);
                }
            }
        }
    }

    private void Collect(TreePath path, Choice choice)
    {
        // Depth first without recursion: a directory is decided after everything in it.
        var found = new List<(TreePath Path, Choice Choice, long Bytes)>();
        var open = new Stack<(TreePath Path, Choice Choice)>();
        open.Push((path, choice));
        while (open.TryPop(out var next))
        {
            var (isDirectory, isMounted, bytes) = Look(next.Path);
            found.Add((next.Path, isMounted ? Choice.Excluded : next.Choice, bytes));
            if (isDirectory && !isMounted)
            {
                foreach (var child in List(next.Path))
                {
                    open.Push((child, selection.Choose(child, next.Choice)));
                }
            }
        }

        var staying = new HashSet<TreePath>();
        for (var i = found.Count - 1; i >= 0; i--)
        {
            if (found[i].Choice != Choice.Selected || staying.Contains(found[i].Path))
            {
                staying.Add(found[i].Path);
                staying.Add(found[i].Path.Parent);
            }
        }

        var removed = new HashSet<TreePath>();
        foreach (var (entry, _, bytes) in found)
        {
            if (removed.Contains(entry.Parent))
            {
                removed.Add(entry);
                plan.CountRemoved(entry, bytes, isTop: false);
            }
            else if (!staying.Contains(entry))
            {
                removed.Add(entry);
                plan.Removals.Add(entry);
                plan.CountRemoved(entry, bytes, isTop: true);
            }
        }
    }

    private (bool IsDirectory, bool IsMounted, long Bytes) Look(TreePath path) =>
        !Posix.TryStat(target.Get(path.Parent.Raw), Posix.Terminated(path.RawName), out var stat) ? (false, false, 0)
        : stat.Format == TreeRoot.FormatDirectory ? (true, stat.Device != device, 0)
        : (false, false, stat.Format == TreeRoot.FormatRegular ? (long)stat.Size : 0);

    private IEnumerable<TreePath> List(TreePath directory)
    {
        if (!target.TryGet(directory.Raw, out var cached))
        {
            return [];
        }

        // Of its own: a directory is read from where its descriptor stands.
        var own = Posix.Open(cached, ".\0"u8, Libc.O_RDONLY | Libc.O_DIRECTORY);
        if (own < 0)
        {
            throw Posix.LastError($"list {RestoreWarnings.Escape(directory)}");
        }

        try
        {
            return [.. Posix.ReadNames(own).Select(name => directory.TryAppend(name.AsSpan(..^1), out var path) ? path : throw new RestoreException(
                $"{RestoreWarnings.Escape(directory)}: holds a name that is too deep to be handled"))];
        }
        finally
        {
            Posix.Close(own);
        }
    }
}
