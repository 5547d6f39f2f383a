using System.Text.Json.Nodes;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Gcp;

/// <summary>VMs of the Compute Engine side, from insert to delete.</summary>
public sealed class VmTests
{
    private const string Zone = "europe-west1-b";

    [Fact]
    public async Task Vm_SpotFromInsertToDelete_FollowsGoogleStates()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await Ssh.CreateAsync(cloud.Folder);

        var operation = (await cloud.GcpAsync("POST", $"/zones/{Zone}/instances", Body("cs-1", ssh))).Json;
        Assert.Equal(("compute#operation", "insert"), (operation["kind"]!.ToString(), operation["operationType"]!.ToString()));
        var done = await WaitAsync(cloud, operation);
        Assert.Equal(("DONE", "100"), (done["status"]!.ToString(), done["progress"]!.ToString()));

        var vm = await cloud.VmUntilAsync(Zone, "cs-1", "RUNNING");
        Assert.Equal("SPOT", vm["scheduling"]!["provisioningModel"]!.ToString());
        Assert.Equal(System.Text.Json.JsonValueKind.String, vm["id"]!.GetValueKind());
        var first = NatIp(vm)!;
        await Eventually.IsTrueAsync(async () => (await ssh.RunAsync(first, cloud.GcpSshPort, "touch /workspace/kept")).ExitCode == 0, "root login");

        await WaitAsync(cloud, (await cloud.GcpAsync("POST", $"/zones/{Zone}/instances/cs-1/stop")).Json);
        Assert.Null(NatIp(await cloud.VmUntilAsync(Zone, "cs-1", "TERMINATED")));

        await WaitAsync(cloud, (await cloud.GcpAsync("POST", $"/zones/{Zone}/instances/cs-1/start")).Json);
        var second = NatIp(await cloud.VmUntilAsync(Zone, "cs-1", "RUNNING"))!;
        await Eventually.IsTrueAsync(async () => (await ssh.RunAsync(second, cloud.GcpSshPort, "ls /workspace/kept")).ExitCode == 0, "disk kept");

        await WaitAsync(cloud, (await cloud.GcpAsync("DELETE", $"/zones/{Zone}/instances/cs-1")).Json);
        var gone = await cloud.GcpAsync("GET", $"/zones/{Zone}/instances/cs-1");
        Assert.Equal((404, "notFound"), (gone.Status, gone.Json["error"]!["errors"]![0]!["reason"]!.ToString()));
    }

    internal static string Body(string name, Ssh ssh, string user = "root", string? script = null) => new JsonObject
    {
        ["name"] = name,
        ["machineType"] = $"zones/{Zone}/machineTypes/e2-medium",
        ["disks"] = new JsonArray(new JsonObject
        {
            ["boot"] = true,
            ["autoDelete"] = true,
            ["initializeParams"] = new JsonObject
            {
                ["sourceImage"] = "projects/debian-cloud/global/images/family/debian-12",
                ["diskSizeGb"] = "20",
                ["diskType"] = $"zones/{Zone}/diskTypes/pd-balanced",
            },
        }),
        ["networkInterfaces"] = new JsonArray(new JsonObject { ["network"] = "global/networks/default", ["accessConfigs"] = new JsonArray(new JsonObject { ["type"] = "ONE_TO_ONE_NAT" }) }),
        ["scheduling"] = new JsonObject { ["provisioningModel"] = "SPOT", ["automaticRestart"] = false, ["instanceTerminationAction"] = "STOP" },
        ["labels"] = new JsonObject { ["app"] = "dumont" },
        ["metadata"] = new JsonObject
        {
            ["items"] = new JsonArray(
                new JsonObject { ["key"] = "ssh-keys", ["value"] = $"{user}:{ssh.PublicKey}" },
                new JsonObject
                {
                    ["key"] = "startup-script",
                    ["value"] = script ?? "#!/bin/sh\necho 'PermitRootLogin prohibit-password' > /etc/ssh/sshd_config.d/10-root.conf\nsystemctl reload ssh\necho script-ran",
                }),
        },
    }.ToJsonString();

    internal static string? NatIp(JsonObject vm) => vm["networkInterfaces"]![0]!["accessConfigs"]![0]!["natIP"]?.ToString();

    internal static async Task<JsonObject> WaitAsync(TestCloud cloud, JsonObject operation)
    {
        Assert.True(operation["name"] is not null, operation.ToJsonString());
        return (await cloud.GcpAsync("POST", $"/zones/{Zone}/operations/{operation["name"]}/wait")).Json;
    }
}
