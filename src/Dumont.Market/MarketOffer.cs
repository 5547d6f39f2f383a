namespace Dumont.Market;

/// <summary>How a machine is rented.</summary>
public enum MachineType
{
    /// <summary>At a fixed price, until given back: <c>on-demand</c>.</summary>
    OnDemand,

    /// <summary>By bid or as spot; may be taken away: <c>interruptible</c>.</summary>
    Interruptible,
}

/// <summary>An offer, as far as the market's figures need it.</summary>
public sealed record MarketOffer
{
    /// <summary>The provider's id.</summary>
    public required string Id { get; init; }

    /// <summary>Canonical spelling, <c>RTX 4090</c>.</summary>
    public required string GpuName { get; init; }

    /// <summary>From 1.</summary>
    public required int GpuCount { get; init; }

    /// <summary>On demand or interruptible.</summary>
    public MachineType Type { get; init; }

    /// <summary>Price of the whole machine, $/h; above 0.</summary>
    public required decimal UsdPerHour { get; init; }

    /// <summary>Memory of one GPU, MiB; 0 where unknown.</summary>
    public double GpuMemoryMiB { get; init; }

    /// <summary>Peak TFLOPS of all GPUs; 0 where unknown, then the table of models is asked.</summary>
    public double TotalTflops { get; init; }

    /// <summary>The provider's deep-learning score.</summary>
    public double DlPerf { get; init; }

    /// <summary>0 to 1.</summary>
    public double Reliability { get; init; }

    /// <summary>Verified by the provider.</summary>
    public bool Verified { get; init; }

    /// <summary>As the provider writes it, <c>Texas, US</c>.</summary>
    public string Geolocation { get; init; } = "";

    /// <summary>Physical machine; null where unknown. Several offers may be slices of one.</summary>
    public long? HostMachineId { get; init; }

    /// <summary>Price of one GPU, $/h.</summary>
    public decimal UsdPerGpuHour => UsdPerHour / GpuCount;
}

/// <summary>Words of the API for <see cref="MachineType"/>.</summary>
public static class MachineTypes
{
    /// <summary>The words a query may use, in the order they are shown; <c>bid</c> is the old word for interruptible.</summary>
    public static IReadOnlyList<string> Words { get; } = ["on-demand", "interruptible", "bid"];

    /// <summary>The word for a type.</summary>
    public static string ToWord(this MachineType type) => type switch
    {
        MachineType.OnDemand => "on-demand",
        MachineType.Interruptible => "interruptible",
    };

    /// <summary>Reads a word, whatever its case.</summary>
    public static bool TryParse(string? word, out MachineType type)
    {
        type = word?.ToLowerInvariant() is "interruptible" or "bid" or "spot" ? MachineType.Interruptible : MachineType.OnDemand;
        return type == MachineType.Interruptible || word?.ToLowerInvariant() is "on-demand" or "ondemand";
    }
}
