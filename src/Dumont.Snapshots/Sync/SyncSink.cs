using System.Threading.Channels;

namespace Dumont.Snapshots.Sync;

/// <summary>
/// The receiving side: makes a tree equal to a source's, and acknowledges a change only when it would survive a power cut. Lives as long
/// as its machine follows; each connection is one call of <see cref="RunAsync"/>, one at a time.
/// </summary>
/// <param name="workspace">Directory to change; must exist.</param>
/// <param name="machineId">Own machine.</param>
/// <param name="instanceId">Own instance; 0 when not known. A source that names another one is refused.</param>
/// <param name="fence">Checked at the greeting and around every batch. A source of a higher generation raises it.</param>
/// <param name="options">Sizes of batches.</param>
/// <param name="time">Clock.</param>
public sealed class SyncSink(string workspace, long machineId, long instanceId, SyncFence fence, SyncOptions options, TimeProvider time)
    : IDisposable
{
    // Frames read ahead of the one being applied; bounds memory to this many chunks.
    private const int ReadAhead = 16;

    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly TreeIndex _index = new();
    private SyncStatus _status = new(SyncPhase.Disconnected, 0, 0, 0, 0, TimeSpan.Zero, 0, 0, 0, null);

    /// <summary>As it is now.</summary>
    public SyncStatus Status => Volatile.Read(ref _status);

    /// <summary>Serves one source until it closes the connection, fails, or is fenced off. Waits for the previous call to end.</summary>
    /// <exception cref="SyncRefusedException">We sent the source away.</exception>
    /// <exception cref="SyncProtocolException">The source broke the protocol.</exception>
    /// <exception cref="IOException">The connection or the disk failed.</exception>
    public async Task RunAsync(Stream input, Stream output, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        using var connection = new SyncConnection(input, output);
        try
        {
            await ServeAsync(connection, cancellationToken);
        }
        catch (SyncRefusedException refusal)
        {
            await SayAsync(connection, new RefuseMessage(refusal.Reason, refusal.Fence, refusal.Message), cancellationToken);
            throw;
        }
        catch (SyncProtocolException broken)
        {
            await SayAsync(connection, new FaultMessage(SyncFault.Protocol, broken.Message), cancellationToken);
            throw;
        }
        catch (SyncFaultException fault)
        {
            await SayAsync(connection, new FaultMessage(fault.Fault, fault.Message), cancellationToken);
            throw;
        }
        catch (IOException failed)
        {
            await SayAsync(connection, new FaultMessage(SyncFault.InputOutput, failed.Message), cancellationToken);
            throw;
        }
        finally
        {
            Update(status => status with { Phase = SyncPhase.Disconnected, PeerMachineId = 0 });
            _one.Release();
        }
    }

    /// <inheritdoc />
    public void Dispose() => _one.Dispose();

    private async Task ServeAsync(SyncConnection connection, CancellationToken cancellationToken)
    {
        var source = await GreetAsync(connection, cancellationToken);
        Update(status => status with { Phase = SyncPhase.Initial, PeerMachineId = source.MachineId });
        using var root = TreeRoot.Open(workspace);
        using var writer = Guard(() => new TreeWriter(root));
        await SendEntriesAsync(connection, root, cancellationToken);

        using var session = new SinkSession(root, writer, _index, options);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var frames = Channel.CreateBounded<ReceivedMessage>(new BoundedChannelOptions(ReadAhead) { SingleReader = true, SingleWriter = true });
        var reading = ReadFramesAsync(connection, frames.Writer, stop.Token);
        try
        {
            while (await frames.Reader.WaitToReadAsync(cancellationToken))
            {
                await ApplyAvailableAsync(connection, session, source.Generation, frames.Reader, cancellationToken);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await reading;
            while (frames.Reader.TryRead(out var unused))
            {
                unused.Dispose();
            }
        }
    }

    private async Task<SyncIdentity> GreetAsync(SyncConnection connection, CancellationToken cancellationToken)
    {
        using var first = await connection.ReadAsync(cancellationToken) ?? throw new SyncProtocolException("The source left without a greeting.");
        if (first.Message is not HelloMessage hello)
        {
            throw new SyncProtocolException("The source did not greet.");
        }

        if (hello.Version < SyncLimits.Version)
        {
            throw new SyncRefusedException(SyncRefusal.Version, fence.Generation, $"Version {SyncLimits.Version} is the only one spoken here.");
        }

        if (hello.Identity.InstanceId != 0 && instanceId != 0 && hello.Identity.InstanceId != instanceId)
        {
            throw new SyncRefusedException(SyncRefusal.Instance, fence.Generation, "This machine belongs to another instance.");
        }

        if (hello.Identity.Generation < fence.Generation)
        {
            throw Fenced(hello.Identity.Generation);
        }

        // A writer of a later generation is known to exist now; the earlier one must never come back.
        fence.Raise(hello.Identity.Generation);
        var self = new SyncIdentity(machineId, instanceId, fence.Generation);
        await connection.WriteAsync(new WelcomeMessage(SyncLimits.Version, self), cancellationToken);
        await connection.FlushAsync(cancellationToken);
        return hello.Identity;
    }

    // Tells the source what is here. Reads only files whose stamp is not in the index: all of them once after a start, none later.
    private async Task SendEntriesAsync(SyncConnection connection, TreeRoot root, CancellationToken cancellationToken)
    {
        var seen = new HashSet<TreePath>();
        var batch = new List<SyncEntry>();
        foreach (var entry in root.Walk(TreeWriter.IsReserved))
        {
            if (Describe(root, entry, cancellationToken) is not { } described)
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

        _index.Retain(seen.Contains);
        await connection.WriteAsync(new EntriesMessage(batch), cancellationToken);
        await connection.WriteAsync(new EntriesEndMessage((uint)seen.Count), cancellationToken);
        await connection.FlushAsync(cancellationToken);
    }

    private SyncEntry? Describe(TreeRoot root, TreeEntry entry, CancellationToken cancellationToken)
    {
        var digest = default(ContentHash);
        if (entry.Kind == TreeEntryKind.File)
        {
            if ((_index.Find(entry.Path, entry.Stamp) ?? ReadFile(root, entry, cancellationToken)) is not { } known)
            {
                return null;
            }

            digest = known.Digest;
        }

        var size = entry.Kind == TreeEntryKind.File ? entry.Stamp.SizeBytes : 0;
        return new SyncEntry(entry.Path, entry.Kind, entry.Mode, entry.Stamp.ModifiedNs, size, digest, entry.LinkTarget);
    }

    private IndexedFile? ReadFile(TreeRoot root, TreeEntry entry, CancellationToken cancellationToken)
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
            _index.Set(indexed);
        }

        return indexed;
    }

    private static async Task ReadFramesAsync(SyncConnection connection, ChannelWriter<ReceivedMessage> frames, CancellationToken cancellationToken)
    {
        try
        {
            while (await connection.ReadAsync(cancellationToken) is { } received)
            {
                await frames.WriteAsync(received, cancellationToken);
            }

            frames.Complete();
        }
        catch (Exception broken) when (broken is IOException or OperationCanceledException or ObjectDisposedException)
        {
            frames.Complete(broken);
        }
    }

    // Everything that has arrived by now becomes one batch: when little comes it is applied at once, when much comes one flush serves many.
    private async Task ApplyAvailableAsync(
        SyncConnection connection, SinkSession session, long generation, ChannelReader<ReceivedMessage> frames, CancellationToken cancellationToken)
    {
        var needs = new List<NeedMessage>();
        ulong? acked = null;
        var marked = false;
        var entered = fence.TryEnter(generation, () => Guard(() =>
        {
            using var batch = session.BeginBatch();
            while (batch.Count < options.BatchChanges && batch.Bytes < options.BatchBytes && frames.TryRead(out var received))
            {
                using (received)
                {
                    session.Take(batch, received.Message, needs);
                }
            }

            if (batch.Count > 0)
            {
                batch.Commit();
                acked = batch.LastSequence;
                marked = batch.EndsWithMark;
            }

            return batch.Files;
        }));
        if (!entered)
        {
            throw Fenced(generation);
        }

        foreach (var need in needs)
        {
            await connection.WriteAsync(need, cancellationToken);
        }

        if (acked is { } sequence)
        {
            await connection.WriteAsync(new AckMessage(sequence), cancellationToken);
            Count(session, marked);
        }

        await connection.FlushAsync(cancellationToken);
    }

    private void Count(SinkSession session, bool marked)
    {
        var (changes, files, bytes) = session.TakeCounts();
        Update(status => status with
        {
            Phase = marked ? SyncPhase.Live : status.Phase,
            SentSequence = status.SentSequence + changes,
            AckedSequence = status.SentSequence + changes,
            FilesTotal = status.FilesTotal + files,
            BytesTotal = status.BytesTotal + bytes,
            RoundsCompleted = status.RoundsCompleted + (marked ? 1 : 0),
            LastSuccessAt = marked ? time.GetUtcNow() : status.LastSuccessAt,
        });
    }

    private SyncRefusedException Fenced(long generation) =>
        new(SyncRefusal.Fenced, fence.Generation, $"Generation {generation} is over: this machine follows generation {fence.Generation}.");

    // Translates what the file system says into what the source is told.
    private static T Guard<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (PosixException full) when (full.IsNoSpace)
        {
            throw new SyncFaultException(SyncFault.NoSpace, full.Message);
        }
        catch (DirectoryNotFoundException missing)
        {
            throw new SyncFaultException(SyncFault.TreeDiffers, missing.Message);
        }
        catch (UnauthorizedAccessException denied)
        {
            throw new SyncProtocolException(denied.Message);
        }
        catch (IOException failed) when (failed is not (SyncProtocolException or SyncFaultException or SyncRefusedException))
        {
            // RandomAccess.Write reports a full disk as a plain IOException; HResult is the errno.
            var fault = failed.HResult is Libc.ENOSPC or Libc.EDQUOT ? SyncFault.NoSpace : SyncFault.InputOutput;
            throw new SyncFaultException(fault, failed.Message);
        }
    }

    // Last words; the connection may be gone already.
    private static async Task SayAsync(SyncConnection connection, SyncMessage message, CancellationToken cancellationToken)
    {
        try
        {
            await connection.WriteAsync(message, cancellationToken);
            await connection.FlushAsync(cancellationToken);
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The source will find out from the closed stream.
        }
    }

    // Only the connection being served changes the status, and there is one at a time.
    private void Update(Func<SyncStatus, SyncStatus> change) => Volatile.Write(ref _status, change(_status));
}
