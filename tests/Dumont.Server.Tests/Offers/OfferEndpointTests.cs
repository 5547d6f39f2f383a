using System.Net;
using System.Text.Json.Nodes;
using Dumont.Providers;
using Dumont.Server.Hosts;
using Dumont.Server.Platform.Store;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Offers;

public sealed class OfferEndpointTests(OfferServer shared) : IClassFixture<OfferServer>
{
    [Theory]
    [InlineData("", "4,2,1,3,5")]
    [InlineData("gpu_name=rtx4090", "2,1,3")]
    [InlineData("gpu_name=RTX_4090", "2,1,3")]
    [InlineData("gpu_name=RTX%204090", "2,1,3")]
    [InlineData("gpu_name=rtx", "4,2,1,3")]
    [InlineData("gpu_name=nothing", "")]
    [InlineData("num_gpus=2", "6")]
    [InlineData("num_gpus=0", "4,2,1,3,6,5")]
    [InlineData("min_price=0.36&max_price=0.6", "1,3")]
    [InlineData("max_price=0.35", "4,2")]
    [InlineData("min_gpu_ram=24", "4,2,1,3,5")]
    [InlineData("min_gpu_ram=25", "5")]
    [InlineData("min_gpu_ram=80&max_price=20", "5,8")]
    [InlineData("max_gpu_ram=24", "4,2,1,3")]
    [InlineData("min_cpu_cores=10", "2,1,3,5")]
    [InlineData("min_cpu_ram=100", "5")]
    [InlineData("min_disk=501", "")]
    [InlineData("min_inet_down=900", "")]
    [InlineData("min_inet_up=700", "4,2,1,3,5")]
    [InlineData("min_reliability=0.95", "4,1,3,5")]
    [InlineData("region=US", "2,5")]
    [InlineData("region=eu", "4,3")]
    [InlineData("region=ASIA", "1")]
    [InlineData("region=global", "4,2,1,3,5")]
    [InlineData("verified_only=true", "4,2,1,5")]
    [InlineData("static_ip=true", "3")]
    [InlineData("cuda_version=12.0", "2,1,3,5")]
    [InlineData("cuda_version=12", "2,1,3,5")]
    [InlineData("machine_type=interruptible", "7")]
    [InlineData("machine_type=on-demand&limit=2", "4,2")]
    [InlineData("limit=2&offset=2", "1,3")]
    [InlineData("offset=100", "")]
    [InlineData("order_by=-dph_total", "5,3,1,2,4")]
    [InlineData("order_by=price&order=desc", "5,3,1,2,4")]
    [InlineData("order_by=gpu_ram&order=desc", "5,4,2,1,3")]
    [InlineData("order_by=reliability", "2,4,1,3,5")]
    [InlineData("order_by=-dlperf&limit=1", "5")]
    [InlineData("order_by=1;DROP TABLE users&user_id=2", "4,2,1,3,5")]
    public async Task Search_Filter_FindsInOrder(string query, string ids)
    {
        var (status, body) = await GetAsync(shared.Client, $"/api/v1/instances/offers?{query}");

        Assert.Equal(HttpStatusCode.OK, status);
        var offers = body!["offers"]!.AsArray();
        Assert.Equal(ids, string.Join(',', offers.Select(offer => offer!["id"]!.GetValue<long>())));
        Assert.Equal(offers.Count, body["count"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("min_reliability=1.1", "min_reliability")]
    [InlineData("min_reliability=-0.1", "min_reliability")]
    [InlineData("min_reliability=NaN", "min_reliability")]
    [InlineData("min_reliability=high", "min_reliability")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=101", "limit")]
    [InlineData("limit=x", "limit")]
    [InlineData("offset=-1", "offset")]
    [InlineData("num_gpus=9", "num_gpus")]
    [InlineData("num_gpus=-1", "num_gpus")]
    [InlineData("max_price=-1", "max_price")]
    [InlineData("min_disk=Infinity", "min_disk")]
    [InlineData("region=MARS", "region")]
    [InlineData("machine_type=stolen", "machine_type")]
    [InlineData("cuda_version=new", "cuda_version")]
    [InlineData("verified_only=maybe", "verified_only")]
    public async Task Search_OutOfRange_NamesTheField(string query, string field)
    {
        var (status, body) = await GetAsync(shared.Client, $"/api/v1/instances/offers?{query}");

        Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
        Assert.Equal(["query", field], body!["detail"]![0]!["loc"]!.AsArray().Select(part => part!.GetValue<string>()));
    }

    [Fact]
    public async Task Search_OneOffer_HasEveryFieldOfTheContract()
    {
        await using var server = await ServerWithShelfAsync();
        var (_, body) = await GetAsync(server.Client, "/api/instances/offers?limit=1");

        var offer = body!["offers"]![0]!.AsObject();
        string[] fields =
        [
            "id", "gpu_name", "num_gpus", "gpu_ram", "cpu_cores", "cpu_ram", "disk_space", "inet_down", "inet_up", "dph_total", "geolocation",
            "reliability", "cuda_version", "verified", "static_ip", "machine_id", "is_blacklisted", "blacklist_reason", "success_rate", "total_attempts",
            "reliability_status",
        ];
        Assert.Empty(fields.Except(offer.Select(member => member.Key)));
        Assert.Equal(24, offer["gpu_ram"]!.GetValue<double>());
        Assert.Equal(64, offer["cpu_ram"]!.GetValue<double>());
        Assert.Equal(0.30, offer["dph_total"]!.GetValue<double>());
    }

    [Fact]
    public async Task Search_HostFailedThreeTimes_HidesItUnlessAsked()
    {
        await using var server = await ServerWithShelfAsync();
        var history = server.Get<HostHistory>();
        for (var i = 0; i < 3; i++)
        {
            await server.Get<Database>().WriteAsync(
                transaction => history.RecordAsync(transaction, "vast", 40, "RTX 3090", false, "boot", "no ssh"), TestContext.Current.CancellationToken);
        }

        var (_, hidden) = await GetAsync(server.Client, "/api/v1/instances/offers");
        var (_, all) = await GetAsync(server.Client, "/api/v1/instances/offers?include_blacklisted=true");

        Assert.DoesNotContain(hidden!["offers"]!.AsArray(), offer => offer!["id"]!.GetValue<long>() == 4);
        var offer = all!["offers"]!.AsArray().Single(offer => offer!["id"]!.GetValue<long>() == 4)!;
        Assert.True(offer["is_blacklisted"]!.GetValue<bool>());
        Assert.Contains("no ssh", offer["blacklist_reason"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(0, offer["success_rate"]!.GetValue<double>());
        Assert.Equal(3, offer["total_attempts"]!.GetValue<int>());
        Assert.Equal("poor", offer["reliability_status"]!.GetValue<string>());
    }

    [Fact]
    public async Task Search_UserHidAHost_HidesItFromHimOnly()
    {
        await using var server = await ServerWithShelfAsync();
        using var ana = await server.LoggedInAsync("ana@example.com");
        using var bob = await server.LoggedInAsync("bob@example.com");
        await PostAsync(ana, "/api/v1/hosts/blacklist", new { machine_id = 40, reason = "slow" });

        Assert.DoesNotContain(4, await IdsAsync(ana));
        Assert.Contains(4, await IdsAsync(bob));
    }

    [Fact]
    public async Task Search_ProviderDown_Answers503WithRetryAfter()
    {
        await using var server = await ServerWithShelfAsync();
        server.Providers["server-vast"].Failure = new ProviderException(ProviderErrorKind.Transient, "vast", "search offers", "secret detail");

        using var response = await server.Client.GetAsync("/api/v1/instances/offers", TestContext.Current.CancellationToken);
        var body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter?.Delta);
        Assert.Equal("provider-unavailable", JsonNode.Parse(body)!["code"]!.GetValue<string>());
        Assert.DoesNotContain("secret detail", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Search_NoCredentialsAnywhere_SaysSo()
    {
        await using var server = await StartAsync("Providers:Vast:ApiKey=");
        var (status, body) = await GetAsync(server.Client, "/api/v1/instances/offers");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("provider-not-configured", body!["code"]!.GetValue<string>());
    }

    [Fact]
    public async Task Search_UserHasAKey_AsksThatAccount()
    {
        await using var server = await ServerWithShelfAsync();
        using var ana = await server.LoggedInAsync();
        await SendAsync(ana, HttpMethod.Put, "/api/v1/settings", new { vast_api_key = "ana-own-key-1" });
        await GetAsync(ana, "/api/v1/instances/offers");

        Assert.Equal(1, server.Providers["ana-own-key-1"].Searches);
        Assert.Equal(0, server.Providers.TryGetValue("server-vast", out var shared) ? shared.Searches : 0);
    }

    [Fact]
    public async Task Search_TwentyAtOnce_AskTheProviderOnce()
    {
        await using var server = await ServerWithShelfAsync();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => GetAsync(server.Client, "/api/v1/instances/offers")));

        Assert.Equal(1, server.Providers["server-vast"].Searches);
    }

    private static async Task<List<long>> IdsAsync(HttpClient client)
    {
        var (_, body) = await GetAsync(client, "/api/v1/instances/offers");
        return [.. body!["offers"]!.AsArray().Select(offer => offer!["id"]!.GetValue<long>())];
    }

    private static Task<TestServer> ServerWithShelfAsync() => OfferServer.StartAsync();
}

/// <summary>One server with a shelf of offers for tests that only read.</summary>
public sealed class OfferServer : IAsyncLifetime
{
    private TestServer? _server;

    internal HttpClient Client => _server!.Client;

    internal static async Task<TestServer> StartAsync()
    {
        var server = await TestServer.StartAsync();
        server.Shelf("server-vast", OfferSamples.Shelf());
        return server;
    }

    public async ValueTask InitializeAsync() => _server = await StartAsync();

    public ValueTask DisposeAsync() => _server!.DisposeAsync();
}
