namespace Dumont.Snapshots.Sync;

/// <summary>Finds where a tree and the picture of the sink's differ, without reading a file: what differs, or cannot be told, is marked as
/// changed.</summary>
internal sealed class TreeComparer(TreeRoot root, PeerTree peer, TreeChanges changes, TreeIndex index)
{
    /// <summary>Number of the last run, from 1.</summary>
    public long LastRun { get; private set; }

    /// <summary>Compares once.</summary>
    public void Run()
    {
        LastRun++;
        foreach (var entry in root.Walk())
        {
            if (peer.Find(entry.Path) is not { } known)
            {
                changes.Mark(entry.Path);
                continue;
            }

            known.SeenInScan = LastRun;
            if (known.OwnStamp == entry.Stamp && known.Entry.Mode == entry.Mode)
            {
                continue;
            }

            if (SameAttributes(entry, known.Entry) && HasKnownContent(entry, known.Entry))
            {
                known.OwnStamp = entry.Stamp;
            }
            else
            {
                changes.Mark(entry.Path);
            }
        }

        foreach (var (path, known) in peer.Entries)
        {
            if (known.SeenInScan != LastRun)
            {
                changes.Mark(path);
            }
        }
    }

    /// <summary>Whether the sink's entry has everything of ours but the content.</summary>
    public static bool SameAttributes(TreeEntry own, SyncEntry theirs) =>
        own.Kind == theirs.Kind && own.Mode == theirs.Mode && own.Stamp.ModifiedNs == theirs.ModifiedNs && own.LinkTarget == theirs.LinkTarget &&
        (own.Kind != TreeEntryKind.File || own.Stamp.SizeBytes == theirs.SizeBytes);

    private bool HasKnownContent(TreeEntry own, SyncEntry theirs) =>
        own.Kind != TreeEntryKind.File || index.Find(own.Path, own.Stamp)?.Digest == theirs.Digest;
}
