using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>Which instructions a codec uses. The bytes are the same on every path.</summary>
internal enum CodecPath
{
    Scalar,
    Avx2,

    /// <summary>AVX-512 with VBMI, VBMI2 and GFNI: Ice Lake, Zen 4 and later.</summary>
    Avx512,
}

internal static class CodecPaths
{
    /// <summary>The fastest that this processor has.</summary>
    public static CodecPath Best { get; } =
        Avx512BW.IsSupported && Avx512Vbmi2.IsSupported && Gfni.V512.IsSupported ? CodecPath.Avx512
        : Avx2.IsSupported ? CodecPath.Avx2
        : CodecPath.Scalar;

    /// <summary>Every path that this processor can run, slowest first.</summary>
    public static IEnumerable<CodecPath> Available => Enum.GetValues<CodecPath>().Where(p => p <= Best);
}
