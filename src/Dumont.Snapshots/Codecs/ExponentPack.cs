namespace Dumont.Snapshots;

/// <summary>
/// Floating-point elements with the exponent in 3 bits. Weights of a layer spread over few powers of two: nearly all exponents are one
/// of the seven at and below a base. A code 0 to 6 is the distance below the base; 7 says that the exponent is in the list of escapes.
/// <code>
/// | base: 1 | edges | low bytes: (width - 1) an element | codes: CodeBits words of 8 bytes a group of 64 | escapes: 1 each |
/// </code>
/// Word b of a group holds bit b of the code of each of its 64 elements, lowest bit first.
/// </summary>
internal static unsafe class ExponentPack
{
    /// <summary>The code of an exponent that does not fit.</summary>
    public const int Escape = 7;

    /// <summary>Kernels write escapes by whole vectors: so much room must lie behind the last.</summary>
    public const int SlackBytes = 64;

    /// <summary>0 when it does not come out shorter than <paramref name="limit"/>, behind which there must be room for a vector.</summary>
    public static int Encode(
        VectorPath path, ExponentFormat format, ReadOnlySpan<byte> chunk, int phase, byte baseExponent, Span<byte> destination, int limit)
    {
        var layout = ElementLayout.For(chunk.Length, phase, format.WidthBytes());
        var escapesAt = EscapesAt(format, layout);
        if (layout.Groups == 0 || escapesAt >= limit || destination.Length < limit + SlackBytes)
        {
            return 0;
        }

        destination[0] = baseExponent;
        layout.CopyEdges(chunk, destination[1..]);
        fixed (byte* source = chunk, to = destination)
        {
            var low = to + 1 + layout.EdgeBytes;
            var work = new ExponentWork
            {
                Elements = source + layout.Phase,
                Groups = layout.Groups,
                Low = low,
                Codes = low + LowBytes(layout),
                Escapes = to + escapesAt,
                EscapesEnd = to + limit,
                Base = baseExponent,
            };
            var fits = path switch
            {
                VectorPath.Vector512 => ExponentPack512.Encode(format, ref work),
                VectorPath.Vector256 => ExponentPack256.Encode(format, ref work),
                VectorPath.Scalar => ExponentPackScalar.Encode(format, ref work),
            };
            return fits && work.Escapes < work.EscapesEnd ? (int)(work.Escapes - to) : 0;
        }
    }

    public static void Decode(VectorPath path, ExponentFormat format, byte parameter, ReadOnlySpan<byte> stored, Span<byte> destination)
    {
        var layout = ElementLayout.For(destination.Length, parameter & 7, format.WidthBytes());
        var escapesAt = EscapesAt(format, layout);
        if (parameter > 7 || stored.Length < escapesAt)
        {
            throw new SnapshotFormatException("A chunk of packed exponents is shorter than its elements need.");
        }

        layout.RestoreEdges(stored[1..], destination);
        fixed (byte* from = stored, to = destination)
        {
            var low = from + 1 + layout.EdgeBytes;
            var work = new ExponentWork
            {
                Elements = to + layout.Phase,
                Groups = layout.Groups,
                Low = low,
                Codes = low + LowBytes(layout),
                Escapes = from + escapesAt,
                EscapesEnd = from + stored.Length,
                Base = stored[0],
            };
            if (!Decode(path, format, ref work) || work.Escapes != work.EscapesEnd)
            {
                throw new SnapshotFormatException("The escapes of a chunk of packed exponents are too few or too many.");
            }
        }
    }

    /// <summary>
    /// Kernels read escapes by whole vectors. They stop where that would read behind the end, and go on with a copy of the last ones.
    /// </summary>
    private static bool Decode(VectorPath path, ExponentFormat format, ref ExponentWork work)
    {
        if (path == VectorPath.Scalar)
        {
            return ExponentPackScalar.Decode(format, ref work);
        }

        var last = stackalloc byte[2 * SlackBytes];
        var end = work.EscapesEnd;
        work.EscapesEnd = end - SlackBytes;
        if (work.Escapes <= work.EscapesEnd)
        {
            DecodeGroups(path, format, ref work);
            if (work.Groups == 0)
            {
                var wasLast = work.Escapes <= end;
                work.EscapesEnd = end;
                return wasLast;
            }

            if (work.Escapes > end)
            {
                return false;
            }
        }

        var left = (int)(end - work.Escapes);
        Buffer.MemoryCopy(work.Escapes, last, SlackBytes, left);
        work.Escapes = last;
        work.EscapesEnd = last + left;
        DecodeGroups(path, format, ref work);
        return work.Groups == 0;
    }

    private static void DecodeGroups(VectorPath path, ExponentFormat format, ref ExponentWork work)
    {
        if (path == VectorPath.Vector512)
        {
            ExponentPack512.Decode(format, ref work);
        }
        else
        {
            ExponentPack256.Decode(format, ref work);
        }
    }

    private static int LowBytes(in ElementLayout layout) => layout.Groups * ElementLayout.GroupElements * (layout.WidthBytes - 1);

    private static int EscapesAt(ExponentFormat format, in ElementLayout layout) =>
        1 + layout.EdgeBytes + LowBytes(layout) + layout.Groups * 8 * format.CodeBits();
}

/// <summary>Where a kernel reads and writes. It moves the pointers on, and counts the groups down that it has done.</summary>
internal unsafe struct ExponentWork
{
    public byte* Elements;
    public int Groups;
    public byte* Low;
    public byte* Codes;
    public byte* Escapes;

    /// <summary>No group is begun with <see cref="Escapes"/> behind this.</summary>
    public byte* EscapesEnd;
    public byte Base;
}
