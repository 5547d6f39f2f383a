namespace Dumont.Snapshots;

/// <summary>A pack that some index lists.</summary>
internal readonly record struct IndexedPack(ContentHash Name, byte[] Salt, long SizeBytes, int ChunkCount);

/// <summary>All indexes of a repository joined. Superseded ones do not count, even while the store still lists them.</summary>
internal sealed class RepositoryIndex
{
    private readonly Dictionary<ContentHash, int> _packNumbers = [];
    private readonly List<PackContent> _contents = [];

    private RepositoryIndex()
    {
    }

    public ChunkIndex Chunks { get; } = new();

    public List<IndexedPack> Packs { get; } = [];

    /// <summary>Baselines of the deltas.</summary>
    public Dictionary<ContentHash, Baseline> Baselines { get; } = [];

    /// <summary>The index objects that were read and count.</summary>
    public List<ContentHash> Objects { get; } = [];

    /// <summary>The index objects that were read and are superseded: a prune that was killed left them.</summary>
    public List<ContentHash> Leftovers { get; } = [];

    public static async Task<RepositoryIndex> LoadAsync(Repository repository, CancellationToken cancellationToken)
    {
        var objects = new List<(ContentHash Name, IndexObject Index)>();
        var vanished = new List<string>();
        await foreach (var (name, content) in repository.ReadAllAsync(ObjectNames.Indexes, cancellationToken, vanished))
        {
            var digest = Repository.CheckName(name, content);
            objects.Add((digest, IndexObject.FromBody(SealedObject.Open(ObjectKind.Index, content, repository.Keys, name), name)));
        }

        CheckComplete(objects, vanished);
        return Join(objects);
    }

    /// <summary>Joins indexes, leaving out those that another one of them supersedes.</summary>
    public static RepositoryIndex Join(IReadOnlyList<(ContentHash Name, IndexObject Index)> objects)
    {
        var superseded = objects.SelectMany(o => o.Index.Supersedes).ToHashSet();
        var result = new RepositoryIndex();
        result.Leftovers.AddRange(objects.Select(o => o.Name).Where(superseded.Contains));
        foreach (var (name, index) in objects.Where(o => !superseded.Contains(o.Name)))
        {
            result.Objects.Add(name);
            foreach (var pack in index.Packs)
            {
                result.Add(pack);
            }
        }

        return result;
    }

    /// <summary>An index that vanishes while it is read was superseded, by one that may have come after the listing.</summary>
    /// <exception cref="ObjectStoreException">The one that supersedes it is not among those that were read: read again.</exception>
    public static void CheckComplete(IEnumerable<(ContentHash Name, IndexObject Index)> objects, IReadOnlyCollection<string> vanished)
    {
        var superseded = objects.SelectMany(o => o.Index.Supersedes).Select(ObjectNames.Index).ToHashSet();
        if (vanished.FirstOrDefault(name => !superseded.Contains(name)) is { } gone)
        {
            throw new ObjectStoreException(ObjectStoreErrorKind.NotFound, $"{gone} was deleted while the index was read. Try again.");
        }
    }

    /// <summary>Deltas on the way from a chunk to one that stands alone; more than <paramref name="limit"/> are not counted.</summary>
    public int DepthOf(ContentHash chunk, int limit)
    {
        if (limit == 0 || !Baselines.TryGetValue(chunk, out var baseline))
        {
            return 0;
        }

        var deepest = 0;
        for (var i = 0; i < baseline.Count; i++)
        {
            deepest = Math.Max(deepest, DepthOf(baseline[i], limit - 1));
        }

        return deepest + 1;
    }

    public bool HasPack(ContentHash name) => _packNumbers.ContainsKey(name);

    /// <summary>Number of a pack that the index lists.</summary>
    public int NumberOf(ContentHash pack) => _packNumbers[pack];

    /// <summary>Whether a chunk is read from this pack, and not from another that has it too.</summary>
    public bool IsIn(ContentHash pack, ContentHash chunk) => Chunks.TryFind(chunk, out var location) && location.Pack == _packNumbers[pack];

    /// <summary>Every pack with the chunks in it.</summary>
    public IReadOnlyList<PackContent> Contents() => _contents;

    /// <summary>This index and more packs. Numbers of packs stay: who found a chunk before still reads it from the right one.</summary>
    public RepositoryIndex With(IEnumerable<PackContent> packs)
    {
        var result = new RepositoryIndex();
        result.Objects.AddRange(Objects);
        result.Leftovers.AddRange(Leftovers);
        foreach (var pack in _contents.Concat(packs))
        {
            result.Add(pack);
        }

        return result;
    }

    private void Add(PackContent pack)
    {
        if (!_packNumbers.TryAdd(pack.Name, Packs.Count))
        {
            return;
        }

        var number = Packs.Count;
        _contents.Add(pack);
        Packs.Add(new IndexedPack(pack.Name, pack.Salt, pack.SizeBytes, pack.Chunks.Count));
        var offset = PackFormat.HeaderBytes;
        foreach (var chunk in pack.Chunks)
        {
            var location = new ChunkLocation(number, offset, chunk.StoredBytes, chunk.RawBytes, chunk.Coding, chunk.Parameter, chunk.Checksum);
            if (Chunks.Add(chunk.Id, location) && chunk.Coding == ChunkCoding.Delta)
            {
                Baselines.Add(chunk.Id, chunk.Baseline);
            }

            offset += chunk.StoredBytes;
        }
    }
}
