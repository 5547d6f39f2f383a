namespace Dumont.Snapshots.Sync;

/// <summary>Numbers the changes of one connection, keeps within the window, and follows their acknowledgement.</summary>
internal sealed class ChangeSender(
    SyncConnection connection, TreeChanges changes, SourceCounters counters, SyncOptions options, TimeProvider time)
{
    private readonly long _baseSequence = counters.Acked;
    private ulong _lastSequence;
    private ulong _lastMark;
    private ulong _ackedMark;

    /// <summary>Number of the last change sent.</summary>
    public ulong LastSequence => Interlocked.Read(ref _lastSequence);

    /// <summary>Whether something was sent since the last mark.</summary>
    public bool HasUnmarked => _lastSequence > _lastMark;

    /// <summary>Sends the change that <paramref name="change"/> makes of the next number; waits first while too much is unacknowledged.</summary>
    public async Task SendAsync(
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

    /// <summary>Tells the sink that it has everything; its acknowledgement makes the round complete.</summary>
    public async Task MarkAsync(CancellationToken cancellationToken)
    {
        Interlocked.Exchange(ref _lastMark, _lastSequence + 1);
        await SendAsync(static sequence => new MarkMessage(sequence), TreePath.Root, 0, settles: false, cancellationToken);
    }

    /// <summary>The sink has made everything up to <paramref name="sequence"/> durable.</summary>
    public void OnAck(ulong sequence)
    {
        counters.Acked = _baseSequence + (long)sequence;
        var mark = Interlocked.Read(ref _lastMark);
        if (mark != 0 && sequence >= mark && mark > _ackedMark)
        {
            _ackedMark = mark;
            if (counters.Phase == SyncPhase.Initial)
            {
                counters.EndPass(time);
            }

            counters.Phase = SyncPhase.Live;
            counters.CountRound(time.GetUtcNow());
        }

        changes.Acked(sequence);
    }
}
