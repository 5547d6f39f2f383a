using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Tests.Support;
using Dumont.LocalCloud.Tests.Vast;

namespace Dumont.LocalCloud.Tests;

/// <summary>The program as others start it: by its file, with arguments, found through <c>account.json</c>; ended, killed, started again.</summary>
public sealed class RestartTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("dumont-cloud-").FullName;
    private readonly HttpClient _http = new();
    private Process? _process;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await EndAsync(ProcessIdentity.Kill);
        _http.Dispose();
        await TestCloud.CleanAsync(_folder);
    }

    [Fact]
    public async Task Cloud_KilledAndStarted_AdoptsTheMachineThatKeptRunning()
    {
        await StartAsync();
        var (id, ssh, host, port) = await RentAsync();
        var before = await ssh.OutputAsync(host, port, "touch /run/not-rebooted; stat -c %Y /proc/1");

        await EndAsync(ProcessIdentity.Kill);
        Assert.Equal(before, await ssh.OutputAsync(host, port, "stat -c %Y /proc/1"));

        await StartAsync();
        Assert.Equal("running", (await InstanceAsync(id))!["actual_status"]!.ToString());
        Assert.Equal(before, await ssh.OutputAsync(host, port, "ls /run/not-rebooted >/dev/null && stat -c %Y /proc/1"));
    }

    [Fact]
    public async Task Cloud_KilledAndItsMachineDies_BootsItAgain()
    {
        await StartAsync();
        var (id, ssh, host, port) = await RentAsync();
        await ssh.OutputAsync(host, port, "touch /workspace/kept");
        await EndAsync(ProcessIdentity.Kill);
        var machine = new MachineFolder(Path.Combine(_folder, "data", "machines"), $"vast-{id}").FindProcess()!.Identity;
        machine.FindChild()!.Signal(ProcessIdentity.Kill);
        await Eventually.IsTrueAsync(() => !machine.IsAlive, "machine dead");

        await StartAsync();

        await Eventually.IsTrueAsync(async () => (await InstanceAsync(id))!["actual_status"]?.ToString() == "running", "running again");
        Assert.Equal("/workspace/kept", await ssh.OutputAsync(host, port, "ls /workspace/kept"));
    }

    [Fact]
    public async Task Cloud_Ended_StopsItsMachinesAndBootsThemNextTime()
    {
        await StartAsync();
        var (id, ssh, host, port) = await RentAsync();
        await ssh.OutputAsync(host, port, "touch /workspace/kept");
        var machine = new MachineFolder(Path.Combine(_folder, "data", "machines"), $"vast-{id}").FindProcess()!.Identity;

        Assert.Equal(0, await EndAsync(ProcessIdentity.Terminate));
        Assert.False(machine.IsAlive);
        Assert.NotEqual(0, (await ssh.RunAsync(host, port, "true")).ExitCode);

        await StartAsync();
        await Eventually.IsTrueAsync(async () => (await InstanceAsync(id))!["actual_status"]?.ToString() == "running", "running again");
        Assert.Equal("/workspace/kept", await ssh.OutputAsync(host, port, "ls /workspace/kept"));
    }

    [Fact]
    public async Task Cloud_SecondOnTheSameFolder_RefusesToStart()
    {
        await StartAsync();

        var second = await ShellCommand.RunAsync(["dotnet", Program, "--port", "0", "--data", Path.Combine(_folder, "data")], TestContext.Current.CancellationToken);

        Assert.Equal(1, second.ExitCode);
        Assert.Contains("already", second.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--port", "many")]
    [InlineData("--credit", "lots")]
    [InlineData("--gcp-ssh-port", "99999")]
    public async Task Cloud_WithAWrongSetting_SaysWhichAndEnds(string argument, string value)
    {
        var run = await ShellCommand.RunAsync(["dotnet", Program, "--data", Path.Combine(_folder, "data"), argument, value], TestContext.Current.CancellationToken);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains(value, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Account_OfAStartedCloud_IsPrivate()
    {
        await StartAsync();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_folder, "data", "account.json")));
        Assert.Contains("BEGIN PRIVATE KEY", Account()["gcp_service_account"]!["private_key"]!.ToString(), StringComparison.Ordinal);
    }

    private static string Program => typeof(LocalCloudApp).Assembly.Location;

    private JsonObject Account() => JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "data", "account.json")))!.AsObject();

    private async Task StartAsync()
    {
        var start = new ProcessStartInfo("dotnet", [Program, "--port", "0", "--data", Path.Combine(_folder, "data"), "--boot-delay-ms", "50"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginErrorReadLine();
        var line = await _process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        Assert.StartsWith("local cloud ready on http://127.0.0.1:", line, StringComparison.Ordinal);
        Assert.EndsWith(line!["local cloud ready on ".Length..], Account()["base_url"]!.ToString(), StringComparison.Ordinal);
    }

    private async Task<int> EndAsync(int signal)
    {
        if (_process is null)
        {
            return 0;
        }

        ProcessIdentity.Find(_process.Id)?.Signal(signal);
        await _process.WaitForExitAsync(CancellationToken.None);
        var code = _process.ExitCode;
        _process.Dispose();
        _process = null;
        return code;
    }

    private async Task<(long Id, Ssh Ssh, string Host, int Port)> RentAsync()
    {
        var ssh = await Ssh.CreateAsync(_folder);
        await CallAsync("POST", "ssh/", new JsonObject { ["ssh_key"] = ssh.PublicKey }.ToJsonString());
        var offer = (await CallAsync("POST", "bundles/", """{"gpu_name":{"eq":"RTX 4090"},"num_gpus":{"eq":1},"limit":1}"""))["offers"]![0]!["id"];
        var id = (await CallAsync("PUT", $"asks/{offer}/", TestCloud.RentBody()))["new_contract"]!.GetValue<long>();
        JsonObject? instance = null;
        await Eventually.IsTrueAsync(async () => (instance = await InstanceAsync(id))!["actual_status"]?.ToString() == "running", "running");
        var (host, port) = MachineTests.Access(instance!);
        return (id, ssh, host, port);
    }

    private async Task<JsonObject?> InstanceAsync(long id) => (await CallAsync("GET", $"instances/{id}/"))["instances"]?.AsObject();

    private async Task<JsonObject> CallAsync(string method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri($"{Account()["base_url"]}/api/v0/{path}"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Account()["vast_api_key"]!.ToString());
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!.AsObject();
    }
}
