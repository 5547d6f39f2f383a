namespace Dumont.Snapshots;

/// <summary>Chunks that this run has stored or is about to. Of two threads that meet the same new chunk, one stores it.</summary>
internal sealed class ClaimedChunks
{
    private const int Shards = 64;

    private readonly HashSet<ContentHash>[] _shards = [.. Enumerable.Range(0, Shards).Select(_ => new HashSet<ContentHash>())];

    public bool TryClaim(ContentHash id)
    {
        // The low bits choose the bucket in the set.
        var shard = _shards[id.Prefix >> 58];
        lock (shard)
        {
            return shard.Add(id);
        }
    }
}

/// <summary>Stores chunks that the repository does not have yet. One a thread.</summary>
internal sealed class ChunkWriter(Repository repository, ClaimedChunks claims, PackSink sink, ChunkCompression compression) : IDisposable
{
    private readonly ChunkEncoder _encoder = new(compression);
    private readonly PageBuffer _scratch = new(ChunkEncoder.MaximumEncodedBytes(ChunkEntry.MaximumChunkBytes));
    private PackBuilder? _pack;

    /// <summary>Bytes of chunks that were new.</summary>
    public long NewBytes { get; private set; }

    /// <summary>What they take in the repository.</summary>
    public long StoredBytes { get; private set; }

    /// <summary>How many were new.</summary>
    public long NewChunks { get; private set; }

    /// <summary>Makes sure that the repository will have a chunk once the sink has completed.</summary>
    /// <returns>Its id.</returns>
    public ContentHash Write(ReadOnlySpan<byte> chunk, CancellationToken cancellationToken)
    {
        var id = repository.IdOf(chunk);
        if (repository.Index.Chunks.Contains(id) || !claims.TryClaim(id))
        {
            return id;
        }

        if (_pack is not null && !_pack.HasRoomFor(chunk.Length))
        {
            Flush();
        }

        _pack ??= sink.Begin(cancellationToken);
        StoredBytes += _pack.Add(id, chunk, _encoder, _scratch.GetSpan());
        NewBytes += chunk.Length;
        NewChunks++;
        return id;
    }

    /// <summary>Hands over what is begun.</summary>
    public void Flush()
    {
        if (_pack is { } pack)
        {
            _pack = null;
            sink.Submit(pack);
        }
    }

    public void Dispose()
    {
        _pack?.Dispose();
        _encoder.Dispose();
        ((IDisposable)_scratch).Dispose();
    }
}
