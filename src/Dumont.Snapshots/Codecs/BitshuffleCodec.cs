using System.Numerics;
using System.Runtime.CompilerServices;

namespace Dumont.Snapshots;

/// <summary>
/// <see cref="ChunkCoding.BitshuffleLz4"/>. A plane is all zeros, all ones, stored as it is, or part of the one LZ4 block:
/// <code>
/// | edges | modes: 2 bits a plane, lowest first | planes as they are, in order | LZ4 block of the other planes, in order |
/// </code>
/// Random planes, half of those of weights, thus cost one copy and no search; the decoder reads them where they lie.
/// </summary>
internal sealed unsafe class BitshuffleCodec(VectorPath path) : IDisposable
{
    /// <summary>A longer plane is tried by so many samples of its content.</summary>
    private const int ProbeParts = 4;
    private const int ProbePartBytes = 512;

    private const int CacheLineBytes = 64;

    private readonly NativeBuffer _planes = new();
    private readonly NativeBuffer _packed = new();

    private enum PlaneMode
    {
        Zeros = 0,
        Ones = 1,
        Stored = 2,
        Lz4 = 3,
    }

    /// <summary>Phase in bits 0-2, the logarithm of the width in bits 3-4.</summary>
    public static byte Parameter(int phase, int widthBytes) => (byte)(phase | BitOperations.Log2((uint)widthBytes) << 3);

    public static int WidthOf(byte parameter) => 1 << (parameter >> 3 & 3);

    public void Dispose()
    {
        _planes.Dispose();
        _packed.Dispose();
    }

    /// <summary>0 when it does not come out shorter than <paramref name="limit"/>.</summary>
    public int Encode(ReadOnlySpan<byte> chunk, int phase, int widthBytes, Span<byte> destination, int limit)
    {
        var layout = ElementLayout.For(chunk.Length, phase, widthBytes);
        var planeBytes = layout.Groups * Bitshuffle.PlaneGroupBytes;
        var modesBytes = 2 * widthBytes;
        var count = 8 * widthBytes;
        limit = Math.Min(limit, destination.Length);
        if (layout.Groups == 0 || layout.EdgeBytes + modesBytes >= limit)
        {
            return 0;
        }

        // Planes are a cache line further apart than they are long, else those of powers of two would share their places in the cache.
        var stride = (planeBytes + 2 * CacheLineBytes - 1) & -CacheLineBytes;
        var planes = _planes.Reserve(count * stride + layout.BodyBytes);
        fixed (byte* source = chunk)
        {
            Bitshuffle.Split(path, source + layout.Phase, layout.Groups, widthBytes, planes, stride);
        }

        layout.CopyEdges(chunk, destination);
        var modes = destination.Slice(layout.EdgeBytes, modesBytes);
        modes.Clear();
        var written = layout.EdgeBytes + modesBytes;
        // Those for LZ4 are moved together.
        var together = planes + (nint)count * stride;
        var togetherBytes = 0;
        for (var plane = 0; plane < count; plane++)
        {
            var content = new ReadOnlySpan<byte>(planes + (nint)plane * stride, planeBytes);
            var mode = ModeFor(content);
            modes[plane / 4] |= (byte)((int)mode << (plane % 4 * 2));
            if (mode == PlaneMode.Lz4)
            {
                content.CopyTo(new Span<byte>(together + togetherBytes, planeBytes));
                togetherBytes += planeBytes;
            }
            else if (mode == PlaneMode.Stored)
            {
                if (written + planeBytes >= limit)
                {
                    return 0;
                }

                content.CopyTo(destination[written..]);
                written += planeBytes;
            }
        }

        if (togetherBytes == 0)
        {
            return written;
        }

        var block = Lz4.Encode(new ReadOnlySpan<byte>(together, togetherBytes), destination[written..limit]);
        return block == 0 || written + block >= limit ? 0 : written + block;
    }

    public void Decode(byte parameter, ReadOnlySpan<byte> stored, Span<byte> destination)
    {
        var widthBytes = WidthOf(parameter);
        var layout = ElementLayout.For(destination.Length, parameter & 7, widthBytes);
        var planeBytes = layout.Groups * Bitshuffle.PlaneGroupBytes;
        var modesBytes = 2 * widthBytes;
        var at = layout.EdgeBytes + modesBytes;
        if (parameter >> 5 != 0 || stored.Length < at)
        {
            throw new SnapshotFormatException("A bit-shuffled chunk is shorter than its edges, or has an unknown parameter.");
        }

        var planes = stackalloc byte*[Bitshuffle.MaximumPlanes];
        var constants = _planes.Reserve(2 * planeBytes);
        fixed (byte* from = stored, to = destination)
        {
            var togetherBytes = Place(stored.Slice(layout.EdgeBytes, modesBytes), from, stored.Length, ref at, planeBytes, constants, planes);
            var together = _packed.Reserve(togetherBytes);
            if (togetherBytes > 0 ? !Lz4.TryDecode(stored[at..], new Span<byte>(together, togetherBytes)) : at != stored.Length)
            {
                throw new SnapshotFormatException("The LZ4 block of a bit-shuffled chunk is damaged.");
            }

            for (var plane = 0; plane < 8 * widthBytes; plane++)
            {
                if (planes[plane] == null)
                {
                    planes[plane] = together;
                    together += planeBytes;
                }
            }

            layout.RestoreEdges(stored, destination);
            Bitshuffle.Join(path, planes, layout.Groups, widthBytes, to + layout.Phase);
        }
    }

    /// <summary>Where each plane lies, null for those in the LZ4 block, whose length is returned.</summary>
    private static int Place(
        ReadOnlySpan<byte> modes, byte* stored, int storedBytes, ref int at, int planeBytes, byte* constants, byte** planes)
    {
        new Span<byte>(constants, planeBytes).Clear();
        new Span<byte>(constants + planeBytes, planeBytes).Fill(0xFF);
        var togetherBytes = 0;
        for (var plane = 0; plane < modes.Length * 4; plane++)
        {
            switch ((PlaneMode)(modes[plane / 4] >> (plane % 4 * 2) & 3))
            {
                case PlaneMode.Zeros:
                    planes[plane] = constants;
                    break;
                case PlaneMode.Ones:
                    planes[plane] = constants + planeBytes;
                    break;
                case PlaneMode.Stored:
                    if (storedBytes - at < planeBytes)
                    {
                        throw new SnapshotFormatException("A bit-shuffled chunk ends inside a plane.");
                    }

                    planes[plane] = stored + at;
                    at += planeBytes;
                    break;
                case PlaneMode.Lz4:
                    planes[plane] = null;
                    togetherBytes += planeBytes;
                    break;
            }
        }

        return togetherBytes;
    }

    [SkipLocalsInit]
    private PlaneMode ModeFor(ReadOnlySpan<byte> plane)
    {
        var first = plane[0];
        if (first is 0 or 0xFF && !plane.ContainsAnyExcept(first))
        {
            return first == 0 ? PlaneMode.Zeros : PlaneMode.Ones;
        }

        if (plane.Length <= ProbeParts * ProbePartBytes)
        {
            return Shrinks(plane) ? PlaneMode.Lz4 : PlaneMode.Stored;
        }

        Span<byte> sample = stackalloc byte[ProbeParts * ProbePartBytes];
        for (var part = 0; part < ProbeParts; part++)
        {
            plane.Slice((int)((long)(plane.Length - ProbePartBytes) * part / (ProbeParts - 1)), ProbePartBytes)
                .CopyTo(sample[(part * ProbePartBytes)..]);
        }

        return Shrinks(sample) ? PlaneMode.Lz4 : PlaneMode.Stored;
    }

    /// <summary>By a 32nd or more.</summary>
    private bool Shrinks(ReadOnlySpan<byte> sample) => Lz4.Encode(sample, _packed.Take(sample.Length - sample.Length / 32)) > 0;
}
