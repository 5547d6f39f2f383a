namespace Dumont.Snapshots;

/// <summary>
/// Elements to bit planes and back. Plane 8k+b holds bit b of byte k of every element: bit i mod 8 of its byte i div 8 is element i's.
/// Low-entropy bits, such as the upper ones of an exponent, come to lie together, where LZ4 sees them.
/// </summary>
/// <remarks>Idea: Masui et al., "A compression scheme for radio data in high performance computing", 2015 (bitshuffle).</remarks>
internal static unsafe class Bitshuffle
{
    public const int MaximumPlanes = 64;

    /// <summary>Bytes of one group of 64 elements in one plane.</summary>
    public const int PlaneGroupBytes = 8;

    /// <summary>Writes 8 bytes to each plane for each group; planes begin <paramref name="stride"/> bytes apart.</summary>
    public static void Split(VectorPath path, byte* source, int groups, int widthBytes, byte* planes, nint stride)
    {
        switch (path)
        {
            case VectorPath.Vector512:
                Bitshuffle512.Split(source, groups, widthBytes, planes, stride);
                break;
            case VectorPath.Vector256:
                Bitshuffle256.Split(source, groups, widthBytes, planes, stride);
                break;
            case VectorPath.Scalar:
                BitshuffleScalar.Split(source, groups, widthBytes, planes, stride);
                break;
        }
    }

    /// <summary>Puts elements together from planes that may lie anywhere.</summary>
    public static void Join(VectorPath path, byte** planes, int groups, int widthBytes, byte* destination)
    {
        switch (path)
        {
            case VectorPath.Vector512:
                Bitshuffle512.Join(planes, groups, widthBytes, destination);
                break;
            case VectorPath.Vector256:
                Bitshuffle256.Join(planes, groups, widthBytes, destination);
                break;
            case VectorPath.Scalar:
                BitshuffleScalar.Join(planes, groups, widthBytes, destination);
                break;
        }
    }
}
