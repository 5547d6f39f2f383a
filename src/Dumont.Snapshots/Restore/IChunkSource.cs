namespace Dumont.Snapshots;

/// <summary>Where a restore gets chunks from: a repository.</summary>
internal interface IChunkSource
{
    /// <summary>Reads at once that keep the store busy.</summary>
    int Concurrency { get; }

    /// <summary>Where a chunk is.</summary>
    bool TryLocate(ContentHash id, out ChunkLocation location);

    /// <summary>Reads stored bytes of a pack; fewer only at its end.</summary>
    ValueTask<int> ReadAsync(int pack, long offset, Memory<byte> destination, CancellationToken cancellationToken);

    /// <summary>Name of a pack, for messages.</summary>
    string PackName(int pack);

    /// <summary>Opens frames; one a worker.</summary>
    IChunkOpener CreateOpener();
}

/// <summary>Turns frames into chunks.</summary>
internal interface IChunkOpener : IDisposable
{
    /// <inheritdoc cref="ChunkReader.Open"/>
    void Open(in ChunkLocation location, ContentHash id, ReadOnlySpan<byte> frame, Span<byte> destination);

    /// <inheritdoc cref="ChunkReader.IsContentOf"/>
    bool IsContentOf(ContentHash id, ReadOnlySpan<byte> chunk);
}

/// <summary>Chunks of an opened repository.</summary>
internal sealed class RepositoryChunks(Repository repository) : IChunkSource
{
    public int Concurrency => repository.Store.Traits.Concurrency;

    public bool TryLocate(ContentHash id, out ChunkLocation location) => repository.TryLocate(id, out location);

    public ValueTask<int> ReadAsync(int pack, long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
        repository.Store.ReadAsync(repository.PackName(pack), offset, destination, cancellationToken);

    public string PackName(int pack) => repository.PackName(pack);

    public IChunkOpener CreateOpener() => new Opener(repository.CreateChunkReader());

    private sealed class Opener(ChunkReader reader) : IChunkOpener
    {
        public void Open(in ChunkLocation location, ContentHash id, ReadOnlySpan<byte> frame, Span<byte> destination) =>
            reader.Open(location, id, frame, destination);

        public bool IsContentOf(ContentHash id, ReadOnlySpan<byte> chunk) => reader.IsContentOf(id, chunk);

        public void Dispose() => reader.Dispose();
    }
}
