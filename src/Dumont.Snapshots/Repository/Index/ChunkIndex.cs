using System.Numerics;

namespace Dumont.Snapshots;

/// <summary>Where every chunk of a repository is. Filled by one thread when the repository is loaded, then read by many.</summary>
/// <remarks>Open addressing over an array of entries: 64 bytes a chunk and 8 for its bucket, no object a chunk.</remarks>
internal sealed class ChunkIndex
{
    private const int InitialCapacity = 1 << 12;

    private Entry[] _entries = new Entry[InitialCapacity];
    private int[] _buckets = new int[InitialCapacity * 2];

    /// <summary>Chunks known.</summary>
    public int Count { get; private set; }

    /// <summary>Every chunk once, in the order in which they were added.</summary>
    public IEnumerable<(ContentHash Id, ChunkLocation Location)> All
    {
        get
        {
            for (var i = 0; i < Count; i++)
            {
                yield return (_entries[i].Id, _entries[i].Location);
            }
        }
    }

    /// <summary>Learns a chunk; the first place of several wins.</summary>
    public bool Add(ContentHash id, in ChunkLocation location)
    {
        if (Count == _entries.Length)
        {
            Grow();
        }

        var bucket = FindBucket(id);
        if (_buckets[bucket] != 0)
        {
            return false;
        }

        _entries[Count++] = new Entry(id, location);
        _buckets[bucket] = Count;
        return true;
    }

    public bool TryFind(ContentHash id, out ChunkLocation location)
    {
        var place = _buckets[FindBucket(id)];
        location = place == 0 ? default : _entries[place - 1].Location;
        return place != 0;
    }

    public bool Contains(ContentHash id) => _buckets[FindBucket(id)] != 0;

    /// <summary>Position of a chunk in <see cref="All"/>, or -1.</summary>
    public int OrdinalOf(ContentHash id) => _buckets[FindBucket(id)] - 1;

    // The chunk's bucket, or the empty one where it belongs. Ids are hashes: eight of their bytes spread evenly.
    private int FindBucket(ContentHash id)
    {
        var mask = _buckets.Length - 1;
        var bucket = (int)id.Prefix & mask;
        while (_buckets[bucket] is var place && place != 0 && _entries[place - 1].Id != id)
        {
            bucket = (bucket + 1) & mask;
        }

        return bucket;
    }

    private void Grow()
    {
        var capacity = checked((int)BitOperations.RoundUpToPowerOf2((uint)_entries.Length + 1));
        Array.Resize(ref _entries, capacity);
        _buckets = new int[capacity * 2];
        for (var i = 0; i < Count; i++)
        {
            _buckets[FindBucket(_entries[i].Id)] = i + 1;
        }
    }

    private readonly record struct Entry(ContentHash Id, ChunkLocation Location);
}
