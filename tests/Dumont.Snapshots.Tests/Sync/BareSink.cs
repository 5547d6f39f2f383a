using System.IO.Pipelines;
using Dumont.Snapshots.Sync;

namespace Dumont.Snapshots.Tests.Sync;

/// <summary>A sink with the test as its source, frame by frame.</summary>
internal sealed class BareSink : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly CancellationTokenSource _stop = new(TimeSpan.FromSeconds(30));
    private readonly Pipe _toSink = new();
    private readonly Pipe _toSource = new();
    private readonly SyncSink _sink;
    private readonly SyncConnection _connection;
    private readonly Task _running;

    public BareSink()
    {
        Tree = _folder.Folder("tree");
        Outside = _folder.Folder("outside");
        _sink = new SyncSink(Tree, 8, 0, new SyncFence(1), new TreeIndex(), new SyncOptions(), TimeProvider.System);
        _connection = new SyncConnection(_toSource.Reader.AsStream(), _toSink.Writer.AsStream());
        _running = RunAsync();
    }

    public string Tree { get; }

    public string Outside { get; }

    public async Task GreetAsync(int version = SyncLimits.LowestVersion)
    {
        await SendAsync(new HelloMessage(version, new SyncIdentity(1, 0, 1), Guid.Empty));
        while (await NextAsync() is var next and not EntriesEndMessage)
        {
            _connection.Version = next is WelcomeMessage welcome ? welcome.Version : _connection.Version;
        }
    }

    public async Task SendAsync(SyncMessage message)
    {
        await _connection.WriteAsync(message, _stop.Token);
        await _connection.FlushAsync(_stop.Token);
    }

    /// <summary>Sends a frame with right length and checksum around fields of the test's choice.</summary>
    public async Task SendRawAsync(Action<FrameWriter> fields)
    {
        var writer = new FrameWriter();
        var start = writer.BeginFrame();
        fields(writer);
        writer.EndFrame(start);
        await SendBytesAsync(writer.Written.ToArray());
    }

    public async Task SendBytesAsync(byte[] bytes) => await _toSink.Writer.WriteAsync(bytes, _stop.Token);

    public async Task CloseAsync() => await _toSink.Writer.CompleteAsync();

    public async Task<FaultMessage> FaultAsync()
    {
        while (true)
        {
            if (await NextAsync() is FaultMessage fault)
            {
                return fault;
            }
        }
    }

    /// <summary>What the sink's call threw.</summary>
    public async Task<Exception?> EndAsync()
    {
        await _running.WaitAsync(_stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return _running.Exception?.InnerException;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _connection.Dispose();
        _sink.Dispose();
        _stop.Dispose();
        _folder.Dispose();
    }

    private async Task RunAsync() =>
        await _sink.RunAsync(_toSink.Reader.AsStream(), _toSource.Writer.AsStream(), _stop.Token);

    private async Task<SyncMessage> NextAsync()
    {
        using var received = await _connection.ReadAsync(_stop.Token) ?? throw new EndOfStreamException();
        return received.Message;
    }
}
