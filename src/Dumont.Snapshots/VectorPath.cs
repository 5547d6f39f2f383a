using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>Which registers a loop uses. All paths of a primitive give the same bytes; only their speed differs.</summary>
internal enum VectorPath
{
    /// <summary>No vectors: runs everywhere.</summary>
    Scalar,

    /// <summary>256 bits: AVX2.</summary>
    Vector256,

    /// <summary>512 bits: AVX-512 with byte and word instructions.</summary>
    Vector512,
}

/// <summary>What this processor can do; found out once.</summary>
/// <remarks>Loops over wide registers are compiled when they are first used, at once with all optimisation: code compiled ahead is for any
/// processor and knows none of them. Everything else is left to be compiled ahead.</remarks>
internal static class VectorPaths
{
    /// <summary>The widest path that this processor has and runs at full speed. The runtime calls 512 bits accelerated only where they do not
    /// slow the processor's clock down.</summary>
    public static VectorPath Best { get; } =
        Avx512BW.IsSupported && Vector512.IsHardwareAccelerated ? VectorPath.Vector512
        : Avx2.IsSupported ? VectorPath.Vector256
        : VectorPath.Scalar;

    /// <summary>All paths that run here, the widest last.</summary>
    public static IEnumerable<VectorPath> Supported() => Enum.GetValues<VectorPath>().Where(path => path <= Best);
}
