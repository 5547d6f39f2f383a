using System.IO.Pipelines;
using Dumont.Snapshots.Sync;

namespace Dumont.Snapshots.Tests.Sync;

/// <summary>A source and a sink in one process, joined by pipes that a test can cut.</summary>
internal sealed class SyncPair : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly CancellationTokenSource _stop = new();
    private static readonly SyncOptions DefaultOptions = new() { Debounce = TimeSpan.FromMilliseconds(1), RescanPeriod = TimeSpan.FromSeconds(30) };

    private CancellationTokenSource _connection = new();
    private Task _running = Task.CompletedTask;

    private readonly bool _ownsSink = true;

    public SyncPair(SyncOptions? options = null, long generation = 1, long instanceId = 3, SyncOptions? sinkOptions = null, TimeProvider? time = null, BandwidthLimit? bandwidth = null)
    {
        From = _folder.Folder("from");
        To = _folder.Folder("to");
        var used = options ?? DefaultOptions;
        Changes = new TreeChanges(time ?? TimeProvider.System);
        Source = new SyncSource(From, new SyncIdentity(7, instanceId, generation), Changes, new TreeIndex(), used, time ?? TimeProvider.System)
        {
            Bandwidth = bandwidth,
        };
        Sink = new SyncSink(To, 8, 3, Fence, new TreeIndex(), sinkOptions ?? used, TimeProvider.System);
    }

    // Another source with the same sink.
    private SyncPair(SyncPair first, long generation)
    {
        _ownsSink = false;
        From = first.From;
        To = first.To;
        Sink = first.Sink;
        Fence = first.Fence;
        Changes = new TreeChanges(TimeProvider.System);
        Source = new SyncSource(From, new SyncIdentity(9, 3, generation), Changes, new TreeIndex(), DefaultOptions, TimeProvider.System);
    }

    public SyncSink Sink { get; }

    public string From { get; }

    public string To { get; }

    public SyncFence Fence { get; } = new(1);

    public TreeChanges Changes { get; }

    public SyncSource Source { get; }

    public SyncStatus SinkStatus => Sink.Status;

    public Exception? SourceError { get; private set; }

    public Exception? SinkError { get; private set; }

    /// <summary>Bytes that went from source to sink on the last connection.</summary>
    public CutStream? Wire { get; private set; }

    /// <summary>A second source for the same sink.</summary>
    public SyncPair Beside(long generation) => new(this, generation);

    /// <summary>Opens a connection, cut after so many bytes of the source's when told.</summary>
    public void Connect(long cutAfterBytes = long.MaxValue)
    {
        _connection = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var toSink = new Pipe();
        var toSource = new Pipe();
        Wire = new CutStream(toSink.Writer.AsStream(), cutAfterBytes);
        _running = Task.WhenAll(
            EndAsync(Source.RunAsync(toSource.Reader.AsStream(), Wire, _connection.Token), error => SourceError = error, toSink.Writer, toSource.Reader),
            EndAsync(Sink.RunAsync(toSink.Reader.AsStream(), toSource.Writer.AsStream(), _stop.Token), error => SinkError = error, toSource.Writer, toSink.Reader));
    }

    /// <summary>The source goes away; the sink notices by itself.</summary>
    public async Task CutAsync()
    {
        await _connection.CancelAsync();
        await ClosedAsync();
    }

    /// <summary>Waits until both ends of the connection are through.</summary>
    public Task ClosedAsync() => _running.WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>Waits until the sink has everything that is in the source's tree now.</summary>
    public async Task CaughtUpAsync()
    {
        var ticket = Changes.RequestRescan();
        await Eventually.TrueAsync(
            () => Changes.IsCaughtUp(ticket) || _running.IsCompleted, $"sync caught up; {Source.Status}; {SourceError}; {SinkError}");
        if (_running.IsCompleted)
        {
            throw new InvalidOperationException($"The connection ended: {SourceError} / {SinkError}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await ClosedAsync();
        _connection.Dispose();
        _stop.Dispose();
        if (_ownsSink)
        {
            Sink.Dispose();
        }

        Changes.Dispose();
        _folder.Dispose();
    }

    private static async Task EndAsync(Task side, Action<Exception> remember, PipeWriter writer, PipeReader reader)
    {
        try
        {
            await side;
        }
        catch (Exception error)
        {
            remember(error);
        }

        // As when a process exits: both of its ends close.
        await writer.CompleteAsync();
        await reader.CompleteAsync();
    }
}

/// <summary>Passes on so many bytes, then breaks like a lost network.</summary>
internal sealed class CutStream(Stream inner, long limit) : Stream
{
    private long _written;

    public long BytesWritten => Interlocked.Read(ref _written);

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var room = limit - _written;
        if (buffer.Length > room)
        {
            await inner.WriteAsync(buffer[..(int)room], cancellationToken);
            _written = limit;
            await inner.FlushAsync(cancellationToken);
            throw new IOException("The network is gone.");
        }

        _written += buffer.Length;
        await inner.WriteAsync(buffer, cancellationToken);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
