using System.Buffers;

namespace Dumont.Snapshots.Sync;

/// <content>Files: their content, their attributes, and their names when they have several.</content>
internal sealed partial class SourceSession
{
    // Inode of a large file with several names on its way to the path under which it goes, and the names that wait for it.
    private readonly Dictionary<ulong, (TreePath Path, List<TreePath> Waiting)> _transfers = [];

    // A file of ours as it was read. The entry has the size of what was read; OwnStamp is null when the reading proves nothing later.
    private sealed record OwnFile(TreeEntry Entry, EntryMetadata? Metadata, ContentHash Digest, FileStamp? OwnStamp, IReadOnlyList<FileChunk> Chunks)
    {
        public TreePath Path => Entry.Path;
    }

    private async Task LookAtFileAsync(TreeEntry entry, CancellationToken cancellationToken)
    {
        if (FindAsOtherName(entry) is { } known && await SendWithoutContentAsync(known, cancellationToken))
        {
            return;
        }

        if (entry.Stamp.SizeBytes <= options.InlineBytes)
        {
            await SendSmallFileAsync(entry, cancellationToken);
        }
        else if (entry.Links < 2 || !_carriesMetadata)
        {
            _large.Enqueue(entry.Path, LikelyDigest(entry));
        }
        else if (_transfers.TryGetValue(entry.Stamp.Inode, out var transfer))
        {
            transfer.Waiting.Add(entry.Path);
        }
        else
        {
            _transfers[entry.Stamp.Inode] = (entry.Path, []);
            _large.Enqueue(entry.Path, LikelyDigest(entry));
        }
    }

    // What the file is, without reading it: it was read under another name and has not changed since.
    private OwnFile? FindAsOtherName(TreeEntry entry)
    {
        if (!_carriesMetadata)
        {
            return null;
        }

        foreach (var name in _names.OthersOf(entry))
        {
            if (peer.Find(name) is { OwnStamp: { } stamp, Entry: { Kind: TreeEntryKind.File, Digest: var digest } } && stamp == entry.Stamp)
            {
                return new OwnFile(entry, MetadataOf(entry), digest, stamp, index.Find(name, stamp)?.Chunks ?? []);
            }
        }

        return null;
    }

    // With equal size and time it probably is the same content: find out before the sink is made to copy it all.
    private ContentHash? LikelyDigest(TreeEntry entry)
    {
        if (IsJoinedToAnother(entry))
        {
            return null;
        }

        return (_carriesMetadata ? _names.OthersOf(entry) : []).Prepend(entry.Path)
            .Select(name => peer.Find(name)?.Entry)
            .FirstOrDefault(theirs => theirs?.SizeBytes == entry.Stamp.SizeBytes && theirs.ModifiedNs == entry.Stamp.ModifiedNs)?.Digest;
    }

    private async Task SendSmallFileAsync(TreeEntry entry, CancellationToken cancellationToken)
    {
        // One byte more than fits tells a file that has grown.
        var buffer = ArrayPool<byte>.Shared.Rent(options.InlineBytes + 1);
        try
        {
            if (TryRead(entry, buffer) is not { } read)
            {
                return;
            }

            var content = buffer.AsMemory(0, read.LengthBytes);
            counters.CountRead(content.Length);
            var file = new OwnFile(
                entry with { Stamp = read.Stamp with { SizeBytes = content.Length } },
                _carriesMetadata ? Told(entry.Path, read.Metadata) : null,
                FileContent.DigestOf(FileContent.ChunksOfWhole(content.Span)),
                read.IsStable ? read.Stamp : null,
                []);
            if (!await SendWithoutContentAsync(file, cancellationToken))
            {
                await _sender.SendAsync(
                    sequence => new FileMessage(sequence, entry.Path, entry.Mode, read.Stamp.ModifiedNs, content, file.Metadata),
                    entry.Path, content.Length, settles: true, cancellationToken);
                counters.CountFile();
                LearnContent(file);
            }

            if (read.HasChanged)
            {
                changes.Retry(entry.Path, UnstablePause);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Null when there is nothing to send now; the path is put off.
    private SmallFile? TryRead(TreeEntry entry, byte[] buffer)
    {
        try
        {
            var read = SmallFile.Read(root, entry, buffer.AsSpan(0, options.InlineBytes + 1), time);
            if (read is null)
            {
                changes.Retry(entry.Path, UnstablePause);
            }

            return read;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            counters.Trouble = $"{entry.Path}: {unreadable.Message}";
            changes.Retry(entry.Path, UnreadablePause);
            return null;
        }
    }

    // The sink has the content, there or under another name of the file. False when it has not, or has it as a name of another file.
    private async Task<bool> SendWithoutContentAsync(OwnFile file, CancellationToken cancellationToken)
    {
        var target = _carriesMetadata ? _names.OthersOf(file.Entry).Where(name => HasContent(name, file)).Cast<TreePath?>().FirstOrDefault() : null;
        if (target is { } other && !peer.AreOneFile(file.Path, other))
        {
            await _sender.SendAsync(sequence => new HardLinkMessage(sequence, file.Path, other), file.Path, 0, settles: false, cancellationToken);
            peer.Set(peer.Find(other)!.Entry with { Path = file.Path }, ownStamp: null);
            peer.Join(file.Path, other);
            TouchParent(file.Path);
        }
        else if (target is null && (!HasContent(file.Path, file) || IsJoinedToAnother(file.Entry)))
        {
            return false;
        }

        await SendAttributesAsync(file, peer.Find(file.Path)!.Entry, cancellationToken);
        LearnFile(file, touchParent: false);
        foreach (var name in peer.OtherNames(file.Path).ToList())
        {
            // They have the same attributes now, being one file there.
            var same = peer.Find(name)!;
            same.OwnStamp = same.OwnInode == file.Entry.Stamp.Inode ? same.OwnStamp : null;
            same.Entry = peer.Find(file.Path)!.Entry with { Path = name };
        }

        return true;
    }

    private bool HasContent(TreePath path, OwnFile file) =>
        peer.Find(path)?.Entry is { Kind: TreeEntryKind.File } theirs && theirs.Digest == file.Digest && theirs.SizeBytes == file.Entry.Stamp.SizeBytes;

    // On the sink it is one file with a name that is another file here. A name that is gone here will go there.
    private bool IsJoinedToAnother(TreeEntry entry) =>
        peer.OtherNames(entry.Path).Any(name => root.Find(name) is { } other && (other.Kind != TreeEntryKind.File || other.Stamp.Inode != entry.Stamp.Inode));

    private async Task SendAttributesAsync(OwnFile file, SyncEntry known, CancellationToken cancellationToken)
    {
        var entry = file.Entry;
        if (known.Mode == entry.Mode && known.ModifiedNs == entry.Stamp.ModifiedNs && TreeComparer.SameMetadata(file.Metadata, known))
        {
            changes.Settle(entry.Path);
            return;
        }

        await _sender.SendAsync(
            sequence => new AttributesMessage(sequence, entry.Path, entry.Mode, entry.Stamp.ModifiedNs, file.Metadata), entry.Path, 0, true, cancellationToken);
    }

    // Puts large files whose content has been transferred in their places.
    private async Task CommitTransferredAsync(CancellationToken cancellationToken)
    {
        while (_large.TryTake(out var done))
        {
            counters.CountRead(done.SizeBytes);
            await CommitAsync(done, cancellationToken);
            foreach (var (inode, transfer) in _transfers.Where(pair => pair.Value.Path == done.Path).ToList())
            {
                _transfers.Remove(inode);
                foreach (var waiting in transfer.Waiting)
                {
                    changes.Retry(waiting, TimeSpan.Zero);
                }
            }
        }
    }

    private async Task CommitAsync(LargeFileResult done, CancellationToken cancellationToken)
    {
        if (done.RetryAfter is { } pause)
        {
            counters.Trouble = done.Trouble ?? counters.Trouble;
            changes.Retry(done.Path, pause);
            return;
        }

        // Looked at again: it may have gone, or its directory may be another thing now.
        if (root.Find(done.Path) is not { Kind: TreeEntryKind.File } now || !peer.HasDirectory(done.Path.Parent) || excludes().Covers(done.Path))
        {
            await _large.DropAsync(done, cancellationToken);
            changes.Retry(done.Path, TimeSpan.Zero);
            return;
        }

        var entry = now with { Stamp = done.Stamp with { SizeBytes = done.SizeBytes } };
        var file = new OwnFile(entry, MetadataOf(now), done.Digest, done.IsStable ? done.Stamp : null, done.Chunks);
        if (done.StageId is { } stageId)
        {
            await _sender.SendAsync(
                sequence => new CommitMessage(
                    sequence, stageId, entry.Path, entry.Mode, entry.Stamp.ModifiedNs, done.SizeBytes, done.Digest, file.Metadata),
                entry.Path, 0, settles: true, cancellationToken);
            _large.Committed();
            counters.CountFile();
            counters.CountBytes(done.SentBytes);
            LearnContent(file);
        }
        else if (!await SendWithoutContentAsync(file, cancellationToken))
        {
            changes.Retry(done.Path, TimeSpan.Zero);
            return;
        }

        if (done.ChangedPause is { } changed)
        {
            changes.Retry(done.Path, changed);
        }
    }

    // The sink has a file of its own with this content now; other names of ours are to be made names of it.
    private void LearnContent(OwnFile file)
    {
        peer.Part(file.Path);
        LearnFile(file, touchParent: true);
        if (_carriesMetadata)
        {
            foreach (var name in _names.OthersOf(file.Entry))
            {
                changes.Mark(name);
            }
        }
    }

    private void LearnFile(OwnFile file, bool touchParent)
    {
        Learn(file.Entry, file.Metadata, file.Digest, file.OwnStamp, touchParent);
        if (file.OwnStamp is { } stamp)
        {
            index.Set(new IndexedFile(file.Path, stamp, file.Digest, file.Chunks));
        }
    }

    private void TouchParent(TreePath path)
    {
        if (!path.Parent.IsRoot)
        {
            _touched.Add(path.Parent);
        }
    }
}
