namespace Dumont.Snapshots;

/// <summary>What one worker has for itself: open directories, decoder and buffers.</summary>
internal sealed class RestoreWorker : IDisposable
{
    private readonly List<PageBuffer> _free = [];
    private readonly PageBuffer _chunk = new(ChunkEntry.MaximumChunkBytes);

    /// <param name="staged">The directory in which new entries are made, open.</param>
    /// <param name="target">Root of the target, open; -1 when there is none yet.</param>
    /// <param name="opener">Its own.</param>
    public RestoreWorker(int staged, int target, IChunkOpener opener)
    {
        Staged = new DirectoryCache(staged);
        Target = target < 0 ? null : new DirectoryCache(target);
        Opener = opener;
    }

    public DirectoryCache Staged { get; }

    public DirectoryCache? Target { get; }

    public IChunkOpener Opener { get; }

    /// <summary>What is being put together for a large file.</summary>
    public WriteRun Run { get; } = new();

    /// <summary>Room for one chunk.</summary>
    public Span<byte> ChunkRoom(int length) => _chunk.GetSpan()[..length];

    /// <summary>Room for one range; given back by <see cref="Return"/>.</summary>
    public PageBuffer Rent()
    {
        if (_free.Count == 0)
        {
            return new PageBuffer(ReadPlan.RangeBytes);
        }

        var buffer = _free[^1];
        _free.RemoveAt(_free.Count - 1);
        return buffer;
    }

    public void Return(PageBuffer buffer) => _free.Add(buffer);

    public void Dispose()
    {
        Staged.Dispose();
        Target?.Dispose();
        Opener.Dispose();
        Run.Dispose();
        ((IDisposable)_chunk).Dispose();
        foreach (var buffer in _free)
        {
            ((IDisposable)buffer).Dispose();
        }
    }
}

/// <summary>Counts what all workers have done and tells how far they are.</summary>
internal sealed class RestoreCounters(Action<RestoreProgress>? onProgress)
{
    private long _files;
    private long _bytes;
    private long _fetched;
    private long _reused;
    private long _filesTotal;
    private long _bytesTotal;
    private RestorePhase _phase;

    public long Files => Interlocked.Read(ref _files);

    public long Fetched => Interlocked.Read(ref _fetched);

    public long Reused => Interlocked.Read(ref _reused);

    public void AddFile() => Interlocked.Increment(ref _files);

    public void AddBytes(long bytes) => Interlocked.Add(ref _bytes, bytes);

    public void AddFetched(long bytes) => Interlocked.Add(ref _fetched, bytes);

    public void AddReused(long bytes)
    {
        Interlocked.Add(ref _reused, bytes);
        AddBytes(bytes);
    }

    /// <summary>Begins a phase with its own totals.</summary>
    public void Begin(RestorePhase phase, long filesTotal, long bytesTotal)
    {
        _phase = phase;
        Interlocked.Exchange(ref _files, 0);
        Interlocked.Exchange(ref _bytes, 0);
        (_filesTotal, _bytesTotal) = (filesTotal, bytesTotal);
        Report();
    }

    public void Report() =>
        onProgress?.Invoke(new RestoreProgress(_phase, Files, _filesTotal, Interlocked.Read(ref _bytes), _bytesTotal));
}
