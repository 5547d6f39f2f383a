using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Faults;

/// <summary>Faults of what a provider says about machines, and of creating them.</summary>
public sealed class ListingFaultTests : IAsyncLifetime
{
    private TestCloud _cloud = null!;
    private Ssh _ssh = null!;

    public async ValueTask InitializeAsync()
    {
        _cloud = await TestCloud.StartAsync();
        _ssh = await Ssh.CreateAsync(_cloud.Folder);
    }

    public ValueTask DisposeAsync() => _cloud.DisposeAsync();

    [Theory]
    [InlineData("vast", "exited", "offline", "unknown")]
    [InlineData("gcp", "TERMINATED", "SUSPENDED", "REPAIRING")]
    public async Task Status_LyingOrFlapping_IsShownAndNotTrue(string provider, string off, string chosen, string doubtful)
    {
        var bench = new FaultBench(_cloud, provider);
        var id = await bench.CreateAsync("a", _ssh);
        var truth = bench.Status(await bench.RunningAsync(id));

        await bench.ArmAsync("lying-status", "get");
        Assert.Equal(off, bench.Status(bench.Machine(await bench.GetAsync(id))!));
        await bench.ArmAsync("lying-status", "list", $"\"count\":1,\"state\":\"{chosen}\",\"target\":\"a\"");
        Assert.Equal(chosen, bench.Status(Assert.Single(bench.Machines(await bench.ListAsync()))));
        await bench.ArmAsync("lying-status", "get", "\"count\":1,\"state\":\"gone\"");
        Assert.Null(bench.Machine(await bench.GetAsync(id)));
        await bench.ArmAsync("lying-status", "list", "\"count\":1,\"state\":\"gone\"");
        Assert.Empty(bench.Machines(await bench.ListAsync()));

        await bench.ArmAsync("status-flaps", "get", "\"count\":3");
        var seen = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            seen.Add(bench.Status(bench.Machine(await bench.GetAsync(id))!));
        }

        Assert.Equal([doubtful, truth, doubtful, truth], seen);
    }

    [Theory]
    [InlineData("vast")]
    [InlineData("gcp")]
    public async Task Lists_OutOfDate_LackTheNewAndKeepTheDead(string provider)
    {
        var bench = new FaultBench(_cloud, provider);
        var old = await bench.CreateAsync("old", _ssh);
        await bench.ArmAsync("stale-listing", "list", "\"seconds\":600,\"delay_seconds\":300");
        var young = await bench.CreateAsync("young", _ssh);
        await bench.DestroyAsync(old);
        await Eventually.IsTrueAsync(async () => bench.Machine(await bench.GetAsync(old)) is null, "destroyed");

        // Younger than the lag, as is the other one, which the copy knew.
        Assert.Equal([old], bench.Machines(await bench.ListAsync()).Select(bench.IdOf));
        await _cloud.SendAsync("DELETE", "/local/faults");
        Assert.Equal([young], bench.Machines(await bench.ListAsync()).Select(bench.IdOf));
    }

    [Theory]
    [InlineData("vast", "?limit=2", "after_token", "next_token")]
    [InlineData("gcp", "?maxResults=2", "pageToken", "nextPageToken")]
    public async Task Lists_PagedOrTwice_AreInconsistent(string provider, string page, string tokenName, string nextName)
    {
        var bench = new FaultBench(_cloud, provider);
        foreach (var name in (string[])["a", "b", "c", "d"])
        {
            await bench.CreateAsync(name, _ssh);
        }

        await bench.ArmAsync("page-shift", "list");
        var first = await bench.ListAsync(page);
        var second = await bench.ListAsync($"{page}&{tokenName}={Uri.EscapeDataString(first.Json[nextName]!.ToString())}");
        Assert.Equal((2, 1), (bench.Machines(first).Length, bench.Machines(second).Length));

        await bench.ArmAsync("duplicate-id", "list");
        var ids = bench.Machines(await bench.ListAsync()).Select(bench.IdOf).ToArray();
        Assert.Equal((5, 4), (ids.Length, ids.Distinct().Count()));

        await bench.ArmAsync("empty-listing", "list");
        Assert.Empty(bench.Machines(await bench.ListAsync()));
        Assert.Equal(4, bench.Machines(await bench.ListAsync()).Length);
    }

    [Theory]
    [InlineData("vast", "quota", 400, "spend_rate_limit")]
    [InlineData("gcp", "quota", 200, "QUOTA_EXCEEDED")]
    [InlineData("vast", "insufficient-credit", 400, "insufficient_credit")]
    [InlineData("gcp", "insufficient-credit", 200, "QUOTA_EXCEEDED")]
    [InlineData("vast", "offer-gone", 410, "no_such_ask")]
    [InlineData("gcp", "offer-gone", 200, "ZONE_RESOURCE_POOL_EXHAUSTED")]
    public async Task Create_Refused_SaysWhyAndMakesNothing(string provider, string kind, int status, string code)
    {
        var bench = new FaultBench(_cloud, provider);
        await bench.ArmAsync(kind, "create");

        var answer = await bench.TryCreateAsync("a", _ssh);

        Assert.Equal((status, code), (answer.Status, provider == "vast" ? answer.Json["error"]!.ToString() : answer.Json["error"]!["errors"]![0]!["code"]!.ToString()));
        Assert.Empty(bench.Machines(await bench.ListAsync()));
    }

    [Theory]
    [InlineData("vast", "loading")]
    [InlineData("gcp", "STAGING")]
    public async Task Create_StuckLoading_NeverRuns(string provider, string status)
    {
        var bench = new FaultBench(_cloud, provider);
        await bench.ArmAsync("stuck-loading", "create");
        var stuck = await bench.CreateAsync("stuck", _ssh);
        var other = await bench.CreateAsync("other", _ssh);

        await bench.RunningAsync(other);

        await Eventually.IsTrueAsync(async () => bench.Status(bench.Machine(await bench.GetAsync(stuck))!) == status, status);
    }

    [Fact]
    public async Task Create_PriceChanged_CostsMoreThanTheSearchSaid()
    {
        var bench = new FaultBench(_cloud, "vast");
        var offer = (await _cloud.SearchAsync("""{"gpu_name":{"eq":"RTX 4090"},"num_gpus":{"eq":1},"rentable":{"eq":true},"order":[["dph_total","asc"]],"limit":1}"""))[0];
        await bench.ArmAsync("price-changed", "create", "\"count\":1,\"factor\":2");

        var rented = await _cloud.VastAsync("PUT", $"v0/asks/{offer["id"]}/", TestCloud.RentBody());

        var instance = (await _cloud.InstanceAsync(rented.Json["new_contract"]!.GetValue<long>()))!;
        Assert.Equal(2 * offer["dph_base"]!.GetValue<double>(), instance["dph_base"]!.GetValue<double>(), 0.001);
        var refused = await _cloud.SendAsync("POST", "/local/faults", """{"kind":"price-changed","provider":"gcp","count":1}""");
        Assert.Equal((422, "provider"), (refused.Status, refused.Json["field"]!.ToString()));
    }

    [Fact]
    public async Task PartialBatch_OnVast_DoesHalf()
    {
        var bench = new FaultBench(_cloud, "vast");
        var (a, b) = (await bench.CreateAsync("a", _ssh), await bench.CreateAsync("b", _ssh));
        await bench.ArmAsync("partial-batch", "destroy");

        Assert.Equal(500, (await _cloud.VastAsync("DELETE", "v0/instances/", $$"""{"instance_ids":[{{a}},{{b}}]}""")).Status);

        Assert.Equal([b], bench.Machines(await bench.ListAsync()).Select(bench.IdOf));
    }
}
