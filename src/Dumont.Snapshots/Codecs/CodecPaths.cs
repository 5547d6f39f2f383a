using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>The paths of the codecs. Those of 512 bits also need VBMI2 and GFNI, which Ice Lake, Zen 4 and later have.</summary>
internal static class CodecPaths
{
    public static VectorPath Best { get; } = Prepare(
        VectorPaths.Best == VectorPath.Vector512 && !(Avx512Vbmi2.IsSupported && Gfni.V512.IsSupported)
            ? VectorPath.Vector256
            : VectorPaths.Best);

    /// <summary>All that run here, the widest last.</summary>
    public static IEnumerable<VectorPath> Supported() => Enum.GetValues<VectorPath>().Where(path => path <= Best);

    // The loops are compiled when they are first used. Indexes that have been computed by then are constants in them, and else are looked up.
    private static VectorPath Prepare(VectorPath path)
    {
        if (path == VectorPath.Vector512)
        {
            RuntimeHelpers.RunClassConstructor(typeof(BytePlanes512).TypeHandle);
            RuntimeHelpers.RunClassConstructor(typeof(ExponentPack512).TypeHandle);
        }

        return path;
    }
}
