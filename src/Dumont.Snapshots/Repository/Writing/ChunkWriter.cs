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
    // Each step of a chain costs a restore another read.
    private const int MaximumDepth = 4;

    private readonly BaselineReader _baselines = new(repository, depth: 0);
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
    /// <param name="chunk">Its bytes.</param>
    /// <param name="earlier">Tells what stood in the place of the chunk before, and is told how far the file is now; null: not asked.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>Its id.</returns>
    public ContentHash Write(ReadOnlySpan<byte> chunk, EarlierVersion? earlier, CancellationToken cancellationToken)
    {
        var id = repository.IdOf(chunk);
        if (repository.Index.Chunks.Contains(id))
        {
            earlier?.Found(id);
            return id;
        }

        var baseline = earlier?.Pass(chunk.Length) ?? default;
        if (!claims.TryClaim(id))
        {
            return id;
        }

        if (_pack is not null && !_pack.HasRoomFor(chunk.Length))
        {
            Flush();
        }

        _pack ??= sink.Begin(cancellationToken);
        StoredBytes += TryAddDelta(_pack, id, chunk, baseline) is > 0 and var stored ? stored : _pack.Add(id, chunk, _encoder, _scratch.GetSpan());
        NewBytes += chunk.Length;
        NewChunks++;
        sink.Advance(_pack, cancellationToken);
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

    // Length of the frame; 0 when it would not pay.
    private int TryAddDelta(PackBuilder pack, ContentHash id, ReadOnlySpan<byte> chunk, Baseline baseline)
    {
        if (baseline.Count == 0 || compression == ChunkCompression.None)
        {
            return 0;
        }

        if (repository.Index.CostOf(baseline) is not { Depth: <= MaximumDepth, Reads: <= RepositoryIndex.MaximumReads })
        {
            return 0;
        }

        try
        {
            var coded = DeltaCodec.Encode(_encoder, chunk, _baselines.Read(baseline), _scratch.GetSpan());

            // Less than half is clearly better than what the other codings reach, and worth the second read.
            return coded > 0 && coded < chunk.Length / 2
                ? pack.AddCoded(new ChunkEntry(id, 0, chunk.Length, ChunkCoding.Delta, 0, 0, baseline), _scratch.GetSpan()[..coded])
                : 0;
        }
        catch (SnapshotFormatException)
        {
            // What stood there before is damaged: the new chunk must not depend on it.
            return 0;
        }
    }

    public void Dispose()
    {
        _baselines.Dispose();
        if (_pack is { } pack)
        {
            sink.Abandon(pack);
        }

        _encoder.Dispose();
        ((IDisposable)_scratch).Dispose();
    }
}
