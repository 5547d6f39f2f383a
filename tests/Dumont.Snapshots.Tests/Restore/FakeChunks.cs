using System.Collections.Concurrent;

namespace Dumont.Snapshots.Tests.Restore;

/// <summary>Chunks in memory, laid into small packs, some of which may be broken.</summary>
internal sealed class FakeChunks : IChunkSource
{
    private readonly Dictionary<ContentHash, ChunkLocation> _locations = [];
    private readonly List<MemoryStream> _packs = [new()];
    private int _opened;

    public int Concurrency { get; init; } = 4;

    public int PackBytes { get; init; } = 96 << 10;

    /// <summary>Chunks that are damaged in the store.</summary>
    public HashSet<ContentHash> Broken { get; } = [];

    /// <summary>Called before a chunk is opened, with how many there were before.</summary>
    public Action<int>? OnOpen { get; set; }

    /// <summary>Stretches of packs that were asked for.</summary>
    public ConcurrentBag<(int Pack, long Offset, int Length)> Reads { get; } = [];

    /// <summary>How often each chunk was opened.</summary>
    public ConcurrentDictionary<ContentHash, int> Opened { get; } = new();

    public Extent Add(byte[] content)
    {
        var id = ContentHash.Of(content);
        if (!_locations.ContainsKey(id))
        {
            if (_packs[^1].Length > PackBytes)
            {
                _packs.Add(new MemoryStream());
            }

            var coding = content.AsSpan().ContainsAnyExcept((byte)0) ? ChunkCoding.Stored : ChunkCoding.Zero;
            var stored = coding == ChunkCoding.Zero ? [] : content;
            _locations.Add(id, new ChunkLocation(_packs.Count - 1, (int)_packs[^1].Length, stored.Length, content.Length, coding, 0, 0));
            _packs[^1].Write(stored);
        }

        return new Extent(id, content.Length, IsHole: false);
    }

    /// <summary>Makes the index claim something about a chunk.</summary>
    public void Claim(ContentHash id, Func<ChunkLocation, ChunkLocation> change) => _locations[id] = change(_locations[id]);

    public bool TryLocate(ContentHash id, out ChunkLocation location) => _locations.TryGetValue(id, out location);

    public async ValueTask<int> ReadAsync(int pack, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        await Task.Yield();
        cancellationToken.ThrowIfCancellationRequested();
        Reads.Add((pack, offset, destination.Length));
        var content = _packs[pack].GetBuffer().AsSpan(0, (int)_packs[pack].Length);
        var length = (int)Math.Clamp(content.Length - offset, 0, destination.Length);
        content.Slice((int)Math.Min(offset, content.Length), length).CopyTo(destination.Span);
        return length;
    }

    public string PackName(int pack) => $"pack {pack}";

    public IChunkOpener CreateOpener() => new Opener(this);

    private sealed class Opener(FakeChunks chunks) : IChunkOpener
    {
        public void Open(in ChunkLocation location, ContentHash id, ReadOnlySpan<byte> frame, Span<byte> destination)
        {
            chunks.OnOpen?.Invoke(Interlocked.Increment(ref chunks._opened) - 1);
            if (chunks.Broken.Contains(id))
            {
                throw new SnapshotFormatException($"chunk {id} is damaged");
            }

            chunks.Opened.AddOrUpdate(id, 1, static (_, count) => count + 1);
            if (location.Coding == ChunkCoding.Zero)
            {
                destination.Clear();
            }
            else
            {
                frame.CopyTo(destination);
            }
        }

        public bool IsContentOf(ContentHash id, ReadOnlySpan<byte> chunk) => ContentHash.Of(chunk) == id;

        public void Dispose()
        {
        }
    }
}
