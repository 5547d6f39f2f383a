using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>A stretch of new bytes, then one that the baseline has.</summary>
/// <param name="NewBytes">Not in the baseline; may be none.</param>
/// <param name="SharedBytes">In the baseline; none only at the chunk's end.</param>
/// <param name="Shift">Where in the baseline, less where in the chunk.</param>
internal readonly record struct DeltaRun(int NewBytes, int SharedBytes, int Shift);

/// <summary>
/// Finds the runs that a chunk shares with its baseline. First looked for is where the last run left off, behind a change in place; only
/// if nothing is there, everywhere by an index of the baseline.
/// </summary>
internal static class DeltaMatcher
{
    /// <summary>Equal bytes that make a match, and a run's least length before it is cut to the alignment.</summary>
    private const int MatchBytes = 32;

    /// <summary>
    /// The baseline is indexed at every multiple of this, the chunk looked up at every multiple of <see cref="LookUpStep"/>: as they have
    /// no common divisor, a shared run of their product and a match, 280 bytes, is found whatever its shift.
    /// </summary>
    private const int IndexStep = 31;

    private const int LookUpStep = 8;

    /// <summary>A change in place is looked beyond in steps of this.</summary>
    private const int SkipStep = 64;

    /// <summary>How far before the index is asked: at most, and as a multiple of what was shared before, for short runs are many.</summary>
    private const int SkipBytes = 128 << 10;

    private const int SkipFactor = 4;

    public static void FindRuns(ReadOnlySpan<byte> chunk, ReadOnlySpan<byte> baseline, NativeBuffer memory, List<DeltaRun> runs)
    {
        runs.Clear();
        var index = default(Index);
        var begun = 0;
        var at = 0;
        var shift = 0;
        var reach = SkipBytes;
        while (at < chunk.Length)
        {
            if (!TryFollow(chunk, baseline, at, shift, reach, out var match))
            {
                index = index.IsBuilt ? index : Index.Build(baseline, memory);
                match = index.Find(chunk, baseline, at, out shift);
            }

            if (match < 0)
            {
                break;
            }

            // A match may begin in the middle of what is equal.
            var first = match - EqualBefore(chunk[begun..match], baseline[..(match + shift)]);
            var end = match + chunk[match..].CommonPrefixLength(baseline[(match + shift)..]);
            var alignedFirst = first == begun ? first : AlignUp(first);
            var alignedEnd = end == chunk.Length ? end : end & -DeltaCodec.AlignmentBytes;
            at = Math.Max(end, match + 1);
            reach = Math.Min(SkipBytes, SkipFactor * (end - first));
            if (alignedEnd - alignedFirst >= MatchBytes)
            {
                runs.Add(new(alignedFirst - begun, alignedEnd - alignedFirst, shift));
                begun = alignedEnd;
            }
        }

        if (begun < chunk.Length)
        {
            runs.Add(new(chunk.Length - begun, 0, 0));
        }
    }

    private static int AlignUp(int value) => (value + DeltaCodec.AlignmentBytes - 1) & -DeltaCodec.AlignmentBytes;

    /// <summary>The next place where chunk and baseline agree with the same shift; false when there is none near.</summary>
    private static bool TryFollow(ReadOnlySpan<byte> chunk, ReadOnlySpan<byte> baseline, int at, int shift, int reach, out int match)
    {
        var last = (int)Math.Min(Math.Min(chunk.Length, (long)baseline.Length - shift) - MatchBytes, (long)at + reach);
        for (match = Math.Max(at, -shift); match <= last; match += SkipStep)
        {
            if (chunk.Slice(match, MatchBytes).SequenceEqual(baseline.Slice(match + shift, MatchBytes)))
            {
                return true;
            }
        }

        match = -1;
        return false;
    }

    private static int EqualBefore(ReadOnlySpan<byte> chunk, ReadOnlySpan<byte> baseline)
    {
        var most = Math.Min(chunk.Length, baseline.Length);
        var equal = 0;
        while (equal < most && chunk[^(equal + 1)] == baseline[^(equal + 1)])
        {
            equal++;
        }

        return equal;
    }

    /// <summary>Places in the baseline by what stands there; the first of equal ones counts, which leaves the longest run.</summary>
    private readonly ref struct Index
    {
        /// <summary>Place + 1, 0 for none.</summary>
        private readonly Span<int> _places;

        private readonly int _shift;

        private Index(Span<int> places, int shift)
        {
            _places = places;
            _shift = shift;
        }

        public bool IsBuilt => _shift != 0;

        public static Index Build(ReadOnlySpan<byte> baseline, NativeBuffer memory)
        {
            var entries = System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(baseline.Length / IndexStep * 2, 16));
            var places = MemoryMarshal.Cast<byte, int>(memory.Take((int)entries * sizeof(int)));
            places.Clear();
            if (baseline.Length < MatchBytes)
            {
                return new Index(places, 64 - System.Numerics.BitOperations.Log2(entries));
            }

            var index = new Index(places, 64 - System.Numerics.BitOperations.Log2(entries));
            for (var place = (baseline.Length - MatchBytes) / IndexStep * IndexStep; place >= 0; place -= IndexStep)
            {
                places[index.Slot(baseline, place)] = place + 1;
            }

            return index;
        }

        /// <summary>The first place from <paramref name="at"/> on that the baseline has somewhere; -1 for none.</summary>
        public int Find(ReadOnlySpan<byte> chunk, ReadOnlySpan<byte> baseline, int at, out int shift)
        {
            for (var place = (at + LookUpStep - 1) & -LookUpStep; place + MatchBytes <= chunk.Length; place += LookUpStep)
            {
                var found = _places[Slot(chunk, place)] - 1;
                if (found >= 0 && chunk.Slice(place, MatchBytes).SequenceEqual(baseline.Slice(found, MatchBytes)))
                {
                    shift = found - place;
                    return place;
                }
            }

            shift = 0;
            return -1;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private int Slot(ReadOnlySpan<byte> bytes, int place)
        {
            var first = BinaryPrimitives.ReadUInt64LittleEndian(bytes[place..]);
            var second = BinaryPrimitives.ReadUInt64LittleEndian(bytes[(place + MatchBytes - sizeof(ulong))..]);
            return (int)(((first ^ System.Numerics.BitOperations.RotateLeft(second, 23)) * 0x9E3779B97F4A7C15UL) >> _shift);
        }
    }
}
