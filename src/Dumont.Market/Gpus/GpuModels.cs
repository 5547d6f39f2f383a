namespace Dumont.Market.Gpus;

/// <summary>A GPU as makers and marketplaces name it.</summary>
/// <param name="Name">Vast.ai's spelling, <c>RTX 4090</c>; the canonical one here.</param>
/// <param name="Architecture">NVIDIA's generation, <c>Ada</c>.</param>
/// <param name="MemoryGb">Memory as it is sold, GB. A name may have two sizes (<c>A100 SXM4</c>), each with a row of its own.</param>
/// <param name="MemoryMiB">Memory as a marketplace reports it, MiB.</param>
/// <param name="Fp16Tflops">FP16 on the shaders, TFLOPS; null where the source has none.</param>
/// <param name="TensorTflops">Dense FP16 on the tensor cores, TFLOPS; null where there are none, or no figure.</param>
/// <param name="BandwidthGbPerSecond">Of the memory.</param>
/// <param name="HasBf16">Computes in bfloat16.</param>
public sealed record GpuModel(
    string Name, string Architecture, int MemoryGb, int MemoryMiB, double? Fp16Tflops, double? TensorTflops, double? BandwidthGbPerSecond, bool HasBf16);

/// <summary>The GPUs that marketplaces rent.</summary>
/// <remarks>77 models, compiled on 2026-11-20 from Vast.ai's list of GPU names, dstack's gpuhunt constraints, makers' data sheets and public hardware
/// tables; tensor figures are dense, with FP16 accumulation (GeForce cards reach half of them with FP32 accumulation).</remarks>
public static class GpuModels
{
    /// <summary>All models, the newest generations first.</summary>
    public static IReadOnlyList<GpuModel> All { get; } =
    [
        new("B300", "Blackwell", 270, 276480, null, null, 8000, true),
        new("B200", "Blackwell", 180, 183359, null, 2250, 8000, true),
        new("H200", "Hopper", 141, 143771, null, 989, 4800, true),
        new("H200 NVL", "Hopper", 141, 144384, null, 835, 4800, true),
        new("H100 SXM", "Hopper", 80, 81559, null, 989.4, 3352, true),
        new("H100 NVL", "Hopper", 94, 95830, null, 835, 3938, true),
        new("H100 PCIE", "Hopper", 80, 81559, null, 756.4, 2039, true),
        new("GH200 SXM", "Hopper", 96, 98304, null, 989, 4000, true),
        new("A100 SXM4", "Ampere", 80, 81920, 78, 312, 2039, true),
        new("A100 SXM4", "Ampere", 40, 40960, 78, 312, 1555, true),
        new("A100 PCIE", "Ampere", 80, 81920, 78, 312, 1935, true),
        new("A100 PCIE", "Ampere", 40, 40960, 78, 312, 1555, true),
        new("L40S", "Ada", 48, 46068, 91.6, 362, 864, true),
        new("L40", "Ada", 48, 46068, 90.5, 181, 864, true),
        new("L4", "Ada", 24, 24576, 30.3, 121, 300, true),
        new("A40", "Ampere", 48, 46068, 37.4, 149.7, 695.8, true),
        new("A30", "Ampere", 24, 24576, 10.3, 165.1, 933.1, true),
        new("A10", "Ampere", 24, 23028, 31.2, 125, 600, true),
        new("Tesla V100", "Volta", 32, 32768, 28.3, 119.2, 900, false),
        new("Tesla V100", "Volta", 16, 16384, 28.3, 119.2, 900, false),
        new("Tesla P100", "Pascal", 16, 16384, 19.05, null, 732, false),
        new("Tesla P40", "Pascal", 24, 23040, 0.18, null, 345.6, false),
        new("Tesla P4", "Pascal", 8, 8192, 0.09, null, 192, false),
        new("Tesla T4", "Turing", 16, 15360, 65.1, 64.8, 320, false),
        new("Tesla K80", "Kepler", 12, 12288, null, null, 240, false),
        new("Tesla M60", "Maxwell", 8, 8192, null, null, 160, false),
        new("RTX PRO 6000 S", "Blackwell", 96, 97887, 126, 504, 1792, true),
        new("RTX PRO 6000 WS", "Blackwell", 96, 97887, 126, 504, 1792, true),
        new("RTX PRO 5000", "Blackwell", 48, 49152, 66.9, 268, 1344, true),
        new("RTX PRO 4500", "Blackwell", 32, 32768, 50.5, 202, 896, true),
        new("RTX PRO 4000", "Blackwell", 24, 24576, 36.8, 147, 672, true),
        new("RTX 6000Ada", "Ada", 48, 49140, 91.1, 364, 960, true),
        new("RTX 5880Ada", "Ada", 48, 49140, 69.3, 277, 960, true),
        new("RTX 5000Ada", "Ada", 32, 32768, 65.3, 261, 576, true),
        new("RTX 4500Ada", "Ada", 24, 24576, 39.6, 159.5, 432, true),
        new("RTX 4000Ada", "Ada", 20, 20480, 26.7, 106.9, 360, true),
        new("RTX 2000Ada", "Ada", 16, 16384, 12.0, 48, 224, true),
        new("RTX A6000", "Ampere", 48, 49140, 38.7, 154.9, 768, true),
        new("RTX A5000", "Ampere", 24, 24564, 27.8, 111, 768, true),
        new("RTX A4500", "Ampere", 20, 20480, 23.7, 94.6, 640, true),
        new("RTX A4000", "Ampere", 16, 16376, 19.2, 76.7, 448, true),
        new("RTX A2000", "Ampere", 6, 6138, 8.0, 32, 288, true),
        new("Q RTX 8000", "Turing", 48, 46080, 32.6, 130.5, 672, false),
        new("Q RTX 6000", "Turing", 24, 23040, 32.6, 130.5, 672, false),
        new("RTX 5090", "Blackwell", 32, 32607, 104.8, 419, 1792, true),
        new("RTX 5080", "Blackwell", 16, 16384, 56.3, 225, 960, true),
        new("RTX 5070 Ti", "Blackwell", 16, 16384, 44.4, 176, 896, true),
        new("RTX 5070", "Blackwell", 12, 12227, 31.0, 123, 672, true),
        new("RTX 5060 Ti", "Blackwell", 16, 16384, 23.7, 95, 448, true),
        new("RTX 5060", "Blackwell", 8, 8192, 19.2, 77, 448, true),
        new("RTX 4090", "Ada", 24, 24564, 82.6, 330, 1008, true),
        new("RTX 4090D", "Ada", 24, 24564, 73.5, 294, 1008, true),
        new("RTX 4080S", "Ada", 16, 16376, 52.2, 209, 736, true),
        new("RTX 4080", "Ada", 16, 16376, 48.8, 195, 717, true),
        new("RTX 4070S Ti", "Ada", 16, 16376, 44.1, 176, 672, true),
        new("RTX 4070 Ti", "Ada", 12, 12288, 40.1, 160, 504, true),
        new("RTX 4070S", "Ada", 12, 12288, 35.5, 142, 504, true),
        new("RTX 4070", "Ada", 12, 12282, 29.1, 117, 504, true),
        new("RTX 4060 Ti", "Ada", 16, 16380, 22.1, 88, 288, true),
        new("RTX 4060", "Ada", 8, 8192, 15.1, 60, 272, true),
        new("RTX 3090 Ti", "Ampere", 24, 24564, 40, 160, 1008.3, true),
        new("RTX 3090", "Ampere", 24, 24576, 35.7, 142.7, 935.8, true),
        new("RTX 3080 Ti", "Ampere", 12, 12288, 34.1, 136.4, 912, true),
        new("RTX 3080", "Ampere", 10, 10240, 29.8, 119, 760, true),
        new("RTX 3070 Ti", "Ampere", 8, 8192, 21.8, 87, 608.3, true),
        new("RTX 3070", "Ampere", 8, 8192, 20.3, 81.5, 448, true),
        new("RTX 3060 Ti", "Ampere", 8, 8192, 16.2, 64.8, 448, true),
        new("RTX 3060", "Ampere", 12, 12288, 12.7, 51, 360, true),
        new("RTX 2080 Ti", "Turing", 11, 11264, 26.9, 107.6, 616, false),
        new("RTX 2080", "Turing", 8, 8192, 20.1, 80.6, 448, false),
        new("RTX 2070", "Turing", 8, 8192, 14.9, 59.7, 448, false),
        new("RTX 2060S", "Turing", 8, 8192, 14.4, 57.4, 448, false),
        new("RTX 2060", "Turing", 12, 12288, 14.4, 57.4, 336, false),
        new("Titan RTX", "Turing", 24, 24576, 32.6, 130.5, 672, false),
        new("GTX 1080 Ti", "Pascal", 11, 11264, 0.18, null, 484, false),
        new("GTX 1070 Ti", "Pascal", 8, 8192, 0.13, null, 256, false),
        new("GTX 1070", "Pascal", 8, 8192, 0.1, null, 256, false),
    ];

    /// <summary>The model of this canonical name whose memory is nearest to <paramref name="memoryMiB"/>; null for a name that is not in the table.</summary>
    public static GpuModel? Find(string name, double memoryMiB) => All
        .Where(model => model.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        .MinBy(model => Math.Abs(model.MemoryMiB - memoryMiB));
}
