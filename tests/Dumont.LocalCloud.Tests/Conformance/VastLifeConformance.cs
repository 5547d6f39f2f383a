using System.Net.Http.Headers;
using System.Text;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Conformance;

/// <summary>What changes with time: states, money, offers that are taken, limits. Each check has a cloud of its own.</summary>
[Trait("Suite", "Conformance")]
public sealed class VastLifeConformance
{
    [Fact]
    public async Task Rent_ConsumesTheOfferAndItsOverlappingSlices()
    {
        await using var cloud = await TestCloud.StartAsync();
        var whole = (await cloud.SearchAsync("""{"num_gpus":{"eq":2},"gpu_frac":{"eq":1},"rentable":{"eq":true},"limit":1}"""))[0];
        var id = await Vast.VolumeTests.RentAsync(cloud, whole["id"]!.GetValue<long>());

        var after = await cloud.SearchAsync($$"""{"machine_id":{"eq":{{whole["machine_id"]}} } }""");

        Assert.Equal(3, after.Count);
        Assert.All(after, offer => Assert.Equal((false, true), (offer["rentable"]!.GetValue<bool>(), offer["rented"]!.GetValue<bool>())));
        await cloud.UntilAsync(id, "running");
    }

    [Fact]
    public async Task Create_Answer_HasTheContractAndARestrictedKey()
    {
        await using var cloud = await TestCloud.StartAsync();
        var answer = (await cloud.VastAsync("PUT", $"v0/asks/{await cloud.CheapestAsync()}/", TestCloud.RentBody())).Json;
        var (id, key) = (answer["new_contract"]!.GetValue<long>(), answer["instance_api_key"]!.ToString());

        Assert.Equal(200, (await cloud.SendAsync("GET", $"/api/v0/instances/{id}/", null, key)).Status);
        Assert.Equal(403, (await cloud.SendAsync("GET", "/api/v0/users/current/", null, key)).Status);
        await cloud.UntilAsync(id, "running");
    }

    [Fact]
    public async Task States_FromRentingToDestroying_AreThoseOfTheTable()
    {
        var time = new HandClock();
        await using var cloud = await TestCloud.StartAsync(options => options.BootDelay = TimeSpan.FromSeconds(10), time);
        var id = await cloud.RentAsync();
        Assert.Null((await cloud.InstanceAsync(id))!["actual_status"]);
        time.Advance(TimeSpan.FromSeconds(3));
        await cloud.UntilAsync(id, "created");
        time.Advance(TimeSpan.FromSeconds(3));
        await cloud.UntilAsync(id, "loading");
        time.Advance(TimeSpan.FromSeconds(4));
        await cloud.UntilAsync(id, "running");
        Assert.Equal(200, (await cloud.VastAsync("PUT", $"v0/instances/reboot/{id}/", "{}")).Status);
        await cloud.UntilAsync(id, "rebooting");
        time.Advance(TimeSpan.FromSeconds(10));
        await cloud.UntilAsync(id, "running");
        await cloud.SendAsync("POST", $"/local/machines/{id}/kill");
        var dead = (await cloud.InstanceAsync(id))!;
        Assert.Equal(("offline", "running", "running"), (dead["actual_status"]!.ToString(), dead["intended_status"]!.ToString(), dead["cur_state"]!.ToString()));
        Assert.Equal(200, (await cloud.VastAsync("DELETE", $"v0/instances/{id}/", "{}")).Status);
        Assert.Null(await cloud.InstanceAsync(id));
        Assert.Equal(404, (await cloud.VastAsync("DELETE", $"v0/instances/{id}/", "{}")).Status);
    }

    [Fact]
    public async Task Start_OfAGpuThatIsTaken_Is200WithoutSuccessAndQueues()
    {
        await using var cloud = await TestCloud.StartAsync();
        var offer = await cloud.CheapestAsync();
        var first = await Vast.VolumeTests.RentAsync(cloud, offer);
        await cloud.UntilAsync(first, "running");
        await cloud.VastAsync("PUT", $"v0/instances/{first}/", """{"state":"stopped"}""");
        await cloud.UntilAsync(first, "exited");
        var second = await Vast.VolumeTests.RentAsync(cloud, offer);

        var answer = await cloud.VastAsync("PUT", $"v0/instances/{first}/", """{"state":"running"}""");

        Assert.Equal((200, false), (answer.Status, answer.Json["success"]!.GetValue<bool>()));
        Assert.Equal("Required resources are currently unavailable, state change queued.", answer.Json["msg"]!.ToString());
        var queued = (await cloud.InstanceAsync(first))!;
        Assert.Equal(("exited", "running", "stopped", "running"), (queued["actual_status"]!.ToString(), queued["intended_status"]!.ToString(), queued["cur_state"]!.ToString(), queued["next_state"]!.ToString()));
        await cloud.UntilAsync(second, "running");
        await cloud.VastAsync("DELETE", $"v0/instances/{second}/", "{}");
        await cloud.UntilAsync(first, "running");
    }

    [Fact]
    public async Task Create_WithATooLowBid_NamesTheContractThatItLeft()
    {
        await using var cloud = await TestCloud.StartAsync();

        var answer = await cloud.VastAsync("PUT", $"v0/asks/{await cloud.CheapestAsync()}/", TestCloud.RentBody("\"price\":0.001"));

        Assert.Equal((400, "invalid_price"), (answer.Status, answer.Json["error"]!.ToString()));
        Assert.Equal("stopped", (await cloud.InstanceAsync(answer.Json["new_contract"]!.GetValue<long>()))!["intended_status"]!.ToString());
    }

    [Fact]
    public async Task Create_WithoutCredit_IsInsufficientCredit()
    {
        await using var cloud = await TestCloud.StartAsync(options => options.StartingCreditUsd = 0);

        var answer = await cloud.VastAsync("PUT", $"v0/asks/{await cloud.CheapestAsync()}/", TestCloud.RentBody());

        Assert.Equal((400, "insufficient_credit"), (answer.Status, answer.Json["error"]!.ToString()));
    }

    [Theory]
    [InlineData("GET", "v1/instances/", "1.0")]
    [InlineData("GET", "v0/instances/5/", "2.0")]
    [InlineData("DELETE", "v0/instances/5/", "3.0")]
    [InlineData("PUT", "v0/commands/copy_direct/", "3.5")]
    [InlineData("PUT", "v0/asks/5/", "4.5")]
    [InlineData("PUT", "v0/instances/bid_price/5/", "5.5")]
    [InlineData("GET", "v0/volumes", "5.5")]
    [InlineData("POST", "v0/bundles/", "6.0")]
    public async Task Limit_SecondCallAtOnce_Is429AsTextWithoutRetryAfter(string method, string path, string threshold)
    {
        await using var cloud = await TestCloud.StartAsync(options => options.RateLimits = true);
        using var http = new HttpClient();
        await SendAsync(http, cloud, method, path);

        using var second = await SendAsync(http, cloud, method, path);

        Assert.Equal((429, "text/plain"), ((int)second.StatusCode, second.Content.Headers.ContentType!.ToString()));
        Assert.Equal($"API requests too frequent: endpoint threshold={threshold}", await second.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Null(second.Headers.RetryAfter);
        Assert.DoesNotContain(second.Headers, header => header.Key.Contains("rate", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Result_OfALog_IsLateByAsManyPollsAsIsSet()
    {
        await using var cloud = await TestCloud.StartAsync(options => options.ResultPollsBeforeReady = 3);
        var id = await cloud.RentAsync();
        await cloud.UntilAsync(id, "running");
        var url = new Uri((await cloud.VastAsync("PUT", $"v0/instances/request_logs/{id}/", """{"tail":"5"}""")).Json["result_url"]!.ToString());

        var statuses = new List<int>();
        for (var poll = 0; poll < 4; poll++)
        {
            statuses.Add((await cloud.SendAsync("GET", url.PathAndQuery)).Status);
        }

        Assert.Equal([404, 404, 404, 200], statuses);
    }

    private static async Task<HttpResponseMessage> SendAsync(HttpClient http, TestCloud cloud, string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(cloud.Address, "/api/" + path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", cloud.VastKey);
        request.Content = method == "GET" ? null : new StringContent("{}", Encoding.UTF8, "application/json");
        return await http.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
