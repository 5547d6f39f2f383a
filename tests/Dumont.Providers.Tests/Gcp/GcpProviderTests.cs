using System.Text;
using System.Text.Json;
using Dumont.Providers.Gcp;
using Dumont.Providers.Tests.Fakes;

namespace Dumont.Providers.Tests.Gcp;

public sealed class GcpProviderTests
{
    private const string OfferId = "us-west4-a/e2-medium/spot";
    private const string MachineId = "us-west4-a/dumont-srv-12-3";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Search_Zones_BecomeOffersWherePriced()
    {
        using var bench = new GcpBench(request => ScriptedHandler.Json(request.Uri.Query.Contains("pageToken=p2", StringComparison.Ordinal)
            ? """{"kind":"compute#zoneList","items":[{"name":"us-west4-b","status":"UP"},{"name":"us-west4-ai1a","status":"UP"},{"name":"mars-north1-a","status":"UP"}]}"""
            : """{"kind":"compute#zoneList","items":[{"name":"us-central1-a","status":"UP"},{"name":"us-west4-a","status":"UP"},{"name":"us-east1-b","status":"DOWN"}],"nextPageToken":"p2"}"""));

        var offers = await bench.Provider.SearchOffersAsync(new OfferQuery { DiskGb = 73, Interruptible = true }, Cancel);

        Assert.Equal([OfferId, "us-west4-b/e2-medium/spot", "us-central1-a/e2-medium/spot"], offers.Select(offer => offer.Id));
        Assert.Equal((0.00478m + 0.01m, true, 2, 4096), (offers[0].UsdPerHour, offers[0].Interruptible, offers[0].CpuCores, offers[0].MemoryMiB));
        Assert.Null(offers[0].GpuName);
        Assert.Equal(0.01934m + 0.01m, offers[2].UsdPerHour);
    }

    [Fact]
    public async Task Search_ForGpus_FindsNone()
    {
        using var bench = new GcpBench(_ => ScriptedHandler.Json("""{"kind":"compute#zoneList","items":[{"name":"us-west4-a","status":"UP"}]}"""));

        Assert.Empty(await bench.Provider.SearchOffersAsync(new OfferQuery { GpuNames = ["RTX 4090"] }, Cancel));
        Assert.Empty(await bench.Provider.SearchOffersAsync(new OfferQuery { GpuCount = 1 }, Cancel));
        Assert.Single(await bench.Provider.SearchOffersAsync(new OfferQuery { GpuCount = 0 }, Cancel));
    }

    [Fact]
    public async Task Search_Standard_CostsTheListPrice()
    {
        using var bench = new GcpBench(
            _ => ScriptedHandler.Json("""{"kind":"compute#zoneList","items":[{"name":"us-central1-f","status":"UP"}]}"""), new GcpOptions { Spot = false, MachineType = "e2-standard-2" });

        var offer = Assert.Single(await bench.Provider.SearchOffersAsync(new OfferQuery(), Cancel));

        Assert.Equal(("us-central1-f/e2-standard-2/standard", 0.06702m, false), (offer.Id, offer.UsdPerHour, offer.Interruptible));
        Assert.Empty(await bench.Provider.SearchOffersAsync(new OfferQuery { Interruptible = true }, Cancel));
    }

    [Fact]
    public async Task Create_Spot_SendsTheRecordedShape()
    {
        using var bench = new GcpBench(_ => ScriptedHandler.Json(GcpBench.Operation("DONE")));
        var request = Operations.Request(OfferId) with
        {
            OnStart = "echo 'it''s'\n",
            Environment = new Dictionary<string, string> { ["A"] = "it's $HOME" },
        };

        Assert.Equal(new CreateResult.Created(MachineId), await bench.Provider.CreateAsync(request, Cancel));

        var sent = Assert.Single(bench.Sent);
        Assert.Equal((HttpMethod.Post, GcpBench.Root + "zones/us-west4-a/instances", "application/json"), (sent.Method, sent.Path, sent.MediaType));
        var body = sent.Json;
        Assert.Equal("dumont-srv-12-3", body.GetProperty("name").GetString());
        Assert.Equal("projects/proj-1/zones/us-west4-a/machineTypes/e2-medium", body.GetProperty("machineType").GetString());
        Assert.Equal(
            """{"provisioningModel":"SPOT","preemptible":true,"automaticRestart":false,"onHostMaintenance":"TERMINATE","instanceTerminationAction":"STOP"}""",
            body.GetProperty("scheduling").GetRawText());
        Assert.Equal("20", body.GetProperty("disks")[0].GetProperty("initializeParams").GetProperty("diskSizeGb").GetString());
        Assert.Equal("srv", body.GetProperty("labels").GetProperty("dumont-server").GetString());
        Assert.Equal($"root:{Operations.Key}", Metadata(body, "ssh-keys"));
        var script = Metadata(body, "startup-script");
        Assert.Contains("PermitRootLogin prohibit-password", script, StringComparison.Ordinal);
        Assert.Contains(Convert.ToBase64String(Encoding.UTF8.GetBytes("echo 'it''s'\n")), script, StringComparison.Ordinal);
        Assert.Contains(Convert.ToBase64String(Encoding.UTF8.GetBytes("A='it'\\''s $HOME'\n")), script, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', script);
    }

    [Fact]
    public async Task Create_Repeated_IsTheSameRequest()
    {
        using var bench = new GcpBench(_ => ScriptedHandler.Json(GcpBench.Operation("DONE")));

        await bench.Provider.CreateAsync(Operations.Request(OfferId), Cancel);
        await bench.Provider.CreateAsync(Operations.Request(OfferId), Cancel);
        await bench.Provider.CreateAsync(Operations.Request(OfferId) with { Tag = "dumont/srv/12/4" }, Cancel);

        Assert.Equal(bench.Sent[0], bench.Sent[1]);
        Assert.NotEqual(bench.Sent[0].Uri, bench.Sent[2].Uri);
        Assert.True(Guid.TryParse(bench.Sent[0].Uri.Query["?requestId=".Length..], out var id) && id != Guid.Empty);
    }

    [Theory]
    [InlineData("ZONE_RESOURCE_POOL_EXHAUSTED", typeof(CreateResult.OfferGone))]
    [InlineData("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", typeof(CreateResult.OfferGone))]
    [InlineData("QUOTA_EXCEEDED", typeof(CreateResult.Rejected))]
    [InlineData("RESOURCE_NOT_FOUND", typeof(CreateResult.Rejected))]
    [InlineData("INTERNAL_ERROR", typeof(CreateResult.Unknown))]
    public async Task Create_OperationFails_IsTold(string code, Type result)
    {
        using var bench = new GcpBench(request => ScriptedHandler.Json(request.Method == HttpMethod.Post
            ? GcpBench.Operation("PENDING")
            : GcpBench.Operation("DONE", code)));

        Assert.IsType(result, await bench.Provider.CreateAsync(Operations.Request(OfferId), Cancel));
    }

    [Theory]
    [InlineData(404, "notFound", "The resource 'projects/proj-1/zones/us-west4-a' was not found", typeof(CreateResult.OfferGone))]
    [InlineData(400, "invalid", "Invalid value for field 'zone': 'us-west4-a'. Unknown zone.", typeof(CreateResult.OfferGone))]
    [InlineData(404, "notFound", "The resource 'projects/proj-1/zones/us-west4-a/machineTypes/e2-medium' was not found", typeof(CreateResult.OfferGone))]
    [InlineData(404, "notFound", "The resource 'projects/debian-cloud/global/images/family/debian-12' was not found", typeof(CreateResult.Rejected))]
    [InlineData(404, "notFound", "The resource 'projects/proj-1' was not found", typeof(CreateResult.Rejected))]
    public async Task Create_NotFound_IsTheOffersFaultOrTheSettings(int status, string reason, string message, Type result)
    {
        using var bench = new GcpBench(_ => ScriptedHandler.Json(GcpBench.Error(status, reason, message), status));

        Assert.IsType(result, await bench.Provider.CreateAsync(Operations.Request(OfferId), Cancel));
    }

    [Fact]
    public async Task Create_OperationNeverEnds_IsUnknownAfterTheLimit()
    {
        using var bench = new GcpBench(_ => ScriptedHandler.Json(GcpBench.Operation()));
        var begun = bench.Time.GetUtcNow();

        Assert.IsType<CreateResult.Unknown>(await bench.Provider.CreateAsync(Operations.Request(OfferId), Cancel));
        Assert.InRange(bench.Time.GetUtcNow() - begun, TimeSpan.FromSeconds(50), TimeSpan.FromSeconds(60));
        Assert.InRange(bench.Sent.Count, 15, 40);
    }

    [Fact]
    public async Task Create_PollsStumble_StillLearnsTheEnd()
    {
        var calls = 0;
        using var bench = new GcpBench(_ => ++calls switch
        {
            1 => ScriptedHandler.Json(GcpBench.Operation()),
            < 8 => ScriptedHandler.Text("bad", 502),
            _ => ScriptedHandler.Json(GcpBench.Operation("DONE")),
        });

        Assert.IsType<CreateResult.Created>(await bench.Provider.CreateAsync(Operations.Request(OfferId), Cancel));
        Assert.Single(bench.Sent, request => request.Method == HttpMethod.Post);
    }

    [Theory]
    [InlineData("dumont-srv-12-3", "", typeof(CreateResult.Created))]
    [InlineData("dumont-srv-12-3", ""","labels":{"dumont-server":"srv","dumont-instance":"12","dumont-ordinal":"3"}""", typeof(CreateResult.Created))]
    [InlineData("dumont-srv-12-3", ""","labels":{"dumont-server":"other","dumont-instance":"12","dumont-ordinal":"3"}""", typeof(CreateResult.Rejected))]
    [InlineData("dumont-srv-12-4", "", typeof(CreateResult.Unknown))]
    public async Task Create_NameTaken_IsOursOrAStrangers(string name, string labels, Type result)
    {
        using var bench = new GcpBench(request => request.Method == HttpMethod.Post
            ? ScriptedHandler.Json(GcpBench.Error(409, "alreadyExists", "exists"), 409)
            : ScriptedHandler.Json(GcpBench.Instance(name: name, extra: labels)));

        Assert.IsType(result, await bench.Provider.CreateAsync(Operations.Request(OfferId), Cancel));
    }

    [Theory]
    [InlineData("us-west4-a/e2-medium/spot", "a stranger's box")]
    [InlineData("us-west4-a/e2-medium/spot", "dumont/srv/12")]
    [InlineData("us-west4-a/e2-medium/spot", "dumont/Srv/12/3")]
    [InlineData("us-west4-a/e2-medium/spot", "dumont/s-v/12/3")]
    [InlineData("us-west4-a/e2-medium", "dumont/srv/12/3")]
    [InlineData("../../x/e2-medium/spot", "dumont/srv/12/3")]
    [InlineData("us-west4-a/a2-mega/spot", "dumont/srv/12/3")]
    public async Task Create_WordsThatDoNotFit_AreRefusedUnsent(string offer, string tag)
    {
        using var bench = new GcpBench(_ => throw new InvalidOperationException());

        Assert.IsType<CreateResult.Rejected>(await bench.Provider.CreateAsync(Operations.Request(offer) with { Tag = tag }, Cancel));
        Assert.Empty(bench.Network.Sent);
    }

    [Theory]
    [InlineData("PROVISIONING", ProviderMachineState.Provisioning)]
    [InlineData("STAGING", ProviderMachineState.Provisioning)]
    [InlineData("RUNNING", ProviderMachineState.Running)]
    [InlineData("STOPPING", ProviderMachineState.Stopping)]
    [InlineData("SUSPENDED", ProviderMachineState.Stopped)]
    [InlineData("TERMINATED", ProviderMachineState.Stopped)]
    [InlineData("REPAIRING", ProviderMachineState.Offline)]
    public async Task State_OfEachStatus_IsMapped(string status, ProviderMachineState state)
    {
        using var bench = new GcpBench(request => ScriptedHandler.Json(
            request.Path.EndsWith("/operations", StringComparison.Ordinal) ? """{"kind":"compute#operationList"}""" : GcpBench.Instance(status)));

        Assert.Equal(state, (await ReadAsync(bench)).State);
    }

    [Fact]
    public async Task Machine_Running_IsMappedWhole()
    {
        using var bench = new GcpBench(_ => ScriptedHandler.Json(GcpBench.Instance()), new GcpOptions { SshPort = 2022 });

        var machine = await ReadAsync(bench);

        Assert.Equal((MachineId, "dumont/srv/12/3", "203.0.113.7", 2022), (machine.Id, machine.Tag, machine.SshHost, machine.SshPort));
        Assert.Equal((0.00478m, "us-west4-a", true), (machine.UsdPerHour, machine.Geolocation, machine.Interruptible));
        Assert.Equal(new DateTimeOffset(2026, 11, 20, 10, 10, 11, 123, TimeSpan.Zero), machine.CreatedAt);
    }

    [Theory]
    [InlineData("compute.instances.preempted", "dumont-srv-12-3", "2026-11-20T11:00:00Z", ProviderMachineState.Interrupted)]
    [InlineData("compute.instances.preempted", "dumont-srv-12-3", "2026-11-20T10:10:19Z", ProviderMachineState.Stopped)]
    [InlineData("compute.instances.preempted", "dumont-srv-12-33", "2026-11-20T11:00:00Z", ProviderMachineState.Stopped)]
    [InlineData("stop", "dumont-srv-12-3", "2026-11-20T11:00:00Z", ProviderMachineState.Stopped)]
    public async Task State_Terminated_IsInterruptedOnlyAfterAPreemptionInThisLife(string type, string target, string at, ProviderMachineState state)
    {
        using var bench = new GcpBench(request => ScriptedHandler.Json(request.Path.EndsWith("/operations", StringComparison.Ordinal)
            ? $$"""
              {"kind":"compute#operationList","items":[{"operationType":"{{type}}","status":"DONE","insertTime":"{{at}}",
               "targetLink":"https://www.googleapis.com/compute/v1/projects/proj-1/zones/us-west4-a/instances/{{target}}"}]}
              """
            : GcpBench.Instance("TERMINATED")));

        Assert.Equal(state, (await ReadAsync(bench)).State);
        Assert.Contains("operationType%3Dcompute.instances.preempted", bench.Sent[1].Uri.Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_AllZones_FindsOursAndStrangers()
    {
        using var bench = new GcpBench(request => ScriptedHandler.Json(request.Uri.Query.Contains("pageToken", StringComparison.Ordinal)
            ? $$"""{"kind":"compute#instanceAggregatedList","items":{"zones/us-west4-a":{"instances":[{{GcpBench.Instance(name: "a-stranger")}}]} } }"""
            : $$"""
              {"kind":"compute#instanceAggregatedList","nextPageToken":"x","items":{"zones/us-east1-b":{"warning":{"code":"NO_RESULTS_ON_PAGE"} },
               "zones/us-west4-a":{"instances":[{{GcpBench.Instance()}}]} } }
              """));

        var listing = Assert.IsType<MachineListing.Complete>(await bench.Provider.ListAsync(Cancel));

        Assert.Equal([(MachineId, "dumont/srv/12/3"), ("us-west4-a/a-stranger", null)], listing.Machines.Select(machine => (machine.Id, machine.Tag)));
    }

    [Theory]
    [InlineData("""{"kind":"compute#instanceAggregatedList","items":{"zones/us-east1-b":{"warning":{"code":"UNREACHABLE"}}}}""")]
    [InlineData("""{"kind":"compute#instanceAggregatedList","items":{"zones/us-east1-b":{"instances":[{"id":"1"}]}}}""")]
    [InlineData("""{"kind":"compute#instanceAggregatedList","warning":{"code":"UNREACHABLE"}}""")]
    [InlineData("""{"kind":"compute#instanceAggregatedList","items":[]}""")]
    public async Task List_APartIsMissing_IsUnknown(string json)
    {
        using var bench = new GcpBench(_ => ScriptedHandler.Json(json));

        Assert.IsType<MachineListing.Unknown>(await bench.Provider.ListAsync(Cancel));
    }

    [Fact]
    public async Task List_Nothing_IsComplete()
    {
        using var bench = new GcpBench(_ => ScriptedHandler.Json("""{"kind":"compute#instanceAggregatedList","id":"x"}"""));

        Assert.Empty(Assert.IsType<MachineListing.Complete>(await bench.Provider.ListAsync(Cancel)).Machines);
        Assert.Null(await bench.Provider.GetBalanceAsync(Cancel));
    }

    [Fact]
    public async Task Start_NoCapacity_IsUnknownAndSafeToRepeat()
    {
        using var bench = new GcpBench(_ => ScriptedHandler.Json(GcpBench.Operation("DONE", "ZONE_RESOURCE_POOL_EXHAUSTED")));

        Assert.IsType<EffectResult.Unknown>(await bench.Provider.StartAsync(MachineId, Cancel));
        Assert.Equal(GcpBench.Root + "zones/us-west4-a/instances/dumont-srv-12-3/start", Assert.Single(bench.Sent).Path);
    }

    private static async Task<ProviderMachine> ReadAsync(GcpBench bench) =>
        Assert.IsType<MachineReading.Present>(await bench.Provider.GetAsync(MachineId, Cancel)).Machine;

    private static string Metadata(JsonElement body, string key) => body.GetProperty("metadata").GetProperty("items").EnumerateArray()
        .Single(item => item.GetProperty("key").GetString() == key).GetProperty("value").GetString()!;
}
