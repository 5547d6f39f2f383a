namespace Dumont.Contracts;

/// <summary>Offers that match a search.</summary>
/// <param name="Offers">In the order asked for, this page only.</param>
/// <param name="Count">How many there are on this page.</param>
/// <param name="Total">How many match in all, as far as the provider was read.</param>
public sealed record OfferListResponse(IReadOnlyList<OfferResponse> Offers, int Count, int Total);

/// <summary>A machine that can be rented now.</summary>
public sealed record OfferResponse
{
    /// <summary>For renting it.</summary>
    public required long Id { get; init; }

    /// <summary>Provider word, <c>vast</c>.</summary>
    public required string Provider { get; init; }

    /// <summary>Provider's spelling, <c>RTX 4090</c>.</summary>
    public required string GpuName { get; init; }

    /// <summary>GPUs of the slice.</summary>
    public required int NumGpus { get; init; }

    /// <summary>Memory of one GPU, GB, rounded to whole ones.</summary>
    public required double GpuRam { get; init; }

    /// <summary>Cores of the slice.</summary>
    public required double CpuCores { get; init; }

    /// <summary>Memory of the slice, GB.</summary>
    public required double CpuRam { get; init; }

    /// <summary>Disk that can be allocated, GB.</summary>
    public required double DiskSpace { get; init; }

    /// <summary>Mbit/s.</summary>
    public required double InetDown { get; init; }

    /// <summary>Mbit/s.</summary>
    public required double InetUp { get; init; }

    /// <summary>Price of the whole machine with the disk of the search, $/h.</summary>
    public required decimal DphTotal { get; init; }

    /// <summary>Lowest bid, $/h; null for an offer on demand.</summary>
    public required decimal? MinBid { get; init; }

    /// <summary>As the provider writes it.</summary>
    public required string Geolocation { get; init; }

    /// <summary><c>US</c>, <c>EU</c> or <c>ASIA</c>; null elsewhere and where unknown.</summary>
    public required string? Region { get; init; }

    /// <summary>0 to 1, by the provider's count.</summary>
    public required double Reliability { get; init; }

    /// <summary>Highest CUDA version of the driver, <c>12.4</c>; null where unknown.</summary>
    public required string? CudaVersion { get; init; }

    /// <summary>Verified by the provider.</summary>
    public required bool Verified { get; init; }

    /// <summary>Has a public address of its own.</summary>
    public required bool StaticIp { get; init; }

    /// <summary><c>on-demand</c> or <c>interruptible</c>.</summary>
    public required string MachineType { get; init; }

    /// <summary>Peak TFLOPS of all GPUs.</summary>
    public required double TotalFlops { get; init; }

    /// <summary>The provider's deep-learning score.</summary>
    public required double Dlperf { get; init; }

    /// <summary>Physical machine; null where unknown.</summary>
    public required long? MachineId { get; init; }

    /// <summary>Whether it is hidden from searches that do not ask for such.</summary>
    public required bool IsBlacklisted { get; init; }

    /// <summary>Why; null when it is not blacklisted.</summary>
    public required string? BlacklistReason { get; init; }

    /// <summary>Our own rentals of this host that came up, 0 to 1; null without any.</summary>
    public required double? SuccessRate { get; init; }

    /// <summary>Our own tries to rent this host.</summary>
    public required int TotalAttempts { get; init; }

    /// <summary>What our tries say: <c>unknown</c>, <c>excellent</c>, <c>good</c>, <c>fair</c> or <c>poor</c>.</summary>
    public required string ReliabilityStatus { get; init; }
}
