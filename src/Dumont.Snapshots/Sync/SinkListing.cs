namespace Dumont.Snapshots.Sync;

/// <summary>Tells a source what the sink's tree holds. Reads only files whose stamp is not in the index: all of them once after a start, none later.</summary>
internal sealed class SinkListing(TreeRoot root, TreeIndex index, TimeProvider time)
{
    /// <summary>Sends all of it.</summary>
    public async Task SendAsync(SyncConnection connection, CancellationToken cancellationToken)
    {
        var seen = new HashSet<TreePath>();
        var batch = new List<SyncEntry>();
        foreach (var entry in root.Walk())
        {
            if (Describe(entry, connection.Version >= SyncLimits.MetadataVersion, cancellationToken) is not { } described)
            {
                continue;
            }

            seen.Add(entry.Path);
            batch.Add(described);
            if (batch.Count == SyncLimits.EntriesPerMessage)
            {
                await connection.WriteAsync(new EntriesMessage(batch), cancellationToken);
                batch.Clear();
            }
        }

        index.Retain(seen.Contains);
        await connection.WriteAsync(new EntriesMessage(batch), cancellationToken);
        await connection.WriteAsync(new EntriesEndMessage((uint)seen.Count), cancellationToken);
        await connection.FlushAsync(cancellationToken);
    }

    private SyncEntry? Describe(TreeEntry entry, bool carriesMetadata, CancellationToken cancellationToken)
    {
        var digest = default(ContentHash);
        if (entry.Kind == TreeEntryKind.File)
        {
            if ((index.Find(entry.Path, entry.Stamp) ?? ReadFile(entry, cancellationToken)) is not { } known)
            {
                return null;
            }

            digest = known.Digest;
        }

        var size = entry.Kind == TreeEntryKind.File ? entry.Stamp.SizeBytes : 0;
        return new SyncEntry(
            entry.Path, entry.Kind, entry.Mode, entry.Stamp.ModifiedNs, size, digest, entry.LinkTarget, carriesMetadata ? DescribeMetadata(entry) : null);
    }

    private SyncEntryMetadata DescribeMetadata(TreeEntry entry)
    {
        var metadata = root.ReadMetadata(entry);
        var inode = entry is { Kind: TreeEntryKind.File, Links: > 1 } ? entry.Stamp.Inode : 0;
        return new SyncEntryMetadata(metadata.UserId, metadata.GroupId, metadata.AttributesHash, inode);
    }

    private IndexedFile? ReadFile(TreeEntry entry, CancellationToken cancellationToken)
    {
        using var file = root.FindFile(entry.Path);
        if (file is null)
        {
            return null;
        }

        var chunks = FileContent.ReadChunks(file, Chunker.ForSync, cancellationToken).ToArray();
        var indexed = new IndexedFile(entry.Path, entry.Stamp, FileContent.DigestOf(chunks), chunks);
        if (!entry.Stamp.IsRacy(time.GetUtcNow()))
        {
            index.Set(indexed);
        }

        return indexed;
    }
}
