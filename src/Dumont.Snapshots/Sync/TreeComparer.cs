namespace Dumont.Snapshots.Sync;

/// <summary>Finds where a tree and the picture of the sink's differ, without reading a file: what differs, or cannot be told, is marked as
/// changed.</summary>
internal sealed class TreeComparer(
    TreeRoot root, PeerTree peer, OwnNames names, TreeChanges changes, TreeIndex index, bool carriesMetadata, TimeProvider time)
{
    /// <summary>Number of the last run, from 1.</summary>
    public long LastRun { get; private set; }

    /// <summary>Compares once.</summary>
    public void Run(PathFilter excludes)
    {
        LastRun++;
        names.Clear();
        foreach (var entry in root.Walk(excludes))
        {
            names.Add(entry);
            if (peer.Find(entry.Path) is { } known)
            {
                Compare(entry, known);
            }
            else
            {
                changes.Mark(entry.Path);
            }
        }

        foreach (var (path, known) in peer.Entries)
        {
            if ((known.SeenInScan != LastRun && !excludes.Covers(path)) || IsJoinedToAnother(known))
            {
                changes.Mark(path);
            }
        }

        if (carriesMetadata)
        {
            MarkParted();
        }
    }

    /// <summary>Whether the sink's entry has everything of ours but the content. Metadata is null where none is carried.</summary>
    public static bool SameAttributes(TreeEntry own, EntryMetadata? metadata, SyncEntry theirs) =>
        own.Kind == theirs.Kind && own.Mode == theirs.Mode && own.Stamp.ModifiedNs == theirs.ModifiedNs && own.LinkTarget == theirs.LinkTarget &&
        (own.Kind != TreeEntryKind.File || own.Stamp.SizeBytes == theirs.SizeBytes) && SameMetadata(metadata, theirs);

    /// <summary>Whether owner and extended attributes are the same.</summary>
    public static bool SameMetadata(EntryMetadata? own, SyncEntry theirs) =>
        own is null || (theirs.Metadata is { } known && known.UserId == own.UserId && known.GroupId == own.GroupId && known.AttributesHash == own.AttributesHash);

    private void Compare(TreeEntry entry, PeerEntry known)
    {
        known.SeenInScan = LastRun;
        known.OwnInode = entry.Stamp.Inode;
        if (known.OwnStamp == entry.Stamp && known.Entry.Mode == entry.Mode && SameOwner(entry, known.Entry))
        {
            return;
        }

        var metadata = carriesMetadata ? root.ReadMetadata(entry) : null;
        if (SameAttributes(entry, metadata, known.Entry) && HasKnownContent(entry, known.Entry))
        {
            known.OwnStamp = entry.Stamp.IsRacy(time.GetUtcNow()) ? null : entry.Stamp;
        }
        else
        {
            changes.Mark(entry.Path);
        }
    }

    private static bool SameOwner(TreeEntry own, SyncEntry theirs) =>
        theirs.Metadata is not { } known || (known.UserId == own.UserId && known.GroupId == own.GroupId);

    private bool HasKnownContent(TreeEntry own, SyncEntry theirs) =>
        own.Kind != TreeEntryKind.File || index.Find(own.Path, own.Stamp)?.Digest == theirs.Digest;

    // One file there, two here: a change of one name must not reach the other.
    private bool IsJoinedToAnother(PeerEntry known) =>
        known.Names is { Count: > 1 } joined && joined.Any(name => peer.Find(name) is { } other && other.SeenInScan == LastRun && other.OwnInode != known.OwnInode);

    // Two files there, one here.
    private void MarkParted()
    {
        foreach (var (first, others) in names.Files)
        {
            foreach (var other in others.Where(other => !peer.AreOneFile(first, other)))
            {
                changes.Mark(other);
            }
        }
    }
}
