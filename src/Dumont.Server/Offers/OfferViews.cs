using System.Globalization;
using Dumont.Contracts;
using Dumont.Market;
using Dumont.Market.Regions;
using Dumont.Providers;
using Dumont.Server.Hosts;

namespace Dumont.Server.Offers;

/// <summary>Offers as the API and the pages show them: what the provider says, joined with our own experience of the hosts.</summary>
internal sealed class OfferViews(OfferCatalog catalog, HostHistory history)
{
    private const int DefaultLimit = 50;

    /// <summary>The offers that match; null when there are no credentials to ask with.</summary>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    public async Task<OfferListResponse?> SearchAsync(UserId? user, OfferSearchParameters query, CancellationToken cancellationToken)
    {
        if (await catalog.SearchAsync(user, SearchOf(query), cancellationToken) is not { } found)
        {
            return null;
        }

        var hidden = await history.BlacklistedAsync(user, cancellationToken);
        var shown = found.Select(each => each.Offer).Where(offer => query.IncludeBlacklisted == true || EntryOf(offer, hidden) is null).ToList();
        var page = shown.Skip(query.Offset ?? 0).Take(query.Limit ?? DefaultLimit).ToList();
        var records = page.Count == 0
            ? []
            : (await history.ListHostsAsync(new HostFilter(null, null, null, null), cancellationToken)).ToDictionary(record => record.Host);
        var list = page
            .Select(offer => ToResponse(
                offer, EntryOf(offer, hidden), offer.HostMachineId is { } host ? records.GetValueOrDefault(new HostKey(offer.Provider, host)) : null))
            .OfType<OfferResponse>().ToList();
        return new OfferListResponse(list, list.Count, shown.Count);
    }

    private static BlacklistEntry? EntryOf(MachineOffer offer, IReadOnlyDictionary<HostKey, BlacklistEntry> hidden) =>
        offer.HostMachineId is { } host ? hidden.GetValueOrDefault(new HostKey(offer.Provider, host)) : null;

    private static OfferSearch SearchOf(OfferSearchParameters query)
    {
        var orderBy = (query.OrderBy ?? "dph_total").Trim().ToLowerInvariant();
        var defaults = new OfferSearch();
        return new OfferSearch
        {
            GpuName = string.IsNullOrWhiteSpace(query.GpuName) ? null : query.GpuName,
            GpuCount = query.NumGpus ?? defaults.GpuCount,
            MinUsdPerHour = (decimal?)query.MinPrice,
            MaxUsdPerHour = (decimal?)query.MaxPrice ?? defaults.MaxUsdPerHour,
            MinGpuMemoryGb = query.MinGpuRam ?? 0,
            MaxGpuMemoryGb = query.MaxGpuRam,
            MinCpuCores = query.MinCpuCores ?? 0,
            MinMemoryGb = query.MinCpuRam ?? 0,
            DiskGb = query.MinDisk ?? defaults.DiskGb,
            MinInetDownMbps = query.MinInetDown ?? defaults.MinInetDownMbps,
            MinInetUpMbps = query.MinInetUp ?? 0,
            MinReliability = query.MinReliability ?? 0,
            Region = RegionMap.TryParseGroup(query.Region, out var region) ? region : null,
            VerifiedOnly = query.VerifiedOnly ?? false,
            StaticIp = query.StaticIp,
            CudaVersion = query.CudaVersion,
            Interruptible = MachineTypes.TryParse(query.MachineType, out var type) && type == MachineType.Interruptible,
            OrderBy = orderBy.TrimStart('-'),
            Descending = orderBy.StartsWith('-') != string.Equals(query.Order, "desc", StringComparison.OrdinalIgnoreCase),
        };
    }

    // Null for an offer whose id is no number; Vast.ai has none such.
    private static OfferResponse? ToResponse(MachineOffer offer, BlacklistEntry? entry, HostRecord? record)
    {
        if (!long.TryParse(offer.Id, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
        {
            return null;
        }

        var (attempts, successes) = (record?.Attempts ?? 0, record?.Successes ?? 0);
        return new OfferResponse
        {
            Id = id,
            Provider = offer.Provider,
            GpuName = offer.GpuName ?? "",
            NumGpus = offer.GpuCount,
            GpuRam = OfferPolicy.GpuMemoryGb(offer),
            CpuCores = offer.CpuCores,
            CpuRam = OfferPolicy.MemoryGb(offer),
            DiskSpace = offer.DiskGb,
            InetDown = offer.InetDownMbps,
            InetUp = offer.InetUpMbps,
            DphTotal = offer.UsdPerHour,
            MinBid = offer.MinBidUsdPerHour,
            Geolocation = offer.Geolocation,
            Region = OfferPolicy.RegionOf(offer.Geolocation)?.ToString(),
            Reliability = offer.Reliability,
            CudaVersion = offer.CudaVersion,
            Verified = offer.Verified,
            StaticIp = offer.StaticIp,
            MachineType = (offer.Interruptible ? MachineType.Interruptible : MachineType.OnDemand).ToWord(),
            TotalFlops = offer.TotalTflops,
            Dlperf = offer.DlPerf,
            MachineId = offer.HostMachineId,
            IsBlacklisted = entry is not null,
            BlacklistReason = entry?.Reason,
            SuccessRate = HostPolicy.SuccessRate(attempts, successes),
            TotalAttempts = (int)attempts,
            ReliabilityStatus = HostPolicy.Status(attempts, successes),
        };
    }
}
