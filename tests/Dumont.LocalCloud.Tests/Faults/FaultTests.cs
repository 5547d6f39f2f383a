using System.Text.Json.Nodes;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Faults;

/// <summary>Each kind of fault, as the provider's customer sees it.</summary>
public sealed class FaultTests : IAsyncLifetime
{
    private TestCloud _cloud = null!;

    public async ValueTask InitializeAsync() => _cloud = await TestCloud.StartAsync();

    public ValueTask DisposeAsync() => _cloud.DisposeAsync();

    [Fact]
    public async Task AnswerLost_OnCreate_RentsAndBreaksTheConnection()
    {
        await ArmAsync("""{"kind":"answer-lost-after-effect","operation":"create","count":1}""");
        var offer = await _cloud.CheapestAsync();

        await Assert.ThrowsAsync<HttpRequestException>(() => _cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody("\"label\":\"lost\"")));

        Assert.Equal("lost", Assert.Single(await ListAsync())["label"]!.ToString());
        Assert.Equal(410, (await _cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody())).Status);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CreateLeavesContract_NamedOrNot_IsStopped(bool named)
    {
        await ArmAsync($$"""{"kind":"create-fails-leaves-contract","count":1,"names_contract":{{(named ? "true" : "false")}}}""");

        var answer = await _cloud.VastAsync("PUT", $"v0/asks/{await _cloud.CheapestAsync()}/", TestCloud.RentBody());

        Assert.Equal((400, named), (answer.Status, answer.Json.ContainsKey("new_contract")));
        Assert.Equal("stopped", Assert.Single(await ListAsync())["intended_status"]!.ToString());
    }

    [Fact]
    public async Task OfferGone_Counted_StrikesThatOften()
    {
        await ArmAsync("""{"kind":"offer-gone","operation":"create","provider":"vast","count":2}""");
        var offer = await _cloud.CheapestAsync();

        var statuses = new List<int>();
        for (var i = 0; i < 3; i++)
        {
            statuses.Add((await _cloud.VastAsync("PUT", $"v0/asks/{offer}/", TestCloud.RentBody())).Status);
        }

        Assert.Equal([410, 410, 200], statuses);
    }

    [Fact]
    public async Task OfferGone_OnGcp_IsAnErrorInsideTheOperation()
    {
        await ArmAsync("""{"kind":"offer-gone","provider":"gcp","count":1}""");
        var body = Gcp.VmTests.Body("cs-1", await Ssh.CreateAsync(_cloud.Folder));

        var operation = (await _cloud.GcpAsync("POST", "/zones/europe-west1-b/instances", body)).Json;

        Assert.Equal(("DONE", "ZONE_RESOURCE_POOL_EXHAUSTED"), (operation["status"]!.ToString(), operation["error"]!["errors"]![0]!["code"]!.ToString()));
        Assert.Equal(404, (await _cloud.GcpAsync("GET", "/zones/europe-west1-b/instances/cs-1")).Status);
    }

    [Fact]
    public async Task EmptyListing_Armed_HidesWhatIsThere()
    {
        await _cloud.RentAsync("\"target_state\":\"stopped\"");
        await ArmAsync("""{"kind":"empty-listing","operation":"list","count":1}""");

        Assert.Empty(await ListAsync());
        Assert.Single(await ListAsync());
    }

    [Fact]
    public async Task TooManyRequests_OnSearch_IsPlainText()
    {
        await ArmAsync("""{"kind":"too-many-requests","operation":"search","count":1}""");

        var answer = await _cloud.SendAsync("POST", "/api/v0/bundles/", "{}");

        Assert.Equal((429, "text/plain", "API requests too frequent"), (answer.Status, answer.ContentType, answer.Text));
    }

    [Theory]
    [InlineData("server-error-before", 0)]
    [InlineData("server-error-after", 1)]
    public async Task ServerError_BeforeOrAfter_DidNothingOrAll(string kind, int contracts)
    {
        await ArmAsync($$"""{"kind":"{{kind}}","operation":"create","count":1}""");

        var answer = await _cloud.VastAsync("PUT", $"v0/asks/{await _cloud.CheapestAsync()}/", TestCloud.RentBody());

        Assert.Equal((500, contracts), (answer.Status, (await ListAsync()).Count));
    }

    [Fact]
    public async Task SlowBoot_Armed_KeepsItLoading()
    {
        await ArmAsync("""{"kind":"slow-boot","operation":"create","count":1,"delay_seconds":600}""");
        var slow = await _cloud.RentAsync();
        var quick = await _cloud.RentAsync();

        await _cloud.UntilAsync(quick, "running");

        Assert.Equal("loading", (await _cloud.InstanceAsync(slow))!["actual_status"]!.ToString());
    }

    [Fact]
    public async Task InsufficientCredit_Armed_RefusesRentingAndStarting()
    {
        await ArmAsync("""{"kind":"insufficient-credit","operation":"create","seconds":60}""");
        var answer = await _cloud.VastAsync("PUT", $"v0/asks/{await _cloud.CheapestAsync()}/", TestCloud.RentBody());
        Assert.Equal((400, "insufficient_credit"), (answer.Status, answer.Json["error"]!.ToString()));
    }

    [Fact]
    public async Task Fault_WithTarget_StrikesThatAlone()
    {
        var (a, b) = (await _cloud.RentAsync("\"target_state\":\"stopped\""), await _cloud.RentAsync("\"target_state\":\"stopped\""));
        await ArmAsync($$"""{"kind":"server-error-before","operation":"destroy","target":"{{a}}","probability":1}""");

        Assert.Equal(200, (await _cloud.VastAsync("DELETE", $"v0/instances/{b}/")).Status);
        Assert.Equal(500, (await _cloud.VastAsync("DELETE", $"v0/instances/{a}/")).Status);
        await _cloud.SendAsync("DELETE", "/local/faults");
        Assert.Equal(200, (await _cloud.VastAsync("DELETE", $"v0/instances/{a}/")).Status);
    }

    [Fact]
    public async Task Fault_OnStopAlone_LeavesStartingAlone()
    {
        var id = await _cloud.RentAsync();
        await _cloud.UntilAsync(id, "running");
        await ArmAsync("""{"kind":"server-error-before","operation":"stop","count":1}""");

        Assert.Equal(200, (await _cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"state":"running"}""")).Status);
        Assert.Equal(500, (await _cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"state":"stopped"}""")).Status);
        Assert.Equal(200, (await _cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"state":"stopped"}""")).Status);
    }

    [Fact]
    public async Task Faults_ListedAndDisarmed_AreGone()
    {
        var id = (await ArmAsync("""{"kind":"offer-gone","count":3}"""))["id"]!;

        Assert.Equal("create", (await _cloud.SendAsync("GET", "/local/faults")).Json["faults"]!.AsArray().Single()!["operation"]!.ToString());
        Assert.Equal(200, (await _cloud.SendAsync("DELETE", $"/local/faults/{id}")).Status);
        Assert.Equal(404, (await _cloud.SendAsync("DELETE", $"/local/faults/{id}")).Status);
        Assert.Empty((await _cloud.SendAsync("GET", "/local/faults")).Json["faults"]!.AsArray());
    }

    [Fact]
    public async Task Fault_Wrong_NamesTheFieldAndWhatIsValid()
    {
        foreach (var (body, field, valid) in ((string, string, string)[])
            [
                ("""{"kind":"gremlins","operation":"create","count":1}""", "kind", "offer-gone"),
                ("""{"kind":"server-error-before","operation":"dance","count":1}""", "operation", "destroy"),
                ("""{"kind":"server-error-before","count":1}""", "operation", "destroy"),
                ("""{"kind":"offer-gone","operation":"list","count":1}""", "operation", "create"),
                ("""{"kind":"offer-gone","provider":"aws","count":1}""", "provider", "vast"),
                ("""{"kind":"offer-gone"}""", "count", "probability"),
                ("""{"kind":"offer-gone","count":1,"seconds":1}""", "count", "probability"),
                ("""{"kind":"offer-gone","count":0}""", "count", ""),
                ("""{"kind":"offer-gone","probability":1.5}""", "probability", ""),
                ("""{"kind":"slow-boot","operation":"create","count":1}""", "delay_seconds", ""),
                ("""{"kind":"offer-gone","count":1,"colour":"red"}""", "colour", "kind"),
            ])
        {
            var answer = await _cloud.SendAsync("POST", "/local/faults", body);
            Assert.Equal((422, field), (answer.Status, answer.Json["field"]!.ToString()));
            Assert.Contains(valid, answer.Json["valid"]!.ToJsonString(), StringComparison.Ordinal);
        }
    }

    private async Task<JsonObject> ArmAsync(string body)
    {
        var answer = await _cloud.SendAsync("POST", "/local/faults", body);
        Assert.True(answer.Status == 201, answer.Text);
        return answer.Json;
    }

    private async Task<IReadOnlyList<JsonNode>> ListAsync() => [.. (await _cloud.VastAsync("GET", "v1/instances/")).Json["instances"]!.AsArray().Select(instance => instance!)];
}
