using Dumont.Contracts;
using Dumont.Market;
using Dumont.Market.Gpus;
using Dumont.Providers;
using Dumont.Server.Offers;

namespace Dumont.Server.Market;

/// <summary>The offers of this moment, as the market's figures need them.</summary>
internal sealed class CurrentMarket(OfferCatalog catalog)
{
    /// <summary>Offers that match. Null when nobody has credentials.</summary>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    public async Task<IReadOnlyList<MarketOffer>?> ReadAsync(UserId user, MarketParameters filter, CancellationToken cancellationToken)
    {
        if (await catalog.ReadMarketAsync(user, NamesOf(filter), cancellationToken) is not { } offers)
        {
            return null;
        }

        MachineType? type = MachineTypes.TryParse(filter.MachineType, out var word) ? word : null;
        return
        [
            .. offers.Where(offer => offer.GpuName is not null).Select(OfferOf).Where(offer =>
                (string.IsNullOrWhiteSpace(filter.GpuName) || GpuNames.Matches(filter.GpuName, offer.GpuName))
                && (type is null || offer.Type == type)
                && (string.IsNullOrWhiteSpace(filter.Geolocation) || MarketRankings.IsAt(offer, filter.Geolocation.Trim()))
                && (filter.VerifiedOnly != true || offer.Verified)
                && (filter.MinReliability is null || offer.Reliability >= filter.MinReliability)
                && (filter.MaxPrice is null || offer.UsdPerHour <= (decimal)filter.MaxPrice)),
        ];
    }

    /// <summary>GPUs to ask the provider for. It gives its cheapest offers first, and only so many: dear GPUs are found by name alone.</summary>
    private static IReadOnlyList<string> NamesOf(MarketParameters filter) =>
    [
        .. (filter.GpuName ?? filter.Gpus ?? "")
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .SelectMany(GpuNames.Expand)
            .Distinct(StringComparer.Ordinal),
    ];

    private static MarketOffer OfferOf(MachineOffer offer) => new()
    {
        Id = offer.Id,
        GpuName = GpuNames.Normalise(offer.GpuName!),
        GpuCount = offer.GpuCount,
        Type = offer.Interruptible ? MachineType.Interruptible : MachineType.OnDemand,
        UsdPerHour = offer.UsdPerHour,
        GpuMemoryMiB = offer.GpuMemoryMiB,
        TotalTflops = offer.TotalTflops,
        DlPerf = offer.DlPerf,
        Reliability = offer.Reliability,
        Verified = offer.Verified,
        Geolocation = offer.Geolocation,
        HostMachineId = offer.HostMachineId,
    };
}
