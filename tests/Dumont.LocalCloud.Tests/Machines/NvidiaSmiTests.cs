using System.Xml.Linq;
using Dumont.LocalCloud.Tests.Support;
using Dumont.LocalCloud.Tests.Vast;

namespace Dumont.LocalCloud.Tests.Machines;

/// <summary>The forms of <c>nvidia-smi</c> that programs read.</summary>
public sealed class NvidiaSmiTests : IAsyncLifetime
{
    private TestCloud _cloud = null!;
    private Ssh _ssh = null!;
    private (string Host, int Port) _machine;

    public async ValueTask InitializeAsync()
    {
        _cloud = await TestCloud.StartAsync();
        _ssh = await _cloud.KeyAsync();
        _machine = MachineTests.Access(await _cloud.UntilAsync(await _cloud.RentAsync(gpu: "RTX 3090", gpus: 2), "running"));
    }

    public ValueTask DisposeAsync() => _cloud.DisposeAsync();

    [Fact]
    public async Task NvidiaSmi_OnTwoGpus_SpeaksEveryForm()
    {
        Assert.Matches(@"^GPU 0: NVIDIA GeForce RTX 3090 \(UUID: GPU-[0-9a-f-]{36}\)\nGPU 1: ", await RunAsync("-L"));
        Assert.Equal(
            "index, name, memory.total [MiB], utilization.gpu [%]\n0, NVIDIA GeForce RTX 3090, 24576 MiB, 0 %\n1, NVIDIA GeForce RTX 3090, 24576 MiB, 0 %",
            await RunAsync("--query-gpu=index,name,memory.total,utilization.gpu --format=csv"));
        Assert.Equal("24576, 0, 24576, P8, 8.6, 2", (await RunAsync("--query-gpu=memory.total,memory.used,memory.free,pstate,compute_cap,count --format=csv,noheader,nounits")).Split('\n')[1]);
        Assert.Equal("35.00 W, 350.00 W, 00000000:02:00.0", await RunAsync("--query-gpu=power.draw,power.limit,pci.bus_id --format=csv,noheader -i 1"));
        Assert.Contains("Driver Version: ", await RunAsync(""), StringComparison.Ordinal);
        Assert.Equal("pid, used_gpu_memory [MiB]", await RunAsync("--query-compute-apps=pid,used_memory --format=csv"));
        Assert.Equal("", await RunAsync("--query-compute-apps=pid,process_name --format=csv,noheader"));
        Assert.Equal("fan.speed [%], clocks.sm [MHz], serial\n[N/A], [N/A], [N/A]", await RunAsync("--query-gpu=fan.speed,clocks.sm,serial --format=csv --id=0"));
        Assert.Equal("0\n1", await RunAsync("--query-gpu=index --format=csv,noheader -i 0,1"));
        Assert.Equal("0\n1\n0\n1", await ShellAsync("timeout 5 nvidia-smi --query-gpu=index --format=csv,noheader --loop-ms=10 | head -n 4"));
    }

    [Fact]
    public async Task NvidiaSmi_AsXml_IsALogThatCanBeRead()
    {
        var log = XDocument.Parse((await RunAsync("-q -x")).Replace("<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">", "", StringComparison.Ordinal)).Root!;

        Assert.Equal(("nvidia_smi_log", "2"), (log.Name.LocalName, log.Element("attached_gpus")!.Value));
        var gpu = log.Elements("gpu").Last();
        Assert.Equal(
            ("00000000:02:00.0", "NVIDIA GeForce RTX 3090", "24576 MiB", "0 %"),
            (gpu.Attribute("id")!.Value, gpu.Element("product_name")!.Value, gpu.Element("fb_memory_usage")!.Element("total")!.Value, gpu.Element("utilization")!.Element("gpu_util")!.Value));
    }

    [Fact]
    public async Task NvidiaSmi_AskedForAnUnknownField_SaysWhatTheRealOneSays()
    {
        var result = await _ssh.RunAsync(_machine.Host, _machine.Port, "nvidia-smi --query-gpu=name,colour --format=csv");

        Assert.Equal((2, "Field \"colour\" is not a valid field to query.\n\n"), (result.ExitCode, result.Output));
    }

    [Theory]
    [InlineData("--query-gpu=name")]
    [InlineData("--query-gpu=colour --format=csv")]
    [InlineData("--frobnicate")]
    [InlineData("-L -i 7")]
    [InlineData("-q")]
    [InlineData("-x")]
    [InlineData("--query-compute-apps=pid,colour --format=csv")]
    public async Task NvidiaSmi_AskedWrongly_Fails(string arguments) =>
        Assert.NotEqual(0, (await _ssh.RunAsync(_machine.Host, _machine.Port, "nvidia-smi " + arguments)).ExitCode);

    private Task<string> ShellAsync(string line) => _ssh.OutputAsync(_machine.Host, _machine.Port, line);

    private Task<string> RunAsync(string arguments) => _ssh.OutputAsync(_machine.Host, _machine.Port, "nvidia-smi " + arguments);
}
