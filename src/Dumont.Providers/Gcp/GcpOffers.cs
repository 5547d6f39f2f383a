namespace Dumont.Providers.Gcp;

/// <summary>An offer's id, <c>us-west4-a/e2-medium/spot</c> or <c>…/standard</c>.</summary>
internal readonly record struct GcpOfferId(string Zone, string MachineType, bool Spot)
{
    /// <summary>Reads an id; refuses zones that are none and types that have no price.</summary>
    public static bool TryParse(string text, out GcpOfferId id)
    {
        var parts = text.Split('/');
        id = parts is [var zone, var type, var model] ? new(zone, type, model == "spot") : default;
        return parts is [_, _, "spot" or "standard"] && GcpNames.IsZone(id.Zone) && GcpPrices.FindShape(id.MachineType) is not null;
    }

    /// <summary>As it is stored and shown.</summary>
    public override string ToString() => $"{Zone}/{MachineType}/{(Spot ? "spot" : "standard")}";
}

/// <summary>Google has no list of offers: one is made for each zone that is up and has a price.</summary>
internal static class GcpOffers
{
    /// <summary>Offers of one machine type in the given zones that fit the query, cheapest first.</summary>
    public static IReadOnlyList<MachineOffer> Of(IEnumerable<string> zones, OfferQuery query, GcpOptions options)
    {
        if (query.GpuNames.Count > 0 || query.GpuCount > 0 || query.MinGpuMemoryMiB > 0 || (query.Interruptible && !options.Spot)
            || GcpPrices.FindShape(options.MachineType) is not { } shape)
        {
            return [];
        }

        return [.. zones
            .Where(zone => zone[^2] == '-') // AI zones (us-central1-ai1a) sell accelerators only
            .Distinct(StringComparer.Ordinal)
            .Select(zone => Offer(new GcpOfferId(zone, options.MachineType, options.Spot), shape, query.DiskGb ?? 0))
            .OfType<MachineOffer>()
            .Where(offer => Fits(offer, query))
            .OrderBy(offer => offer.UsdPerHour)
            .ThenBy(offer => offer.Id, StringComparer.Ordinal)
            .Take(Math.Max(0, query.Limit))];
    }

    private static MachineOffer? Offer(GcpOfferId id, GcpShape shape, double diskGb) =>
        GcpPrices.FindUsdPerHour(id.Zone, id.MachineType, id.Spot) is not { } price
            ? null
            : new MachineOffer
            {
                Id = id.ToString(),
                Provider = GcpProvider.ProviderName,
                CpuCores = shape.CpuCores,
                MemoryMiB = shape.MemoryMiB,
                DiskGb = GcpPrices.DiskGbMax,
                InetDownMbps = shape.EgressMbps,
                InetUpMbps = shape.EgressMbps,
                InetUpUsdPerGb = GcpPrices.EgressUsdPerGb,
                UsdPerHour = price + GcpPrices.DiskUsdPerHour(diskGb),
                StorageUsdPerGbMonth = GcpPrices.DiskUsdPerGbMonth,
                Geolocation = id.Zone,
                Reliability = 0.999, // Google's monthly promise for one machine; preemption is the renter's bargain and not in it
                Verified = true,
                Interruptible = id.Spot,
            };

    private static bool Fits(MachineOffer offer, OfferQuery query) =>
        (query.OfferId is null || query.OfferId == offer.Id)
        && !(offer.UsdPerHour < query.MinUsdPerHour)
        && !(offer.UsdPerHour > query.MaxUsdPerHour)
        && !(offer.DiskGb < query.DiskGb)
        && !(offer.Reliability < query.MinReliability);
}
