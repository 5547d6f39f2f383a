using System.Globalization;

namespace Dumont.Providers.Ssh;

/// <summary>What a computer has, as it was measured on it.</summary>
public sealed record OwnMachineCapacity
{
    /// <summary>Processor word of <c>uname</c>: <c>x86_64</c>.</summary>
    public string Architecture { get; init; } = "";

    /// <summary>Name and version of the system.</summary>
    public string OperatingSystem { get; init; } = "";

    /// <summary>Processors.</summary>
    public int CpuCores { get; init; }

    /// <summary>MiB.</summary>
    public double MemoryMiB { get; init; }

    /// <summary>Free on the file system that claims lie on, GB.</summary>
    public double DiskGb { get; init; }

    /// <summary>Name of the GPUs, <c>RTX 4090</c>; null when there is none. Where they differ, that of the first.</summary>
    public string? GpuName { get; init; }

    /// <summary>GPUs of that name.</summary>
    public int GpuCount { get; init; }

    /// <summary>Memory of the smallest of them, MiB.</summary>
    public double GpuMemoryMiB { get; init; }

    /// <summary>Highest CUDA version of the driver.</summary>
    public string? CudaVersion { get; init; }

    /// <summary>Reads a probe; null when it lacks a figure that every computer has. Pure.</summary>
    public static OwnMachineCapacity? Of(OwnMachineReply probe)
    {
        var gpus = probe.Lines.Where(line => line.Name == "gpu").Select(line => line.Value.Split(',', 2))
            .Where(parts => parts.Length == 2 && Number(parts[0]) > 0)
            .Select(parts => (Name: ShortName(parts[1]), Memory: Number(parts[0]))).ToList();
        var same = gpus.Where(gpu => gpu.Name == gpus[0].Name).ToList();
        var capacity = new OwnMachineCapacity
        {
            Architecture = probe.Find("arch") ?? "",
            OperatingSystem = probe.Find("os") ?? "",
            CpuCores = (int)Number(probe.Find("cores")),
            MemoryMiB = Math.Floor(Number(probe.Find("memory-kib")) / 1024),
            DiskGb = Math.Floor(Number(probe.Find("disk-kib")) / 1_000_000 * 1.024),
            GpuName = same.Count > 0 ? same[0].Name : null,
            GpuCount = same.Count,
            GpuMemoryMiB = same.Count > 0 ? same.Min(gpu => gpu.Memory) : 0,
            CudaVersion = same.Count > 0 ? probe.Find("cuda") : null,
        };
        return capacity is { CpuCores: > 0, MemoryMiB: > 0, DiskGb: > 0 } ? capacity : null;
    }

    // Drivers name the maker and the family; marketplaces do not.
    private static string ShortName(string name)
    {
        var text = name.Trim();
        foreach (var prefix in (string[])["NVIDIA ", "GeForce "])
        {
            text = text.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) ? text[prefix.Length..] : text;
        }

        return text.Length <= 64 ? text : text[..64];
    }

    private static double Number(string? text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var value)
            && value is >= 0 and < 1e15
            ? value
            : 0;
}

/// <summary>Own machines as offers. Pure.</summary>
public static class SshOffers
{
    /// <summary>Offers of own machines are numbered from here on, far above any marketplace's, so that a number names one offer. All of them are
    /// integers that JavaScript can hold.</summary>
    public const long FirstId = 1_000_000_000_000_000;

    /// <summary>Number of own machines at most.</summary>
    public const long IdsMax = 1_000_000_000_000_000;

    /// <summary>Location of a machine whose owner has told none.</summary>
    public const string UntoldLocation = "own machine";

    /// <summary>The offer of an own machine.</summary>
    public static string OfferIdOf(long ownMachineId) => (FirstId + ownMachineId).ToString(CultureInfo.InvariantCulture);

    /// <summary>The own machine that an offer is of; null when it is of a marketplace.</summary>
    public static long? OwnMachineOf(string offerId) =>
        long.TryParse(offerId, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id is > FirstId and < FirstId + IdsMax ? id - FirstId : null;

    /// <summary>The machine as an offer at no price. What nobody has measured, the network, is 0.</summary>
    /// <param name="ownMachineId">Which.</param>
    /// <param name="capacity">As measured.</param>
    /// <param name="location">As its owner wrote it.</param>
    /// <param name="reliability">Share of checks in which it answered, 0 to 1.</param>
    public static MachineOffer Of(long ownMachineId, OwnMachineCapacity capacity, string? location, double reliability) => new()
    {
        Id = OfferIdOf(ownMachineId),
        Provider = SshProvider.ProviderName,
        HostMachineId = ownMachineId,
        GpuName = capacity.GpuName,
        GpuCount = capacity.GpuCount,
        GpuMemoryMiB = capacity.GpuMemoryMiB,
        CpuCores = capacity.CpuCores,
        MemoryMiB = capacity.MemoryMiB,
        DiskGb = capacity.DiskGb,
        UsdPerHour = 0,
        Geolocation = location ?? UntoldLocation,
        Reliability = reliability,
        StaticIp = true,
        CudaVersion = capacity.CudaVersion,
    };

    /// <summary>Whether the offer is what was asked for.</summary>
    public static bool Matches(MachineOffer offer, OfferQuery query) =>
        (query.OfferId is null || query.OfferId == offer.Id)
        && (query.GpuNames.Count == 0 || (offer.GpuName is { } name && query.GpuNames.Contains(name, StringComparer.OrdinalIgnoreCase)))
        && (query.GpuCount is null or 0 || query.GpuCount == offer.GpuCount)
        && (query.MinGpuMemoryMiB is null || offer.GpuMemoryMiB >= query.MinGpuMemoryMiB)
        && (query.DiskGb is null || offer.DiskGb >= query.DiskGb)
        && (query.MinReliability is null || offer.Reliability >= query.MinReliability)
        && query.MinUsdPerHour is null or <= 0
        && query.MaxUsdPerHour is null or >= 0
        && !query.VerifiedOnly
        && !query.Interruptible
        && query.Limit > 0;
}
