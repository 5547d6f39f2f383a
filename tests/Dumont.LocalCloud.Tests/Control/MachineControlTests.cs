using System.Net.Sockets;
using Dumont.LocalCloud.Tests.Support;
using Dumont.LocalCloud.Tests.Vast;

namespace Dumont.LocalCloud.Tests.Control;

/// <summary><c>/local/machines</c>.</summary>
public sealed class MachineControlTests
{
    [Fact]
    public async Task Kill_RentedMachine_IsDeadAndOfflineUntilDestroyed()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var offer = await cloud.CheapestAsync();
        var id = await cloud.RentAsync();
        var (host, port) = MachineTests.Access(await cloud.UntilAsync(id, "running"));
        Assert.Equal(0, (await ssh.RunAsync(host, port, "true")).ExitCode);

        Assert.Equal(200, (await cloud.SendAsync("POST", $"/local/machines/{id}/kill")).Status);

        Assert.NotEqual(0, (await ssh.RunAsync(host, port, "true")).ExitCode);
        var instance = (await cloud.InstanceAsync(id))!;
        Assert.Equal(
            ("offline", "running", "running", "running"),
            (instance["actual_status"]!.ToString(), instance["intended_status"]!.ToString(), instance["cur_state"]!.ToString(), instance["next_state"]!.ToString()));
        Assert.Empty(await cloud.SearchAsync($$"""{"id":{"eq":{{offer}} },"rentable":{"eq":true} }"""));
        Assert.Equal("offline", (await cloud.SendAsync("GET", "/local/machines")).Json["machines"]![0]!["state"]!.ToString());

        await cloud.VastAsync("DELETE", $"v0/instances/{id}/");
        Assert.Single(await cloud.SearchAsync($$"""{"id":{"eq":{{offer}} },"rentable":{"eq":true} }"""));
    }

    [Fact]
    public async Task Kill_Vm_IsTerminatedByAHostErrorAndCanBeStarted()
    {
        const string Zone = "europe-west1-b";
        await using var cloud = await TestCloud.StartAsync();
        await cloud.GcpAsync("POST", $"/zones/{Zone}/instances", Gcp.VmTests.Body("cs-1", await Ssh.CreateAsync(cloud.Folder)));
        await cloud.VmUntilAsync(Zone, "cs-1", "RUNNING");
        var listed = (await cloud.SendAsync("GET", "/local/machines")).Json["machines"]![0]!;
        Assert.Equal(("gcp", "cs-1"), (listed["provider"]!.ToString(), listed["label"]!.ToString()));

        await cloud.SendAsync("POST", $"/local/machines/{listed["id"]}/kill");

        Assert.Equal("TERMINATED", (await cloud.GcpAsync("GET", $"/zones/{Zone}/instances/cs-1")).Json["status"]!.ToString());
        Assert.NotNull((await cloud.GcpAsync("GET", $"/zones/{Zone}/operations?filter=operationType=compute.instances.hostError")).Json["items"]);
        await cloud.GcpAsync("POST", $"/zones/{Zone}/instances/cs-1/start");
        await cloud.VmUntilAsync(Zone, "cs-1", "RUNNING");
    }

    [Fact]
    public async Task Strike_FrozenMachine_AcceptsConnectionsAndSaysNothingUntilThawed()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var id = await cloud.RentAsync();
        var (host, port) = MachineTests.Access(await cloud.UntilAsync(id, "running"));
        Assert.Equal(0, (await ssh.RunAsync(host, port, "(while :; do date +%s%N > /root/now; sleep 0.02; done) >/dev/null 2>&1 &")).ExitCode);

        Assert.True((await StrikeAsync(cloud, id, "freeze")).Json["processes"]!.GetValue<int>() > 1);
        Assert.False(await GreetsAsync(host, port));
        Assert.Equal("running", (await cloud.InstanceAsync(id))!["actual_status"]!.ToString());

        await StrikeAsync(cloud, id, "thaw");
        Assert.True(await GreetsAsync(host, port));
        var before = (await ssh.RunAsync(host, port, "cat /root/now")).Output;

        // Cut off: what the user runs goes on.
        await StrikeAsync(cloud, id, "cut");
        Assert.False(await GreetsAsync(host, port));
        await StrikeAsync(cloud, id, "thaw");
        Assert.NotEqual(before, (await ssh.RunAsync(host, port, "cat /root/now")).Output);
    }

    [Fact]
    public async Task Strike_UnknownKindOrMachine_SaysWhatIsValid()
    {
        await using var cloud = await TestCloud.StartAsync();
        var id = await cloud.RentAsync();
        var refused = await StrikeAsync(cloud, id, "melt");
        Assert.Equal((422, "kind"), (refused.Status, refused.Json["field"]!.ToString()));
        Assert.Contains("freeze", refused.Json["valid"]!.AsArray().Select(kind => kind!.ToString()));
        Assert.Equal(404, (await StrikeAsync(cloud, 4711, "freeze")).Status);

        await StrikeAsync(cloud, id, "vanish");
        Assert.Empty((await cloud.SendAsync("GET", "/local/machines")).Json["machines"]!.AsArray());
    }

    private static Task<Answer> StrikeAsync(TestCloud cloud, long id, string kind) =>
        cloud.SendAsync("POST", $"/local/machines/{id}/strike", $$"""{"kind":"{{kind}}"}""");

    private static async Task<bool> GreetsAsync(string host, int port)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        try
        {
            await socket.ConnectAsync(host, port, limit.Token);
            return await socket.ReceiveAsync(new byte[4], limit.Token) > 0;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [Fact]
    public async Task List_DiskWithoutAVm_BillsByItself()
    {
        const string Zone = "europe-west1-b";
        await using var cloud = await TestCloud.StartAsync();
        await cloud.GcpAsync("POST", $"/zones/{Zone}/instances", Gcp.VmTests.Body("cs-1", await Ssh.CreateAsync(cloud.Folder)));
        await cloud.GcpAsync("POST", $"/zones/{Zone}/disks", """{"name":"loose","sizeGb":"1000","type":"pd-ssd"}""");

        var listed = (await cloud.SendAsync("GET", "/local/machines")).Json;

        var machine = Assert.Single(listed["machines"]!.AsArray())!;
        Assert.Equal(("gcp", "cs-1"), (machine["provider"]!.ToString(), machine["label"]!.ToString()));
        Assert.All((string[])["id", "state", "since", "cost_usd"], field => Assert.NotNull(machine[field]));
        var disk = Assert.Single(listed["disks"]!.AsArray())!;
        Assert.Equal(("loose", "free"), (disk["label"]!.ToString(), disk["state"]!.ToString()));
        // 1000 GB of pd-ssd cost 0.23 dollars an hour, so a second shows in micro-dollars.
        await Eventually.IsTrueAsync(
            async () => (await cloud.SendAsync("GET", "/local/machines")).Json["disks"]![0]!["cost_usd"]!.GetValue<double>() > 0, "a disk that costs");
    }

    [Fact]
    public async Task Preempt_Bid_IsInterruptedAndComesBack()
    {
        await using var cloud = await TestCloud.StartAsync();
        var id = await cloud.RentAsync("\"price\":0.25");
        await cloud.UntilAsync(id, "running");

        // For an hour first, so that it is seen however late one looks; then for a moment.
        Assert.Equal(200, (await cloud.SendAsync("POST", $"/local/machines/{id}/preempt", """{"seconds":3600}""")).Status);
        await cloud.UntilAsync(id, "exited");
        Assert.Equal(200, (await cloud.SendAsync("POST", $"/local/machines/{id}/preempt", """{"seconds":0.1}""")).Status);
        await cloud.UntilAsync(id, "running");
        Assert.Equal(404, (await cloud.SendAsync("POST", "/local/machines/1/preempt")).Status);
    }

    [Fact]
    public async Task Gpu_Loaded_IsSeenInTheMachineAndByTheApi()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var id = await cloud.RentAsync();
        var (host, port) = MachineTests.Access(await cloud.UntilAsync(id, "running"));

        Assert.Equal(200, (await cloud.SendAsync("POST", $"/local/machines/{id}/gpu", """{"utilization":87,"memory_used_mb":12000,"temperature":71}""")).Status);
        Assert.Equal(422, (await cloud.SendAsync("POST", $"/local/machines/{id}/gpu", """{"utilization":101}""")).Status);

        Assert.Equal(
            "87, 12000, 71",
            await ssh.OutputAsync(host, port, "nvidia-smi --query-gpu=utilization.gpu,memory.used,temperature.gpu --format=csv,noheader,nounits"));
        Assert.Equal(87, (await cloud.InstanceAsync(id))!["gpu_util"]!.GetValue<double>());
    }
}
