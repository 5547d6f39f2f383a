using System.Numerics;

namespace Dumont.Snapshots.Tests;

/// <summary>FastCDC with a gear hash and normalised cuts (Xia et al., USENIX ATC 2016), one byte after the other: what the chunker's
/// deduplication is compared with.</summary>
internal sealed class FastCdc(ChunkSizes sizes, long seed)
{
    private const int WindowBytes = 64;
    private readonly ulong[] _gear = BuildGear(seed);

    public List<int> Cut(byte[] content)
    {
        ReadOnlySpan<byte> data = content;
        var lengths = new List<int>();
        while (!data.IsEmpty)
        {
            lengths.Add(Next(data));
            data = data[lengths[^1]..];
        }

        return lengths;
    }

    private int Next(ReadOnlySpan<byte> data)
    {
        if (data.Length <= sizes.MinimumBytes)
        {
            return data.Length;
        }

        var bits = BitOperations.Log2((uint)sizes.AverageBytes);
        var limit = Math.Min(data.Length, sizes.MaximumBytes);
        var hash = 0UL;
        for (var i = sizes.MinimumBytes - WindowBytes; i < sizes.MinimumBytes; i++)
        {
            hash = (hash << 1) + _gear[data[i]];
        }

        for (var i = sizes.MinimumBytes; i < limit; i++)
        {
            hash = (hash << 1) + _gear[data[i]];
            if (hash >> (64 - bits + (i < sizes.AverageBytes ? -1 : 1)) == 0)
            {
                return i + 1;
            }
        }

        return limit;
    }

    private static ulong[] BuildGear(long seed)
    {
        var random = new SeededRandom(seed);
        return [.. Enumerable.Range(0, 256).Select(_ => random.Next())];
    }
}
