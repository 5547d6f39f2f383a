using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>The paths that the codecs have here: at 512 bits they also need VBMI2 and GFNI, which are in Ice Lake, Zen 4 and later.</summary>
internal static class CodecPaths
{
    /// <summary>All that run here, the widest last.</summary>
    public static IReadOnlyList<VectorPath> Supported { get; } =
        [.. VectorPaths.Supported().Where(p => p != VectorPath.Vector512 || (Avx512Vbmi2.IsSupported && Gfni.V512.IsSupported))];

    public static VectorPath Best { get; } = Supported[^1];
}
