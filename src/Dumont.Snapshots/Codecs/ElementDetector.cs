using System.Numerics;
using System.Runtime.Intrinsics;

namespace Dumont.Snapshots;

/// <summary>What a sample of a chunk looks like.</summary>
/// <param name="IsText">Printable bytes.</param>
/// <param name="Format">The floating-point format that its exponents fit best.</param>
/// <param name="FormatPhase">Bytes before that format's first whole element.</param>
/// <param name="BaseExponent">Largest of the seven neighbouring exponents that are the most frequent.</param>
/// <param name="ExponentShare">Of the exponents that are one of those seven, 0 to 1.</param>
/// <param name="PlaneWidthBytes">Element width that leaves the most bit planes nearly constant.</param>
/// <param name="PlaneCost">Estimated size as bit planes, 1 for no gain.</param>
internal readonly record struct ElementSample(
    bool IsText, ExponentFormat Format, int FormatPhase, byte BaseExponent, float ExponentShare, int PlaneWidthBytes, float PlaneCost)
{
    /// <summary>Estimated size with packed exponents, 1 for no gain.</summary>
    public float PackCost => Format switch
    {
        ExponentFormat.Bf16 => (16 - 5 + 8 * (1 - ExponentShare)) / 16,
        ExponentFormat.Fp32 => (32 - 5 + 8 * (1 - ExponentShare)) / 32,
        ExponentFormat.Fp16 => (16 - 2 + 8 * (1 - ExponentShare)) / 16,
    };
}

/// <summary>
/// Finds out by a sample of some 1000 bytes what a chunk is made of, wherever in an element it begins. Weights give themselves away by
/// their exponents, which lie close together in every second or fourth byte.
/// </summary>
internal static unsafe class ElementDetector
{
    /// <summary>A smaller chunk is not looked at.</summary>
    public const int MinimumBytes = 256;

    private const int WindowBytes = 16;
    private const int MaximumWindows = 64;

    /// <summary>A window for so many bytes: small files are many, and a look must not cost more than they do.</summary>
    private const int BytesPerWindow = 128;

    private const int Classes = 4;
    private const int Exponents = 256;

    /// <summary>Counts of a class of places, with room for whole vectors behind the last.</summary>
    private const int ClassCounts = Exponents + 2 * CountsPerVector;

    private const int CountsPerVector = 16;

    /// <summary>As many as a code of three bits can name, with one code for the escape.</summary>
    private const int NearExponents = 7;

    /// <summary>Largest base that small integers and zeros, taken for floats, come to; weights have larger ones.</summary>
    private const int LargestOfIntegers = 6;

    /// <summary>Looks at a chunk of at least <see cref="MinimumBytes"/>.</summary>
    public static ElementSample Look(ReadOnlySpan<byte> chunk)
    {
        var windows = Math.Clamp(chunk.Length / BytesPerWindow, MinimumBytes / (2 * WindowBytes), MaximumWindows);
        fixed (byte* start = chunk)
        {
            // Each begins at a multiple of 8, behind at least one byte.
            var places = stackalloc byte*[windows];
            var step = (ulong)(chunk.Length - 8 - WindowBytes);
            for (var i = 0; i < windows; i++)
            {
                places[i] = start + 8 + (int)(step * (uint)i / (uint)windows & ~7UL);
            }

            if (IsText(places, windows))
            {
                return new(true, default, 0, 0, 0, 1, 1);
            }

            var (format, phase, baseExponent, share) = FindExponents(places, windows);
            var (width, cost) = FindPlanes(places, windows);
            return new(false, format, phase, baseExponent, share, width, cost);
        }
    }

    /// <summary>At most one byte in 64 is a control character other than white space, or not ASCII.</summary>
    private static bool IsText(byte** places, int windows)
    {
        var others = 0;
        for (var i = 0; i < windows && others * 4 <= windows; i++)
        {
            var bytes = Vector128.Load(places[i]);
            var control = Vector128.LessThan(bytes, Vector128.Create((byte)0x09));
            others += BitOperations.PopCount((bytes | control).ExtractMostSignificantBits());
        }

        return others * 4 <= windows;
    }

    /// <summary>
    /// Takes every byte for the highest of an element that was rotated left by one bit, and counts by its place modulo 4.
    /// </summary>
    private static (ExponentFormat Format, int Phase, byte Base, float Share) FindExponents(byte** places, int windows)
    {
        var counts = stackalloc ushort[Classes * ClassCounts];
        new Span<ushort>(counts, Classes * ClassCounts).Clear();
        var rotated = stackalloc byte[WindowBytes];
        for (var i = 0; i < windows; i++)
        {
            var before = Vector128.Load(places[i] - 1).AsUInt16() >>> 7 & Vector128.Create((ushort)0x0101);
            (((Vector128.Load(places[i]).AsUInt16() << 1) & Vector128.Create((ushort)0xFEFE)) | before).AsByte().Store(rotated);
            for (var at = 0; at < WindowBytes; at += Classes)
            {
                counts[rotated[at]]++;
                counts[ClassCounts + rotated[at + 1]]++;
                counts[2 * ClassCounts + rotated[at + 2]]++;
                counts[3 * ClassCounts + rotated[at + 3]]++;
            }
        }

        var perClass = windows * WindowBytes / Classes;
        var none = stackalloc ushort[ClassCounts];
        new Span<ushort>(none, ClassCounts).Clear();
        var best = (Format: ExponentFormat.Bf16, Phase: 0, Base: (byte)0, Share: 0F);
        var bestCost = 1F;
        for (var phase = 0; phase < Classes; phase++)
        {
            var only = counts + (phase + 3) % Classes * ClassCounts;
            Consider(ExponentFormat.Fp32, phase, Nearest(only, none, Exponents), perClass, ref best, ref bestCost);
        }

        for (var phase = 0; phase < 2; phase++)
        {
            var first = counts + (phase + 1) % Classes * ClassCounts;
            var second = counts + (phase + 3) % Classes * ClassCounts;
            Consider(ExponentFormat.Bf16, phase, Nearest(first, second, Exponents), 2 * perClass, ref best, ref bestCost);
            Consider(ExponentFormat.Fp16, phase, NearestOfFive(first, second, none), 2 * perClass, ref best, ref bestCost);
        }

        return best;
    }

    private static void Consider(
        ExponentFormat format, int phase, (int Count, byte Base) nearest, int total,
        ref (ExponentFormat Format, int Phase, byte Base, float Share) best, ref float bestCost)
    {
        var sample = new ElementSample(false, format, phase, nearest.Base, (float)nearest.Count / total, 1, 1);
        if (sample.PackCost < bestCost && (nearest.Base > LargestOfIntegers || format == ExponentFormat.Fp16))
        {
            bestCost = sample.PackCost;
            best = (format, phase, sample.BaseExponent, sample.ExponentShare);
        }
    }

    /// <summary>The seven neighbours with the most occurrences: how many, and the largest of them.</summary>
    private static (int Count, byte Base) Nearest(ushort* counts, ushort* more, int exponents)
    {
        var best = Vector256<ushort>.Zero;
        var bestAt = 0;
        for (var i = 0; i < exponents; i += CountsPerVector)
        {
            var sums = Vector256<ushort>.Zero;
            for (var near = 0; near < NearExponents; near++)
            {
                sums += Vector256.Load(counts + i + near) + Vector256.Load(more + i + near);
            }

            if (Vector256.GreaterThanAny(sums, best))
            {
                var most = Largest(sums);
                best = Vector256.Create(most);
                bestAt = i + BitOperations.TrailingZeroCount(Vector256.Equals(sums, best).ExtractMostSignificantBits());
            }
        }

        return (best.ToScalar(), (byte)Math.Min(bestAt + NearExponents - 1, exponents - 1));
    }

    private static ushort Largest(Vector256<ushort> values)
    {
        var eight = Vector128.Max(values.GetLower(), values.GetUpper());
        var four = Vector128.Max(eight, Vector128.Shuffle(eight, Vector128.Create((ushort)4, 5, 6, 7, 0, 1, 2, 3)));
        var two = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create((ushort)2, 3, 0, 1, 2, 3, 0, 1)));
        return Math.Max(two.GetElement(0), two.GetElement(1));
    }

    /// <summary>The same for exponents of five bits, the upper ones of the eight counted.</summary>
    private static (int Count, byte Base) NearestOfFive(ushort* first, ushort* second, ushort* none)
    {
        const int exponents = 32;
        var counts = stackalloc ushort[exponents + 2 * CountsPerVector];
        new Span<ushort>(counts, exponents + 2 * CountsPerVector).Clear();
        for (var i = 0; i < exponents; i++)
        {
            counts[i] = Vector128.Sum(Vector128.Load(first + 8 * i) + Vector128.Load(second + 8 * i));
        }

        return Nearest(counts, none, exponents);
    }

    /// <summary>Counts each of the 64 bits of 8 bytes, and prices bit planes by how rarely a bit differs from the usual.</summary>
    private static (int WidthBytes, float Cost) FindPlanes(byte** places, int windows)
    {
        var counts = stackalloc byte[8 * WindowBytes];
        for (var bit = 0; bit < 8; bit++)
        {
            var mask = Vector128.Create((byte)(1 << bit));
            var count = Vector128<byte>.Zero;
            for (var i = 0; i < windows; i++)
            {
                count -= Vector128.Equals(Vector128.Load(places[i]) & mask, mask);
            }

            count.Store(counts + bit * WindowBytes);
        }

        // Ones of every bit of an element: of eight bytes, then, half by half, of narrower ones.
        var ones = stackalloc int[Bitshuffle.MaximumPlanes];
        for (var i = 0; i < Bitshuffle.MaximumPlanes; i++)
        {
            ones[i] = counts[i % 8 * WindowBytes + i / 8] + counts[i % 8 * WindowBytes + i / 8 + 8];
        }

        var best = (WidthBytes: 8, Cost: PlanesCost(ones, Bitshuffle.MaximumPlanes, 2 * windows));
        for (var width = 4; width >= 1; width /= 2)
        {
            for (var i = 0; i < 8 * width; i++)
            {
                ones[i] += ones[8 * width + i];
            }

            // A wider element splits planes further, which costs where it gains nothing.
            var cost = PlanesCost(ones, 8 * width, windows * WindowBytes / width);
            if (cost <= best.Cost + 0.02F)
            {
                best = (width, cost);
            }
        }

        return best;
    }

    private static float PlanesCost(int* ones, int planes, int total)
    {
        var cost = 0F;
        for (var i = 0; i < planes; i++)
        {
            cost += PlaneCost(Math.Min(ones[i], total - ones[i]) * 100, total);
        }

        return cost / planes;
    }

    /// <summary>What LZ4 leaves of a plane in which so many bits in a hundred differ, as measured on independent bits.</summary>
    private static float PlaneCost(int hundredfold, int total) =>
        hundredfold == 0 ? 0.02F
        : hundredfold >= 10 * total ? 1
        : hundredfold >= 6 * total ? 0.95F
        : hundredfold >= 3 * total ? 0.8F
        : hundredfold >= total ? 0.55F
        : 0.25F;
}
