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

    private readonly LargeFileSender _large = new(connection, root, options, time, changes.Wake);
    private readonly HashSet<TreePath> _touched = [];
    private readonly List<(TreePath Path, long AfterJob)> _deletions = [];
    private readonly long _baseSequence = counters.Acked;
    private ulong _lastSequence;
    private ulong _lastMark;
    private ulong _ackedMark;
    private long _scan;
    private bool _markDue = true;

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
                case AckMessage ack when ack.Sequence <= Interlocked.Read(ref _lastSequence):
                    OnAck(ack.Sequence);
                    break;
                case NeedMessage need:
                    _large.Answer(need);
                    break;
                default:
                    throw SyncSource.Unexpected(received.Message);
            }
        }
    }

    private void OnAck(ulong sequence)
    {
        counters.Acked = _baseSequence + (long)sequence;
        var mark = Interlocked.Read(ref _lastMark);
        if (mark != 0 && sequence >= mark && mark > _ackedMark)
        {
            _ackedMark = mark;
            counters.Phase = SyncPhase.Live;
            counters.CountRound(time.GetUtcNow());
        }

        changes.Acked(sequence);
    }

    private async Task DecideAsync(CancellationToken cancellationToken)
    {
        var lastScan = 0L;
        while (true)
        {
            if (changes.WantedRescan is { } ticket)
            {
                Compare();
                changes.Rescanned(ticket);
                lastScan = time.GetTimestamp();
            }

            foreach (var path in changes.Take())
            {
                await LookAtAsync(path.Path, cancellationToken);
            }

            await CommitTransferredAsync(cancellationToken);
            await DeleteAsync(cancellationToken);
            await TouchDirectoriesAsync(cancellationToken);
            await MarkAsync(cancellationToken);
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

            await Task.Delay(options.Debounce, time, cancellationToken);
        }
    }

    // Compares the whole tree by attributes; only what differs, or cannot be told, is looked at.
    private void Compare()
    {
        _scan++;
        _markDue = true;
        foreach (var entry in root.Walk())
        {
            if (peer.Find(entry.Path) is not { } known)
            {
                changes.Mark(entry.Path);
                continue;
            }

            known.SeenInScan = _scan;
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
            if (known.SeenInScan != _scan)
            {
                changes.Mark(path);
            }
        }
    }

    private bool HasKnownContent(TreeEntry own, SyncEntry theirs) =>
        own.Kind != TreeEntryKind.File || index.Find(own.Path, own.Stamp)?.Digest == theirs.Digest;

    private static bool SameAttributes(TreeEntry own, SyncEntry theirs) =>
        own.Kind == theirs.Kind && own.Mode == theirs.Mode && own.Stamp.ModifiedNs == theirs.ModifiedNs && own.LinkTarget == theirs.LinkTarget &&
        (own.Kind != TreeEntryKind.File || own.Stamp.SizeBytes == theirs.SizeBytes);

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

    // Deletions wait for large files noticed before them: a renamed file finds its chunks under the old name.
    private void LookAtMissing(TreePath path)
    {
        if (peer.Find(path) is null)
        {
            changes.Settle(path);
        }
        else
        {
            _deletions.Add((path, _large.LastJob));
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
        if (known?.OwnStamp is not null && SameAttributes(entry, known.Entry))
        {
            if (settles)
            {
                changes.Settle(entry.Path);
            }

            return;
        }

        var isNew = known?.Entry.Kind != TreeEntryKind.Directory;
        await SendAsync(
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
        if (peer.Find(entry.Path) is { } known && SameAttributes(entry, known.Entry))
        {
            known.OwnStamp = entry.Stamp;
            changes.Settle(entry.Path);
            return;
        }

        await SendAsync(
            sequence => new LinkMessage(sequence, entry.Path, entry.Stamp.ModifiedNs, entry.LinkTarget!), entry.Path, 0, true, cancellationToken);
        Learn(entry, default, entry.Stamp, touchParent: true);
    }

    private async Task SendSmallFileAsync(TreeEntry entry, CancellationToken cancellationToken)
    {
        // One byte more than fits tells a file that has grown.
        var buffer = ArrayPool<byte>.Shared.Rent(options.InlineBytes + 1);
        try
        {
            if (ReadSmallFile(ref entry, buffer) is not { } read)
            {
                changes.Retry(entry.Path, UnstablePause);
                return;
            }

            var content = buffer.AsMemory(0, read.Length);
            var digest = FileContent.DigestOf(FileContent.ChunksOfWhole(content.Span));
            var known = peer.Find(entry.Path)?.Entry;
            if (known is { Kind: TreeEntryKind.File } && known.Digest == digest && known.SizeBytes == content.Length)
            {
                await SendAttributesAsync(entry, known, cancellationToken);
                Learn(entry, digest, read.Stable ? entry.Stamp : null, touchParent: false);
            }
            else
            {
                await SendAsync(
                    sequence => new FileMessage(sequence, entry.Path, entry.Mode, entry.Stamp.ModifiedNs, content),
                    entry.Path, content.Length, settles: true, cancellationToken);
                counters.CountFile();
                Learn(entry with { Stamp = entry.Stamp with { SizeBytes = content.Length } }, digest, read.Stable ? entry.Stamp : null, touchParent: true);
            }

            if (read.Changed)
            {
                changes.Retry(entry.Path, UnstablePause);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Null when the file is gone or has outgrown the buffer. Changed: it changed while it was read. Stable: its stamp can be trusted later.
    private (int Length, bool Changed, bool Stable)? ReadSmallFile(ref TreeEntry entry, byte[] buffer)
    {
        using var file = root.FindFile(entry.Path);
        if (file is null)
        {
            return null;
        }

        var before = TreeRoot.StampOf(file);
        var length = FileContent.ReadFully(file, buffer.AsSpan(0, options.InlineBytes + 1), 0);
        if (length > options.InlineBytes)
        {
            return null;
        }

        var changed = TreeRoot.StampOf(file) != before || length != before.SizeBytes;
        var stable = !changed && !before.IsRacy(time.GetUtcNow());
        entry = entry with { Stamp = before };
        return (length, changed, stable);
    }

    private async Task SendAttributesAsync(TreeEntry entry, SyncEntry known, CancellationToken cancellationToken)
    {
        if (known.Mode == entry.Mode && known.ModifiedNs == entry.Stamp.ModifiedNs)
        {
            changes.Settle(entry.Path);
            return;
        }

        await SendAsync(
            sequence => new AttributesMessage(sequence, entry.Path, entry.Mode, entry.Stamp.ModifiedNs), entry.Path, 0, true, cancellationToken);
    }

    // Puts large files whose content has been transferred in their places.
    private async Task CommitTransferredAsync(CancellationToken cancellationToken)
    {
        while (_large.TryTake(out var done))
        {
            if (done.RetryAfter is { } pause)
            {
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
                await SendAsync(
                    sequence => new CommitMessage(sequence, stageId, entry.Path, entry.Mode, entry.Stamp.ModifiedNs, done.SizeBytes, done.Digest),
                    entry.Path, 0, settles: true, cancellationToken);
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

    private async Task DeleteAsync(CancellationToken cancellationToken)
    {
        for (var i = _deletions.Count - 1; i >= 0; i--)
        {
            var (path, afterJob) = _deletions[i];
            if (_large.LastFinishedJob < afterJob)
            {
                continue;
            }

            _deletions.RemoveAt(i);
            if (root.Find(path) is not null || peer.Find(path) is null)
            {
                changes.Retry(path, TimeSpan.Zero);
                continue;
            }

            await SendAsync(sequence => new DeleteMessage(sequence, path), path, 0, settles: true, cancellationToken);
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

    // Tells the sink that it has everything; its acknowledgement makes the round complete.
    private async Task MarkAsync(CancellationToken cancellationToken)
    {
        if ((_markDue || _lastSequence > _lastMark) && changes.IsAllSent && _deletions.Count == 0)
        {
            _markDue = false;
            Interlocked.Exchange(ref _lastMark, _lastSequence + 1);
            await SendAsync(static sequence => new MarkMessage(sequence), TreePath.Root, 0, settles: false, cancellationToken);
        }
    }

    private async Task SendAsync(
        Func<ulong, SyncChange> change, TreePath path, int bytes, bool settles, CancellationToken cancellationToken)
    {
        while (changes.InFlight is var (inFlightBytes, count) && (inFlightBytes > options.WindowBytes || count >= options.WindowChanges))
        {
            await connection.FlushAsync(cancellationToken);
            await changes.WaitAsync(options.RescanPeriod, cancellationToken);
        }

        var sequence = Interlocked.Increment(ref _lastSequence);
        changes.Sent(path, sequence, bytes, settles);
        counters.Sent = _baseSequence + (long)sequence;
        counters.CountBytes(bytes);
        await connection.WriteAsync(change(sequence), cancellationToken);
    }

    // The sink has this entry now.
    private void Learn(TreeEntry entry, ContentHash digest, FileStamp? ownStamp, bool touchParent, IReadOnlyList<FileChunk>? chunks = null)
    {
        var isFile = entry.Kind == TreeEntryKind.File;
        peer.Set(
            new SyncEntry(
                entry.Path, entry.Kind, entry.Mode, entry.Stamp.ModifiedNs, isFile ? entry.Stamp.SizeBytes : 0, digest, entry.LinkTarget),
            ownStamp).SeenInScan = _scan;
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
