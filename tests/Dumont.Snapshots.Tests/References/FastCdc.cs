using System.Numerics;

namespace Dumont.Snapshots.References;

/// <summary>FastCDC with a gear hash and normalised cuts (Xia et al., USENIX ATC 2016), one byte after the other: what speed and
/// deduplication of the chunker are compared with.</summary>
internal sealed class FastCdc(ChunkSizes sizes, ulong seed)
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
        var middle = Math.Min(limit, sizes.AverageBytes);
        var hash = 0UL;
        for (var i = sizes.MinimumBytes - WindowBytes; i < sizes.MinimumBytes; i++)
        {
            hash = (hash << 1) + _gear[data[i]];
        }

        var cut = Scan(data[..middle], sizes.MinimumBytes, ulong.MaxValue << (64 - bits - 1), ref hash);
        if (cut == 0)
        {
            cut = Scan(data[..limit], middle, ulong.MaxValue << (64 - bits + 1), ref hash);
        }

        return cut == 0 ? limit : cut;
    }

    // A method of its own so that the loop keeps its few variables in registers.
    private int Scan(ReadOnlySpan<byte> data, int start, ulong mask, ref ulong state)
    {
        var hash = state;
        var gear = _gear;
        for (var i = start; i < data.Length; i++)
        {
            hash = (hash << 1) + gear[data[i]];
            if ((hash & mask) == 0)
            {
                state = hash;
                return i + 1;
            }
        }

        state = hash;
        return 0;
    }

    private static ulong[] BuildGear(ulong seed)
    {
        var random = new SplitMix64(seed);
        var gear = new ulong[256];
        for (var i = 0; i < gear.Length; i++)
        {
            gear[i] = random.Next();
        }

        return gear;
    }
}
