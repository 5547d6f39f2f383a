using System.Collections;

namespace Dumont.Snapshots;

/// <summary>Which chunks of an index some snapshot needs.</summary>
internal sealed class LiveChunks(Repository repository)
{
    private readonly RepositoryIndex _index = repository.Index;
    private readonly BitArray _isLive = new(repository.Index.Chunks.Count);
    private readonly HashSet<ContentHash> _missing = [];
    private readonly Stack<ContentHash> _open = new();

    /// <summary>Needed, and in no index.</summary>
    public IReadOnlyCollection<ContentHash> Missing => _missing;

    public bool IsLive(ContentHash id) => _index.Chunks.OrdinalOf(id) is >= 0 and var ordinal && _isLive[ordinal];

    /// <summary>Marks everything that a snapshot needs.</summary>
    /// <exception cref="SnapshotFormatException">Its manifest cannot be read.</exception>
    public async Task AddAsync(Snapshot snapshot, CancellationToken cancellationToken)
    {
        var isKnown = true;
        foreach (var chunk in snapshot.Record.Manifest)
        {
            isKnown &= Mark(ObjectNames.TryParseDigest(chunk.Id, out var id) ? id : throw new SnapshotFormatException($"snapshot {snapshot.ShortId} lists no chunk id"));
        }

        if (!isKnown)
        {
            // What the manifest needs cannot be known without it.
            return;
        }

        foreach (var entry in (await repository.ReadManifestAsync(snapshot, cancellationToken)).Entries)
        {
            foreach (var extent in entry.Content)
            {
                if (!extent.IsHole)
                {
                    Mark(extent.Chunk);
                }
            }
        }
    }

    private bool Mark(ContentHash id)
    {
        // Not by recursion: a hostile index may have a chain of any length, or close a circle.
        var isKnown = true;
        _open.Push(id);
        while (_open.TryPop(out var next))
        {
            if (_index.Chunks.OrdinalOf(next) is not (>= 0 and var ordinal))
            {
                _missing.Add(next);
                isKnown = false;
                continue;
            }

            if (!_isLive[ordinal])
            {
                _isLive[ordinal] = true;
                PushBaseline(next);
            }
        }

        return isKnown;
    }

    private void PushBaseline(ContentHash id)
    {
        if (_index.Baselines.TryGetValue(id, out var baseline))
        {
            for (var i = 0; i < baseline.Count; i++)
            {
                _open.Push(baseline[i]);
            }
        }
    }
}
