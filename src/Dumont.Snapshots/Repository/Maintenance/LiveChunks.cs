using System.Collections;

namespace Dumont.Snapshots;

/// <summary>Which chunks of an index some snapshot needs.</summary>
internal sealed class LiveChunks(Repository repository)
{
    private readonly RepositoryIndex _index = repository.Index;
    private readonly BitArray _isLive = new(repository.Index.Chunks.Count);
    private readonly Stack<ContentHash> _open = new();

    public bool IsLive(ContentHash id) => _index.Chunks.OrdinalOf(id) is >= 0 and var ordinal && _isLive[ordinal];

    /// <summary>Marks everything that a snapshot needs.</summary>
    /// <returns>False when something of it is in no index.</returns>
    /// <exception cref="SnapshotFormatException">Its manifest cannot be read.</exception>
    public async Task<bool> TryAddAsync(Snapshot snapshot, CancellationToken cancellationToken)
    {
        var isKnown = true;
        foreach (var chunk in snapshot.Record.Manifest)
        {
            isKnown &= TryMark(ObjectNames.TryParseDigest(chunk.Id, out var id) ? id : throw new SnapshotFormatException($"snapshot {snapshot.ShortId} lists no chunk id"));
        }

        if (!isKnown)
        {
            // What the manifest needs cannot be known without it.
            return false;
        }

        foreach (var entry in (await repository.ReadManifestAsync(snapshot, cancellationToken)).Entries)
        {
            foreach (var extent in entry.Content)
            {
                isKnown &= extent.IsHole || TryMark(extent.Chunk);
            }
        }

        return isKnown;
    }

    // A chunk that the index has, has its baseline there too.
    private bool TryMark(ContentHash id)
    {
        if (!_index.Chunks.Contains(id))
        {
            return false;
        }

        _open.Push(id);
        while (_open.TryPop(out var next))
        {
            var ordinal = _index.Chunks.OrdinalOf(next);
            if (!_isLive[ordinal])
            {
                _isLive[ordinal] = true;
                PushBaseline(next);
            }
        }

        return true;
    }

    private void PushBaseline(ContentHash id)
    {
        if (_index.Deltas.TryGetValue(id, out var delta))
        {
            for (var i = 0; i < delta.Baseline.Count; i++)
            {
                _open.Push(delta.Baseline[i]);
            }
        }
    }
}
