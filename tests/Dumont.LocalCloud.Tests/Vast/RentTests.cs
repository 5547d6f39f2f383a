using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Vast;

/// <summary>Renting: what it takes from the market and how it is refused.</summary>
public sealed class RentTests
{
    [Fact]
    public async Task Rent_OfferTaken_Is410AndOneThatNeverWasIs404()
    {
        await using var cloud = await TestCloud.StartAsync();
        var offer = await cloud.CheapestAsync();
        var contract = (await cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody())).Json["new_contract"];

        var again = await cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody());
        var never = await cloud.VastAsync("PUT", "v0/asks/5/", TestCloud.RentBody());

        Assert.Equal((410, "no_such_ask"), (again.Status, again.Json["error"]!.ToString()));
        Assert.Equal((404, "invalid_args", "5"), (never.Status, never.Json["error"]!.ToString(), never.Json["ask_id"]!.ToString()));
        Assert.Empty(await cloud.SearchAsync($$"""{"id":{"eq":{{offer}} },"rentable":{"eq":true} }"""));
        Assert.Single(await cloud.SearchAsync($$"""{"id":{"eq":{{offer}} },"rented":{"eq":true} }"""));

        await cloud.VastAsync("DELETE", $"v0/instances/{contract}/", "{}");
        Assert.Single(await cloud.SearchAsync($$"""{"id":{"eq":{{offer}} },"rentable":{"eq":true} }"""));
    }

    [Fact]
    public async Task Rent_WholeHost_TakesItsSlices()
    {
        await using var cloud = await TestCloud.StartAsync();
        var whole = (await cloud.SearchAsync("""{"num_gpus":{"eq":4},"gpu_frac":{"eq":1},"limit":1}"""))[0];
        var slices = $$"""{"machine_id":{"eq":{{whole["machine_id"]}} },"rentable":{"eq":true} }""";
        Assert.Equal(7, (await cloud.SearchAsync(slices)).Count);
        var half = (await cloud.SearchAsync($$"""{"machine_id":{"eq":{{whole["machine_id"]}} },"num_gpus":{"eq":2},"order":[["id","asc"]] }"""))[0]["id"]!;

        Assert.Equal(200, (await cloud.VastAsync("PUT", $"v0/asks/{half}/", TestCloud.RentBody())).Status);

        Assert.Equal(410, (await cloud.VastAsync("PUT", $"v0/asks/{whole["id"]}/", TestCloud.RentBody())).Status);
        Assert.Equal([1, 1, 2], (await cloud.SearchAsync(slices)).Select(offer => offer["num_gpus"]!.GetValue<int>()).Order());
    }

    [Fact]
    public async Task Rent_MoreDiskThanTheHostHas_IsRefused()
    {
        await using var cloud = await TestCloud.StartAsync();

        var answer = await cloud.VastAsync("PUT", $"v0/asks/{await cloud.CheapestAsync()}/", """{"image":"x","disk":100000}""");

        Assert.Equal((400, "invalid_args"), (answer.Status, answer.Json["error"]!.ToString()));
    }

    [Fact]
    public async Task Rent_LongTexts_AreRefused()
    {
        await using var cloud = await TestCloud.StartAsync();
        var offer = await cloud.CheapestAsync();
        foreach (var extra in (string[])[$"\"label\":\"{new string('x', 257)}\"", $"\"onstart\":\"{new string('x', 4097)}\"", $"\"env\":{{\"A\":\"{new string('x', 257)}\"}}"])
        {
            var answer = await cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody(extra));
            Assert.Equal((400, "invalid_args"), (answer.Status, answer.Json["error"]!.ToString()));
        }
    }

    [Fact]
    public async Task Rent_EnvAsDockerOptions_IsKeptAsPairs()
    {
        await using var cloud = await TestCloud.StartAsync();

        var id = await cloud.RentAsync("\"env\":\"-e A='b c' -p 8000:8000 -h box\"");

        var env = (await cloud.InstanceAsync(id))!["extra_env"]!.AsArray().Select(pair => $"{pair![0]}={pair[1]}");
        Assert.Equal(["A=b c", "-p 8000:8000=1", "-h box=1"], env);
    }

    [Fact]
    public async Task Rent_BidBelowTheLowest_LeavesAStoppedContractAndSaysSo()
    {
        await using var cloud = await TestCloud.StartAsync();

        var answer = await cloud.VastAsync("PUT", $"v0/asks/{await cloud.CheapestAsync()}/", TestCloud.RentBody("\"price\":0.01"));

        Assert.Equal(400, answer.Status);
        var instance = await cloud.InstanceAsync(answer.Json["new_contract"]!.GetValue<long>());
        Assert.Equal(("stopped", "stopped"), (instance!["intended_status"]!.ToString(), instance["cur_state"]!.ToString()));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("129")]
    public async Task Rent_BidThatIsNoPrice_IsRefused(string price)
    {
        await using var cloud = await TestCloud.StartAsync();

        var answer = await cloud.VastAsync("PUT", $"v0/asks/{await cloud.CheapestAsync()}/", TestCloud.RentBody($"\"price\":{price}"));

        Assert.Equal((400, "invalid_price"), (answer.Status, answer.Json["error"]!.ToString()));
    }

    [Fact]
    public async Task Rent_OnDemandOverABid_InterruptsItAndItResumesWhenFree()
    {
        await using var cloud = await TestCloud.StartAsync();
        var offer = await cloud.CheapestAsync();
        var bid = (await cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody("\"price\":\"0.25\""))).Json["new_contract"]!.GetValue<long>();
        await cloud.UntilAsync(bid, "running");

        var onDemand = (await cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody())).Json["new_contract"];
        var interrupted = await cloud.UntilAsync(bid, "exited");
        Assert.Equal(("stopped", "stopped", "stopped"), (interrupted["intended_status"]!.ToString(), interrupted["cur_state"]!.ToString(), interrupted["next_state"]!.ToString()));

        await cloud.VastAsync("DELETE", $"v0/instances/{onDemand}/");
        await cloud.UntilAsync(bid, "running");
    }

    [Fact]
    public async Task Rent_WithoutCredit_IsRefused()
    {
        await using var cloud = await TestCloud.StartAsync(options => options.StartingCreditUsd = 0);

        var answer = await cloud.VastAsync("PUT", $"v0/asks/{await cloud.CheapestAsync()}/", TestCloud.RentBody());

        Assert.Equal((400, "insufficient_credit"), (answer.Status, answer.Json["error"]!.ToString()));
    }

    [Fact]
    public async Task Rent_FasterThanTheLimit_IsTooFrequentInPlainText()
    {
        await using var cloud = await TestCloud.StartAsync(options => options.RateLimits = true);
        var first = await cloud.VastAsync("GET", "v1/instances/");

        var second = await cloud.VastAsync("GET", "v1/instances/");

        Assert.Equal((200, 429, "text/plain"), (first.Status, second.Status, second.ContentType));
        Assert.StartsWith("API requests too frequent", second.Text, StringComparison.Ordinal);
    }
}
