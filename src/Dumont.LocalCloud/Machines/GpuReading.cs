using System.Globalization;

namespace Dumont.LocalCloud.Machines;

/// <summary>One GPU as its machine's <c>nvidia-smi</c> shows it.</summary>
internal sealed record GpuReading
{
    public required int Index { get; init; }

    /// <summary>Product name, such as <c>NVIDIA GeForce RTX 4090</c>.</summary>
    public required string Name { get; init; }

    public required string Uuid { get; init; }

    public required int MemoryMiB { get; init; }

    public int MemoryUsedMiB { get; init; }

    /// <summary>Percent, 0 to 100.</summary>
    public double Utilization { get; init; }

    /// <summary>Degrees Celsius.</summary>
    public double Temperature { get; init; } = 34;

    public required int PowerLimitWatts { get; init; }

    public required string DriverVersion { get; init; }

    public required string CudaVersion { get; init; }

    /// <summary>Compute capability times 100, as the market states it.</summary>
    public required int ComputeCapability { get; init; }

    /// <summary>The line that the machine's <c>nvidia-smi</c> reads.</summary>
    public string ToLine()
    {
        // Idle cards draw about a tenth of their limit; the rest follows the load.
        var power = PowerLimitWatts * (0.1 + (0.85 * Utilization / 100));
        var state = Utilization > 0 ? "P2" : "P8";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Index}|{Name}|{Uuid}|{MemoryMiB}|{MemoryUsedMiB}|{Utilization:0}|{Utilization / 2:0}|{Temperature:0}|{power:0.00}|{PowerLimitWatts}|"
            + $"{DriverVersion}|{CudaVersion}|00000000:{Index + 1:X2}:00.0|{state}|{ComputeCapability / 100}.{ComputeCapability / 10 % 10}");
    }

    /// <summary>Product name of a model that the market knows by its short name.</summary>
    public static string ProductName(string marketName, int memoryMiB)
    {
        var gigabytes = memoryMiB > 60_000 ? 80 : 40;
        return marketName switch
        {
            "A100 SXM4" => $"NVIDIA A100-SXM4-{gigabytes}GB",
            "A100 PCIE" => $"NVIDIA A100-PCIE-{gigabytes}GB",
            "H100 SXM" => "NVIDIA H100 80GB HBM3",
            "H100 PCIE" => "NVIDIA H100 PCIe",
            _ when marketName.StartsWith("Q RTX", StringComparison.Ordinal) => "Quadro " + marketName[2..],
            _ when marketName.EndsWith("Ada", StringComparison.Ordinal) => $"NVIDIA {marketName[..^3]} Ada Generation",
            _ when marketName.StartsWith("Tesla", StringComparison.Ordinal) => marketName,
            _ when marketName.StartsWith("RTX A", StringComparison.Ordinal) => "NVIDIA " + marketName,
            _ when marketName.StartsWith("RTX PRO", StringComparison.Ordinal) => "NVIDIA " + marketName,
            _ when marketName.StartsWith("RTX", StringComparison.Ordinal) => $"NVIDIA GeForce {Spell(marketName)}",
            _ when marketName.StartsWith("GTX", StringComparison.Ordinal) => "NVIDIA GeForce " + marketName,
            _ => "NVIDIA " + marketName,
        };
    }

    // The market writes 4080S for what its maker calls 4080 SUPER.
    private static string Spell(string name) =>
        name.Replace("S Ti", " Ti SUPER", StringComparison.Ordinal) is var spelled && spelled.EndsWith('S') && !spelled.EndsWith("RTX S", StringComparison.Ordinal)
            ? spelled[..^1] + " SUPER"
            : spelled;
}
