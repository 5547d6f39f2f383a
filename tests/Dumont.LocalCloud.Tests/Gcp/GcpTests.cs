using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Gcp;

/// <summary>Tokens, the catalogue, refusals, operations.</summary>
public sealed class GcpTests
{
    private const string Zone = "europe-west1-b";

    [Fact]
    public async Task Token_ForASignedAssertion_OpensTheApi()
    {
        await using var cloud = await TestCloud.StartAsync();

        var answer = await cloud.ExchangeAsync(cloud.Assertion());

        Assert.Equal(("Bearer", 3600), (answer.Json["token_type"]!.ToString(), answer.Json["expires_in"]!.GetValue<int>()));
        var token = answer.Json["access_token"]!.ToString();
        Assert.Equal(200, (await cloud.SendAsync("GET", $"/compute/v1/projects/{cloud.Project}", null, token)).Status);
        Assert.Equal(403, (await cloud.SendAsync("GET", "/compute/v1/projects/someone-else/zones", null, token)).Status);
        await cloud.RestartAsync();
        Assert.Equal(200, (await cloud.SendAsync("GET", $"/compute/v1/projects/{cloud.Project}", null, token)).Status);
    }

    [Fact]
    public async Task Token_ForAWrongAssertion_IsRefused()
    {
        await using var cloud = await TestCloud.StartAsync();
        using var stranger = RSA.Create(2048);

        foreach (var assertion in (string[])
            [cloud.Assertion(stranger), cloud.Assertion(age: TimeSpan.FromHours(3)), cloud.Assertion(scope: "https://www.googleapis.com/auth/drive"), "a.b", "a.b.c"])
        {
            var answer = await cloud.ExchangeAsync(assertion);
            Assert.Equal((400, "invalid_grant"), (answer.Status, answer.Json["error"]!.ToString()));
        }
    }

    [Fact]
    public async Task Api_WithoutAToken_Is401()
    {
        await using var cloud = await TestCloud.StartAsync();
        foreach (var token in (string?[])[null, "nonsense", "ya29.99999999999.AAAA"])
        {
            var answer = await cloud.SendAsync("GET", $"/compute/v1/projects/{cloud.Project}/zones", null, token);
            Assert.Equal((401, "authError", 401), (answer.Status, Reason(answer), answer.Json["error"]!["code"]!.GetValue<int>()));
        }
    }

    [Fact]
    public async Task Catalogue_Read_HasEveryRegionAndTheStandbysParts()
    {
        await using var cloud = await TestCloud.StartAsync();

        Assert.Equal(43, (await cloud.GcpAsync("GET", "/regions")).Json["items"]!.AsArray().Count);
        Assert.Equal(130, (await cloud.GcpAsync("GET", "/zones?maxResults=500")).Json["items"]!.AsArray().Count);
        var page = (await cloud.GcpAsync("GET", "/zones?maxResults=100")).Json;
        Assert.Equal(30, (await cloud.GcpAsync("GET", $"/zones?maxResults=100&pageToken={page["nextPageToken"]}")).Json["items"]!.AsArray().Count);
        Assert.Equal("us-central1-f", (await cloud.GcpAsync("GET", "/zones/us-central1-f")).Json["name"]!.ToString());
        Assert.Equal((2, 4096), await TypeAsync());
        Assert.Equal(404, (await cloud.GcpAsync("GET", "/zones/us-central1-x")).Status);
        Assert.Equal("pd-balanced", (await cloud.GcpAsync("GET", $"/zones/{Zone}/diskTypes/pd-balanced")).Json["name"]!.ToString());
        var image = await cloud.SendAsync("GET", "/compute/v1/projects/debian-cloud/global/images/family/debian-12", null, await cloud.TokenAsync());
        Assert.Equal("debian-12", image.Json["family"]!.ToString());
        Assert.Equal(501, (await cloud.GcpAsync("POST", $"/zones/{Zone}/disks/any/createSnapshot", "{}")).Status);

        async Task<(int, int)> TypeAsync()
        {
            var type = (await cloud.GcpAsync("GET", $"/zones/{Zone}/machineTypes/e2-medium")).Json;
            return (type["guestCpus"]!.GetValue<int>(), type["memoryMb"]!.GetValue<int>());
        }
    }

    [Fact]
    public async Task Insert_Wrong_IsRefusedInGooglesForm()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await Ssh.CreateAsync(cloud.Folder);

        Assert.Equal((400, "invalid"), await InsertAsync(body => body["scheduling"]!["automaticRestart"] = true));
        Assert.Equal((400, "invalid"), await InsertAsync(body => body["name"] = "Bad_Name"));
        Assert.Equal((400, "invalid"), await InsertAsync(body => body["machineType"] = "zones/x/machineTypes/quantum-1"));
        Assert.Equal((400, "invalid"), await InsertAsync(body => body["labels"] = new JsonObject { ["Upper"] = "x" }));
        Assert.Equal((400, "required"), await InsertAsync(body => body.Remove("name")));
        Assert.Equal((404, "notFound"), await InsertAsync(_ => { }, "mars-north1-a"));
        Assert.Equal((200, ""), await InsertAsync(_ => { }));
        Assert.Equal((409, "alreadyExists"), await InsertAsync(_ => { }));

        async Task<(int, string)> InsertAsync(Action<JsonObject> spoil, string zone = Zone)
        {
            var body = JsonNode.Parse(VmTests.Body("cs-1", ssh))!.AsObject();
            spoil(body);
            var answer = await cloud.GcpAsync("POST", $"/zones/{zone}/instances", body.ToJsonString());
            return (answer.Status, answer.Status == 200 ? "" : Reason(answer));
        }
    }

    [Fact]
    public async Task Insert_RepeatedWithItsRequestId_IsTheSameOperation()
    {
        await using var cloud = await TestCloud.StartAsync();
        var body = VmTests.Body("cs-1", await Ssh.CreateAsync(cloud.Folder));
        var path = $"/zones/{Zone}/instances?requestId={Guid.NewGuid()}";

        var first = (await cloud.GcpAsync("POST", path, body)).Json["name"]!.ToString();
        var second = (await cloud.GcpAsync("POST", path, body)).Json["name"]!.ToString();

        Assert.Equal(first, second);
    }

    [Fact]
    public async Task Lists_WithFilter_ShowThoseAlone()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await Ssh.CreateAsync(cloud.Folder);
        await cloud.GcpAsync("POST", $"/zones/{Zone}/instances", VmTests.Body("cs-1", ssh));
        await cloud.GcpAsync("POST", "/zones/us-west1-a/instances", VmTests.Body("cs-2", ssh));

        Assert.Equal("cs-1", (await cloud.GcpAsync("GET", $"/zones/{Zone}/instances?filter=labels.app=dumont")).Json["items"]!.AsArray().Single()!["name"]!.ToString());
        Assert.Null((await cloud.GcpAsync("GET", $"/zones/{Zone}/instances?filter=(labels.app = dumont) AND (name != cs-1)")).Json["items"]);
        Assert.Equal(400, (await cloud.GcpAsync("GET", $"/zones/{Zone}/instances?filter=((")).Status);
        var items = (await cloud.GcpAsync("GET", "/aggregated/instances?includeAllScopes=true")).Json["items"]!.AsObject();
        Assert.Equal("cs-2", items["zones/us-west1-a"]!["instances"]![0]!["name"]!.ToString());
        Assert.Equal("NO_RESULTS_ON_PAGE", items["zones/us-west1-b"]!["warning"]!["code"]!.ToString());
        var operations = (await cloud.GcpAsync("GET", $"/zones/{Zone}/operations?filter=operationType=insert")).Json["items"]!.AsArray();
        Assert.EndsWith("/instances/cs-1", operations.Single()!["targetLink"]!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Vm_Preempted_IsTerminatedAndASystemOperationSaysWhy()
    {
        await using var cloud = await TestCloud.StartAsync();
        await cloud.GcpAsync("POST", $"/zones/{Zone}/instances", VmTests.Body("cs-1", await Ssh.CreateAsync(cloud.Folder)));
        await cloud.VmUntilAsync(Zone, "cs-1", "RUNNING");

        var test = (await cloud.GcpAsync("POST", $"/zones/{Zone}/instances/cs-1/simulateMaintenanceEvent")).Json;
        await VmTests.WaitAsync(cloud, test);

        var vm = await cloud.VmUntilAsync(Zone, "cs-1", "TERMINATED");
        var preempted = (await cloud.GcpAsync("GET", $"/zones/{Zone}/operations?filter=operationType=compute.instances.preempted")).Json["items"]![0]!;
        Assert.Equal(("DONE", "system", vm["id"]!.ToString()), (preempted["status"]!.ToString(), preempted["user"]!.ToString(), preempted["targetId"]!.ToString()));
    }

    [Fact]
    public async Task Vm_OfAnotherUser_HasItsAccountAndNoRootLogin()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await Ssh.CreateAsync(cloud.Folder);
        await cloud.GcpAsync("POST", $"/zones/{Zone}/instances", VmTests.Body("cs-1", ssh, "ana", "id -un > /workspace/who\necho done-by-script"));
        var vm = await cloud.VmUntilAsync(Zone, "cs-1", "RUNNING");
        var address = VmTests.NatIp(vm)!;

        Assert.Equal("ana /home/ana", await ssh.OutputAsync(address, cloud.GcpSshPort, "echo $(id -un) $HOME", "ana"));
        await Eventually.IsTrueAsync(async () => (await ssh.RunAsync(address, cloud.GcpSshPort, "cat /workspace/who", "ana")).Output == "root\n", "script ran as root");
        Assert.NotEqual(0, (await ssh.RunAsync(address, cloud.GcpSshPort, "true", "root")).ExitCode);
        Assert.NotEqual(0, (await ssh.RunAsync(address, cloud.GcpSshPort, "command -v nvidia-smi", "ana")).ExitCode);
        var console = (await cloud.GcpAsync("GET", $"/zones/{Zone}/instances/cs-1/serialPort?port=1&start=0")).Json;
        Assert.Contains("done-by-script", console["contents"]!.ToString(), StringComparison.Ordinal);

        var other = await Ssh.CreateAsync(cloud.Folder);
        var metadata = new JsonObject
        {
            ["fingerprint"] = vm["metadata"]!["fingerprint"]!.ToString(),
            ["items"] = new JsonArray(new JsonObject { ["key"] = "ssh-keys", ["value"] = $"ben:{other.PublicKey}" }),
        };
        Assert.Equal(200, (await cloud.GcpAsync("POST", $"/zones/{Zone}/instances/cs-1/setMetadata", metadata.ToJsonString())).Status);
        Assert.Equal(412, (await cloud.GcpAsync("POST", $"/zones/{Zone}/instances/cs-1/setMetadata", metadata.ToJsonString())).Status);
        await Eventually.IsTrueAsync(async () => (await other.RunAsync(address, cloud.GcpSshPort, "true", "ben")).ExitCode == 0, "new account");
        Assert.NotEqual(0, (await ssh.RunAsync(address, cloud.GcpSshPort, "true", "ana")).ExitCode);
    }

    private static string Reason(Answer answer) => answer.Json["error"]!["errors"]![0]!["reason"]!.ToString();
}
