using System.Globalization;
using System.Text.Json;
using Dumont.Providers.Tests.Fakes;

namespace Dumont.Providers.Tests.Vast;

public sealed class VastSearchTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Search_FullQuery_SendsOperatorsAndUnits()
    {
        using var bench = VastBench.Answering("""{"offers":[]}""");

        await bench.Provider.SearchOffersAsync(
            new OfferQuery
            {
                GpuNames = ["RTX_4090", "RTX 3090"],
                GpuCount = 2,
                MinUsdPerHour = 0.1m,
                MaxUsdPerHour = 0.5m,
                MinGpuMemoryMiB = 23000,
                DiskGb = 50,
                MinReliability = 0.98,
                VerifiedOnly = true,
                Limit = 500,
            },
            Cancel);

        var sent = Assert.Single(bench.Network.Sent);
        Assert.Equal((HttpMethod.Post, "/api/v0/bundles/", "application/json"), (sent.Method, sent.Path, sent.MediaType));
        AssertJson(
            """
            {"rentable":{"eq":true},"rented":{"eq":false},"external":{"eq":false},"type":"on-demand",
             "order":[["dph_total","asc"],["id","asc"]],"limit":64,"verified":{"eq":true},
             "gpu_name":{"in":["RTX 4090","RTX 3090"]},"num_gpus":{"eq":2},"gpu_ram":{"gte":23000},"reliability":{"gte":0.98},
             "disk_space":{"gte":50},"allocated_storage":50,"dph_total":{"gte":0.1,"lte":0.5}}
            """,
            sent.Body!);
    }

    [Fact]
    public async Task Search_EmptyQuery_FiltersOnlyWhatCannotBeRented()
    {
        using var bench = VastBench.Answering("""{"offers":[]}""");

        await bench.Provider.SearchOffersAsync(new OfferQuery { Interruptible = true, GpuCount = 0, OfferId = "42" }, Cancel);

        AssertJson(
            """
            {"rentable":{"eq":true},"rented":{"eq":false},"external":{"eq":false},"type":"bid",
             "order":[["dph_total","asc"],["id","asc"]],"limit":64,"id":{"eq":42}}
            """,
            bench.Network.Sent[0].Body!);
    }

    [Fact]
    public async Task Search_RecordedOffer_IsMappedWhole()
    {
        using var bench = VastBench.Answering(
            """
            {"offers":[{"id":12345678,"ask_contract_id":12345678,"machine_id":143413,"host_id":406325,"bundle_id":null,"gpu_name":"RTX 5090",
             "num_gpus":2,"gpu_frac":0.125,"gpu_ram":32607,"gpu_total_ram":65214,"cuda_max_good":13.0,"cpu_cores":null,"cpu_cores_effective":8.0,
             "cpu_ram":31197,"disk_space":512.5,"inet_up":800.1,"inet_down":2000,"dph_base":0.533,"dph_total":0.548148,"min_bid":0.2,
             "storage_cost":0.15,"dlperf":201.5,"total_flops":209.6,"reliability2":0.9970292,"verification":"verified","static_ip":true,
             "geolocation":"South Korea, KR","rentable":true,"rented":false,"is_bid":false,"external":null}]}
            """);

        var offer = Assert.Single(await bench.Provider.SearchOffersAsync(new OfferQuery(), Cancel));

        Assert.Equal(
            new MachineOffer
            {
                Id = "12345678",
                Provider = "vast",
                HostMachineId = 143413,
                HostId = 406325,
                GpuName = "RTX 5090",
                GpuCount = 2,
                GpuMemoryMiB = 32607,
                CpuCores = 8,
                MemoryMiB = 31197,
                DiskGb = 512.5,
                InetDownMbps = 2000,
                InetUpMbps = 800.1,
                UsdPerHour = 0.548148m,
                StorageUsdPerGbMonth = 0.15m,
                Geolocation = "South Korea, KR",
                Reliability = 0.9970292,
                Verified = true,
                StaticIp = true,
                CudaVersion = "13.0",
                TotalTflops = 209.6,
                DlPerf = 201.5,
            },
            offer);
    }

    [Fact]
    public async Task Search_BadRowsAmongGood_HideNoGoodOne()
    {
        using var bench = VastBench.Answering(
            """
            {"offers":[7,{"id":1},{"id":"x","dph_total":1,"num_gpus":1},{"id":2,"dph_total":"0.25","num_gpus":1},
             {"id":3,"dph_total":-1,"num_gpus":1},{"id":4,"dph_total":1e400,"num_gpus":1},{"id":5,"dph_total":0.1,"num_gpus":1,"reliability2":7,"cuda_max_good":"x"}]}
            """);

        var offers = await bench.Provider.SearchOffersAsync(new OfferQuery(), Cancel);

        Assert.Equal(["5", "2"], offers.Select(offer => offer.Id));
        Assert.Equal((1.0, null), (offers[0].Reliability, offers[0].CudaVersion));
    }

    [Theory]
    [InlineData("RTX")]
    [InlineData("-1")]
    [InlineData("1/../../users/current")]
    [InlineData("")]
    public async Task Search_IdThatIsNone_AsksNobody(string id)
    {
        using var bench = VastBench.Answering("""{"offers":[]}""");

        Assert.Empty(await bench.Provider.SearchOffersAsync(new OfferQuery { OfferId = id }, Cancel));
        Assert.Empty(bench.Network.Sent);
    }

    [Theory]
    [InlineData(300, 300, 1)] // all prices differ
    [InlineData(200, 200, 40)] // many offers at each price
    [InlineData(130, 130, 60)] // borders inside one price
    [InlineData(200, 100, 7)] // more than asked
    [InlineData(64, 500, 3)] // exactly one page
    public async Task Search_BeyondOnePage_NarrowsThePriceAndMissesNothing(int market, int limit, int perPrice)
    {
        var offers = Enumerable.Range(1, market).Select(i => (Id: i, Price: 0.1m + (0.01m * (i / perPrice)))).ToList();
        using var bench = new VastBench(request =>
        {
            var low = request.Json.TryGetProperty("dph_total", out var range) && range.TryGetProperty("gte", out var gte) ? gte.GetDecimal() : 0;
            var page = offers.Where(offer => offer.Price >= low).OrderBy(offer => offer.Price).ThenBy(offer => offer.Id).Take(64);
            var rows = page.Select(offer => string.Create(CultureInfo.InvariantCulture, $$"""{"id":{{offer.Id}},"dph_total":{{offer.Price}},"num_gpus":1}"""));
            return ScriptedHandler.Json($$"""{"offers":[{{string.Join(',', rows)}}]}""");
        });

        var found = await bench.Provider.SearchOffersAsync(new OfferQuery { Limit = limit }, Cancel);

        Assert.Equal(Math.Min(market, limit), found.Count);
        Assert.Distinct(found.Select(offer => offer.Id));
        Assert.Equal(found.Select(offer => offer.UsdPerHour).Order(), found.Select(offer => offer.UsdPerHour));
        Assert.InRange(bench.Network.Sent.Count, 1, 16);
    }

    [Fact]
    public async Task Search_MoreThanAPageAtOnePrice_LeavesThePriceBehindAndEnds()
    {
        using var bench = new VastBench(request =>
        {
            var low = request.Json.TryGetProperty("dph_total", out var range) ? range.GetProperty("gte").GetDecimal() : 0;
            var rows = Enumerable.Range(1, 64).Select(i => $$"""{"id":{{i}},"dph_total":0.2,"num_gpus":1}""");
            return ScriptedHandler.Json(low <= 0.2m ? $$"""{"offers":[{{string.Join(',', rows)}}]}""" : """{"offers":[]}""");
        });

        Assert.Equal(64, (await bench.Provider.SearchOffersAsync(new OfferQuery { Limit = 1000 }, Cancel)).Count);
        Assert.Equal(3, bench.Network.Sent.Count);
    }

    private static void AssertJson(string expected, string actual) =>
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(expected), JsonElement.Parse(actual)), actual);
}
