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
/// <param name="index">What is known about the files of the workspace; may come from an earlier role and go on to a later one.</param>
/// <param name="options">Sizes of batches.</param>
/// <param name="time">Clock.</param>
public sealed class SyncSink(
    string workspace, long machineId, long instanceId, SyncFence fence, TreeIndex index, SyncOptions options, TimeProvider time) : IDisposable
{
    // Frames read ahead of the one being applied; bounds memory to this many chunks.
    private const int ReadAhead = 16;

    // A source greets at once; whoever does not is no source.
    private static readonly TimeSpan GreetingTimeout = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly CancellationTokenSource _stopped = new();
    private CancellationTokenSource? _current;
    private volatile string? _trouble;
    private SyncStatus _status = new(SyncPhase.Disconnected, 0, 0, 0, 0, TimeSpan.Zero, 0, 0, 0, null);

    /// <summary>As it is now.</summary>
    public SyncStatus Status => Volatile.Read(ref _status);

    /// <summary>What of the last owner or extended attribute could not be set here, and why; null when all could since the last connection began.</summary>
    public string? Trouble => _trouble;

    /// <summary>Serves one source until it closes the connection, fails, is fenced off, or another source of the same or a higher generation
    /// takes its place. May be called again meanwhile: once the newcomer has greeted and may come in, the earlier call ends.</summary>
    /// <exception cref="SyncRefusedException">We sent the source away.</exception>
    /// <exception cref="SyncProtocolException">The source broke the protocol.</exception>
    /// <exception cref="IOException">The connection or the disk failed.</exception>
    public async Task RunAsync(Stream input, Stream output, CancellationToken cancellationToken)
    {
        using var connection = new SyncConnection(input, output);
        try
        {
            var (source, version) = await GreetAsync(connection, cancellationToken);
            await ServeAloneAsync(connection, source, version, cancellationToken);
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
    }

    /// <summary>Sends a source away without serving it.</summary>
    public static async Task RefuseAsync(Stream output, SyncRefusal reason, long fence, string text, CancellationToken cancellationToken)
    {
        using var connection = new SyncConnection(Stream.Null, output);
        await SayAsync(connection, new RefuseMessage(reason, fence, text), cancellationToken);
    }

    /// <summary>Ends the connection, if there is one, and lets no other in. When this returns nothing is written any more.</summary>
    public async Task StopAsync()
    {
        await _stopped.CancelAsync();
        await _one.WaitAsync(CancellationToken.None);
        _one.Release();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _one.Dispose();
        _stopped.Dispose();
    }

    private async Task ServeAloneAsync(SyncConnection connection, SyncIdentity source, int version, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopped.Token);
        var earlier = Interlocked.Exchange(ref _current, stop);
        await CancelAsync(earlier);

        await _one.WaitAsync(cancellationToken);
        try
        {
            stop.Token.ThrowIfCancellationRequested();
            await ServeAsync(connection, source, version, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw _stopped.IsCancellationRequested
                ? new SyncRefusedException(SyncRefusal.NotFollowing, fence.Generation, "This machine is not a follower any more.")
                : new SyncRefusedException(SyncRefusal.Replaced, fence.Generation, "A newer connection took this one's place.");
        }
        finally
        {
            Interlocked.CompareExchange(ref _current, null, stop);
            Update(status => status with { Phase = SyncPhase.Disconnected, PeerMachineId = 0 });
            _one.Release();
        }
    }

    private async Task ServeAsync(SyncConnection connection, SyncIdentity source, int version, CancellationToken cancellationToken)
    {
        Update(status => status with { Phase = SyncPhase.Initial, PeerMachineId = source.MachineId });
        var self = new SyncIdentity(machineId, instanceId, fence.Generation);
        await connection.WriteAsync(new WelcomeMessage(version, self), cancellationToken);
        connection.Version = version;
        using var root = TreeRoot.Open(workspace);
        using var writer = Guard(() => new TreeWriter(root));
        await new SinkListing(root, index, time).SendAsync(connection, cancellationToken);

        _trouble = null;
        using var session = new SinkSession(root, writer, index, options);
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

    private async Task<(SyncIdentity Source, int Version)> GreetAsync(SyncConnection connection, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(GreetingTimeout);
        using var first = await ReadGreetingAsync(connection, timeout, cancellationToken) ?? throw new SyncProtocolException("The source left without a greeting.");
        if (first.Message is not HelloMessage hello)
        {
            throw new SyncProtocolException("The source did not greet.");
        }

        if (hello.Version < SyncLimits.LowestVersion)
        {
            throw new SyncRefusedException(
                SyncRefusal.Version, fence.Generation, $"Versions {SyncLimits.LowestVersion} to {options.Version} are spoken here.");
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
        return (hello.Identity, Math.Min(hello.Version, options.Version));
    }

    private static async Task<ReceivedMessage?> ReadGreetingAsync(
        SyncConnection connection, CancellationTokenSource timeout, CancellationToken cancellationToken)
    {
        try
        {
            return await connection.ReadAsync(timeout.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new SyncProtocolException("The source did not greet in time.");
        }
    }

    private static async Task CancelAsync(CancellationTokenSource? earlier)
    {
        try
        {
            await (earlier?.CancelAsync() ?? Task.CompletedTask);
        }
        catch (ObjectDisposedException)
        {
            // It ended by itself in this moment.
        }
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

        _trouble = session.Trouble;
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
