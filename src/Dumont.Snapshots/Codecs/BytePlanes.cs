using System.Runtime.CompilerServices;

namespace Dumont.Snapshots;

/// <summary>
/// Elements to byte planes and back: plane k holds byte k of every element. Floats are first rotated left by one bit, which brings the
/// sign to the lowest bit and the exponent to the highest bits.
/// </summary>
internal static unsafe class BytePlanes
{
    private const int GroupElements = ElementLayout.GroupElements;

    /// <summary>Writes 64 bytes for each of <paramref name="groups"/> to each plane.</summary>
    [SkipLocalsInit]
    public static void Split(VectorPath path, byte* source, int groups, int widthBytes, bool rotated, byte** planes)
    {
        var turned = stackalloc byte[8 * GroupElements];
        for (var group = 0; group < groups; group++, source += GroupElements * widthBytes)
        {
            var at = (nint)group * GroupElements;
            var elements = source;
            if (rotated)
            {
                ElementRotation.Left(path, source, widthBytes, turned);
                elements = turned;
            }

            if (path != VectorPath.Scalar)
            {
                BytePlanes256.UnzipElements(elements, widthBytes, planes, at);
                continue;
            }

            for (var i = 0; i < GroupElements * widthBytes; i++)
            {
                planes[i % widthBytes][at + i / widthBytes] = elements[i];
            }
        }
    }

    /// <summary>Puts elements together from planes.</summary>
    [SkipLocalsInit]
    public static void Join(VectorPath path, byte** planes, int groups, int widthBytes, bool rotated, byte* destination)
    {
        var turned = stackalloc byte[8 * GroupElements];
        for (var group = 0; group < groups; group++, destination += GroupElements * widthBytes)
        {
            var at = (nint)group * GroupElements;
            var elements = rotated ? turned : destination;
            if (path != VectorPath.Scalar)
            {
                BytePlanes256.ZipElements(planes, at, widthBytes, elements);
            }
            else
            {
                for (var i = 0; i < GroupElements * widthBytes; i++)
                {
                    elements[i] = planes[i % widthBytes][at + i / widthBytes];
                }
            }

            if (rotated)
            {
                ElementRotation.Right(path, turned, widthBytes, destination);
            }
        }
    }
}
