using System.Numerics;

namespace Dumont.Snapshots;

/// <summary>
/// <see cref="ChunkCoding.ExponentHuffman"/>: <c>| edges | plane of byte 0 | plane of byte 1 | … |</c>, each plane constant, as it is, or
/// Huffman coded, whichever is shortest.
/// </summary>
internal sealed unsafe class ExponentHuffmanCodec(VectorPath path) : IDisposable
{
    private const int RotatedBit = 0x20;

    private readonly NativeBuffer _planes = new();
    private readonly NativeBuffer _scratch = new();

    /// <summary>Phase in bits 0-2, the logarithm of the width in bits 3-4, whether rotated in bit 5.</summary>
    public static byte Parameter(int phase, int widthBytes, bool rotated) =>
        (byte)(phase | BitOperations.Log2((uint)widthBytes) << 3 | (rotated ? RotatedBit : 0));

    public void Dispose()
    {
        _planes.Dispose();
        _scratch.Dispose();
    }

    /// <summary>0 when it does not come out shorter than <paramref name="limit"/>.</summary>
    public int Encode(ReadOnlySpan<byte> chunk, int phase, int widthBytes, bool rotated, Span<byte> destination, int limit)
    {
        var layout = ElementLayout.For(chunk.Length, phase, widthBytes);
        if (layout.Groups == 0 || layout.EdgeBytes >= limit)
        {
            return 0;
        }

        var planeBytes = layout.Groups * ElementLayout.GroupElements;
        var content = _planes.Reserve(layout.BodyBytes);
        var planes = stackalloc byte*[sizeof(ulong)];
        for (var position = 0; position < widthBytes; position++)
        {
            planes[position] = content + (nint)position * planeBytes;
        }

        fixed (byte* source = chunk)
        {
            BytePlanes.Split(path, source + layout.Phase, layout.Groups, widthBytes, rotated, planes);
        }

        layout.CopyEdges(chunk, destination);
        var scratch = _scratch.Reserve(ExponentHuffmanEncoder.ScratchBytes(planeBytes));
        var written = layout.EdgeBytes;
        for (var position = 0; position < widthBytes; position++)
        {
            var plane = new ReadOnlySpan<byte>(planes[position], planeBytes);
            var bytes = ExponentHuffmanEncoder.Encode(path, plane, destination[written..limit], scratch);
            if (bytes == 0)
            {
                return 0;
            }

            written += bytes;
        }

        return written < limit ? written : 0;
    }

    public void Decode(byte parameter, ReadOnlySpan<byte> stored, Span<byte> destination)
    {
        var widthBytes = 1 << (parameter >> 3 & 3);
        var layout = ElementLayout.For(destination.Length, parameter & 7, widthBytes);
        var planeBytes = layout.Groups * ElementLayout.GroupElements;
        if (parameter >= 2 * RotatedBit || stored.Length < layout.EdgeBytes)
        {
            throw new SnapshotFormatException("A chunk of byte planes is shorter than its edges, or has an unknown parameter.");
        }

        var decoded = _planes.Reserve(layout.BodyBytes);
        var tables = _scratch.Reserve(ExponentHuffmanDecoder.TableBytes);
        var planes = stackalloc byte*[sizeof(ulong)];
        fixed (byte* from = stored, to = destination)
        {
            var at = layout.EdgeBytes;
            for (var position = 0; position < widthBytes; position++, decoded += planeBytes)
            {
                planes[position] = decoded;
                if (stored.Length - at < 2)
                {
                    throw new SnapshotFormatException("A chunk of byte planes ends before its last plane.");
                }

                switch (stored[at])
                {
                    case ExponentHuffmanEncoder.ConstantMode:
                        new Span<byte>(decoded, planeBytes).Fill(stored[at + 1]);
                        at += 2;
                        break;
                    case ExponentHuffmanEncoder.StoredMode when stored.Length - at > planeBytes:
                        planes[position] = from + at + 1;
                        at += 1 + planeBytes;
                        break;
                    case ExponentHuffmanEncoder.HuffmanMode:
                        at += ExponentHuffmanDecoder.Decode(stored[at..], decoded, planeBytes, tables);
                        break;
                    default:
                        throw new SnapshotFormatException("A byte plane is cut short or of an unknown kind.");
                }
            }

            if (at != stored.Length)
            {
                throw new SnapshotFormatException("Bytes are left behind the last byte plane.");
            }

            layout.RestoreEdges(stored, destination);
            BytePlanes.Join(path, planes, layout.Groups, widthBytes, (parameter & RotatedBit) != 0, to + layout.Phase);
        }
    }
}
