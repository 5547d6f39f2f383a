using System.Globalization;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Vast;

/// <summary>Prices that move and bids that win and lose.</summary>
public sealed class BidTests
{
    private readonly HandClock _time = new();

    [Fact]
    public async Task Prices_ClockPasses_OffersFollowAndContractsOnDemandKeepTheirs()
    {
        await using var cloud = await TestCloud.StartAsync(time: _time);
        var offer = await cloud.CheapestAsync();
        var id = await cloud.RentAsync();
        var rented = (await cloud.InstanceAsync(id))!["dph_base"]!.GetValue<double>();
        var before = await PricesAsync(cloud);

        _time.Advance(TimeSpan.FromHours(12));

        var after = await PricesAsync(cloud);
        Assert.True(before.Keys.Count(key => before[key] != after[key]) > before.Count / 2);
        Assert.NotEqual(rented, (await cloud.SearchAsync($$"""{"id":{"eq":{{offer}} } }"""))[0]["dph_base"]!.GetValue<double>());
        Assert.Equal(rented, (await cloud.InstanceAsync(id))!["dph_base"]!.GetValue<double>());
    }

    [Fact]
    public async Task Bid_MarketRisesAboveIt_IsPausedAndResumesWhenItFalls()
    {
        await using var cloud = await TestCloud.StartAsync(options => options.BootDelay = TimeSpan.Zero, _time);
        var offer = await cloud.CheapestAsync();
        var lowest = await MinBidAsync(cloud, offer);
        var answer = await cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody(string.Create(CultureInfo.InvariantCulture, $"\"price\":{lowest}")));
        var id = answer.Json["new_contract"]!.GetValue<long>();
        await cloud.UntilAsync(id, "running");

        await PassUntilAsync(cloud, offer, bid => bid > lowest);
        var paused = await cloud.UntilAsync(id, "exited");
        Assert.Equal(("stopped", "stopped", "stopped"), (paused["intended_status"]!.ToString(), paused["cur_state"]!.ToString(), paused["next_state"]!.ToString()));

        await PassUntilAsync(cloud, offer, bid => bid <= lowest);
        await cloud.UntilAsync(id, "running");
    }

    [Fact]
    public async Task Bid_Paused_IsChargedForItsDiskAlone()
    {
        await using var cloud = await TestCloud.StartAsync();
        var offer = await cloud.CheapestAsync();
        var bid = (await cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody("\"price\":0.25"))).Json["new_contract"]!.GetValue<long>();
        await cloud.UntilAsync(bid, "running");
        await cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody());
        await cloud.UntilAsync(bid, "exited");
        await Billing.InvoiceTests.SetSpeedAsync(cloud, 3600);

        var gpu = await SecondsAsync(cloud, bid, "gpu");
        var disk = await SecondsAsync(cloud, bid, "disk");

        await Eventually.IsTrueAsync(async () => await SecondsAsync(cloud, bid, "disk") > disk, "disk charged");
        Assert.Equal(gpu, await SecondsAsync(cloud, bid, "gpu"));
    }

    [Fact]
    public async Task ChangeBid_HigherThanTheHolder_TakesItsGpus()
    {
        await using var cloud = await TestCloud.StartAsync();
        var offer = await cloud.CheapestAsync();
        var first = (await cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody("\"price\":0.25"))).Json["new_contract"]!.GetValue<long>();
        await cloud.UntilAsync(first, "running");
        var lost = await cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody("\"price\":0.24"));
        var second = lost.Json["new_contract"]!.GetValue<long>();
        Assert.Equal((400, "invalid_price"), (lost.Status, lost.Json["error"]!.ToString()));

        Assert.Equal(200, (await cloud.VastAsync("PUT", $"v0/instances/bid_price/{second}/", """{"client_id":"me","price":0.26}""")).Status);

        await cloud.UntilAsync(first, "exited");
        Assert.Equal(0.26, (await cloud.UntilAsync(second, "running"))["dph_base"]!.GetValue<double>());

        Assert.Equal(200, (await cloud.VastAsync("PUT", $"v0/instances/bid_price/{first}/", """{"client_id":"me","price":null}""")).Status);
        await cloud.UntilAsync(second, "exited");
        Assert.Equal(0.261, (await cloud.UntilAsync(first, "running"))["dph_base"]!.GetValue<double>(), 6);
    }

    [Fact]
    public async Task ChangeBid_BelowTheMarket_LosesTheGpus()
    {
        await using var cloud = await TestCloud.StartAsync();
        var id = await cloud.RentAsync("\"price\":0.25");
        await cloud.UntilAsync(id, "running");

        Assert.Equal(200, (await cloud.VastAsync("PUT", $"v0/instances/bid_price/{id}/", """{"price":"0.002"}""")).Status);

        await cloud.UntilAsync(id, "exited");
    }

    [Fact]
    public async Task ChangeBid_BadPrice_IsRefused()
    {
        await using var cloud = await TestCloud.StartAsync();
        var id = await cloud.RentAsync("\"price\":0.25");
        await cloud.UntilAsync(id, "running");
        foreach (var body in (string[])["""{"price":0.0009}""", """{"price":32.01}""", """{"price":"dear"}""", """{"price":"NaN"}""", """{"price":-1}"""])
        {
            var answer = await cloud.VastAsync("PUT", $"v0/instances/bid_price/{id}/", body);

            Assert.Equal((400, "invalid_args"), (answer.Status, answer.Json["error"]!.ToString()));
        }

        Assert.Equal("running", (await cloud.InstanceAsync(id))!["actual_status"]!.ToString());
    }

    [Fact]
    public async Task Contract_PastItsEnd_StopsAndIsDeletedTwoDaysLater()
    {
        await using var cloud = await TestCloud.StartAsync(options => (options.BootDelay, options.StartingCreditUsd) = (TimeSpan.Zero, 1_000_000), _time);
        var id = await cloud.RentAsync();
        var end = (await cloud.UntilAsync(id, "running"))["end_date"]!.GetValue<double>();

        _time.Advance(DateTimeOffset.FromUnixTimeSeconds((long)end) - _time.GetUtcNow());
        await cloud.UntilAsync(id, "exited");
        Assert.Equal(400, (await cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"state":"running"}""")).Status);

        _time.Advance(TimeSpan.FromHours(48));
        await Eventually.IsTrueAsync(async () => await cloud.InstanceAsync(id) is null, "contract forgotten");
    }

    private static async Task<Dictionary<long, double>> PricesAsync(TestCloud cloud) =>
        (await cloud.SearchAsync("""{"order":[["id","asc"]]}""")).ToDictionary(offer => offer["id"]!.GetValue<long>(), offer => offer["dph_base"]!.GetValue<double>());

    private static async Task<double> MinBidAsync(TestCloud cloud, long offer) =>
        (await cloud.SearchAsync($$"""{"id":{"eq":{{offer}} } }"""))[0]["min_bid"]!.GetValue<double>();

    private async Task PassUntilAsync(TestCloud cloud, long offer, Func<double, bool> condition)
    {
        for (var step = 0; step < 2000 && !condition(await MinBidAsync(cloud, offer)); step++)
        {
            _time.Advance(TimeSpan.FromMinutes(10));
        }

        Assert.True(condition(await MinBidAsync(cloud, offer)));
    }

    private static async Task<long> SecondsAsync(TestCloud cloud, long id, string kind) =>
        (await cloud.SendAsync("GET", "/local/invoices")).Json["invoices"]!.AsArray().Single(invoice => invoice!["id"]!.ToString() == $"{id}")!["lines"]!.AsArray()
            .Where(line => line!["kind"]!.ToString() == kind).Sum(line => line!["seconds"]!.GetValue<long>());
}
