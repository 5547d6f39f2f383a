using System.Buffers;

namespace Dumont.Snapshots.Sync;

/// <summary>
/// One connection of a source, after the greeting. Three loops: this one decides and sends small changes, <see cref="LargeFileSender"/>
/// transfers the content of large files meanwhile, and a third reads answers. Only this one numbers changes, so their order is that of
/// the frames. It is driven by comparison, never by events: a path is looked at, compared with what the sink has, and what differs is
/// sent; notifications only say where to look.
/// </summary>
internal sealed class SourceSession(
    SyncConnection connection,
    TreeRoot root,
    PeerTree peer,
    TreeChanges changes,
    TreeIndex index,
    SourceCounters counters,
    SyncOptions options,
    TimeProvider time) : IDisposable
{
    // A file that keeps changing is sent again after this pause at the earliest.
    private static readonly TimeSpan UnstablePause = TimeSpan.FromMilliseconds(50);

    // A file that cannot be read is tried again this much later; the others go on meanwhile.
    private static readonly TimeSpan UnreadablePause = TimeSpan.FromSeconds(5);

    private readonly LargeFileSender _large = new(connection, root, options, time, changes.Wake);
    private readonly HashSet<TreePath> _touched = [];
    private readonly List<(TreePath Path, long? AfterJob)> _deletions = [];
    private readonly ChangeSender _sender = new(connection, changes, counters, options, time);
    private readonly TreeComparer _comparer = new(root, peer, changes, index);

    /// <summary>Runs until the connection ends.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var receiving = ReceiveAsync(stop.Token);
        var transferring = _large.RunAsync(stop.Token);
        var deciding = DecideAsync(stop.Token);
        var first = await Task.WhenAny(receiving, transferring, deciding);
        await stop.CancelAsync();
        await Task.WhenAll(receiving, transferring, deciding).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);

        // The first to end is the cause, but a refusal or a fault that was still in the pipe says more than "broken pipe".
        await (receiving.Exception?.InnerException is SyncRefusedException or SyncFaultException ? receiving : first);
    }

    /// <inheritdoc />
    public void Dispose() => _large.Dispose();

    private async Task ReceiveAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            using var received = await connection.ReadAsync(cancellationToken) ?? throw new IOException("The sink closed the connection.");
            switch (received.Message)
            {
                case AckMessage ack when ack.Sequence <= _sender.LastSequence:
                    _sender.OnAck(ack.Sequence);
                    break;
                case NeedMessage need:
                    _large.Answer(need);
                    break;
                default:
                    throw SyncSource.Unexpected(received.Message);
            }
        }
    }

    private async Task DecideAsync(CancellationToken cancellationToken)
    {
        var lastScan = 0L;
        var markDue = true;
        while (true)
        {
            if (changes.WantedRescan is { } ticket)
            {
                _comparer.Run();
                changes.Rescanned(ticket);
                markDue = true;
                lastScan = time.GetTimestamp();
            }

            foreach (var path in changes.Take())
            {
                await LookAtAsync(path.Path, cancellationToken);
                if (_large.HasFinished)
                {
                    await CommitTransferredAsync(cancellationToken);
                }
            }

            // Asked for before the commits: one that finishes in between is not sent yet.
            var finished = _large.LastFinishedJob;
            await CommitTransferredAsync(cancellationToken);
            await DeleteAsync(finished, cancellationToken);
            await TouchDirectoriesAsync(cancellationToken);
            if (changes.IsAllSent && _deletions.Count == 0 && (markDue || _sender.HasUnmarked))
            {
                await _sender.MarkAsync(cancellationToken);
                markDue = false;
            }

            await connection.FlushAsync(cancellationToken);

            var untilScan = options.RescanPeriod - time.GetElapsedTime(lastScan);
            if (untilScan <= TimeSpan.Zero)
            {
                changes.RequestRescan();
                continue;
            }

            var untilDue = changes.NextDue() ?? untilScan;
            if (untilDue > TimeSpan.Zero)
            {
                await changes.WaitAsync(untilDue < untilScan ? untilDue : untilScan, cancellationToken);
            }

            await changes.GatherAsync(options.Debounce, cancellationToken);
        }
    }

    private async Task LookAtAsync(TreePath path, CancellationToken cancellationToken)
    {
        if (root.Find(path) is not { } entry)
        {
            LookAtMissing(path);
            return;
        }

        await EnsureParentsAsync(path.Parent, cancellationToken);
        if (!peer.HasDirectory(path.Parent))
        {
            // The parent is gone or no directory any more; that is seen where the parent is looked at.
            changes.Retry(path, UnstablePause);
            return;
        }

        switch (entry.Kind)
        {
            case TreeEntryKind.Directory:
                await SendDirectoryAsync(entry, settles: true, cancellationToken);
                break;
            case TreeEntryKind.Link:
                await SendLinkAsync(entry, cancellationToken);
                break;
            case TreeEntryKind.File when entry.Stamp.SizeBytes <= options.InlineBytes:
                await SendSmallFileAsync(entry, cancellationToken);
                break;
            case TreeEntryKind.File:
                // With equal size and time it probably is the same content: find out before the sink is made to copy it all.
                var likelySame = peer.Find(path)?.Entry is { } theirs && theirs.SizeBytes == entry.Stamp.SizeBytes &&
                    theirs.ModifiedNs == entry.Stamp.ModifiedNs;
                _large.Enqueue(path, likelySame ? peer.Find(path)!.Entry.Digest : null);
                break;
        }
    }

    // Deletions wait for large files noticed before or with them: a renamed file finds its chunks under the old name, and the sink is never without both.
    private void LookAtMissing(TreePath path)
    {
        if (peer.Find(path) is null)
        {
            changes.Settle(path);
        }
        else
        {
            _deletions.Add((path, null));
        }
    }

    private async Task EnsureParentsAsync(TreePath path, CancellationToken cancellationToken)
    {
        if (peer.HasDirectory(path))
        {
            return;
        }

        await EnsureParentsAsync(path.Parent, cancellationToken);
        if (peer.HasDirectory(path.Parent) && root.Find(path) is { Kind: TreeEntryKind.Directory } entry)
        {
            await SendDirectoryAsync(entry, settles: false, cancellationToken);
        }
    }

    private async Task SendDirectoryAsync(TreeEntry entry, bool settles, CancellationToken cancellationToken)
    {
        var known = peer.Find(entry.Path);
        if (known?.OwnStamp is not null && TreeComparer.SameAttributes(entry, known.Entry))
        {
            if (settles)
            {
                changes.Settle(entry.Path);
            }

            return;
        }

        var isNew = known?.Entry.Kind != TreeEntryKind.Directory;
        await _sender.SendAsync(
            sequence => new DirectoryMessage(sequence, entry.Path, entry.Mode, entry.Stamp.ModifiedNs), entry.Path, 0, settles, cancellationToken);
        Learn(entry, default, entry.Stamp, touchParent: isNew);
        if (isNew)
        {
            // It may have come with content, by a rename from outside or before it was watched.
            foreach (var child in root.List(entry.Path))
            {
                changes.Mark(child.Path);
            }
        }
    }

    private async Task SendLinkAsync(TreeEntry entry, CancellationToken cancellationToken)
    {
        if (peer.Find(entry.Path) is { } known && TreeComparer.SameAttributes(entry, known.Entry))
        {
            known.OwnStamp = entry.Stamp;
            changes.Settle(entry.Path);
            return;
        }

        await _sender.SendAsync(
            sequence => new LinkMessage(sequence, entry.Path, entry.Stamp.ModifiedNs, entry.LinkTarget!), entry.Path, 0, true, cancellationToken);
        Learn(entry, default, entry.Stamp, touchParent: true);
    }

    private async Task SendSmallFileAsync(TreeEntry entry, CancellationToken cancellationToken)
    {
        // One byte more than fits tells a file that has grown.
        var buffer = ArrayPool<byte>.Shared.Rent(options.InlineBytes + 1);
        try
        {
            if (TryRead(entry.Path, buffer) is not { } read)
            {
                return;
            }

            entry = entry with { Stamp = read.Stamp };
            var content = buffer.AsMemory(0, read.LengthBytes);
            counters.CountRead(content.Length);
            var digest = FileContent.DigestOf(FileContent.ChunksOfWhole(content.Span));
            var known = peer.Find(entry.Path)?.Entry;
            if (known is { Kind: TreeEntryKind.File } && known.Digest == digest && known.SizeBytes == content.Length)
            {
                await SendAttributesAsync(entry, known, cancellationToken);
                Learn(entry, digest, read.IsStable ? entry.Stamp : null, touchParent: false);
            }
            else
            {
                await _sender.SendAsync(
                    sequence => new FileMessage(sequence, entry.Path, entry.Mode, entry.Stamp.ModifiedNs, content),
                    entry.Path, content.Length, settles: true, cancellationToken);
                counters.CountFile();
                Learn(entry with { Stamp = entry.Stamp with { SizeBytes = content.Length } }, digest, read.IsStable ? entry.Stamp : null, touchParent: true);
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
    private SmallFile? TryRead(TreePath path, byte[] buffer)
    {
        try
        {
            var read = SmallFile.Read(root, path, buffer.AsSpan(0, options.InlineBytes + 1), time);
            if (read is null)
            {
                changes.Retry(path, UnstablePause);
            }

            return read;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            counters.Trouble = $"{path}: {unreadable.Message}";
            changes.Retry(path, UnreadablePause);
            return null;
        }
    }

    private async Task SendAttributesAsync(TreeEntry entry, SyncEntry known, CancellationToken cancellationToken)
    {
        if (known.Mode == entry.Mode && known.ModifiedNs == entry.Stamp.ModifiedNs)
        {
            changes.Settle(entry.Path);
            return;
        }

        await _sender.SendAsync(
            sequence => new AttributesMessage(sequence, entry.Path, entry.Mode, entry.Stamp.ModifiedNs), entry.Path, 0, true, cancellationToken);
    }

    // Puts large files whose content has been transferred in their places.
    private async Task CommitTransferredAsync(CancellationToken cancellationToken)
    {
        while (_large.TryTake(out var done))
        {
            counters.CountRead(done.SizeBytes);
            if (done.RetryAfter is { } pause)
            {
                counters.Trouble = done.Trouble ?? counters.Trouble;
                changes.Retry(done.Path, pause);
                continue;
            }

            // Looked at again: it may have gone, or its directory may be another thing now.
            if (root.Find(done.Path) is not { Kind: TreeEntryKind.File } now || !peer.HasDirectory(done.Path.Parent))
            {
                await _large.DropAsync(done, cancellationToken);
                changes.Retry(done.Path, TimeSpan.Zero);
                continue;
            }

            var entry = now with { Stamp = done.Stamp };
            if (done.StageId is { } stageId)
            {
                await _sender.SendAsync(
                    sequence => new CommitMessage(sequence, stageId, entry.Path, entry.Mode, entry.Stamp.ModifiedNs, done.SizeBytes, done.Digest),
                    entry.Path, 0, settles: true, cancellationToken);
                _large.Committed();
                counters.CountFile();
                counters.CountBytes(done.SentBytes);
            }
            else if (peer.Find(entry.Path) is { } known && known.Entry.Digest == done.Digest)
            {
                await SendAttributesAsync(entry, known.Entry, cancellationToken);
            }
            else
            {
                changes.Retry(done.Path, TimeSpan.Zero);
                continue;
            }

            var sent = entry with { Stamp = entry.Stamp with { SizeBytes = done.SizeBytes } };
            Learn(sent, done.Digest, done.IsStable ? done.Stamp : null, done.StageId is not null, done.Chunks);
            if (done.ChangedPause is { } changed)
            {
                changes.Retry(done.Path, changed);
            }
        }
    }

    private async Task DeleteAsync(long finishedJob, CancellationToken cancellationToken)
    {
        for (var i = _deletions.Count - 1; i >= 0; i--)
        {
            var path = _deletions[i].Path;
            var afterJob = _deletions[i].AfterJob ?? _large.LastJob;
            if (finishedJob < afterJob)
            {
                _deletions[i] = (path, afterJob);
                continue;
            }

            _deletions.RemoveAt(i);
            if (root.Find(path) is not null || peer.Find(path) is null)
            {
                changes.Retry(path, TimeSpan.Zero);
                continue;
            }

            await _sender.SendAsync(sequence => new DeleteMessage(sequence, path), path, 0, settles: true, cancellationToken);
            peer.Remove(path);
            index.Remove(path);
            _touched.Add(path.Parent);
        }
    }

    // Each change in a directory moved its time on the sink: set it back. Last, because the changes must be over.
    private async Task TouchDirectoriesAsync(CancellationToken cancellationToken)
    {
        foreach (var path in _touched)
        {
            if (peer.Find(path) is { Entry.Kind: TreeEntryKind.Directory } known && root.Find(path) is { Kind: TreeEntryKind.Directory } entry)
            {
                known.OwnStamp = null;
                await SendDirectoryAsync(entry, settles: false, cancellationToken);
            }
        }

        _touched.Clear();
    }

    // The sink has this entry now.
    private void Learn(TreeEntry entry, ContentHash digest, FileStamp? ownStamp, bool touchParent, IReadOnlyList<FileChunk>? chunks = null)
    {
        var isFile = entry.Kind == TreeEntryKind.File;
        peer.Set(
            new SyncEntry(
                entry.Path, entry.Kind, entry.Mode, entry.Stamp.ModifiedNs, isFile ? entry.Stamp.SizeBytes : 0, digest, entry.LinkTarget),
            ownStamp).SeenInScan = _comparer.LastRun;
        if (isFile && ownStamp is { } stamp)
        {
            index.Set(new IndexedFile(entry.Path, stamp, digest, chunks ?? []));
        }

        if (touchParent && !entry.Path.Parent.IsRoot)
        {
            _touched.Add(entry.Path.Parent);
        }
    }
}
