namespace Dumont.Snapshots.Sync;

/// <summary>
/// One connection of a source, after the greeting. Three loops: this one decides and sends small changes, <see cref="LargeFileSender"/>
/// transfers the content of large files meanwhile, and a third reads answers. Only this one numbers changes, so their order is that of
/// the frames. It is driven by comparison, never by events: a path is looked at, compared with what the sink has, and what differs is
/// sent; notifications only say where to look.
/// </summary>
internal sealed partial class SourceSession(
    SyncConnection connection,
    TreeRoot root,
    PeerTree peer,
    TreeChanges changes,
    TreeIndex index,
    SourceCounters counters,
    Func<PathFilter> excludes,
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
    private readonly OwnNames _names = new(root);
    private readonly bool _carriesMetadata = connection.Version >= SyncLimits.MetadataVersion;

    private long _lastRun;

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
        var comparer = new TreeComparer(root, peer, _names, changes, index, _carriesMetadata, time);
        var lastScan = 0L;
        var markDue = true;
        while (true)
        {
            if (changes.WantedRescan is { } ticket)
            {
                comparer.Run(excludes());
                _lastRun = comparer.LastRun;
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
        if (excludes().Covers(path))
        {
            changes.Settle(path);
            return;
        }

        if (root.Find(path) is not { } entry)
        {
            LookAtMissing(path);
            return;
        }

        _names.Add(entry);

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
            case TreeEntryKind.File:
                await LookAtFileAsync(entry, cancellationToken);
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
        var (known, metadata) = (peer.Find(entry.Path), MetadataOf(entry));
        if (known is { MustBeSent: false } && TreeComparer.SameAttributes(entry, metadata, known.Entry))
        {
            if (settles)
            {
                changes.Settle(entry.Path);
            }

            return;
        }

        var isNew = known?.Entry.Kind != TreeEntryKind.Directory;
        await _sender.SendAsync(
            sequence => new DirectoryMessage(sequence, entry.Path, entry.Mode, entry.Stamp.ModifiedNs, metadata),
            entry.Path, 0, settles, cancellationToken);
        Learn(entry, metadata, default, Stable(entry.Stamp), touchParent: isNew).MustBeSent = false;
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
        var metadata = MetadataOf(entry);
        if (peer.Find(entry.Path) is { } known && TreeComparer.SameAttributes(entry, metadata, known.Entry))
        {
            known.OwnStamp = Stable(entry.Stamp);
            changes.Settle(entry.Path);
            return;
        }

        await _sender.SendAsync(
            sequence => new LinkMessage(sequence, entry.Path, entry.Stamp.ModifiedNs, entry.LinkTarget!, metadata), entry.Path, 0, true, cancellationToken);
        Learn(entry, metadata, default, Stable(entry.Stamp), touchParent: true);
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
                known.MustBeSent = true;
                await SendDirectoryAsync(entry, settles: false, cancellationToken);
            }
        }

        _touched.Clear();
    }

    // Null on a connection that carries none.
    private EntryMetadata? MetadataOf(TreeEntry entry) => Told(entry.Path, _carriesMetadata ? root.ReadMetadata(entry) : null);

    private EntryMetadata? Told(TreePath path, EntryMetadata? metadata)
    {
        if (metadata is { IsCut: true })
        {
            counters.Trouble = $"{path}: its extended attributes are too large to be carried.";
        }

        return metadata;
    }

    // A stamp that proves nothing later is no stamp.
    private FileStamp? Stable(FileStamp stamp) => stamp.IsRacy(time.GetUtcNow()) ? null : stamp;

    // The sink has this entry now.
    private PeerEntry Learn(TreeEntry entry, EntryMetadata? metadata, ContentHash digest, FileStamp? ownStamp, bool touchParent)
    {
        var known = peer.Set(
            new SyncEntry(
                entry.Path,
                entry.Kind,
                entry.Mode,
                entry.Stamp.ModifiedNs,
                entry.Kind == TreeEntryKind.File ? entry.Stamp.SizeBytes : 0,
                digest,
                entry.LinkTarget,
                metadata is null ? null : new SyncEntryMetadata(metadata.UserId, metadata.GroupId, metadata.AttributesHash, 0)),
            ownStamp);
        (known.SeenInScan, known.OwnInode) = (_lastRun, entry.Stamp.Inode);
        if (touchParent)
        {
            TouchParent(entry.Path);
        }

        return known;
    }
}
