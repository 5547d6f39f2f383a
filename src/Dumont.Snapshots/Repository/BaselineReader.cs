namespace Dumont.Snapshots;

/// <summary>Fetches the chunks that deltas are made against. One a thread.</summary>
/// <remarks>Blocks the thread while the store answers: whoever opens chunks has a thread for it. What lies behind a chunk in its pack is fetched along,
/// because the next delta of the same file most often needs it.</remarks>
internal sealed class BaselineReader(Repository repository, int depth) : IDisposable
{
    private const int WindowBytes = 2 << 20;

    private readonly byte[] _window = new byte[Math.Max(WindowBytes, ChunkEntry.MaximumChunkBytes + 1024)];
    private byte[] _baseline = [];
    private ChunkReader? _reader;
    private int _windowPack = -1;
    private int _windowStart;
    private int _windowFilled;

    /// <summary>The baseline of a delta. Valid until the next call.</summary>
    /// <exception cref="SnapshotFormatException">A chunk of it is unknown or damaged.</exception>
    public ReadOnlySpan<byte> Read(ContentHash delta) =>
        depth < RepositoryIndex.MaximumDepth && repository.Index.Deltas.TryGetValue(delta, out var cost)
            ? Read(cost.Baseline)
            : throw new SnapshotFormatException($"chunk {delta.ToString()[..16]} is no difference that the index knows");

    /// <summary>Chunks, one behind the other. Valid until the next call.</summary>
    /// <exception cref="SnapshotFormatException">One is unknown or damaged.</exception>
    public ReadOnlySpan<byte> Read(Baseline chunks)
    {
        var length = 0;
        for (var i = 0; i < chunks.Count; i++)
        {
            if (!repository.TryLocate(chunks[i], out var location))
            {
                throw new SnapshotFormatException($"a delta needs chunk {chunks[i].ToString()[..16]}, which {repository.Index.WhyUnknown(chunks[i])}");
            }

            if (_baseline.Length < length + location.RawBytes)
            {
                Array.Resize(ref _baseline, Math.Max(length + location.RawBytes, 1 << 20));
            }

            (_reader ??= new ChunkReader(repository, depth + 1)).Open(location, chunks[i], Fetch(location), _baseline.AsSpan(length, location.RawBytes));
            length += location.RawBytes;
        }

        return _baseline.AsSpan(0, length);
    }

    public void Dispose() => _reader?.Dispose();

    private ReadOnlySpan<byte> Fetch(in ChunkLocation location)
    {
        var end = location.OffsetBytes + location.StoredBytes;
        if (location.Pack != _windowPack || location.OffsetBytes < _windowStart || end > _windowStart + _windowFilled)
        {
            _windowPack = -1;
            var wanted = Math.Max(location.StoredBytes, WindowBytes);
            _windowFilled = repository.Store.ReadAsync(
                repository.PackName(location.Pack), location.OffsetBytes, _window.AsMemory(0, wanted), CancellationToken.None).AsTask().GetAwaiter().GetResult();
            _windowPack = location.Pack;
            _windowStart = location.OffsetBytes;
        }

        return _window.AsSpan(location.OffsetBytes - _windowStart, Math.Min(location.StoredBytes, _windowFilled - (location.OffsetBytes - _windowStart)));
    }
}
