using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Faults;

/// <summary>Faults that befall machines, with real machines.</summary>
public sealed class MachineFaultTests : IAsyncLifetime
{
    private TestCloud _cloud = null!;
    private Ssh _ssh = null!;

    public async ValueTask InitializeAsync()
    {
        _cloud = await TestCloud.StartAsync();
        _ssh = await _cloud.KeyAsync();
    }

    public ValueTask DisposeAsync() => _cloud.DisposeAsync();

    [Theory]
    [InlineData("vast", "exited")]
    [InlineData("gcp", "TERMINATED")]
    public async Task Preempt_OnGet_TakesTheMachineAway(string provider, string status)
    {
        var (bench, id, _) = await RunningAsync(provider);
        await bench.ArmAsync("preempt", "get");

        await bench.GetAsync(id);

        await Eventually.IsTrueAsync(async () => bench.Status(bench.Machine(await bench.GetAsync(id))!) == status, status);
    }

    [Theory]
    [InlineData("vast")]
    [InlineData("gcp")]
    public async Task Vanish_OnList_LeavesNothing(string provider)
    {
        var (bench, id, access) = await RunningAsync(provider);
        await bench.ArmAsync("vanish", "list", "\"count\":1,\"target\":\"a\"");

        Assert.Empty(bench.Machines(await bench.ListAsync()));

        Assert.Null(bench.Machine(await bench.GetAsync(id)));
        await Eventually.IsTrueAsync(async () => (await _ssh.RunAsync(access.Host, access.Port, "true")).ExitCode != 0, "unreachable");
        Assert.Empty((await _cloud.SendAsync("GET", "/local/machines")).Json["machines"]!.AsArray());
    }

    [Theory]
    [InlineData("vast")]
    [InlineData("gcp")]
    public async Task HostKeyAndDiskAndSsh_Struck_BreakAndMendWithABoot(string provider)
    {
        var (bench, id, access) = await RunningAsync(provider);
        const string Key = "cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub";
        var before = await OutputAsync(access, Key);
        await bench.ArmAsync("host-key-changed", "get");
        await bench.GetAsync(id);
        await Eventually.IsTrueAsync(async () => (await _ssh.RunAsync(access.Host, access.Port, Key)) is { ExitCode: 0 } now && now.Output.Trim() != before, "another host key");

        // The file of the key may be seen before the sshd that reads it has taken over from the one before.
        await Eventually.IsTrueAsync(async () => (await _ssh.RunAsync(access.Host, access.Port, "echo old > /workspace/old")).ExitCode == 0, "sshd is back");
        await bench.ArmAsync("disk-full", "get");
        await bench.GetAsync(id);
        var full = await _ssh.RunAsync(access.Host, access.Port, "cd /workspace && cat old && head -c 1000000 /dev/zero > new");
        Assert.NotEqual(0, full.ExitCode);
        Assert.Equal("old\n", full.Output);
        Assert.Contains("No space left on device", full.Error, StringComparison.Ordinal);

        await bench.ArmAsync("ssh-dead", "list", $"\"count\":1,\"target\":\"{id}\"");
        await bench.ListAsync();
        await Eventually.IsTrueAsync(async () => (await _ssh.RunAsync(access.Host, access.Port, "true")).ExitCode != 0, "ssh dead");
        Assert.Equal("running", bench.Status(bench.Machine(await bench.GetAsync(id))!), ignoreCase: true);

        await RebootAsync(provider, id);
        await Eventually.IsTrueAsync(async () => (await _ssh.RunAsync(access.Host, access.Port, "echo new > /workspace/new")).ExitCode == 0, "mended by a boot");
    }

    [Fact]
    public async Task SshDead_OnCreate_StrikesOnceItRuns()
    {
        var bench = new FaultBench(_cloud, "vast");
        await bench.ArmAsync("ssh-dead", "create");

        var access = bench.Access(await bench.RunningAsync(await bench.CreateAsync("a", _ssh)));

        await Eventually.IsTrueAsync(async () => (await _ssh.RunAsync(access.Host, access.Port, "true")).ExitCode != 0, "ssh dead");
    }

    [Fact]
    public async Task Preempt_OnDemandRental_StaysArmed()
    {
        var id = await _cloud.RentAsync();
        var bench = new FaultBench(_cloud, "vast");
        await bench.ArmAsync("preempt", "get");

        await bench.GetAsync(id.ToString(System.Globalization.CultureInfo.InvariantCulture));

        Assert.Equal(0, (await _cloud.SendAsync("GET", "/local/faults")).Json["faults"]![0]!["hits"]!.GetValue<int>());
        await _cloud.UntilAsync(id, "running");
    }

    private async Task RebootAsync(string provider, string id) => Assert.Equal(200, (provider == "vast"
        ? await _cloud.VastAsync("PUT", $"v0/instances/reboot/{id}/", "{}")
        : await _cloud.GcpAsync("POST", $"/zones/{FaultBench.Zone}/instances/{id}/reset")).Status);

    private async Task<(FaultBench Bench, string Id, (string Host, int Port) Access)> RunningAsync(string provider)
    {
        var bench = new FaultBench(_cloud, provider);
        var id = await bench.CreateAsync("a", _ssh, interruptible: true);
        var access = bench.Access(await bench.RunningAsync(id));
        await Eventually.IsTrueAsync(async () => (await _ssh.RunAsync(access.Host, access.Port, "true")).ExitCode == 0, "ssh");
        return (bench, id, access);
    }

    private Task<string> OutputAsync((string Host, int Port) access, string line) => _ssh.OutputAsync(access.Host, access.Port, line);
}
