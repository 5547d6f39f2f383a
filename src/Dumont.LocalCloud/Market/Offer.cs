namespace Dumont.LocalCloud.Market;

/// <summary>A physical computer on the market, with everything an offer says about it.</summary>
internal sealed record MarketHost
{
    public required int MachineId { get; init; }

    public required int HostId { get; init; }

    public required GpuModel Gpu { get; init; }

    public required int GpuCount { get; init; }

    /// <summary>Place as the market writes it: <c>South Korea, KR</c>, <c>Texas, US</c>.</summary>
    public required string Geolocation { get; init; }

    public required string CpuName { get; init; }

    public required int CpuCores { get; init; }

    public required double CpuGhz { get; init; }

    public required int CpuRamMb { get; init; }

    public required double DiskSpaceGb { get; init; }

    public required double DiskMbPerSecond { get; init; }

    public required string DiskName { get; init; }

    /// <summary>Mbit/s.</summary>
    public required double InetUp { get; init; }

    /// <summary>Mbit/s.</summary>
    public required double InetDown { get; init; }

    public required double InetUpUsdPerGb { get; init; }

    public required double InetDownUsdPerGb { get; init; }

    /// <summary>0 to 1.</summary>
    public required double Reliability { get; init; }

    /// <summary><c>verified</c>, <c>unverified</c> or <c>deverified</c>.</summary>
    public required string Verification { get; init; }

    /// <summary>1 in a data centre, 0 at a person's.</summary>
    public required int HostingType { get; init; }

    public required bool StaticIp { get; init; }

    public required int DirectPorts { get; init; }

    public required string DriverVersion { get; init; }

    public required double CudaMax { get; init; }

    public required string Mainboard { get; init; }

    public required double PciGeneration { get; init; }

    public required double PcieGbPerSecond { get; init; }

    /// <summary>On-demand price of one GPU per hour in micro-dollars.</summary>
    public required long MicroUsdPerGpuHour { get; init; }

    /// <summary>Lowest bid, as a part of the on-demand price.</summary>
    public required double MinBidFraction { get; init; }

    public required double StorageUsdPerGbMonth { get; init; }

    /// <summary>Days, from today, for which the host promises to stay.</summary>
    public required int DurationDays { get; init; }

    /// <summary>The end of what is rented now. Midnight, so that an offer shows the same end all day.</summary>
    public DateTimeOffset EndsAt(DateTimeOffset now) => new DateTimeOffset(now.UtcDateTime.Date, TimeSpan.Zero).AddDays(DurationDays);

    /// <summary>Two-letter code of the country: the first such part after a comma.</summary>
    public string CountryCode => Geolocation.Split(',').Select(part => part.Trim()).First(part => part.Length == 2);

    /// <summary>Vast.ai's measure of deep-learning speed, roughly 1.2 per TFLOPS.</summary>
    public double DeepLearningScore => Gpu.Tflops * 1.25;
}

/// <summary>One slice of a host's GPUs that can be rented as a whole.</summary>
/// <param name="Id">Stable for one seed.</param>
/// <param name="Host">The computer.</param>
/// <param name="FirstGpu">Index of the first GPU of the slice.</param>
/// <param name="GpuCount">1, 2, 4 or 8, or all of them.</param>
internal sealed record Offer(long Id, MarketHost Host, int FirstGpu, int GpuCount)
{
    public long MicroUsdPerHour => Host.MicroUsdPerGpuHour * GpuCount;

    public long MinBidMicroUsdPerHour => (long)Math.Round(MicroUsdPerHour * Host.MinBidFraction);

    public double GpuFraction => (double)GpuCount / Host.GpuCount;

    public IEnumerable<int> Gpus => Enumerable.Range(FirstGpu, GpuCount);

    public bool Overlaps(Offer other) =>
        Host.MachineId == other.Host.MachineId && FirstGpu < other.FirstGpu + other.GpuCount && other.FirstGpu < FirstGpu + GpuCount;
}
