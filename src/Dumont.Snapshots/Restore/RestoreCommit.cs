using System.Globalization;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>
/// Brings prepared units into the target and takes them out again. Every step looks first at what is where, by inode, so that it may be
/// repeated after a crash at any point.
/// </summary>
/// <param name="target">Root of the target, open.</param>
/// <param name="staging">Where the units are and where the replaced entries go.</param>
/// <param name="attributes">For extended attributes and owners that cannot be set.</param>
internal sealed class RestoreCommit(int target, RestoreStaging staging, AttributeWriter attributes)
{
    /// <summary>Looks at the target and at what is staged, and writes down what will be exchanged with what.</summary>
    public RestoreJournal Describe(RestorePlan plan, RestoreJournal journal)
    {
        using var directories = new DirectoryCache(target);
        using var staged = new DirectoryCache(staging.New);
        var touched = new HashSet<TreePath>();
        var swaps = new List<JournalSwap>(plan.Swaps.Count);
        var stamps = new List<JournalStamp>();
        foreach (var swap in plan.Swaps)
        {
            if (!Posix.TryStat(staging.New, Posix.Terminated(swap.StagedName), out var made))
            {
                throw new RestoreException($"{RestoreWarnings.Escape(swap.Path)}: vanished from {staging.Location} while it was restored");
            }

            var isThere = TryStat(directories, swap.Path, out var existing);
            swaps.Add(new JournalSwap(swap.StagedName, swap.Path, made.Inode, isThere ? existing.Inode : 0));
            touched.Add(swap.Path.Parent);
            if (swap.Entry.Kind == EntryKind.Directory)
            {
                // It could not be moved by anyone but root with a mode that forbids writing, so it gets its own afterwards.
                stamps.Add(new JournalStamp(swap.Path, EntryKind.Directory, null, AttributesOf(swap.Entry), []));
            }
        }

        var removals = plan.Removals.Select((path, i) =>
        {
            touched.Add(path.Parent);
            return TryStat(directories, path, out var stat)
                ? new JournalRemoval(i.ToString(CultureInfo.InvariantCulture), path, stat.Inode)
                : throw new RestoreException($"{RestoreWarnings.Escape(path)}: vanished from the target while it was restored");
        }).ToList();

        var stamped = plan.Stamps.Select(entry => entry.Path).ToHashSet();
        stamps.AddRange(plan.Stamps.Select(entry => DescribeStamp(directories, entry)));
        stamps.AddRange(touched
            .Where(path => !stamped.Contains(path) && plan.KeptDirectories.ContainsKey(path))
            .Select(path => DescribeStamp(directories, plan.KeptDirectories[path])));
        return journal with { State = JournalState.Placing, Swaps = swaps, Removals = removals, Stamps = stamps };
    }

    /// <summary>Does what the journal says, or what is left of it.</summary>
    /// <exception cref="IOException">Some of it is done and some not: roll back.</exception>
    public void Apply(RestoreJournal journal)
    {
        using var directories = new DirectoryCache(target);
        foreach (var removal in journal.Removals)
        {
            if (TryStat(directories, removal.Path, out var stat) && stat.Inode == removal.Inode)
            {
                Check(Posix.Rename(ParentOf(directories, removal.Path), NameOf(removal.Path), staging.Old, Posix.Terminated(removal.KeptName), Libc.RENAME_NOREPLACE),
                    "remove", removal.Path);
            }
        }

        foreach (var swap in journal.Swaps)
        {
            Place(directories, swap);
        }

        foreach (var stamp in journal.Stamps)
        {
            Set(directories, stamp, stamp.New, isNew: true);
        }
    }

    /// <summary>Brings the target back to what it was before <see cref="Apply"/>.</summary>
    /// <exception cref="IOException">Not possible; the journal stays and another run tries again.</exception>
    public void RollBack(RestoreJournal journal)
    {
        using var directories = new DirectoryCache(target);
        SetOld(directories, journal, static _ => true);
        foreach (var swap in Enumerable.Reverse(journal.Swaps))
        {
            TakeBack(directories, swap);
        }

        foreach (var removal in Enumerable.Reverse(journal.Removals))
        {
            var kept = Posix.Terminated(removal.KeptName);
            if (Posix.TryStat(staging.Old, kept, out var stat) && stat.Inode == removal.Inode)
            {
                Check(Posix.Rename(staging.Old, kept, ParentOf(directories, removal.Path), NameOf(removal.Path), Libc.RENAME_NOREPLACE), "bring back", removal.Path);
            }
        }

        // Again: what went back has changed the times of its directories.
        SetOld(directories, journal, static stamp => stamp.Kind == EntryKind.Directory);
    }

    private void Place(DirectoryCache directories, JournalSwap swap)
    {
        var parent = ParentOf(directories, swap.Path);
        var name = NameOf(swap.Path);
        var staged = Posix.Terminated(swap.StagedName);
        var isThere = Posix.TryStat(parent, name, out var stat);
        if (isThere && stat.Inode == swap.NewInode)
        {
            return;
        }

        if (isThere && stat.Inode != swap.OldInode)
        {
            throw new RestoreException($"{RestoreWarnings.Escape(swap.Path)}: was changed by somebody else while it was restored; try again");
        }

        if (!isThere)
        {
            Check(Posix.Rename(staging.New, staged, parent, name, Libc.RENAME_NOREPLACE), "place", swap.Path);
            return;
        }

        if (Posix.Rename(staging.New, staged, parent, name, LibcFd.RENAME_EXCHANGE) == 0)
        {
            return;
        }

        if (Marshal.GetLastPInvokeError() != Libc.EINVAL)
        {
            throw Posix.LastError($"place {RestoreWarnings.Escape(swap.Path)}");
        }

        // No exchange on this file system: the entry is missing for a moment, and a crash then is put right by the next run.
        Check(Posix.Rename(parent, name, staging.Old, staged, Libc.RENAME_NOREPLACE), "put aside", swap.Path);
        Check(Posix.Rename(staging.New, staged, parent, name, Libc.RENAME_NOREPLACE), "place", swap.Path);
    }

    private void TakeBack(DirectoryCache directories, JournalSwap swap)
    {
        if (!directories.TryGet(swap.Path.Parent.Raw, out var parent))
        {
            return;
        }

        var name = NameOf(swap.Path);
        var staged = Posix.Terminated(swap.StagedName);
        var isNewInPlace = Posix.TryStat(parent, name, out var stat) && stat.Inode == swap.NewInode;
        if (isNewInPlace && swap.OldInode == swap.NewInode)
        {
            return;
        }

        var isOldExchanged = Posix.TryStat(staging.New, staged, out var inNew) && inNew.Inode == swap.OldInode && swap.OldInode != 0;
        if (isNewInPlace && isOldExchanged)
        {
            Check(Posix.Rename(staging.New, staged, parent, name, LibcFd.RENAME_EXCHANGE), "bring back", swap.Path);
            return;
        }

        if (isNewInPlace)
        {
            Check(Posix.Rename(parent, name, staging.New, staged, Libc.RENAME_NOREPLACE), "take back", swap.Path);
        }

        if (Posix.TryStat(staging.Old, staged, out var kept) && kept.Inode == swap.OldInode && swap.OldInode != 0)
        {
            Check(Posix.Rename(staging.Old, staged, parent, name, Libc.RENAME_NOREPLACE), "bring back", swap.Path);
        }
    }

    private JournalStamp DescribeStamp(DirectoryCache directories, ManifestEntry entry)
    {
        if (!TryStat(directories, entry.Path, out var stat))
        {
            throw new RestoreException($"{RestoreWarnings.Escape(entry.Path)}: vanished from the target while it was restored");
        }

        var old = new EntryAttributes(stat.Permissions, stat.UserId, stat.GroupId, stat.ModifiedNs);
        var extended = new List<(byte[], byte[]?, byte[])>();
        if (entry.Attributes.Count > 0 && entry.Kind is EntryKind.File or EntryKind.Directory)
        {
            var file = OpenEntry(directories, entry.Path, entry.Kind);
            if (file >= 0)
            {
                extended.AddRange(attributes.AllowedOf(entry).Select(attribute => (attribute.Name, AttributeWriter.GetExtended(file, attribute.Name), attribute.Value)));
                Posix.Close(file);
            }
        }

        return new JournalStamp(entry.Path, entry.Kind, old, AttributesOf(entry), extended);
    }

    private EntryAttributes AttributesOf(ManifestEntry entry) => new(attributes.ModeOf(entry), entry.UserId, entry.GroupId, entry.ModifiedNs);

    private void SetOld(DirectoryCache directories, RestoreJournal journal, Func<JournalStamp, bool> which)
    {
        foreach (var stamp in journal.Stamps)
        {
            if (stamp.Old is { } old && which(stamp) && TryStat(directories, stamp.Path, out _))
            {
                Set(directories, stamp, old, isNew: false);
            }
        }
    }

    private unsafe void Set(DirectoryCache directories, JournalStamp stamp, EntryAttributes wanted, bool isNew)
    {
        if (stamp.Kind is not (EntryKind.File or EntryKind.Directory))
        {
            SetByName(directories, stamp.Path, wanted);
            return;
        }

        var file = OpenEntry(directories, stamp.Path, stamp.Kind);
        if (file < 0)
        {
            throw Posix.LastError($"set the attributes of {RestoreWarnings.Escape(stamp.Path)}");
        }

        try
        {
            var now = Posix.Stat(file);
            if (now.UserId != wanted.UserId || now.GroupId != wanted.GroupId)
            {
                if (!attributes.IsRoot || LibcFd.FChown(file, wanted.UserId, wanted.GroupId) < 0)
                {
                    attributes.Warnings.OwnerSkipped();
                }
            }

            foreach (var (name, before, after) in stamp.Extended)
            {
                if (!AttributeWriter.TrySetExtended(file, name, isNew ? after : before))
                {
                    attributes.Warnings.Add(stamp.Path, $"extended attribute {RestoreWarnings.Escape(name)} could not be set");
                }
            }

            Check(LibcFd.FChmod(file, (uint)wanted.Mode), "set the mode of", stamp.Path);
            Check(Posix.SetTimes(file, [], wanted.ModifiedNs), "set the time of", stamp.Path);
        }
        finally
        {
            Posix.Close(file);
        }
    }

    private unsafe void SetByName(DirectoryCache directories, TreePath path, EntryAttributes wanted)
    {
        var parent = ParentOf(directories, path);
        var name = NameOf(path);
        if (attributes.IsRoot)
        {
            fixed (byte* pointer = name)
            {
                Check(LibcFd.FChownAt(parent, pointer, wanted.UserId, wanted.GroupId, Libc.AT_SYMLINK_NOFOLLOW), "set the owner of", path);
            }
        }

        Check(Posix.SetTimes(parent, name, wanted.ModifiedNs), "set the time of", path);
    }

    private static int OpenEntry(DirectoryCache directories, TreePath path, EntryKind kind) =>
        directories.TryGet(path.Parent.Raw, out var parent)
            ? Posix.Open(parent, NameOf(path), Libc.O_RDONLY | Libc.O_NONBLOCK | (kind == EntryKind.Directory ? Libc.O_DIRECTORY : 0))
            : -1;

    private static bool TryStat(DirectoryCache directories, TreePath path, out Libc.StatxBuffer stat)
    {
        stat = default;
        return directories.TryGet(path.Parent.Raw, out var parent) && Posix.TryStat(parent, NameOf(path), out stat);
    }

    private static int ParentOf(DirectoryCache directories, TreePath path) => directories.Get(path.Parent.Raw);

    // The root is its own parent.
    private static byte[] NameOf(TreePath path) => path.IsRoot ? [(byte)'.', 0] : Posix.Terminated(path.RawName);

    private static void Check(int result, string call, TreePath path)
    {
        if (result < 0)
        {
            throw Posix.LastError($"{call} {RestoreWarnings.Escape(path)}");
        }
    }
}
