using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Vast;

/// <summary>A market that nobody rents from.</summary>
public sealed class QuietMarket : IAsyncLifetime
{
    internal TestCloud Cloud { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Cloud = await TestCloud.StartAsync();

    public ValueTask DisposeAsync() => Cloud.DisposeAsync();
}

/// <summary>The search grammar.</summary>
public sealed class SearchTests(QuietMarket market) : IClassFixture<QuietMarket>
{
    private readonly TestCloud _cloud = market.Cloud;

    [Theory]
    [InlineData("/api/v0/bundles/")]
    [InlineData("/api/v0/bundles")]
    public async Task Search_WithoutKeyAndWithOrWithoutSlash_AnswersBareJson(string path)
    {
        var answer = await _cloud.SendAsync("POST", path, "{}");

        Assert.Equal((200, "application/json"), (answer.Status, answer.ContentType));
        Assert.Equal(64, answer.Json["offers"]!.AsArray().Count);
    }

    [Theory]
    [InlineData("""{"gpu_name":{"eq":"RTX 3090"}}""", "gpu_name", "RTX 3090")]
    [InlineData("""{"num_gpus":{"eq":"2"}}""", "num_gpus", "2")]
    [InlineData("""{"num_gpus":{"gt":1,"lt":4}}""", "num_gpus", "2")]
    [InlineData("""{"num_gpus":{"in":["8"]}}""", "num_gpus", "8")]
    [InlineData("""{"num_gpus":{"notin":[1,2,4]}}""", "num_gpus", "8")]
    [InlineData("""{"verified":{"eq":true}}""", "verification", "verified")]
    [InlineData("""{"verified":{"neq":"true"},"verification":{"neq":"deverified"}}""", "verification", "unverified")]
    [InlineData("""{"datacenter":{"eq":true}}""", "hosting_type", "1")]
    [InlineData("""{"hosting_type":{"lt":1}}""", "hosting_type", "0")]
    [InlineData("""{"geolocation":{"eq":"KR"}}""", "geolocation", "South Korea, KR")]
    [InlineData("""{"gpu_ram":{"gte":183000}}""", "gpu_name", "B200")]
    [InlineData("""{"driver_version":{"gte":"580.0.0"}}""", "driver_version", "580.65.06")]
    [InlineData("""{"cluster_id":{"eq":null},"gpu_arch":{"eq":"nvidia"}}""", "gpu_arch", "nvidia")]
    public async Task Search_WithCriteria_FindsOnlyThose(string query, string field, string value)
    {
        var offers = await _cloud.SearchAsync(query);

        Assert.NotEmpty(offers);
        Assert.All(offers, offer => Assert.Equal(value, offer[field]!.ToString()));
    }

    [Theory]
    [InlineData("""{"no_such_field":{"eq":1}}""")]
    [InlineData("""{"num_gpus":{"like":1}}""")]
    [InlineData("""{"order":[["no_such_field","asc"]]}""")]
    [InlineData("""{"order":[["dph_total","sideways"]]}""")]
    [InlineData("""{"type":"gift"}""")]
    [InlineData("""[1]""")]
    [InlineData("""{"num_gpus":""")]
    public async Task Search_Wrong_IsRefused(string query)
    {
        var answer = await _cloud.SendAsync("POST", "/api/v0/bundles/", query);

        Assert.Equal((400, "invalid_request"), (answer.Status, answer.Json["error"]!.ToString()));
    }

    [Fact]
    public async Task Search_OrderAndLimit_AreFollowed()
    {
        var prices = (await _cloud.SearchAsync("""{"order":[["dph_total","desc"]],"limit":10}""")).Select(offer => offer["dph_total"]!.GetValue<double>()).ToArray();

        Assert.Equal(10, prices.Length);
        Assert.Equal(prices.OrderDescending(), prices);
    }

    [Fact]
    public async Task Search_MoreThanAPage_IsPagedByNarrowing()
    {
        var seen = new HashSet<long>();
        double after = 0;
        while (true)
        {
            var page = await _cloud.SearchAsync(FormattableString.Invariant($$"""{"id":{"gt":{{after}}},"order":[["id","asc"]],"limit":1000}"""));
            Assert.True(page.Count <= 64);
            if (page.Count == 0)
            {
                break;
            }

            Assert.All(page, offer => Assert.True(seen.Add(offer["id"]!.GetValue<long>())));
            after = seen.Max();
        }

        Assert.True(seen.Count >= 400);
    }

    [Fact]
    public async Task Search_ForBids_ShowsTheLowestBidAsPrice()
    {
        var offers = await _cloud.SearchAsync("""{"type":"bid"}""");

        Assert.All(offers, offer => Assert.Equal((true, offer["min_bid"]!.GetValue<double>()), (offer["is_bid"]!.GetValue<bool>(), offer["dph_base"]!.GetValue<double>())));
    }

    [Fact]
    public async Task Search_WithStorage_AddsItsPrice()
    {
        var offer = (await _cloud.SearchAsync("""{"allocated_storage":"144","limit":1}"""))[0];

        var disk = offer["storage_cost"]!.GetValue<double>() * 144 / 720;
        Assert.Equal(offer["dph_base"]!.GetValue<double>() + disk, offer["dph_total"]!.GetValue<double>(), 6);
        Assert.True(offer["disk_space"]!.GetValue<double>() >= 144);
    }

    [Fact]
    public async Task Search_ThroughItsOtherAddresses_FindsTheSame()
    {
        const string Query = """{"gpu_name":{"eq":"RTX 5090"},"order":[["id","asc"]]}""";
        var ids = (await _cloud.SearchAsync(Query)).Select(offer => offer["id"]!.ToString()).ToArray();

        var asks = await _cloud.SendAsync("PUT", "/api/v0/search/asks/", $$"""{"select_cols":["*"],"q":{{Query}}}""");
        var bundles = await _cloud.SendAsync("GET", "/api/v0/bundles?q=" + Uri.EscapeDataString(Query));

        Assert.Equal(ids, asks.Json["offers"]!.AsArray().Select(offer => offer!["id"]!.ToString()));
        Assert.Equal(ids, bundles.Json["offers"]!.AsArray().Select(offer => offer!["id"]!.ToString()));
    }

    [Fact]
    public async Task GpuNames_WithoutKey_AreSpelledWithSpaces()
    {
        var names = (await _cloud.SendAsync("GET", "/api/v0/gpu_names/unique/")).Json["gpu_names"]!.AsArray().Select(name => name!.ToString()).ToArray();

        Assert.Contains("RTX 4090", names);
        Assert.DoesNotContain(names, name => name.Contains('_', StringComparison.Ordinal));
    }
}
