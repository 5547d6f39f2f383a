using Dumont.Agent.Machine;

namespace Dumont.Agent.Tests.Machine;

public sealed class MachineMetricsTests
{
    [Fact]
    public void Gpus_UsualAnswer_IsRead()
    {
        var gpus = GpuPoller.Parse("NVIDIA GeForce RTX 4090, 97, 20123, 24564, 71, 401.52\nOdd, Name, 0, 1, 2, [N/A], [Not Supported]\n");

        Assert.Equal(2, gpus.Count);
        Assert.Equal(new("NVIDIA GeForce RTX 4090", 97, 20123, 24564, 71, 401.52), gpus[0]);
        Assert.Equal(new("Odd, Name", 0, 1, 2, null, null), gpus[1]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("No devices were found\n")]
    public void Gpus_NoAnswer_IsEmpty(string answer) => Assert.Empty(GpuPoller.Parse(answer));

    [Fact]
    public async Task Gpus_NoProgram_EndsQuietly()
    {
        var poller = new GpuPoller("/nowhere/nvidia-smi", new AgentOptions(), TestAgent.Log, TimeProvider.System);

        await poller.RunAsync(TestContext.Current.CancellationToken);

        Assert.Empty(poller.Latest);
    }

    [Fact]
    public async Task Gpus_ProgramHangs_IsEndedAndForgotten()
    {
        using var folder = new TempFolder();
        var program = folder.File("nvidia-smi");
        File.WriteAllText(program, "#!/bin/sh\nexec sleep 1000\n");
        File.SetUnixFileMode(program, (UnixFileMode)0b111_000_000);
        var log = new StringWriter();
        var options = new AgentOptions { GpuTimeout = TimeSpan.FromMilliseconds(50), GpuPeriod = TimeSpan.FromMilliseconds(20) };
        var poller = new GpuPoller(program, options, new AgentLog(TextWriter.Synchronized(log), TimeProvider.System), TimeProvider.System);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

        var running = poller.RunAsync(stop.Token);
        await Eventually.TrueAsync(() => log.ToString().Contains("gpu.query_failed", StringComparison.Ordinal), "the timeout");
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public void Measure_ThisMachine_IsPlausible()
    {
        var metrics = NewMetrics("/proc", new Cgroup("/proc", "/sys/fs/cgroup"));
        metrics.Measure("/");

        var now = metrics.Measure("/");

        Assert.InRange(now.CpuPercent!.Value, 0, 100);
        Assert.InRange(now.CpuCores!.Value, 0.1, 10_000);
        Assert.InRange(now.MemoryUsedBytes!.Value, 1, now.MemoryTotalBytes!.Value);
        Assert.InRange(now.DiskUsedBytes!.Value, 1, now.DiskTotalBytes!.Value);
        Assert.NotNull(now.NetworkReceivedBytes);
        Assert.NotNull(now.SshSessions);
    }

    [Fact]
    public void Measure_NothingReadable_IsNull()
    {
        using var empty = new TempFolder();

        var now = NewMetrics(empty.Path, new Cgroup(empty.Path, empty.Path)).Measure("/");

        Assert.Null(now.CpuPercent);
        Assert.Null(now.MemoryUsedBytes);
        Assert.Null(now.NetworkSentBytes);
    }

    [Fact]
    public void Cgroup_Version2_LimitsAreRead()
    {
        using var folder = new TempFolder();
        Write(folder, "proc/self/cgroup", "0::/box\n");
        Write(folder, "cg/box/cpu.max", "150000 100000\n");
        Write(folder, "cg/box/cpu.stat", "usage_usec 2500000\nuser_usec 1\n");
        Write(folder, "cg/box/memory.max", "1000000\n");
        Write(folder, "cg/box/memory.current", "400000\n");
        Write(folder, "cg/box/memory.stat", "anon 1\ninactive_file 100000\n");

        var cgroup = new Cgroup(folder.File("proc"), folder.File("cg"));

        Assert.Equal(1.5, cgroup.CpuLimit);
        Assert.Equal(TimeSpan.FromSeconds(2.5), cgroup.CpuUsage);
        Assert.Equal((300_000, 1_000_000), cgroup.Memory);
    }

    [Fact]
    public void Cgroup_Version2WithoutLimits_IsNull()
    {
        using var folder = new TempFolder();
        Write(folder, "cg/cpu.max", "max 100000\n");
        Write(folder, "cg/memory.max", "max\n");
        Write(folder, "cg/memory.current", "400000\n");

        var cgroup = new Cgroup(folder.File("proc"), folder.File("cg"));

        Assert.Null(cgroup.CpuLimit);
        Assert.Null(cgroup.Memory);
    }

    [Fact]
    public void Cgroup_Version1_LimitsAreRead()
    {
        using var folder = new TempFolder();
        Write(folder, "proc/self/cgroup", "5:memory:/box\n4:cpu,cpuacct:/box\n");
        Write(folder, "cg/cpu/box/cpu.cfs_quota_us", "50000\n");
        Write(folder, "cg/cpu/box/cpu.cfs_period_us", "100000\n");
        Write(folder, "cg/cpuacct/box/cpuacct.usage", "3000000000\n");
        Write(folder, "cg/memory/box/memory.limit_in_bytes", "2000000\n");
        Write(folder, "cg/memory/box/memory.usage_in_bytes", "900000\n");
        Write(folder, "cg/memory/box/memory.stat", "total_inactive_file 400000\n");

        var cgroup = new Cgroup(folder.File("proc"), folder.File("cg"));

        Assert.Equal(0.5, cgroup.CpuLimit);
        Assert.Equal(TimeSpan.FromSeconds(3), cgroup.CpuUsage);
        Assert.Equal((500_000, 2_000_000), cgroup.Memory);
    }

    private static MachineMetrics NewMetrics(string procFolder, Cgroup cgroup) => new(
        procFolder,
        cgroup,
        new ProcessTable("/proc"),
        new GpuPoller("/nowhere", new AgentOptions(), TestAgent.Log, TimeProvider.System),
        TimeProvider.System);

    private static void Write(TempFolder folder, string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(folder.File(path))!);
        File.WriteAllText(folder.File(path), text);
    }
}
