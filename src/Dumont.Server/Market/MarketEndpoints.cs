using System.Globalization;
using Dumont.Contracts;
using Dumont.Market;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Dumont.Server.Market;

/// <summary>HTTP of the market figures.</summary>
internal static class MarketEndpoints
{
    private const string Source = "current_offers";
    private const int DefaultMarketLimit = 100;
    private const int DefaultRankingLimit = 50;
    private const int ComparedMax = 20;
    private const double MiBPerGb = 1024;

    /// <summary>Maps the routes.</summary>
    public static void Map(RouteGroupBuilder routes)
    {
        var metrics = routes.MapGroup("/metrics").WithTags("market").RequireScope(Scopes.MarketRead);
        metrics.MapGet("/market", MarketAsync).WithSummary("Prices by GPU, from the offers of now");
        metrics.MapGet("/market/summary", SummaryAsync).WithSummary("Prices of all GPUs, from the offers of now");
        metrics.MapGet("/providers", HostsAsync).WithSummary("Hosts by reliability, from the offers of now");
        metrics.MapGet("/efficiency", EfficiencyAsync).WithSummary("Offers by what they give for a dollar");
        metrics.MapGet("/compare", CompareAsync).WithSummary("GPUs side by side");
        metrics.MapGet("/gpus", GpusAsync).WithSummary("Names of the GPUs on offer");
        metrics.MapGet("/types", () => TypedResults.Ok(MachineTypes.Words)).WithSummary("Words for the ways of renting");
    }

    private static async Task<Results<Ok<List<MarketSnapshotResponse>>, Problem>> MarketAsync(
        [AsParameters] MarketParameters query,
        [AsParameters] MarketLimit limit,
        Caller caller,
        CurrentMarket market,
        TimeProvider time,
        CancellationToken cancellationToken) =>
        await market.ReadAsync(caller.UserId, query, cancellationToken) is { } offers
            ? TypedResults.Ok(MarketStatistics.PerGpu(offers).Take(limit.Limit ?? DefaultMarketLimit).Select(gpu => ToResponse(gpu, time.GetUtcNow())).ToList())
            : NotConfigured();

    private static async Task<Results<Ok<MarketSummaryResponse>, Problem>> SummaryAsync(
        [AsParameters] MarketParameters query, Caller caller, CurrentMarket market, TimeProvider time, CancellationToken cancellationToken)
    {
        if (await market.ReadAsync(caller.UserId, query, cancellationToken) is not { } offers)
        {
            return NotConfigured();
        }

        var now = time.GetUtcNow();
        return TypedResults.Ok(new MarketSummaryResponse(
            MarketStatistics.PerGpu(offers).GroupBy(gpu => gpu.GpuName).ToDictionary(
                gpu => gpu.Key,
                IReadOnlyDictionary<string, MarketSummaryEntry> (gpu) => gpu.ToDictionary(
                    type => type.Type.ToWord(),
                    type => new MarketSummaryEntry(
                        Money(type.MinUsd),
                        Money(type.MaxUsd),
                        Money(type.AverageUsd),
                        Money(type.MedianUsd),
                        type.Offers,
                        type.AvailableGpus,
                        Score(type.AverageReliability),
                        Money(type.MinUsdPerTflops),
                        now))),
            now,
            Source));
    }

    private static async Task<Results<Ok<List<HostRankingResponse>>, Problem>> HostsAsync(
        [AsParameters] MarketParameters query,
        [AsParameters] RankingLimit limit,
        Caller caller,
        CurrentMarket market,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        // The score is lower than the provider's figure for hosts that are not verified; the limit is on the score.
        if (await market.ReadAsync(caller.UserId, query with { MinReliability = null }, cancellationToken) is not { } offers)
        {
            return NotConfigured();
        }

        var now = time.GetUtcNow();
        var hosts = MarketRankings.Hosts(offers)
            .Where(host => host.ReliabilityScore >= (query.MinReliability ?? 0) && host.Observations >= (query.MinObservations ?? 0));
        var ordered = query.OrderBy?.TrimStart('-') switch
        {
            "availability_score" => hosts.OrderByDescending(host => host.AvailabilityScore),
            "price_stability_score" => hosts.OrderByDescending(host => host.PriceStabilityScore),
            "total_observations" => hosts.OrderByDescending(host => host.Observations),
            "avg_price" => hosts.OrderBy(host => host.AverageUsd),
            _ => hosts,
        };
        return TypedResults.Ok(ordered.Take(limit.Limit ?? DefaultRankingLimit).Select(host => ToResponse(host, now)).ToList());
    }

    private static async Task<Results<Ok<List<EfficiencyResponse>>, Problem>> EfficiencyAsync(
        [AsParameters] MarketParameters query,
        [AsParameters] RankingLimit limit,
        Caller caller,
        CurrentMarket market,
        CancellationToken cancellationToken) =>
        await market.ReadAsync(caller.UserId, query, cancellationToken) is { } offers
            ? TypedResults.Ok(
                MarketRankings.ByEfficiency(offers).Take(limit.Limit ?? DefaultRankingLimit).Select(ToResponse).OfType<EfficiencyResponse>().ToList())
            : NotConfigured();

    private static async Task<Results<Ok<GpuComparisonResponse>, Problem>> CompareAsync(
        [AsParameters] MarketParameters query, Caller caller, CurrentMarket market, TimeProvider time, CancellationToken cancellationToken)
    {
        var names = (query.Gpus ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (names.Length is 0 or > ComparedMax)
        {
            return Problems.Field("gpus", $"1 to {ComparedMax} GPU names separated by commas are required.", "query");
        }

        if (await market.ReadAsync(caller.UserId, query with { GpuName = null }, cancellationToken) is not { } offers)
        {
            return NotConfigured();
        }

        _ = MachineTypes.TryParse(query.MachineType, out var type);
        var comparison = MarketStatistics.Compare(offers, names, type);
        return TypedResults.Ok(new GpuComparisonResponse(
            type.ToWord(),
            [
                .. comparison.Gpus.Select(gpu => new GpuComparisonEntry(
                    gpu.GpuName,
                    Money(gpu.AverageUsd),
                    Money(gpu.MinUsd),
                    gpu.Offers,
                    Score(gpu.AverageReliability),
                    Money(gpu.MinUsdPerTflops),
                    Score(gpu.AverageTflops))),
            ],
            comparison.Cheapest,
            comparison.BestValue,
            time.GetUtcNow(),
            Source));
    }

    private static async Task<Results<Ok<List<string>>, Problem>> GpusAsync(
        Caller caller, CurrentMarket market, CancellationToken cancellationToken) =>
        await market.ReadAsync(caller.UserId, new MarketParameters(), cancellationToken) is { } offers
            ? TypedResults.Ok(offers.Select(offer => offer.GpuName).Distinct().Order(StringComparer.Ordinal).ToList())
            : NotConfigured();

    private static Problem NotConfigured() => new(Problems.ProviderNotConfigured, "There is no Vast.ai key, neither the user's nor the server's.");

    // Micro-dollars are as fine as providers' prices are.
    private static decimal Money(decimal usd) => Math.Round(usd, 6);

    private static decimal? Money(decimal? usd) => usd is { } value ? Money(value) : null;

    private static double Score(double value) => Math.Round(value, 6);

    private static MarketSnapshotResponse ToResponse(GpuMarket gpu, DateTimeOffset now) => new()
    {
        Timestamp = now,
        GpuName = gpu.GpuName,
        MachineType = gpu.Type.ToWord(),
        MinPrice = Money(gpu.MinUsd),
        MaxPrice = Money(gpu.MaxUsd),
        AvgPrice = Money(gpu.AverageUsd),
        MedianPrice = Money(gpu.MedianUsd),
        TotalOffers = gpu.Offers,
        AvailableGpus = gpu.AvailableGpus,
        VerifiedOffers = gpu.VerifiedOffers,
        AvgReliability = Score(gpu.AverageReliability),
        AvgTotalFlops = Score(gpu.AverageTflops),
        AvgDlperf = Score(gpu.AverageDlPerf),
        MinCostPerTflops = Money(gpu.MinUsdPerTflops),
        AvgCostPerTflops = Money(gpu.AverageUsdPerTflops),
        RegionDistribution = gpu.Countries,
        Source = Source,
    };

    private static HostRankingResponse ToResponse(HostRanking host, DateTimeOffset now) => new()
    {
        MachineId = host.MachineId,
        Hostname = string.Create(CultureInfo.InvariantCulture, $"host-{host.MachineId}"),
        Geolocation = host.Geolocation,
        GpuName = host.GpuName,
        Verified = host.Verified,
        ReliabilityScore = Score(host.ReliabilityScore),
        AvailabilityScore = Score(host.AvailabilityScore),
        PriceStabilityScore = Score(host.PriceStabilityScore),
        TotalObservations = host.Observations,
        AvgPrice = Money(host.AverageUsd),
        MinPriceSeen = Money(host.MinUsd),
        MaxPriceSeen = Money(host.MaxUsd),
        AvgTotalFlops = Score(host.AverageTflops),
        AvgDlperf = Score(host.AverageDlPerf),
        FirstSeen = now,
        LastSeen = now,
        Source = Source,
    };

    // Null for an offer whose id is no number; Vast.ai has none such.
    private static EfficiencyResponse? ToResponse(EfficiencyRanking ranking) =>
        long.TryParse(ranking.Offer.Id, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? new EfficiencyResponse
            {
                Rank = ranking.Rank,
                RankInClass = ranking.RankInClass,
                OfferId = id,
                GpuName = ranking.Offer.GpuName,
                MachineType = ranking.Offer.Type.ToWord(),
                DphTotal = ranking.Offer.UsdPerHour,
                TotalFlops = Score(ranking.Tflops),
                GpuRam = Math.Round(ranking.Offer.GpuMemoryMiB / MiBPerGb),
                Dlperf = ranking.Offer.DlPerf,
                CostPerTflops = Money(ranking.UsdPerTflops),
                CostPerGbVram = Money(ranking.UsdPerGbMemory),
                EfficiencyScore = Score(ranking.Score),
                Reliability = ranking.Offer.Reliability,
                Verified = ranking.Offer.Verified,
                Geolocation = ranking.Offer.Geolocation,
                Source = Source,
            }
            : null;
}
