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
internal static class VectorPaths
{
    /// <summary>The widest path that this processor has and runs at full speed.</summary>
    public static VectorPath Best { get; } = Supported()[^1];

    /// <summary>All paths that run here, the widest last.</summary>
    public static IReadOnlyList<VectorPath> Supported()
    {
        List<VectorPath> paths = [VectorPath.Scalar];
        if (Avx2.IsSupported)
        {
            paths.Add(VectorPath.Vector256);
        }

        // The runtime calls 512 bits accelerated only where they do not slow the processor's clock down.
        if (Avx512BW.IsSupported && Vector512.IsHardwareAccelerated)
        {
            paths.Add(VectorPath.Vector512);
        }

        return paths;
    }
}
