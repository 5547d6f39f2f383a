namespace Dumont.Snapshots;

/// <summary>
/// Neighbouring chunks of one large file, put together until they are worth a write past the page cache. Lies in memory as it will lie on the
/// disk, and keeps an incomplete last block for the chunk that follows.
/// </summary>
internal sealed class WriteRun : IDisposable
{
    private const int BlockBytes = 4096;
    private const int FullBytes = 4 << 20;
    private const int RoomBytes = FullBytes + ChunkEntry.MaximumChunkBytes + (2 * BlockBytes);

    private readonly PageBuffer _buffer = new(RoomBytes);
    private RestoreItem? _item;
    private long _offset;
    private int _length;
    private int _extents;
    private long _bytes;

    /// <summary>First start of a block at or behind <paramref name="offset"/>.</summary>
    public static long RoundUp(long offset) => (offset + BlockBytes - 1) & -BlockBytes;

    /// <summary>Last start of a block at or before <paramref name="offset"/>.</summary>
    public static long RoundDown(long offset) => offset & -BlockBytes;

    /// <summary>Room for the next chunk; what does not belong before it is written.</summary>
    public Span<byte> Room(RestoreFiles files, RestoreWorker worker, ChunkPlace place, int length)
    {
        if (_item != place.Item || _offset + _length != place.OffsetBytes)
        {
            End(files, worker);
            (_item, _offset) = (place.Item, place.OffsetBytes);
        }
        else if (_length >= FullBytes)
        {
            WriteBlocks(files, worker);
        }

        return _buffer.GetSpan().Slice(Skew + _length, length);
    }

    /// <summary>Takes what was put into the room.</summary>
    public void Add(int length)
    {
        _length += length;
        _bytes += length;
        _extents++;
    }

    /// <summary>Writes what is left.</summary>
    public void End(RestoreFiles files, RestoreWorker worker)
    {
        if (_item is not { } item)
        {
            return;
        }

        files.WriteStretch(worker, item, _offset, _buffer.GetSpan().Slice(Skew, _length));
        files.Complete(worker, item, _extents, _bytes);
        _item = null;
        (_length, _extents, _bytes) = (0, 0, 0);
    }

    public void Dispose() => ((IDisposable)_buffer).Dispose();

    private int Skew => (int)(_offset & (BlockBytes - 1));

    private void WriteBlocks(RestoreFiles files, RestoreWorker worker)
    {
        var end = RoundDown(_offset + _length);
        var whole = (int)(end - _offset);
        files.WriteStretch(worker, _item!, _offset, _buffer.GetSpan().Slice(Skew, whole));
        _buffer.GetSpan().Slice(Skew + whole, _length - whole).CopyTo(_buffer.GetSpan());
        _offset = end;
        _length -= whole;
    }
}
