using System.Net;
using System.Text.Json.Nodes;
using Dumont.Providers;
using Dumont.Server.Tests.Offers;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Market;

public sealed class MarketTests
{
    [Fact]
    public async Task Market_CurrentOffers_HasEveryFieldAndOrderedPrices()
    {
        await using var server = await ServerWithShelfAsync();
        using var ana = await server.LoggedInAsync();
        var (status, body) = await GetAsync(ana, "/api/v1/metrics/market");

        Assert.Equal(HttpStatusCode.OK, status);
        var entries = body!.AsArray();
        Assert.NotEmpty(entries);
        string[] fields =
        [
            "timestamp", "gpu_name", "machine_type", "min_price", "max_price", "avg_price", "median_price", "total_offers", "available_gpus", "verified_offers",
            "avg_reliability", "avg_total_flops", "avg_dlperf", "min_cost_per_tflops", "avg_cost_per_tflops", "region_distribution", "source",
        ];
        foreach (var entry in entries)
        {
            Assert.Empty(fields.Except(entry!.AsObject().Select(member => member.Key)));
            Assert.Equal("current_offers", entry["source"]!.GetValue<string>());
            var (min, average, max) = (Number(entry, "min_price"), Number(entry, "avg_price"), Number(entry, "max_price"));
            Assert.True(min <= average && average <= max);
        }
    }

    [Theory]
    [InlineData("gpu_name=rtx4090&machine_type=on-demand", 1)]
    [InlineData("machine_type=interruptible", 1)]
    [InlineData("limit=2", 2)]
    [InlineData("gpu_name=nothing", 0)]
    [InlineData("hours=168", 5)]
    public async Task Market_Filter_IsObeyed(string query, int count)
    {
        await using var server = await ServerWithShelfAsync();
        using var ana = await server.LoggedInAsync();
        Assert.Equal(count, (await GetAsync(ana, $"/api/metrics/market?{query}")).Body!.AsArray().Count);
    }

    [Theory]
    [InlineData("/metrics/market?hours=0", "hours")]
    [InlineData("/metrics/market?hours=169", "hours")]
    [InlineData("/metrics/market?limit=1001", "limit")]
    [InlineData("/metrics/market?limit=0", "limit")]
    [InlineData("/metrics/market?machine_type=stolen", "machine_type")]
    [InlineData("/metrics/providers?limit=201", "limit")]
    [InlineData("/metrics/providers?min_reliability=1.5", "min_reliability")]
    [InlineData("/metrics/efficiency?min_reliability=-1", "min_reliability")]
    [InlineData("/metrics/compare", "gpus")]
    [InlineData("/metrics/compare?gpus=,", "gpus")]
    public async Task Query_OutOfRange_Answers422(string path, string field)
    {
        await using var server = await ServerWithShelfAsync();
        using var ana = await server.LoggedInAsync();
        var (status, body) = await GetAsync(ana, "/api/v1" + path);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
        Assert.Equal(["query", field], body!["detail"]![0]!["loc"]!.AsArray().Select(part => part!.GetValue<string>()));
    }

    [Fact]
    public async Task Summary_CurrentOffers_IsByGpuAndType()
    {
        await using var server = await ServerWithShelfAsync();
        using var ana = await server.LoggedInAsync();
        var (_, body) = await GetAsync(ana, "/api/v1/metrics/market/summary");
        var entry = body!["data"]!["RTX 4090"]!["on-demand"]!;

        Assert.Equal(0.35, Number(entry, "min_price"));
        Assert.Equal(0.55, Number(entry, "max_price"));
        Assert.Equal(4, entry["total_offers"]!.GetValue<int>());
        Assert.NotNull(body["data"]!["RTX 4090"]!["interruptible"]);
        Assert.NotNull(body["generated_at"]);
    }

    [Fact]
    public async Task Providers_Ranking_IsByReliabilityAndFiltered()
    {
        await using var server = await ServerWithShelfAsync();
        using var ana = await server.LoggedInAsync();
        var (_, body) = await GetAsync(ana, "/api/v1/metrics/providers");
        var scores = body!.AsArray().Select(host => Number(host!, "reliability_score")).ToList();

        Assert.Equal(scores.OrderDescending(), scores);
        Assert.All(scores, score => Assert.InRange(score, 0, 1));
        var verified = (await GetAsync(ana, "/api/v1/metrics/providers?verified_only=true&min_reliability=0.95&geolocation=US")).Body!.AsArray();
        Assert.NotEmpty(verified);
        Assert.All(verified, host => Assert.True(host!["verified"]!.GetValue<bool>() && Number(host, "reliability_score") >= 0.95));
        Assert.Single((await GetAsync(ana, "/api/v1/metrics/providers?limit=1")).Body!.AsArray());
    }

    [Fact]
    public async Task Efficiency_Ranking_IsByScoreFromOne()
    {
        await using var server = await ServerWithShelfAsync();
        using var ana = await server.LoggedInAsync();
        var (_, body) = await GetAsync(ana, "/api/v1/metrics/efficiency?max_price=2");
        var rows = body!.AsArray();

        Assert.Equal(Enumerable.Range(1, rows.Count), rows.Select(row => row!["rank"]!.GetValue<int>()));
        Assert.All(rows, row => Assert.InRange(Number(row!, "efficiency_score"), 0, 100));
        Assert.All(rows, row => Assert.True(Number(row!, "dph_total") <= 2));
    }

    [Fact]
    public async Task Compare_TwoGpus_NamesTheCheapest()
    {
        await using var server = await ServerWithShelfAsync();
        using var ana = await server.LoggedInAsync();
        var (status, body) = await GetAsync(ana, "/api/v1/metrics/compare?gpus=rtx4090,RTX_3090,none");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(2, body!["gpus"]!.AsArray().Count);
        Assert.Equal("RTX 3090", body["cheapest"]!.GetValue<string>());
        Assert.Equal("on-demand", body["machine_type"]!.GetValue<string>());
    }

    [Fact]
    public async Task GpusAndTypes_CurrentOffers_AreSortedWords()
    {
        await using var server = await ServerWithShelfAsync();
        using var ana = await server.LoggedInAsync();
        var gpus = (await GetAsync(ana, "/api/v1/metrics/gpus")).Body!.AsArray().Select(gpu => gpu!.GetValue<string>()).ToList();
        var types = (await GetAsync(ana, "/api/v1/metrics/types")).Body!.AsArray().Select(type => type!.GetValue<string>());

        Assert.Equal(gpus.Order(StringComparer.Ordinal), gpus);
        Assert.Contains("RTX 4090", gpus);
        Assert.Equal(["on-demand", "interruptible", "bid"], types);
    }

    [Fact]
    public async Task Figures_AskedTenTimes_ReadTheMarketOnce()
    {
        await using var server = await ServerWithShelfAsync();
        using var ana = await server.LoggedInAsync();
        for (var i = 0; i < 10; i++)
        {
            await GetAsync(ana, "/api/v1/metrics/gpus");
        }

        // On demand and interruptible.
        Assert.Equal(2, server.Providers["server-vast"].Searches);
    }

    [Fact]
    public async Task Figures_ProviderDown_Answer503()
    {
        await using var server = await ServerWithShelfAsync();
        using var ana = await server.LoggedInAsync();
        server.Providers["server-vast"].Failure = new ProviderException(ProviderErrorKind.Transient, "vast", "search offers");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await GetAsync(ana, "/api/v1/metrics/market")).Status);
    }

    [Theory]
    [InlineData("market?gpu_name=rtx4090")]
    [InlineData("efficiency?gpu_name=RTX_4090")]
    public async Task Figures_DearGpuBehindManyCheapOnes_AreFoundByName(string query)
    {
        await using var server = await StartAsync();
        var cheap = Enumerable.Range(1, 2100).Select(id => OfferSamples.Rtx4090(id) with { GpuName = "RTX 3060", UsdPerHour = 0.05m });
        server.Shelf("server-vast", [.. cheap, OfferSamples.Rtx4090(9999)]);
        using var ana = await server.LoggedInAsync();

        Assert.Equal("RTX 4090", Assert.Single((await GetAsync(ana, $"/api/v1/metrics/{query}")).Body!.AsArray())!["gpu_name"]!.GetValue<string>());
    }

    private static double Number(JsonNode node, string member) => node[member]!.GetValue<double>();

    private static async Task<TestServer> ServerWithShelfAsync()
    {
        var server = await StartAsync();
        server.Shelf("server-vast", OfferSamples.Shelf());
        return server;
    }
}
