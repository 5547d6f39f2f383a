namespace Dumont.Snapshots;

/// <summary>
/// Elements to byte planes and back: plane k holds byte k of every element. Floats are first rotated left by one bit, which brings the
/// sign to the lowest bit and the exponent to the highest bits.
/// </summary>
internal static unsafe class BytePlanes
{
    private const int GroupElements = ElementLayout.GroupElements;

    /// <summary>Writes the planes one behind the other, <paramref name="groups"/> times 64 bytes each.</summary>
    public static void Split(CodecPath path, byte* source, int groups, int widthBytes, bool rotated, byte* planes)
    {
        var stride = (nint)groups * GroupElements;
        var positions = stackalloc byte[8 * GroupElements];
        var turned = stackalloc byte[8 * GroupElements];
        for (var group = 0; group < groups; group++, source += GroupElements * widthBytes, planes += GroupElements)
        {
            var elements = source;
            if (rotated)
            {
                ElementRotation.Left(path, source, widthBytes, turned);
                elements = turned;
            }

            if (path == CodecPath.Scalar)
            {
                for (var i = 0; i < GroupElements * widthBytes; i++)
                {
                    planes[i % widthBytes * stride + i / widthBytes] = elements[i];
                }

                continue;
            }

            BytePlanes256.UnzipElements(elements, widthBytes, positions);
            for (var position = 0; position < widthBytes; position++)
            {
                new ReadOnlySpan<byte>(positions + position * GroupElements, GroupElements)
                    .CopyTo(new Span<byte>(planes + position * stride, GroupElements));
            }
        }
    }

    /// <summary>Puts elements together from planes that may lie anywhere.</summary>
    public static void Join(CodecPath path, byte** planes, int groups, int widthBytes, bool rotated, byte* destination)
    {
        var positions = stackalloc byte[8 * GroupElements];
        var turned = stackalloc byte[8 * GroupElements];
        for (var group = 0; group < groups; group++, destination += GroupElements * widthBytes)
        {
            var at = (nint)group * GroupElements;
            var elements = rotated ? turned : destination;
            if (path == CodecPath.Scalar)
            {
                for (var i = 0; i < GroupElements * widthBytes; i++)
                {
                    elements[i] = planes[i % widthBytes][at + i / widthBytes];
                }
            }
            else
            {
                for (var position = 0; position < widthBytes; position++)
                {
                    new ReadOnlySpan<byte>(planes[position] + at, GroupElements)
                        .CopyTo(new Span<byte>(positions + position * GroupElements, GroupElements));
                }

                BytePlanes256.ZipElements(positions, widthBytes, elements);
            }

            if (rotated)
            {
                ElementRotation.Right(path, turned, widthBytes, destination);
            }
        }
    }
}
