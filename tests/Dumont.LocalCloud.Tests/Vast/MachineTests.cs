using System.Text.Json.Nodes;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Vast;

/// <summary>Rented machines, reached over real SSH.</summary>
public sealed class MachineTests
{
    [Fact]
    public async Task Machine_Rented_IsReachedDirectlyAndThroughProxyData()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();

        var instance = await cloud.UntilAsync(await cloud.RentAsync(), "running");

        var direct = int.Parse(instance["ports"]!["22/tcp"]![0]!["HostPort"]!.ToString(), null);
        Assert.Equal("root", await ssh.OutputAsync(instance["public_ipaddr"]!.ToString(), direct, "id -un"));
        Assert.Equal("root", await ssh.OutputAsync(instance["ssh_host"]!.ToString(), instance["ssh_port"]!.GetValue<int>(), "id -un"));
    }

    [Fact]
    public async Task Machine_WithEnvironment_ShowsItToSessionsAndStartScript()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var id = await cloud.RentAsync("""
            "env":{"GREETING":"a \"quoted\" $HOME `id` \\ word","-p 8080:8080":"1"},
            "onstart":"printf %s \"$GREETING\" > /workspace/greeting; echo \"$CONTAINER_ID\" >> /workspace/starts"
            """);
        var instance = await cloud.UntilAsync(id, "running");
        var (host, port) = Access(instance);

        Assert.Equal("""a "quoted" $HOME `id` \ word""", await ssh.OutputAsync(host, port, "echo \"$GREETING\""));
        Assert.Equal($"C.{id} {id} 1 8080", await ssh.OutputAsync(host, port, "echo $VAST_CONTAINERLABEL $CONTAINER_ID $GPU_COUNT $VAST_TCP_PORT_8080"));
        await Eventually.IsTrueAsync(async () => (await ssh.RunAsync(host, port, "cat /workspace/starts")).Output == $"{id}\n", "start script ran");
        Assert.Equal("""a "quoted" $HOME `id` \ word""", await ssh.OutputAsync(host, port, "cat /workspace/greeting"));
        Assert.NotNull(instance["ports"]!["8080/tcp"]);
    }

    [Fact]
    public async Task Machine_StoppedAndStarted_KeepsDiskAndHostKeyAndRunsStartScriptAgain()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var id = await cloud.RentAsync("\"onstart\":\"echo x >> /workspace/starts\"");
        var (host, port) = Access(await cloud.UntilAsync(id, "running"));
        var key = await ssh.OutputAsync(host, port, "echo kept > /workspace/file; echo more > /usr/local/bin/tool; cat /etc/ssh/ssh_host_ed25519_key.pub");

        Assert.True((await cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"state":"stopped"}""")).Json["success"]!.GetValue<bool>());
        var stopped = await cloud.UntilAsync(id, "exited");
        Assert.Null(stopped["ports"]);
        Assert.Equal("stopped", stopped["cur_state"]!.ToString());
        Assert.NotEqual(0, (await ssh.RunAsync(host, port, "true")).ExitCode);

        await cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"state":"running"}""");
        await cloud.UntilAsync(id, "running");
        Assert.Equal("kept\nmore\n" + key, await ssh.OutputAsync(host, port, "cat /workspace/file /usr/local/bin/tool /etc/ssh/ssh_host_ed25519_key.pub"));
        await Eventually.IsTrueAsync(async () => (await ssh.RunAsync(host, port, "cat /workspace/starts")).Output == "x\nx\n", "start script ran twice");
    }

    [Fact]
    public async Task Machine_Destroyed_LeavesNoProcessNoFiles()
    {
        await using var cloud = await TestCloud.StartAsync();
        var id = await cloud.RentAsync();
        await cloud.UntilAsync(id, "running");
        var folder = Path.Combine(cloud.Options.DataFolder, "machines", $"vast-{id}");
        var process = new MachineFolder(Path.GetDirectoryName(folder)!, Path.GetFileName(folder)).FindProcess()!.Identity;

        await cloud.VastAsync("DELETE", $"v0/instances/{id}/", "{}");

        await Eventually.IsTrueAsync(() => !process.IsAlive && !Directory.Exists(folder), "machine removed");
        Assert.DoesNotContain($"vast-{id}", await File.ReadAllTextAsync("/proc/mounts", TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Machine_KeyAttachedWhileRunning_OpensItAndDetachedCloses()
    {
        await using var cloud = await TestCloud.StartAsync();
        var id = await cloud.RentAsync();
        var (host, port) = Access(await cloud.UntilAsync(id, "running"));
        var ssh = await Ssh.CreateAsync(cloud.Folder);
        Assert.NotEqual(0, (await ssh.RunAsync(host, port, "true")).ExitCode);

        await cloud.VastAsync("POST", $"v0/instances/{id}/ssh/", new JsonObject { ["ssh_key"] = ssh.PublicKey }.ToJsonString());
        await Eventually.IsTrueAsync(async () => (await ssh.RunAsync(host, port, "true")).ExitCode == 0, "key opens the machine");

        var listed = JsonNode.Parse((await cloud.VastAsync("GET", $"v0/instances/{id}/ssh/")).Json["ssh_keys"]!.GetValue<string>())!.AsArray();
        Assert.Equal(ssh.PublicKey, listed.Single()!["public_key"]!.ToString());
        await cloud.VastAsync("DELETE", $"v0/instances/{id}/ssh/{listed[0]!["id"]}/");
        await Eventually.IsTrueAsync(async () => (await ssh.RunAsync(host, port, "true")).ExitCode != 0, "key no longer opens the machine");
    }

    [Fact]
    public async Task Machine_RebootedAndRecycled_KeepsThenLosesItsDisk()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var id = await cloud.RentAsync();
        var (host, port) = Access(await cloud.UntilAsync(id, "running"));
        await ssh.OutputAsync(host, port, "touch /workspace/file /run/volatile");

        await cloud.VastAsync("PUT", $"v0/instances/reboot/{id}/");
        Assert.Equal("rebooting", (await cloud.InstanceAsync(id))!["actual_status"]!.ToString());
        await cloud.UntilAsync(id, "running");
        Assert.Equal("/workspace/file", await ssh.OutputAsync(host, port, "ls /workspace/file /run/volatile 2>/dev/null; true"));

        await cloud.VastAsync("PUT", $"v0/instances/recycle/{id}/");
        await cloud.UntilAsync(id, "running");
        Assert.Equal("", await ssh.OutputAsync(host, port, "ls /workspace"));
    }

    [Fact]
    public async Task Machine_ReplacedHostKeyAndReload_PresentsTheNewKey()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var (host, port) = Access(await cloud.UntilAsync(await cloud.RentAsync(), "running"));
        var wanted = await ssh.OutputAsync(host, port, """
            ssh-keygen -q -t ed25519 -N '' -f /tmp/new && cp /tmp/new /etc/ssh/ssh_host_ed25519_key && kill -HUP "$(cat /run/sshd.pid)" && cut -d' ' -f2 /tmp/new.pub
            """);

        await Eventually.IsTrueAsync(
            async () => (await ShellCommand.RunAsync(["ssh-keyscan", "-T", "2", "-t", "ed25519", "-p", $"{port}", host], TestContext.Current.CancellationToken))
                .Output.Contains(wanted, StringComparison.Ordinal),
            "new host key presented");
    }

    [Fact]
    public async Task Machine_CopiedToWithScpAndSftp_HasTheFiles()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await cloud.KeyAsync();
        var (host, port) = Access(await cloud.UntilAsync(await cloud.RentAsync(), "running"));
        var file = Path.Combine(cloud.Folder, "upload");
        await File.WriteAllTextAsync(file, "content", TestContext.Current.CancellationToken);

        var sftp = await ShellCommand.RunAsync(["scp", "-q", "-P", $"{port}", .. ssh.Options, file, $"root@{host}:/workspace/a"], TestContext.Current.CancellationToken);
        var scp = await ShellCommand.RunAsync(["scp", "-q", "-O", "-P", $"{port}", .. ssh.Options, file, $"root@{host}:/workspace/b"], TestContext.Current.CancellationToken);

        Assert.Equal((0, 0), (sftp.ExitCode, scp.ExitCode));
        Assert.Equal("contentcontent", await ssh.OutputAsync(host, port, "cat /workspace/a /workspace/b"));
    }

    internal static (string Host, int Port) Access(JsonObject instance) =>
        (instance["ssh_host"]!.ToString(), instance["ssh_port"]!.GetValue<int>());
}
