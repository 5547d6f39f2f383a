namespace Dumont.Agent.Workspace;

/// <summary>
/// A child process's pipe that can be given up. The runtime cannot cancel a read of such a pipe; here the wait is cancelled and the read
/// is left behind with a buffer of its own, to end when the process does.
/// </summary>
internal sealed class ProcessStream(Stream inner) : Stream
{
    private readonly byte[] _buffer = new byte[64 << 10];
    private int _start;
    private int _end;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_start == _end)
        {
            _end = await inner.ReadAsync(_buffer, CancellationToken.None).AsTask().WaitAsync(cancellationToken);
            _start = 0;
        }

        var count = Math.Min(buffer.Length, _end - _start);
        _buffer.AsSpan(_start, count).CopyTo(buffer.Span);
        _start += count;
        return count;
    }

    // Copied, because the write may be left behind and the caller's buffer used again.
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        await inner.WriteAsync(buffer.ToArray(), CancellationToken.None).AsTask().WaitAsync(cancellationToken);

    public override Task FlushAsync(CancellationToken cancellationToken) =>
        inner.FlushAsync(CancellationToken.None).WaitAsync(cancellationToken);

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
