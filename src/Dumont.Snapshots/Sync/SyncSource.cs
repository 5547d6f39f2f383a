namespace Dumont.Snapshots.Sync;

/// <summary>
/// The sending side: makes a sink's tree equal to this one, and keeps it so. Lives as long as its machine writes to one follower; each
/// connection is one call of <see cref="RunAsync"/>, one at a time, and what has been learnt about the files carries over.
/// </summary>
/// <param name="workspace">Directory to follow; must exist.</param>
/// <param name="identity">Own machine and instance, and the generation in which it writes.</param>
/// <param name="changes">Where the watcher of the tree puts what it notices.</param>
/// <param name="index">What is known about the files of the workspace; may come from an earlier role and go on to a later one.</param>
/// <param name="options">Windows and periods.</param>
/// <param name="time">Clock.</param>
public sealed class SyncSource(
    string workspace, SyncIdentity identity, TreeChanges changes, TreeIndex index, SyncOptions options, TimeProvider time)
{
    private readonly SourceCounters _counters = new();
    private volatile PathFilter _excludes = PathFilter.None;

    /// <summary>As it is now.</summary>
    public SyncStatus Status => new(
        _counters.Phase,
        _counters.PeerMachineId,
        _counters.Sent,
        _counters.Acked,
        changes.PendingCount,
        _counters.WasLive ? changes.OldestAge() : null,
        _counters.Rounds,
        _counters.Files,
        _counters.Bytes,
        _counters.LastSuccessAt,
        _counters.BytesPerSecond);

    /// <summary>A file of the workspace that cannot be read, and why; null when there is none. It stays pending and is tried again.</summary>
    public string? Trouble => _counters.Trouble;

    /// <summary>How much may be sent; null for no limit.</summary>
    public BandwidthLimit? Bandwidth { get; init; }

    /// <summary>What is neither sent nor deleted on the sink. A change holds from the next look at a path, and has everything compared.</summary>
    public PathFilter Excludes
    {
        get => _excludes;
        set
        {
            _excludes = value;
            changes.RequestRescan();
        }
    }

    /// <summary>Evens the sink out and then sends changes as they come, until the connection ends or is cancelled.</summary>
    /// <exception cref="SyncRefusedException">The sink will not have us.</exception>
    /// <exception cref="SyncFaultException">The sink could not write.</exception>
    /// <exception cref="SyncProtocolException">The sink broke the protocol.</exception>
    /// <exception cref="IOException">The connection is gone, or our own tree cannot be read.</exception>
    public async Task RunAsync(Stream input, Stream output, CancellationToken cancellationToken)
    {
        using var connection = new SyncConnection(input, output) { Bandwidth = Bandwidth };
        using var root = TreeRoot.Open(workspace);
        try
        {
            var peer = await GreetAsync(connection, cancellationToken);
            _counters.Phase = SyncPhase.Initial;
            _counters.BeginPass(time.GetTimestamp());
            using var session = new SourceSession(connection, root, peer, changes, index, _counters, () => _excludes, options, time);
            await session.RunAsync(cancellationToken);
        }
        finally
        {
            _counters.Phase = SyncPhase.Disconnected;
            changes.ConnectionLost();
            _counters.Sent = _counters.Acked;
        }
    }

    private async Task<PeerTree> GreetAsync(SyncConnection connection, CancellationToken cancellationToken)
    {
        await connection.WriteAsync(new HelloMessage(options.Version, identity, Guid.NewGuid()), cancellationToken);
        await connection.FlushAsync(cancellationToken);
        var peer = new PeerTree();
        var count = 0u;
        var welcomed = false;
        while (true)
        {
            using var received = await connection.ReadAsync(cancellationToken) ?? throw new IOException("The sink closed the connection.");
            switch (received.Message)
            {
                case WelcomeMessage welcome when welcome.Version is >= SyncLimits.LowestVersion && welcome.Version <= options.Version:
                    connection.Version = welcome.Version;
                    welcomed = true;
                    _counters.PeerMachineId = welcome.Identity.MachineId;
                    break;
                case EntriesMessage entries when welcomed:
                    foreach (var entry in entries.Entries)
                    {
                        peer.Set(entry, ownStamp: null);
                        count++;
                    }

                    break;
                case EntriesEndMessage end when welcomed && end.Count == count:
                    peer.Relate();
                    return peer;
                default:
                    throw Unexpected(received.Message);
            }
        }
    }

    /// <summary>What a message that ends the connection, or should not have come, is thrown as.</summary>
    internal static IOException Unexpected(SyncMessage message) => message switch
    {
        RefuseMessage refuse => new SyncRefusedException(refuse.Reason, refuse.Fence, refuse.Text),
        FaultMessage fault => new SyncFaultException(fault.Fault, fault.Text),
        _ => new SyncProtocolException($"The sink may not send {message.Type} now."),
    };
}

/// <summary>Figures of a source over all its connections. Written by the one running connection, read by anyone.</summary>
internal sealed class SourceCounters
{
    // Less says more about round trips than about the line.
    private const long PassBytesMin = 4 << 20;

    // A pass that mostly reads, as a comparison by content does, tells how fast the disk is.
    private const double SentShareMin = 0.5;

    private volatile int _phase;
    private volatile bool _wasLive;
    private volatile string? _trouble;
    private long _lastSuccessTicks;
    private long _files;
    private long _bytes;
    private long _sent;
    private long _acked;
    private long _rounds;
    private long _peer;
    private long _passBegan;
    private long _passBytes;
    private long _passRead;
    private double _bytesPerSecond;

    public SyncPhase Phase
    {
        get => (SyncPhase)_phase;
        set
        {
            _phase = (int)value;
            _wasLive |= value == SyncPhase.Live;
        }
    }

    /// <summary>Last file that could not be read; cleared when everything was sent.</summary>
    public string? Trouble
    {
        get => _trouble;
        set => _trouble = value;
    }

    /// <summary>Whether a first pass ever ended.</summary>
    public bool WasLive => _wasLive;

    public long PeerMachineId
    {
        get => Interlocked.Read(ref _peer);
        set => Interlocked.Exchange(ref _peer, value);
    }

    public long Sent
    {
        get => Interlocked.Read(ref _sent);
        set => Interlocked.Exchange(ref _sent, value);
    }

    public long Acked
    {
        get => Interlocked.Read(ref _acked);
        set => Interlocked.Exchange(ref _acked, value);
    }

    public long Rounds => Interlocked.Read(ref _rounds);

    public long Files => Interlocked.Read(ref _files);

    public long Bytes => Interlocked.Read(ref _bytes);

    public DateTimeOffset? LastSuccessAt =>
        Interlocked.Read(ref _lastSuccessTicks) is > 0 and var ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    /// <summary>What the connection carried in its first pass; null before a pass was long enough to tell.</summary>
    public double? BytesPerSecond => Volatile.Read(ref _bytesPerSecond) is > 0 and var rate ? rate : null;

    /// <summary>A connection's first pass begins.</summary>
    public void BeginPass(long timestamp)
    {
        (_passBegan, _passBytes) = (timestamp, Bytes);
        Interlocked.Exchange(ref _passRead, 0);
    }

    /// <summary>It has ended.</summary>
    public void EndPass(TimeProvider time)
    {
        var (sent, took) = (Bytes - _passBytes, time.GetElapsedTime(_passBegan).TotalSeconds);
        if (sent >= PassBytesMin && sent >= SentShareMin * Interlocked.Read(ref _passRead) && took > 0)
        {
            Volatile.Write(ref _bytesPerSecond, sent / took);
        }
    }

    public void CountFile() => Interlocked.Increment(ref _files);

    public void CountBytes(long bytes) => Interlocked.Add(ref _bytes, bytes);

    /// <summary>Content of that size was read to find out whether the sink lacks it.</summary>
    public void CountRead(long bytes) => Interlocked.Add(ref _passRead, bytes);

    public void CountRound(DateTimeOffset now)
    {
        _trouble = null;
        Interlocked.Increment(ref _rounds);
        Interlocked.Exchange(ref _lastSuccessTicks, now.UtcTicks);
    }
}
