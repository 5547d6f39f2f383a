using System.Numerics;

namespace Dumont.Snapshots;

/// <summary>
/// Content-defined chunker: where it cuts depends on the bytes near the cut alone, so an insertion moves only the cuts around it and
/// equal stretches of two files give equal chunks. Stateless and thread safe; the same input and sizes always give the same cuts.
/// </summary>
/// <remarks>
/// Method: FastCDC (Xia et al., USENIX ATC 2016): a gear hash h = (h &lt;&lt; 1) + G[byte], whose top bits depend on the last 64 bytes, cut
/// where they are all zero; nothing is looked at below the minimum; below the average one bit more must be zero and above it one bit
/// less ("normalised chunking"), which pulls the sizes towards the average. Changing the table, the sizes or the rule moves every cut:
/// peers still agree on content, because a chunk travels with its hash, but find no old chunk again.
/// </remarks>
public sealed class Chunker
{
    /// <summary>Sizes for sync: 64 KiB, 256 KiB, 1 MiB. Smaller chunks find more of a file changed in many places but cost more index.</summary>
    public static readonly Chunker ForSync = new(minimumBytes: 64 << 10, averageBytes: 256 << 10, maximumBytes: 1 << 20);

    // A byte leaves the hash after 64 shifts.
    private const int WindowBytes = 64;
    private static readonly ulong[] Gear = BuildGear();

    private readonly ulong _maskBelowAverage;
    private readonly ulong _maskAboveAverage;

    /// <summary>Fixes the sizes.</summary>
    /// <param name="minimumBytes">No chunk but a file's last is smaller; at least 64.</param>
    /// <param name="averageBytes">Aim; a power of two between the two others.</param>
    /// <param name="maximumBytes">No chunk is larger.</param>
    /// <exception cref="ArgumentOutOfRangeException">The sizes are not in that order or not as said.</exception>
    public Chunker(int minimumBytes, int averageBytes, int maximumBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(minimumBytes, WindowBytes);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(averageBytes, minimumBytes);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(maximumBytes, averageBytes);
        if (!BitOperations.IsPow2(averageBytes))
        {
            throw new ArgumentOutOfRangeException(nameof(averageBytes), averageBytes, "The average must be a power of two.");
        }

        MinimumBytes = minimumBytes;
        AverageBytes = averageBytes;
        MaximumBytes = maximumBytes;
        var bits = BitOperations.Log2((uint)averageBytes);
        _maskBelowAverage = ulong.MaxValue << (64 - bits - 1);
        _maskAboveAverage = ulong.MaxValue << (64 - bits + 1);
    }

    /// <summary>No chunk but the last is smaller.</summary>
    public int MinimumBytes { get; }

    /// <summary>What sizes gather around.</summary>
    public int AverageBytes { get; }

    /// <summary>No chunk is larger.</summary>
    public int MaximumBytes { get; }

    /// <summary>Length of the chunk at the start of <paramref name="data"/>. <paramref name="data"/> must hold at least
    /// <see cref="MaximumBytes"/> or reach to the end of the input; else the cut would depend on how the input was read.</summary>
    public int NextChunk(ReadOnlySpan<byte> data)
    {
        if (data.Length <= MinimumBytes)
        {
            return data.Length;
        }

        var limit = Math.Min(data.Length, MaximumBytes);
        var middle = Math.Min(limit, AverageBytes);
        var hash = 0UL;
        for (var i = MinimumBytes - WindowBytes; i < MinimumBytes; i++)
        {
            hash = (hash << 1) + Gear[data[i]];
        }

        var cut = Scan(data[..middle], MinimumBytes, _maskBelowAverage, ref hash);
        if (cut == 0)
        {
            cut = Scan(data[..limit], middle, _maskAboveAverage, ref hash);
        }

        return cut == 0 ? limit : cut;
    }

    // End of the first window from position start whose masked bits are zero, or 0. A method of its own so that the loop keeps its few
    // variables in registers.
    private static int Scan(ReadOnlySpan<byte> data, int start, ulong mask, ref ulong state)
    {
        var hash = state;
        var gear = Gear;
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

    // SplitMix64 (Steele et al., OOPSLA 2014) from a fixed seed: 256 words without structure that any implementation can rebuild.
    private static ulong[] BuildGear()
    {
        var table = new ulong[256];
        var state = 0x44756D6F6E740001UL;
        for (var i = 0; i < table.Length; i++)
        {
            state += 0x9E3779B97F4A7C15UL;
            var mixed = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9UL;
            mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBUL;
            table[i] = mixed ^ (mixed >> 31);
        }

        return table;
    }
}
