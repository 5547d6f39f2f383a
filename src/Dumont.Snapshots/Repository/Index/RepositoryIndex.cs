namespace Dumont.Snapshots;

/// <summary>A pack that some index lists.</summary>
internal readonly record struct IndexedPack(ContentHash Name, byte[] Salt, long SizeBytes, int ChunkCount);

/// <summary>What a delta is made from, and what it costs to read.</summary>
/// <param name="Baseline">The chunks.</param>
/// <param name="Depth">Deltas on the longest way to chunks that stand alone, itself included.</param>
/// <param name="Reads">Frames that are opened for it, its own included.</param>
internal readonly record struct DeltaCost(Baseline Baseline, int Depth, int Reads);

/// <summary>All indexes of a repository joined. Superseded ones do not count, even while the store still lists them; nor do packs that are not there or,
/// for whoever writes, that are marked.</summary>
internal sealed class RepositoryIndex
{
    /// <summary>Deltas one upon the other. Writers stop far earlier.</summary>
    public const int MaximumDepth = 16;

    /// <summary>Frames that one chunk may cost: five deltas one upon the other, each against four chunks, which is one more than writers make.</summary>
    public const int MaximumReads = 1 + 4 + 16 + 64 + 256 + 1024;

    private readonly Dictionary<ContentHash, int> _packNumbers = [];
    private readonly List<PackContent> _contents = [];
    private List<(ChunkEntry Entry, ChunkLocation Location)> _unresolved = [];

    private RepositoryIndex(StoredPacks stored) => Stored = stored;

    /// <summary>What the store had when this was read.</summary>
    public StoredPacks Stored { get; }

    public ChunkIndex Chunks { get; } = new();

    public List<IndexedPack> Packs { get; } = [];

    /// <summary>The deltas that can be read.</summary>
    public Dictionary<ContentHash, DeltaCost> Deltas { get; } = [];

    /// <summary>The index objects that were read and count.</summary>
    public List<ContentHash> Objects { get; } = [];

    /// <summary>The index objects that were read and are superseded: a prune that was killed left them.</summary>
    public List<ContentHash> Leftovers { get; } = [];

    /// <summary>Packs that are listed, and marked.</summary>
    public List<PackContent> Aside { get; } = [];

    /// <summary>Packs that are listed, and not there.</summary>
    public List<PackContent> Missing { get; } = [];

    /// <summary>Whether the index in force lists packs that do not count.</summary>
    public bool ListsOthers => Aside.Count + Missing.Count > 0;

    public static async Task<RepositoryIndex> LoadAsync(Repository repository, bool isForReading, CancellationToken cancellationToken)
    {
        var objects = new List<(ContentHash Name, IndexObject Index)>();
        var vanished = new List<string>();
        await foreach (var (name, content) in repository.ReadAllAsync(ObjectNames.Indexes, cancellationToken, vanished))
        {
            var digest = Repository.CheckName(name, content);
            objects.Add((digest, IndexObject.FromBody(SealedObject.Open(ObjectKind.Index, content, repository.Keys, name), name)));
        }

        CheckComplete(objects, vanished);
        return Join(objects, await StoredPacks.ReadAsync(repository, isForReading, cancellationToken));
    }

    /// <summary>Joins indexes, leaving out those that another one of them supersedes.</summary>
    public static RepositoryIndex Join(IReadOnlyList<(ContentHash Name, IndexObject Index)> objects, StoredPacks stored)
    {
        var superseded = objects.SelectMany(o => o.Index.Supersedes).ToHashSet();
        var result = new RepositoryIndex(stored);
        result.Leftovers.AddRange(objects.Select(o => o.Name).Where(superseded.Contains));
        var packs = new List<PackContent>();
        foreach (var (name, index) in objects.Where(o => !superseded.Contains(o.Name)))
        {
            result.Objects.Add(name);
            foreach (var pack in index.Packs)
            {
                var place = stored.Marked.Contains(pack.Name) ? result.Aside : stored.Present.ContainsKey(pack.Name) ? packs : result.Missing;
                place.Add(pack);
            }
        }

        result.Add(packs);
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

    /// <summary>What a delta against these chunks, which must be known, would cost.</summary>
    public DeltaCost CostOf(Baseline baseline)
    {
        var (depth, reads) = (1, 1);
        for (var i = 0; i < baseline.Count; i++)
        {
            var below = Deltas.TryGetValue(baseline[i], out var delta) ? delta : new DeltaCost(default, 0, 1);
            depth = Math.Max(depth, below.Depth + 1);
            reads += below.Reads;
        }

        return new DeltaCost(baseline, depth, reads);
    }

    public bool HasPack(ContentHash name) => _packNumbers.ContainsKey(name);

    /// <summary>Number of a pack that the index lists.</summary>
    public int NumberOf(ContentHash pack) => _packNumbers[pack];

    /// <summary>Whether a chunk is read from this pack, and not from another that has it too.</summary>
    public bool IsIn(ContentHash pack, ContentHash chunk) => Chunks.TryFind(chunk, out var location) && location.Pack == _packNumbers[pack];

    /// <summary>Every pack with the chunks in it.</summary>
    public IReadOnlyList<PackContent> Contents() => _contents;

    /// <summary>Why a chunk cannot be found, to follow "chunk X, which".</summary>
    public string WhyUnknown(ContentHash chunk)
    {
        if (_unresolved.Find(delta => delta.Entry.Id == chunk) is { Entry.Baseline: { Count: > 0 } baseline })
        {
            for (var i = 0; i < baseline.Count; i++)
            {
                if (!Chunks.Contains(baseline[i]) && !_unresolved.Exists(delta => delta.Entry.Id == baseline[i]))
                {
                    return $"is a difference from {baseline[i].ToString()[..16]}, which no index knows";
                }
            }

            return $"is a difference that takes more than {MaximumDepth} others one upon the other, or more than {MaximumReads} in all";
        }

        return Missing.Find(pack => pack.Chunks.Any(entry => entry.Id == chunk)) is { } gone ? $"is in {ObjectNames.Pack(gone.Name)}, which is missing" : "no index knows";
    }

    /// <summary>This index and more packs. What was known stays where it was: who found a chunk before still reads it from the right place.</summary>
    public RepositoryIndex With(IEnumerable<PackContent> packs)
    {
        var result = new RepositoryIndex(Stored);
        result.Objects.AddRange(Objects);
        result.Leftovers.AddRange(Leftovers);
        result.Aside.AddRange(Aside);
        result.Missing.AddRange(Missing);
        result.Add(_contents);
        result.Add(packs);
        return result;
    }

    private void Add(IEnumerable<PackContent> packs)
    {
        foreach (var pack in packs)
        {
            if (!_packNumbers.TryAdd(pack.Name, Packs.Count))
            {
                continue;
            }

            var number = Packs.Count;
            _contents.Add(pack);
            Packs.Add(new IndexedPack(pack.Name, pack.Salt, pack.SizeBytes, pack.Chunks.Count));
            var offset = PackFormat.HeaderBytes;
            foreach (var chunk in pack.Chunks)
            {
                var location = new ChunkLocation(number, offset, chunk.StoredBytes, chunk.RawBytes, chunk.Coding, chunk.Parameter, chunk.Checksum);
                if (chunk.Coding == ChunkCoding.Delta)
                {
                    _unresolved.Add((chunk, location));
                }
                else
                {
                    Chunks.Add(chunk.Id, location);
                }

                offset += chunk.StoredBytes;
            }
        }

        AddDeltas();
    }

    // First the deltas against whole chunks, then those against these, and so on. So a chunk is taken whole where it is, and else on the shortest way,
    // nothing on which is missing; and a circle never begins.
    private void AddDeltas()
    {
        for (var depth = 1; depth <= MaximumDepth && _unresolved.Count > 0; depth++)
        {
            var next = _unresolved.ToLookup(delta => HasAll(delta.Entry.Baseline));
            var tooDear = next[true].Where(delta => !TryAdd(delta.Entry, delta.Location)).ToList();
            if (tooDear.Count == next[true].Count())
            {
                break;
            }

            _unresolved = [.. next[false], .. tooDear];
        }

        _unresolved.RemoveAll(delta => Chunks.Contains(delta.Entry.Id));
    }

    // False when it takes too many reads.
    private bool TryAdd(in ChunkEntry entry, in ChunkLocation location)
    {
        var cost = CostOf(entry.Baseline);
        if (cost.Reads > MaximumReads || cost.Depth > MaximumDepth)
        {
            return false;
        }

        if (Chunks.Add(entry.Id, location))
        {
            Deltas.Add(entry.Id, cost);
        }

        return true;
    }

    private bool HasAll(Baseline baseline)
    {
        for (var i = 0; i < baseline.Count; i++)
        {
            if (!Chunks.Contains(baseline[i]))
            {
                return false;
            }
        }

        return true;
    }
}
