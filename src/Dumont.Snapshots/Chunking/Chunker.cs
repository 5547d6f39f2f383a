using System.Numerics;

namespace Dumont.Snapshots;

/// <summary>
/// Content-defined chunker: where it cuts depends on the bytes near the cut alone, so an insertion moves only the cuts around it and
/// equal stretches of two files give equal chunks. Keeps no state and is thread safe; the same input, sizes and secret always give the
/// same cuts, whatever the processor and however the input arrives.
/// <code>
/// chunk starts                minimum                    average                          maximum
///   │ nothing is looked at      │ cut at a strong window    │ cut at a weak or strong one     │ cut
/// </code>
/// </summary>
/// <remarks>
/// A window is the 68 bytes before a cut, judged by <see cref="CutWindow"/>: strong with one bit more than the average asks for, weak with
/// one bit less, which pulls the lengths towards the average (FastCDC, Xia et al., USENIX ATC 2016). Windows are judged one by one and not
/// by a rolling hash, so that vectors can judge many at once. Changing windows, sizes or rule moves every cut: peers and repositories stay
/// right, because a chunk goes by its hash, but no old chunk is found again.
/// </remarks>
public sealed class Chunker
{
    /// <summary>What sync cuts with: large chunks, no secret, because both sides must cut alike.</summary>
    public static readonly Chunker ForSync = new(ChunkSizes.Large);

    private const int AverageMinimum = 4096;
    private const int ShortestMinimum = 128;

    private readonly CutWindow _window;
    private readonly VectorPath _path;
    private readonly ulong _strongMask;
    private readonly ulong _weakMask;

    /// <summary>Fixes the sizes.</summary>
    /// <param name="sizes">Lengths of chunks.</param>
    /// <param name="secret">Chunkers of different secrets cut at different places, so that the lengths of chunks do not give a file away to
    /// somebody who sees only them.</param>
    /// <exception cref="ArgumentOutOfRangeException">The sizes are not in order or not as <see cref="ChunkSizes"/> says.</exception>
    public Chunker(ChunkSizes sizes, ulong secret = 0)
        : this(sizes, secret, VectorPaths.Best)
    {
    }

    internal Chunker(ChunkSizes sizes, ulong secret, VectorPath path)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sizes.MinimumBytes, ShortestMinimum, nameof(sizes));
        ArgumentOutOfRangeException.ThrowIfLessThan(sizes.AverageBytes, AverageMinimum, nameof(sizes));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(sizes.AverageBytes, sizes.MinimumBytes, nameof(sizes));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(sizes.MaximumBytes, sizes.AverageBytes, nameof(sizes));
        if (!BitOperations.IsPow2(sizes.AverageBytes))
        {
            throw new ArgumentOutOfRangeException(nameof(sizes), sizes.AverageBytes, "The average must be a power of two.");
        }

        Sizes = sizes;
        _path = path;
        _window = CutWindow.Create(secret);
        var bits = BitOperations.Log2((uint)sizes.AverageBytes) - CutWindow.FilterBits;
        _strongMask = ulong.MaxValue << (64 - bits - 1);
        _weakMask = ulong.MaxValue << (64 - bits + 1);
    }

    /// <summary>Lengths of its chunks.</summary>
    public ChunkSizes Sizes { get; }

    /// <summary>Fills in the lengths of consecutive chunks from the start of <paramref name="data"/>. Stops where they are full, or where
    /// what is left cannot yet decide a cut; the caller then comes again with that rest and what follows it.</summary>
    /// <param name="data">The input, from the start of a chunk.</param>
    /// <param name="isEnd">Nothing follows: the rest is the last chunk.</param>
    /// <param name="lengths">Where the lengths go.</param>
    /// <returns>How many there are; 0 when less than <see cref="ChunkSizes.MaximumBytes"/> is left and nothing in it decides.</returns>
    public int Cut(ReadOnlySpan<byte> data, bool isEnd, Span<int> lengths)
    {
        var judged = 0;
        return Cut(data, isEnd, lengths, ref judged);
    }

    /// <summary>The same for input that arrives in small pieces: no window is judged twice.</summary>
    /// <param name="data">The input, from the start of a chunk.</param>
    /// <param name="isEnd">Nothing follows: the rest is the last chunk.</param>
    /// <param name="lengths">Where the lengths go.</param>
    /// <param name="judged">Bytes from the start of the input that the last call has left undecided, 0 at first; set for the next call.</param>
    internal int Cut(ReadOnlySpan<byte> data, bool isEnd, Span<int> lengths, ref int judged)
    {
        var count = 0;
        while (count < lengths.Length && !data.IsEmpty)
        {
            var length = FindCut(data, judged);
            if (length == 0)
            {
                if (data.Length < Sizes.MaximumBytes && !isEnd)
                {
                    judged = data.Length;
                    return count;
                }

                length = Math.Min(data.Length, Sizes.MaximumBytes);
            }

            lengths[count++] = length;
            data = data[length..];
            judged = 0;
        }

        return count;
    }

    // Length of the first chunk if a window in it decides, else 0. None of those that end in the first judged bytes does.
    private int FindCut(ReadOnlySpan<byte> data, int judged)
    {
        var limit = Math.Min(data.Length, Sizes.MaximumBytes);
        var middle = Math.Min(limit, Sizes.AverageBytes - 1);
        var cut = _window.Find(data, Math.Max(Sizes.MinimumBytes, judged + 1), middle, _strongMask, _path);
        return cut == 0 ? _window.Find(data, Math.Max(Sizes.AverageBytes, judged + 1), limit, _weakMask, _path) : cut;
    }
}
