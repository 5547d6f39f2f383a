using System.Text.Json.Nodes;
using Dumont.LocalCloud.Tests.Gcp;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Conformance;

/// <summary>What Compute Engine does over time: states, operations, disks, preemption, quotas, batches, metadata servers.</summary>
[Trait("Suite", "Conformance")]
public sealed class GcpLifeConformance : IAsyncLifetime
{
    private const string Zone = "europe-west1-b";

    private TestCloud _cloud = null!;
    private Ssh _ssh = null!;

    public async ValueTask InitializeAsync()
    {
        _cloud = await TestCloud.StartAsync();
        _ssh = await Ssh.CreateAsync(_cloud.Folder);
    }

    public ValueTask DisposeAsync() => _cloud.DisposeAsync();

    [Fact]
    public async Task Vm_ThroughItsLife_ShowsGooglesStatesInOrder()
    {
        var seen = new List<string>();
        await InsertAsync("a");
        await FollowAsync("a", seen, "RUNNING");
        await PostAsync("a/stop");
        await FollowAsync("a", seen, "TERMINATED");
        await PostAsync("a/start");
        await FollowAsync("a", seen, "RUNNING");
        await _cloud.GcpAsync("DELETE", $"/zones/{Zone}/instances/a");
        await FollowAsync("a", seen, null);

        string[] order = ["PROVISIONING", "STAGING", "RUNNING", "STOPPING", "TERMINATED", "STAGING", "RUNNING", "STOPPING"];
        // A poll may miss a state that is short, never see another or another order.
        var at = 0;
        Assert.All(seen, status => at = Array.IndexOf(order, status, at) is var found && found >= 0 ? found + 1 : throw new InvalidOperationException(string.Join(' ', seen)));
        Assert.Contains("RUNNING", seen);
        Assert.Contains("TERMINATED", seen);
    }

    [Fact]
    public async Task Operation_OfEachCall_HasItsTypeAndEnds()
    {
        Assert.Equal("insert", await TypeAsync(await InsertAsync("a")));
        await _cloud.VmUntilAsync(Zone, "a", "RUNNING");
        Assert.Equal("reset", await TypeAsync(await PostAsync("a/reset")));
        await _cloud.VmUntilAsync(Zone, "a", "RUNNING");
        var vm = (await _cloud.GcpAsync("GET", $"/zones/{Zone}/instances/a")).Json;
        Assert.Equal("setLabels", await TypeAsync(await PostAsync("a/setLabels", $$"""{"labels":{"x":"y"},"labelFingerprint":"{{vm["labelFingerprint"]}}"}""")));
        vm = (await _cloud.GcpAsync("GET", $"/zones/{Zone}/instances/a")).Json;
        Assert.Equal("setTags", await TypeAsync(await PostAsync("a/setTags", $$"""{"items":["t"],"fingerprint":"{{vm["tags"]!["fingerprint"]}}"}""")));
        Assert.Equal("insert", await TypeAsync(await _cloud.GcpAsync("POST", $"/zones/{Zone}/disks", """{"name":"d","sizeGb":"20"}""")));
        Assert.Equal("resizeDisk", await TypeAsync(await _cloud.GcpAsync("POST", $"/zones/{Zone}/disks/d/resize", """{"sizeGb":"30"}""")));
        Assert.Equal("attachDisk", await TypeAsync(await PostAsync("a/attachDisk", $$"""{"source":"zones/{{Zone}}/disks/d","deviceName":"d"}""")));
        Assert.Equal("detachDisk", await TypeAsync(await PostAsync("a/detachDisk?deviceName=d")));
        Assert.Equal("simulateMaintenanceEvent", await TypeAsync(await PostAsync("a/simulateMaintenanceEvent")));
        await _cloud.VmUntilAsync(Zone, "a", "TERMINATED");
        Assert.Equal("start", await TypeAsync(await PostAsync("a/start")));
        Assert.Equal("stop", await TypeAsync(await PostAsync("a/stop")));
        Assert.Equal("delete", await TypeAsync(await _cloud.GcpAsync("DELETE", $"/zones/{Zone}/instances/a")));
        Assert.Equal("delete", await TypeAsync(await _cloud.GcpAsync("DELETE", $"/zones/{Zone}/disks/d")));
    }

    [Fact]
    public async Task RequestId_Repeated_ChangesNothingMore()
    {
        var id = Guid.NewGuid();
        var first = await _cloud.GcpAsync("POST", $"/zones/{Zone}/disks?requestId={id}", """{"name":"d","sizeGb":"20"}""");
        var second = await _cloud.GcpAsync("POST", $"/zones/{Zone}/disks?requestId={id}", """{"name":"d","sizeGb":"20"}""");

        Assert.Equal(first.Json["name"]!.ToString(), second.Json["name"]!.ToString());
        Assert.Equal(id.ToString(), second.Json["clientOperationId"]!.ToString());
    }

    [Fact]
    public async Task DataDisk_AcrossVms_KeepsItsFiles()
    {
        await _cloud.GcpAsync("POST", $"/zones/{Zone}/disks", """{"name":"d","sizeGb":"20"}""");
        var first = await RunningAsync("a", body => body["disks"]!.AsArray().Add(JsonNode.Parse($$"""{"source":"zones/{{Zone}}/disks/d","deviceName":"data"}""")));
        await _ssh.OutputAsync(first, _cloud.GcpSshPort, "echo kept > /mnt/disks/data/file");
        Assert.Equal("resourceInUseByAnotherResource", Reason(await _cloud.GcpAsync("DELETE", $"/zones/{Zone}/disks/d")));
        await _cloud.GcpAsync("DELETE", $"/zones/{Zone}/instances/a");
        await GoneAsync("instances/a");

        var second = await RunningAsync("b");
        Assert.Equal(200, (await PostAsync("b/attachDisk", $$"""{"source":"zones/{{Zone}}/disks/d","deviceName":"again"}""")).Status);
        Assert.Equal("kept", await _ssh.OutputAsync(second, _cloud.GcpSshPort, "cat /mnt/disks/again/file"));
        Assert.Equal("resourceInUseByAnotherResource", Reason(await PostAsync("b/attachDisk", $$"""{"source":"zones/{{Zone}}/disks/d"}""")));
    }

    [Fact]
    public async Task BootDisk_NotToBeDeleted_BootsAnotherVm()
    {
        var first = await RunningAsync("a", body => body["disks"]![0]!["autoDelete"] = false);
        await _ssh.OutputAsync(first, _cloud.GcpSshPort, "echo kept > /workspace/file");
        await _cloud.GcpAsync("DELETE", $"/zones/{Zone}/instances/a");
        await GoneAsync("instances/a");
        Assert.False((await _cloud.GcpAsync("GET", $"/zones/{Zone}/disks/a")).Json.ContainsKey("users"));

        var second = await RunningAsync("b", body => body["disks"] = JsonNode.Parse($$"""[{"boot":true,"autoDelete":true,"source":"zones/{{Zone}}/disks/a"}]"""));
        Assert.Equal("kept", await _ssh.OutputAsync(second, _cloud.GcpSshPort, "cat /workspace/file"));
        await _cloud.GcpAsync("DELETE", $"/zones/{Zone}/instances/b");
        await GoneAsync("disks/a");
    }

    [Fact]
    public async Task AutoDelete_OfADataDisk_GoesWithItsVm()
    {
        await InsertAsync("a", body => body["disks"]!.AsArray().Add(JsonNode.Parse("""{"autoDelete":true,"initializeParams":{"diskName":"scratch","diskSizeGb":"10"}}""")));
        Assert.Equal(200, (await _cloud.GcpAsync("GET", $"/zones/{Zone}/disks/scratch")).Status);

        await _cloud.GcpAsync("DELETE", $"/zones/{Zone}/instances/a");

        await GoneAsync("disks/scratch");
        await GoneAsync("disks/a");
    }

    [Fact]
    public async Task Preemption_WithDelete_RemovesTheVm()
    {
        await InsertAsync("a", body => body["scheduling"]!["instanceTerminationAction"] = "DELETE");
        await _cloud.VmUntilAsync(Zone, "a", "RUNNING");

        await PostAsync("a/simulateMaintenanceEvent");

        await GoneAsync("instances/a");
        var preempted = (await _cloud.GcpAsync("GET", $"/zones/{Zone}/operations?filter=operationType=compute.instances.preempted")).Json["items"]![0]!;
        Assert.Equal(("system", "Instance was preempted."), (preempted["user"]!.ToString(), preempted["statusMessage"]!.ToString()));
        Assert.StartsWith("systemevent-", preempted["name"]!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task MaintenanceEvent_OfAStandardVm_LeavesItRunning()
    {
        await InsertAsync("a", body => body["scheduling"] = new JsonObject { ["automaticRestart"] = true });
        await _cloud.VmUntilAsync(Zone, "a", "RUNNING");

        await TypeAsync(await PostAsync("a/simulateMaintenanceEvent"));

        var vm = (await _cloud.GcpAsync("GET", $"/zones/{Zone}/instances/a")).Json;
        Assert.Equal(("RUNNING", "STANDARD"), (vm["status"]!.ToString(), vm["scheduling"]!["provisioningModel"]!.ToString()));
    }

    [Fact]
    public async Task Quota_OfARegion_FailsInsideTheOperation()
    {
        for (var i = 0; i < 8; i++)
        {
            Assert.Null((await InsertAsync($"big-{i}", Big)).Json["error"]);
        }

        var operation = (await InsertAsync("big-8", Big)).Json;

        Assert.Equal(("DONE", 403, "QUOTA_EXCEEDED"), (
            operation["status"]!.ToString(), operation["httpErrorStatusCode"]!.GetValue<int>(), operation["error"]!["errors"]![0]!["code"]!.ToString()));
        Assert.Equal(404, (await _cloud.GcpAsync("GET", $"/zones/{Zone}/instances/big-8")).Status);

        static void Big(JsonObject body) => body["machineType"] = $"zones/{Zone}/machineTypes/e2-standard-16";
    }

    [Fact]
    public async Task MetadataServer_InTheVm_KnowsItAndItsPreemption()
    {
        var address = await RunningAsync("a");
        const string Ask = "curl -s -H 'Metadata-Flavor: Google' \"http://${GCE_METADATA_HOST:-metadata.google.internal}/computeMetadata/v1/";

        Assert.Equal("a", await _ssh.OutputAsync(address, _cloud.GcpSshPort, Ask + "instance/name\""));
        Assert.EndsWith("/zones/" + Zone, await _ssh.OutputAsync(address, _cloud.GcpSshPort, Ask + "instance/zone\""), StringComparison.Ordinal);
        Assert.Equal("NONE", await _ssh.OutputAsync(address, _cloud.GcpSshPort, Ask + "instance/maintenance-event\""));
        Assert.Contains("startup-script", await _ssh.OutputAsync(address, _cloud.GcpSshPort, Ask + "instance/attributes/\""), StringComparison.Ordinal);
        Assert.Equal(_cloud.Project, await _ssh.OutputAsync(address, _cloud.GcpSshPort, Ask + "project/project-id\""));
        Assert.Equal("403", await _ssh.OutputAsync(
            address, _cloud.GcpSshPort, "curl -s -o /dev/null -w '%{http_code}' \"http://${GCE_METADATA_HOST:-metadata.google.internal}/computeMetadata/v1/instance/id\""));
        var token = JsonNode.Parse(await _ssh.OutputAsync(address, _cloud.GcpSshPort, Ask + "instance/service-accounts/default/token\""))!["access_token"]!.ToString();
        Assert.Equal(200, (await _cloud.SendAsync("GET", $"/compute/v1/projects/{_cloud.Project}/zones", null, token)).Status);
        Assert.Equal("FALSE", await _ssh.OutputAsync(address, _cloud.GcpSshPort, Ask + "instance/preempted\""));
        Assert.Equal("FALSE", await _ssh.OutputAsync(address, _cloud.GcpSshPort, Ask + "instance/preempted?wait_for_change=true&timeout_sec=0.1\""));
    }

    [Fact]
    public async Task MetadataServer_WaitedOn_TellsOfThePreemptionBeforeTheEnd()
    {
        _cloud.Options.PreemptionNotice = TimeSpan.FromMinutes(5);
        var address = await RunningAsync("a");
        const string Ask = "curl -s -H 'Metadata-Flavor: Google' \"http://${GCE_METADATA_HOST:-metadata.google.internal}/computeMetadata/v1/instance/preempted";
        var tag = await _ssh.OutputAsync(address, _cloud.GcpSshPort, Ask + "\" -o /dev/null -D - | sed -n 's/^ETag: //ip' | tr -d '\\r'");
        var waiting = _ssh.OutputAsync(address, _cloud.GcpSshPort, $"{Ask}?wait_for_change=true&last_etag={tag}\"");

        Assert.Equal(200, (await PostAsync("a/simulateMaintenanceEvent")).Status);

        Assert.Equal("TRUE", await waiting.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        Assert.Equal("STOPPING", (await _cloud.GcpAsync("GET", $"/zones/{Zone}/instances/a")).Json["status"]!.ToString());
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    public async Task Batch_OfSeveral_AnswersEachInOrder(string end)
    {
        var answer = await BatchAsync(end, $"GET /compute/v1/projects/{_cloud.Project}/zones/{Zone} HTTP/1.1", $"GET /compute/v1/projects/{_cloud.Project}/zones/{Zone}/instances/absent HTTP/1.1");

        Assert.StartsWith("multipart/mixed; boundary=", answer.ContentType, StringComparison.Ordinal);
        Assert.Matches(@"(?s)<response-part1>.*HTTP/1.1 200 OK.*<response-part2>.*HTTP/1.1 404 Not Found.*notFound", answer.Text);
    }

    [Fact]
    public async Task Batch_Wrong_IsRefused()
    {
        Assert.Equal(400, (await _cloud.SendAsync("POST", "/batch/compute/v1", "{}", await _cloud.TokenAsync())).Status);
        Assert.Equal(400, (await BatchAsync("\n", "GET /local/machines HTTP/1.1")).Status);
    }

    [Fact]
    public async Task Batch_Partly_DoesTheFirstHalf()
    {
        await _cloud.SendAsync("POST", "/local/faults", """{"kind":"partial-batch","provider":"gcp","count":1}""");
        var zones = $"GET /compute/v1/projects/{_cloud.Project}/zones HTTP/1.1";

        Assert.Matches(@"(?s)part1>.*HTTP/1.1 200 OK.*part2>.*HTTP/1.1 503 Service Unavailable", (await BatchAsync("\n", zones, zones)).Text);
    }

    [Fact]
    public async Task ProjectMetadata_WithKeys_OpensEveryVm()
    {
        var address = await RunningAsync("a");
        var other = await Ssh.CreateAsync(_cloud.Folder);
        var fingerprint = (await _cloud.GcpAsync("GET", "")).Json["commonInstanceMetadata"]!["fingerprint"];
        var body = new JsonObject
        {
            ["fingerprint"] = fingerprint!.ToString(),
            ["items"] = new JsonArray(new JsonObject { ["key"] = "ssh-keys", ["value"] = $"ben:{other.PublicKey}" }),
        };

        var operation = await _cloud.GcpAsync("POST", "/setCommonInstanceMetadata", body.ToJsonString());

        Assert.False(operation.Json.ContainsKey("zone"));
        Assert.Equal("DONE", (await _cloud.GcpAsync("POST", $"/global/operations/{operation.Json["name"]}/wait")).Json["status"]!.ToString());
        await Eventually.IsTrueAsync(async () => (await other.RunAsync(address, _cloud.GcpSshPort, "true", "ben")).ExitCode == 0, "project key");
        Assert.Equal(412, (await _cloud.GcpAsync("POST", "/setCommonInstanceMetadata", body.ToJsonString())).Status);
    }

    [Fact]
    public async Task Disks_AfterARestart_AreStillThere()
    {
        await _cloud.GcpAsync("POST", $"/zones/{Zone}/disks", """{"name":"d","sizeGb":"20","labels":{"a":"b"}}""");

        await _cloud.RestartAsync();

        Assert.Equal("b", (await _cloud.GcpAsync("GET", $"/zones/{Zone}/disks/d")).Json["labels"]!["a"]!.ToString());
    }

    private async Task<Answer> InsertAsync(string name, Action<JsonObject>? change = null)
    {
        var body = JsonNode.Parse(VmTests.Body(name, _ssh))!.AsObject();
        change?.Invoke(body);
        var answer = await _cloud.GcpAsync("POST", $"/zones/{Zone}/instances", body.ToJsonString());
        Assert.True(answer.Status == 200, answer.Text);
        return answer;
    }

    // Address of a VM that runs and lets root in.
    private async Task<string> RunningAsync(string name, Action<JsonObject>? change = null)
    {
        await InsertAsync(name, change);
        var address = VmTests.NatIp(await _cloud.VmUntilAsync(Zone, name, "RUNNING"))!;
        await Eventually.IsTrueAsync(async () => (await _ssh.RunAsync(address, _cloud.GcpSshPort, "true")).ExitCode == 0, "root login");
        return address;
    }

    private Task<Answer> PostAsync(string path, string? body = null) => _cloud.GcpAsync("POST", $"/zones/{Zone}/instances/{path}", body);

    private async Task<string> TypeAsync(Answer answer)
    {
        Assert.True(answer.Status == 200, answer.Text);
        var done = await VmTests.WaitAsync(_cloud, answer.Json);
        Assert.Equal(("DONE", false), (done["status"]!.ToString(), done.ContainsKey("error")));
        return done["operationType"]!.ToString();
    }

    private async Task FollowAsync(string name, List<string> seen, string? until)
    {
        await Eventually.IsTrueAsync(
            async () =>
            {
                var status = (await _cloud.GcpAsync("GET", $"/zones/{Zone}/instances/{name}")).Json["status"]?.ToString();
                if (status is not null && status != seen.LastOrDefault())
                {
                    seen.Add(status);
                }

                return status == until;
            },
            until ?? "gone");
    }

    private Task GoneAsync(string path) => Eventually.IsTrueAsync(async () => (await _cloud.GcpAsync("GET", $"/zones/{Zone}/{path}")).Status == 404, path + " gone");

    private static string Reason(Answer answer) => answer.Json["error"]!["errors"]![0]!["reason"]!.ToString();

    private async Task<Answer> BatchAsync(string end, params string[] requests)
    {
        var parts = requests.Select((request, index) => string.Join(end, "--xyz", "Content-Type: application/http", $"Content-ID: <part{index + 1}>", "", request, "Accept: application/json", "", ""));
        return await _cloud.SendAsync("POST", "/batch/compute/v1", string.Concat(parts) + "--xyz--" + end, await _cloud.TokenAsync(), "multipart/mixed; boundary=\"xyz\"");
    }
}
