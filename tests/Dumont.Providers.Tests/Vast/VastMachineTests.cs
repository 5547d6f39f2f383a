namespace Dumont.Providers.Tests.Vast;

public sealed class VastMachineTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null, "running", "unloaded", "running", ProviderMachineState.Provisioning)]
    [InlineData("created", "running", "running", "running", ProviderMachineState.Provisioning)]
    [InlineData("loading", "running", "running", "running", ProviderMachineState.Loading)]
    [InlineData("running", "running", "running", "running", ProviderMachineState.Running)]
    [InlineData("running", "stopped", "running", "stopped", ProviderMachineState.Stopping)]
    [InlineData("exited", "stopped", "stopped", "stopped", ProviderMachineState.Stopped)]
    [InlineData("stopped", "stopped", "stopped", "stopped", ProviderMachineState.Stopped)]
    [InlineData("frozen", "frozen", "stopped", "stopped", ProviderMachineState.Stopped)]
    [InlineData("exited", "running", "stopped", "running", ProviderMachineState.Provisioning)]
    [InlineData("exited", "running", "running", "running", ProviderMachineState.Loading)]
    [InlineData("offline", "running", "running", "running", ProviderMachineState.Offline)]
    [InlineData("offline", "stopped", "stopped", "stopped", ProviderMachineState.Offline)]
    [InlineData("unknown", "running", "running", "running", ProviderMachineState.Offline)]
    [InlineData("rebooting", "running", "running", "running", ProviderMachineState.Loading)]
    [InlineData(null, "stopped", "stopped", "stopped", ProviderMachineState.Stopped)]
    [InlineData("something new", "running", "running", "running", ProviderMachineState.Provisioning)]
    public async Task State_OfEachSituation_IsMapped(string? actual, string intended, string current, string next, ProviderMachineState state)
    {
        var status = actual is null ? "null" : $"\"{actual}\"";
        var machine = await ReadAsync($$"""
            "actual_status":{{status}},"intended_status":"{{intended}}","cur_state":"{{current}}","next_state":"{{next}}","status_msg":"success, running x/ssh"
            """);

        Assert.Equal(state, machine.State);
    }

    [Theory]
    [InlineData("failed to start: OCI runtime create failed: no such device")]
    [InlineData("Error response from daemon: failed to create task for container")]
    public async Task State_StartFailed_IsFailed(string message)
    {
        var machine = await ReadAsync($$"""
            "actual_status":"created","intended_status":"stopped","cur_state":"stopped","next_state":"stopped","status_msg":"{{message}}"
            """);

        Assert.Equal((ProviderMachineState.Failed, message), (machine.State, machine.StatusMessage));
    }

    [Fact]
    public async Task Machine_Recorded_IsMappedWhole()
    {
        var machine = await ReadAsync("""
            "actual_status":"running","intended_status":"running","cur_state":"running","next_state":"running","status_msg":"success, running img/ssh",
            "label":"dumont/srv/12/3","machine_id":143413,"gpu_name":"RTX 4090","num_gpus":2,"is_bid":true,"dph_total":0.41,"geolocation":"Texas, US",
            "start_date":1763640000.5,"public_ipaddr":" 203.0.113.9\n","ssh_host":"ssh6.vast.ai","ssh_port":10600,"image_runtype":"ssh ssh_direc ssh_proxy",
            "ports":{"22/tcp":[{"HostIp":"0.0.0.0","HostPort":"33526"},{"HostIp":"::","HostPort":"33526"}],"8080/tcp":[{"HostIp":"0.0.0.0","HostPort":"33527"}],"9/udp":[]}
            """);

        Assert.Equal(("dumont/srv/12/3", "203.0.113.9", 33526, "203.0.113.9"), (machine.Tag, machine.SshHost, machine.SshPort, machine.PublicIp));
        Assert.Equal(new Dictionary<string, int> { ["22/tcp"] = 33526, ["8080/tcp"] = 33527 }, machine.Ports);
        Assert.Equal((143413, "RTX 4090", 2, true, 0.41m), (machine.HostMachineId, machine.GpuName, machine.GpuCount, machine.Interruptible, machine.UsdPerHour));
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1763640000500), machine.CreatedAt);
    }

    [Theory]
    [InlineData("ssh_direc ssh_proxy", 10882)]
    [InlineData("jupyter_direc ssh_direc ssh_proxy", 10883)]
    public async Task Ssh_WithoutDirectPort_GoesThroughTheProxy(string runtype, int port)
    {
        var machine = await ReadAsync($$"""
            "public_ipaddr":"203.0.113.9","ssh_host":"ssh6.vast.ai","ssh_port":10882,"image_runtype":"{{runtype}}"
            """);

        Assert.Equal(("ssh6.vast.ai", port), (machine.SshHost, machine.SshPort));
    }

    [Theory]
    [InlineData("\"ssh_host\":\"-oProxyCommand=touch /tmp/x\",\"ssh_port\":22")]
    [InlineData("\"ssh_host\":\"a b\",\"ssh_port\":22")]
    [InlineData("\"ssh_host\":\"ssh6.vast.ai\",\"ssh_port\":70000")]
    [InlineData("\"ssh_host\":\"ssh6.vast.ai\"")]
    [InlineData("\"public_ipaddr\":\"-v\",\"ports\":{\"22/tcp\":[{\"HostPort\":\"22\"}]}")]
    [InlineData("\"public_ipaddr\":\"203.0.113.9\",\"ports\":{\"22/tcp\":[{\"HostPort\":\"0\"}]}")]
    public async Task Ssh_EndpointThatIsNone_IsNotTold(string fields)
    {
        var machine = await ReadAsync(fields);

        Assert.Null(machine.SshHost);
        Assert.Null(machine.SshPort);
    }

    [Fact]
    public async Task Tag_OfAStranger_IsNull() => Assert.Null((await ReadAsync("\"label\":\"my training box\"")).Tag);

    [Fact]
    public async Task Get_InstancesNull_IsAbsent()
    {
        using var bench = VastBench.Answering("""{"instances":null}""");

        Assert.IsType<MachineReading.Absent>(await bench.Provider.GetAsync("9", Cancel));
        Assert.Equal("/api/v0/instances/9/", Assert.Single(bench.Network.Sent).Path);
    }

    [Fact]
    public async Task Get_NoSuchInstance_IsAbsent()
    {
        using var bench = VastBench.Answering("""{"success":false,"error":"no_such_instance","msg":"x"}""", 404);

        Assert.IsType<MachineReading.Absent>(await bench.Provider.GetAsync("9", Cancel));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"success":true}""")]
    [InlineData("""{"instances":[]}""")]
    [InlineData("""{"instances":{}}""")]
    [InlineData("""{"instances":{"id":10}}""")]
    [InlineData("""{"instances":false}""")]
    [InlineData("null")]
    public async Task Get_AnswerWithoutTheInstance_IsUnknownNeverAbsent(string json)
    {
        using var bench = VastBench.Answering(json);

        Assert.Equal(ProviderErrorKind.Protocol, Assert.IsType<MachineReading.Unknown>(await bench.Provider.GetAsync("9", Cancel)).Kind);
    }

    [Fact]
    public async Task Start_GpuTaken_IsQueued()
    {
        using var bench = VastBench.Answering("""{"success":false,"msg":"Required resources are currently unavailable, state change queued."}""");

        Assert.Contains("queued", Assert.IsType<EffectResult.Queued>(await bench.Provider.StartAsync("9", Cancel)).Reason, StringComparison.Ordinal);
        Assert.Equal("""{"state":"running"}""", Assert.Single(bench.Network.Sent).Body);
    }

    [Fact]
    public async Task Destroy_Gone_IsNotFoundAndSentAsDocumented()
    {
        using var bench = VastBench.Answering("""{"success":false,"error":"no_such_instance","msg":"no"}""", 404);

        Assert.IsType<EffectResult.NotFound>(await bench.Provider.DestroyAsync("9", Cancel));
        var sent = Assert.Single(bench.Network.Sent);
        Assert.Equal((HttpMethod.Delete, "/api/v0/instances/9/", "{}"), (sent.Method, sent.Path, sent.Body));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"success":null}""")]
    public async Task Destroy_AnswerWithoutSuccess_IsUnknown(string json)
    {
        using var bench = VastBench.Answering(json);

        Assert.IsType<EffectResult.Unknown>(await bench.Provider.DestroyAsync("9", Cancel));
    }

    private static async Task<ProviderMachine> ReadAsync(string fields)
    {
        using var bench = VastBench.Answering("{\"instances\":{\"id\":9," + fields + "}}");
        return Assert.IsType<MachineReading.Present>(await bench.Provider.GetAsync("9", Cancel)).Machine;
    }
}
