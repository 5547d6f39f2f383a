namespace Dumont.Snapshots;

/// <summary>Collects an object for a store that takes them whole. One that comes in a single piece is not copied.</summary>
internal sealed class BufferedUpload(IObjectStore store) : IObjectUpload
{
    private readonly Lock _gate = new();
    private readonly List<(long Offset, byte[] Bytes)> _pieces = [];

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> piece, CancellationToken cancellationToken)
    {
        var copy = piece.ToArray();
        lock (_gate)
        {
            _pieces.Add((offset, copy));
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<bool> CompleteAsync(string name, long offset, ReadOnlyMemory<byte> last, PutMode mode, CancellationToken cancellationToken)
    {
        if (_pieces.Count == 0 && offset == 0)
        {
            return store.PutAsync(name, last, mode, cancellationToken);
        }

        var whole = new byte[offset + last.Length];
        foreach (var (start, bytes) in _pieces)
        {
            bytes.CopyTo(whole, start);
        }

        last.CopyTo(whole.AsMemory((int)offset));
        return store.PutAsync(name, whole, mode, cancellationToken);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
