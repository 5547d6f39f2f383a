using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Tests.Gcp;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Machines;

/// <summary>Limits in both versions of control groups, and what a machine feels of those that this computer has.</summary>
public sealed class ControlGroupTests : IDisposable
{
    private static readonly MachineLimits Limits = new(512, 1.5);

    private readonly string _root = Directory.CreateTempSubdirectory("dumont-groups-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Groups_OfVersionOne_AreOnePerController()
    {
        foreach (var controller in (string[])["memory", "cpu", "pids"])
        {
            Directory.CreateDirectory(Path.Combine(_root, controller));
        }

        var made = new ControlGroups("m", _root).Create(Limits);

        Assert.Equal(["memory", "cpu", "pids"], made.Select(group => group.Controller));
        Assert.Equal(("536870912", "150000", "4096"), (Read("memory/dumont/m/memory.limit_in_bytes"), Read("cpu/dumont/m/cpu.cfs_quota_us"), Read("pids/dumont/m/pids.max")));
    }

    [Fact]
    public void Groups_OfVersionTwo_AreOneWithItsControllersEnabledAbove()
    {
        File.WriteAllText(Path.Combine(_root, "cgroup.controllers"), "cpu memory pids");

        var made = new ControlGroups("m", _root).Create(Limits);

        Assert.Equal(("", Path.Combine(_root, "dumont", "m")), Assert.Single(made));
        Assert.Equal(("536870912", "150000 100000", "4096"), (Read("dumont/m/memory.max"), Read("dumont/m/cpu.max"), Read("dumont/m/pids.max")));
        Assert.Equal(("+pids", "+pids"), (Read("cgroup.subtree_control"), Read("dumont/cgroup.subtree_control")));
    }

    [Fact]
    public void Groups_OfVersionTwoWithoutAController_LimitTheRest()
    {
        File.WriteAllText(Path.Combine(_root, "cgroup.controllers"), "cpu pids");
        // A folder where the file would be: writing it fails, as it does without the controller.
        Directory.CreateDirectory(Path.Combine(_root, "dumont", "m", "memory.max"));

        Assert.Single(new ControlGroups("m", _root).Create(Limits));

        Assert.Equal("150000 100000", Read("dumont/m/cpu.max"));
    }

    [Fact]
    public void Groups_WhereThereAreNone_AreNoReasonNotToRun() => Assert.Empty(new ControlGroups("m", _root).Create(Limits));

    [Fact]
    public async Task Machine_UsingMoreMemoryThanItRented_LosesTheProcess()
    {
        await using var cloud = await TestCloud.StartAsync();
        var ssh = await Ssh.CreateAsync(cloud.Folder);
        var body = VmTests.Body("small", ssh).Replace("e2-medium", "e2-micro", StringComparison.Ordinal);
        await cloud.GcpAsync("POST", "/zones/europe-west1-b/instances", body);
        var address = VmTests.NatIp(await cloud.VmUntilAsync("europe-west1-b", "small", "RUNNING"))!;
        await Eventually.IsTrueAsync(async () => (await ssh.RunAsync(address, cloud.GcpSshPort, "true")).ExitCode == 0, "root login");

        var limit = await ssh.OutputAsync(address, cloud.GcpSshPort, "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || true");
        if (limit.Length == 0)
        {
            Assert.Skip("this computer lets nobody limit memory");
        }

        Assert.Equal((1024L << 20).ToString(System.Globalization.CultureInfo.InvariantCulture), limit);
        // tail keeps a line without end in memory.
        Assert.NotEqual(0, (await ssh.RunAsync(address, cloud.GcpSshPort, "set -o pipefail; head -c 1300M /dev/zero | tail -n 1 | wc -c")).ExitCode);
        Assert.Equal("alive", await ssh.OutputAsync(address, cloud.GcpSshPort, "echo alive"));
    }

    private string Read(string path) => File.ReadAllText(Path.Combine(_root, path));
}
