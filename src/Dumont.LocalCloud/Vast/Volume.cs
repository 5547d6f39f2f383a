using System.Globalization;
using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Vast;

/// <summary>Disk space rented on one host by itself: it outlives the instances that mount it. One file each.</summary>
/// <remarks>Guarded by the gate of <see cref="ContractBook"/>.</remarks>
internal sealed class Volume
{
    /// <summary>From the same numbers as contracts.</summary>
    public required long Id { get; init; }

    /// <summary>The host as it was when the volume was rented.</summary>
    public required MarketHost Host { get; init; }

    public required double SizeGb { get; init; }

    public required string? Label { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required long MicroUsdPerHour { get; init; }

    /// <summary>As the provider calls it.</summary>
    public string Name => string.Create(CultureInfo.InvariantCulture, $"V.{Id}");
}

/// <summary>A volume inside an instance.</summary>
/// <param name="VolumeId">Which.</param>
/// <param name="Path">Folder of the instance where it is seen.</param>
internal sealed record VolumeUse(long VolumeId, string Path);

/// <summary>What a host still has to give as volumes.</summary>
/// <param name="Id">Of the offer; every host has one.</param>
/// <param name="Host">The computer.</param>
/// <param name="FreeGb">Not rented yet.</param>
internal sealed record VolumeOffer(long Id, MarketHost Host, double FreeGb)
{
    private const long FirstId = 15_000_000;

    // The rest of a disk is for instances.
    private const double DiskFraction = 0.5;

    public static long IdOf(MarketHost host) => FirstId + host.MachineId;

    public static double CapacityGb(MarketHost host) => Math.Floor(host.DiskSpaceGb * DiskFraction);
}
