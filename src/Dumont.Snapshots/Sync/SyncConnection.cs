using System.Buffers;
using System.Buffers.Binary;

namespace Dumont.Snapshots.Sync;

/// <summary>A message with the buffer its content lies in. Disposing gives the buffer back: the content must not be used after.</summary>
internal readonly struct ReceivedMessage(SyncMessage message, byte[] buffer) : IDisposable
{
    public SyncMessage Message { get; } = message;

    public void Dispose() => ArrayPool<byte>.Shared.Return(buffer);
}

/// <summary>
/// Frames over a pair of streams.
/// <code>
/// | length u32 | CRC-32C u32 | type u8 | fields … |      all little-endian
///                            |←— length bytes ———→|
/// </code>
/// One reader and any number of writers at a time. Frames written wait in memory until <see cref="FlushAsync"/>, or until there are enough.
/// </summary>
internal sealed class SyncConnection(Stream input, Stream output) : IDisposable
{
    private const int FlushBytes = 256 << 10;

    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly FrameWriter _pending = new();
    private readonly byte[] _header = new byte[SyncLimits.FrameHeaderBytes];

    /// <summary>Version of the frames that follow. The two greetings are the same in all.</summary>
    public int Version { get; set; } = SyncLimits.LowestVersion;

    /// <summary>How much may be written; null for no limit.</summary>
    public BandwidthLimit? Bandwidth { get; init; }

    /// <summary>Queues a frame. Its content is copied before the call returns.</summary>
    public async ValueTask WriteAsync(SyncMessage message, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            SyncCodec.Write(_pending, message, Version);
            if (_pending.Length >= FlushBytes)
            {
                await SendAsync(cancellationToken);
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Sends what is queued.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            await SendAsync(cancellationToken);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Next frame, or null when the other side closed the stream between two frames.</summary>
    /// <exception cref="SyncProtocolException">Damaged, cut off, too long, or not a frame.</exception>
    public async ValueTask<ReceivedMessage?> ReadAsync(CancellationToken cancellationToken)
    {
        var read = await input.ReadAtLeastAsync(_header, _header.Length, throwOnEndOfStream: false, cancellationToken);
        if (read == 0)
        {
            return null;
        }

        if (read < _header.Length)
        {
            throw new SyncProtocolException("The stream ended inside a frame.");
        }

        var length = BinaryPrimitives.ReadUInt32LittleEndian(_header);
        if (length is 0 or > SyncLimits.FrameBytes)
        {
            throw new SyncProtocolException($"A frame of {length} bytes is not allowed.");
        }

        var buffer = ArrayPool<byte>.Shared.Rent((int)length);
        try
        {
            var body = buffer.AsMemory(0, (int)length);
            if (await input.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellationToken) < body.Length)
            {
                throw new SyncProtocolException("The stream ended inside a frame.");
            }

            return Crc32C.Of(body.Span) == BinaryPrimitives.ReadUInt32LittleEndian(_header.AsSpan(sizeof(uint)))
                ? new ReceivedMessage(SyncCodec.Read(body, Version), buffer)
                : throw new SyncProtocolException("A frame is damaged.");
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    /// <inheritdoc />
    public void Dispose() => _writing.Dispose();

    private async ValueTask SendAsync(CancellationToken cancellationToken)
    {
        if (_pending.Length > 0)
        {
            for (var rest = _pending.Written; rest.Length > 0;)
            {
                var now = Bandwidth is null ? rest.Length : await Bandwidth.TakeAsync(rest.Length, cancellationToken);
                await output.WriteAsync(rest[..now], cancellationToken);
                rest = rest[now..];
                if (rest.Length > 0)
                {
                    await output.FlushAsync(cancellationToken);
                }
            }

            _pending.Clear();
            await output.FlushAsync(cancellationToken);
        }
    }
}
