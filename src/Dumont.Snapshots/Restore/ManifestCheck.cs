namespace Dumont.Snapshots;

/// <summary>
/// Decides whether a manifest describes a tree at all, before anything is written. A manifest comes out of a store that others can write to,
/// so nothing in it is believed: every entry's directory must have come before it and be a directory, no path may come twice, sizes must
/// be those of the extents.
/// </summary>
internal static class ManifestCheck
{
    private const int AllPermissions = 0xFFF;
    private const int AttributeNameBytes = 255;
    private const int AttributeValueBytes = 64 << 10;
    private const int AttributesPerEntry = 4096;

    // The largest file of ext4 with 4 KiB blocks; xfs and btrfs hold more, a workspace does not.
    private const long FileBytes = 16L << 40;

    /// <summary>Checks all of it.</summary>
    /// <exception cref="SnapshotFormatException">Names the path that is wrong, and why.</exception>
    public static void Check(IReadOnlyList<ManifestEntry> manifest)
    {
        var kinds = new Dictionary<TreePath, EntryKind>(manifest.Count);
        foreach (var entry in manifest)
        {
            CheckPlace(entry, kinds);
            CheckAttributes(entry);
            switch (entry.Kind)
            {
                case EntryKind.File:
                    CheckContent(entry);
                    break;
                case EntryKind.Link:
                    CheckLink(entry);
                    break;
                case EntryKind.HardLink:
                    CheckHardLink(entry, kinds);
                    break;
                case EntryKind.Directory:
                case EntryKind.Fifo:
                    CheckNothingBut(entry, content: false, target: false);
                    break;
                default:
                    throw Refuse(entry.Path, $"is of kind {(byte)entry.Kind}, which is not restored");
            }
        }
    }

    /// <summary>The path that a hard link names.</summary>
    public static TreePath FirstName(ManifestEntry hardLink) =>
        TreePath.TryCreate(hardLink.LinkTarget, out var first) ? first : throw Refuse(hardLink.Path, "is a hard link to something that is not a path");

    public static SnapshotFormatException Refuse(TreePath path, string why) => new($"{RestoreWarnings.Escape(path)}: {why}; nothing was restored");

    private static void CheckPlace(ManifestEntry entry, Dictionary<TreePath, EntryKind> kinds)
    {
        if (entry.Path.IsRoot)
        {
            if (entry.Kind != EntryKind.Directory)
            {
                throw Refuse(entry.Path, "is the root of the tree and no directory");
            }
        }
        else if (!entry.Path.Parent.IsRoot)
        {
            if (!kinds.TryGetValue(entry.Path.Parent, out var parent))
            {
                throw Refuse(entry.Path, "comes before its directory, or its directory is missing");
            }

            if (parent != EntryKind.Directory)
            {
                throw Refuse(entry.Path, "lies in something that is not a directory");
            }
        }

        if (!kinds.TryAdd(entry.Path, entry.Kind))
        {
            throw Refuse(entry.Path, "comes twice");
        }
    }

    private static void CheckAttributes(ManifestEntry entry)
    {
        if ((entry.Mode & ~AllPermissions) != 0)
        {
            throw Refuse(entry.Path, "has permission bits that do not exist");
        }

        if (entry.Attributes.Count > AttributesPerEntry)
        {
            throw Refuse(entry.Path, $"has {entry.Attributes.Count} extended attributes");
        }

        foreach (var (name, value) in entry.Attributes)
        {
            if (name.Length is 0 or > AttributeNameBytes || name.Contains((byte)0) || value.Length > AttributeValueBytes)
            {
                throw Refuse(entry.Path, "has an extended attribute that no file system can hold");
            }
        }
    }

    private static void CheckContent(ManifestEntry entry)
    {
        CheckNothingBut(entry, content: true, target: false);
        var size = 0L;
        foreach (var extent in entry.Content)
        {
            if (extent.LengthBytes is <= 0 or > FileBytes || (size += extent.LengthBytes) > FileBytes)
            {
                throw Refuse(entry.Path, "has an extent of an impossible length");
            }
        }

        if (size != entry.SizeBytes)
        {
            throw Refuse(entry.Path, $"claims {entry.SizeBytes} bytes and has {size}");
        }
    }

    private static void CheckLink(ManifestEntry entry)
    {
        CheckNothingBut(entry, content: false, target: true);
        if (entry.LinkTarget is not { Length: > 0 and <= TreePath.MaximumBytes } target || target.Contains((byte)0))
        {
            throw Refuse(entry.Path, "is a link to something that cannot be a target");
        }
    }

    private static void CheckHardLink(ManifestEntry entry, Dictionary<TreePath, EntryKind> kinds)
    {
        CheckNothingBut(entry, content: false, target: true);
        if (!kinds.TryGetValue(FirstName(entry), out var kind) || kind != EntryKind.File)
        {
            throw Refuse(entry.Path, "is a hard link to something that is not an earlier file of the snapshot");
        }
    }

    private static void CheckNothingBut(ManifestEntry entry, bool content, bool target)
    {
        if (!content && entry.Content.Count > 0)
        {
            throw Refuse(entry.Path, "has content and is no file");
        }

        if (!target && entry.LinkTarget is not null)
        {
            throw Refuse(entry.Path, "has a target and is no link");
        }
    }
}
