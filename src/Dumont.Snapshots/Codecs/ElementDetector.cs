using System.Runtime.CompilerServices;
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
    private const int Classes = 4;
    private const int Exponents = 256;

    /// <summary>As many as a code of three bits can name, with one code for the escape.</summary>
    private const int NearExponents = 7;

    /// <summary>Looks at a chunk of at least <see cref="MinimumBytes"/>.</summary>
    public static ElementSample Look(ReadOnlySpan<byte> chunk)
    {
        var windows = Math.Min(MaximumWindows, chunk.Length / (2 * WindowBytes));
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
            others += System.Numerics.BitOperations.PopCount((bytes | control).ExtractMostSignificantBits());
        }

        return others * 4 <= windows;
    }

    /// <summary>
    /// Takes every byte for the highest of an element that was rotated left by one bit, and counts by its place modulo 4.
    /// </summary>
    private static (ExponentFormat Format, int Phase, byte Base, float Share) FindExponents(byte** places, int windows)
    {
        var counts = stackalloc ushort[Classes * Exponents];
        new Span<ushort>(counts, Classes * Exponents).Clear();
        var rotated = stackalloc byte[WindowBytes];
        for (var i = 0; i < windows; i++)
        {
            var before = Vector128.Load(places[i] - 1).AsUInt16() >>> 7 & Vector128.Create((ushort)0x0101);
            (((Vector128.Load(places[i]).AsUInt16() << 1) & Vector128.Create((ushort)0xFEFE)) | before).AsByte().Store(rotated);
            for (var at = 0; at < WindowBytes; at += Classes)
            {
                counts[rotated[at]]++;
                counts[Exponents + rotated[at + 1]]++;
                counts[2 * Exponents + rotated[at + 2]]++;
                counts[3 * Exponents + rotated[at + 3]]++;
            }
        }

        var perClass = windows * WindowBytes / Classes;
        var best = (Format: ExponentFormat.Bf16, Phase: 0, Base: (byte)0, Share: 0F);
        var bestCost = 1F;
        for (var phase = 0; phase < Classes; phase++)
        {
            Consider(ExponentFormat.Fp32, phase, Nearest(counts + (phase + 3) % Classes * Exponents, null, Exponents), perClass, ref best, ref bestCost);
        }

        for (var phase = 0; phase < 2; phase++)
        {
            var first = counts + (phase + 1) % Classes * Exponents;
            var second = counts + (phase + 3) % Classes * Exponents;
            Consider(ExponentFormat.Bf16, phase, Nearest(first, second, Exponents), 2 * perClass, ref best, ref bestCost);
            Consider(ExponentFormat.Fp16, phase, NearestOfFive(first, second), 2 * perClass, ref best, ref bestCost);
        }

        return best;
    }

    private static void Consider(
        ExponentFormat format, int phase, (int Count, byte Base) nearest, int total,
        ref (ExponentFormat Format, int Phase, byte Base, float Share) best, ref float bestCost)
    {
        var sample = new ElementSample(false, format, phase, nearest.Base, (float)nearest.Count / total, 1, 1);
        if (sample.PackCost < bestCost)
        {
            bestCost = sample.PackCost;
            best = (format, phase, sample.BaseExponent, sample.ExponentShare);
        }
    }

    /// <summary>The seven neighbours with the most occurrences: how many, and the largest of them.</summary>
    private static (int Count, byte Base) Nearest(ushort* counts, ushort* more, int exponents)
    {
        var sum = 0;
        var best = 0;
        var at = 0;
        for (var i = 0; i < exponents; i++)
        {
            sum += counts[i] + (more == null ? 0 : more[i]);
            if (i >= NearExponents)
            {
                sum -= counts[i - NearExponents] + (more == null ? 0 : more[i - NearExponents]);
            }

            if (sum > best)
            {
                best = sum;
                at = i;
            }
        }

        return (best, (byte)at);
    }

    /// <summary>The same for exponents of five bits, the upper ones of the eight counted.</summary>
    private static (int Count, byte Base) NearestOfFive(ushort* first, ushort* second)
    {
        const int exponents = 32;
        var counts = stackalloc ushort[exponents];
        for (var i = 0; i < exponents; i++)
        {
            var sums = Vector128.Load(first + 8 * i) + Vector128.Load(second + 8 * i);
            counts[i] = Vector128.Sum(sums);
        }

        return Nearest(counts, null, exponents);
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

        var best = (WidthBytes: 1, Cost: 1F);
        for (var width = 1; width <= 8; width *= 2)
        {
            var cost = PlanesCost(counts, width, windows * WindowBytes / width);
            // A wider element splits planes further, which costs where it gains nothing.
            if (cost < best.Cost - 0.02F)
            {
                best = (width, cost);
            }
        }

        return best;
    }

    private static float PlanesCost(byte* counts, int width, int total)
    {
        var cost = 0F;
        for (var bit = 0; bit < 8; bit++)
        {
            for (var position = 0; position < width; position++)
            {
                var ones = 0;
                for (var i = position; i < WindowBytes; i += width)
                {
                    ones += counts[bit * WindowBytes + i];
                }

                cost += PlaneCost((float)Math.Min(ones, total - ones) / total);
            }
        }

        return cost / (8 * width);
    }

    /// <summary>What LZ4 leaves of a plane in which so large a part of the bits differs, as measured on independent bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float PlaneCost(float different) => different switch
    {
        0 => 0.02F,
        < 0.01F => 0.25F,
        < 0.03F => 0.55F,
        < 0.06F => 0.8F,
        < 0.1F => 0.95F,
        _ => 1,
    };
}
