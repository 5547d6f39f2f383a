using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests;

/// <summary>The program ended, killed, started again and started wrongly.</summary>
public sealed class RestartTests : IAsyncLifetime
{
    private readonly string _folder = Scratch.Create("dumont-cloud-");
    private CloudProcess _cloud = null!;

    public ValueTask InitializeAsync()
    {
        _cloud = new CloudProcess(_folder);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _cloud.DisposeAsync();
        await TestCloud.CleanAsync(_folder);
    }

    [Fact]
    public async Task Cloud_KilledAndStarted_AdoptsTheMachineThatKeptRunning()
    {
        await _cloud.StartAsync();
        var (id, ssh, host, port) = await _cloud.RentAsync();
        var before = await ssh.OutputAsync(host, port, "touch /run/not-rebooted; stat -c %Y /proc/1");

        await _cloud.EndAsync(ProcessIdentity.Kill);
        Assert.Equal(before, await ssh.OutputAsync(host, port, "stat -c %Y /proc/1"));

        await _cloud.StartAsync();
        Assert.Equal("running", (await _cloud.InstanceAsync(id))!["actual_status"]!.ToString());
        Assert.Equal(before, await ssh.OutputAsync(host, port, "ls /run/not-rebooted >/dev/null && stat -c %Y /proc/1"));
    }

    [Fact]
    public async Task Cloud_KilledAndItsMachineDies_BootsItAgain()
    {
        await _cloud.StartAsync();
        var (id, ssh, host, port) = await _cloud.RentAsync();
        await ssh.OutputAsync(host, port, "touch /workspace/kept");
        await _cloud.EndAsync(ProcessIdentity.Kill);
        var machine = _cloud.MachineOf(id);
        machine.FindChild()!.Signal(ProcessIdentity.Kill);
        await Eventually.IsTrueAsync(() => !machine.IsAlive, "machine dead");

        await _cloud.StartAsync();

        await UntilReachedAsync(ssh, host, port);
        Assert.Equal("/workspace/kept", await ssh.OutputAsync(host, port, "ls /workspace/kept"));
    }

    [Fact]
    public async Task Cloud_Ended_StopsItsMachinesAndBootsThemNextTime()
    {
        await _cloud.StartAsync();
        var (id, ssh, host, port) = await _cloud.RentAsync();
        await ssh.OutputAsync(host, port, "touch /workspace/kept");
        var machine = _cloud.MachineOf(id);

        Assert.Equal(0, await _cloud.EndAsync(ProcessIdentity.Terminate));
        Assert.False(machine.IsAlive);
        Assert.NotEqual(0, (await ssh.RunAsync(host, port, "true")).ExitCode);

        await _cloud.StartAsync();
        await UntilReachedAsync(ssh, host, port);
        Assert.Equal("/workspace/kept", await ssh.OutputAsync(host, port, "ls /workspace/kept"));
    }

    [Fact]
    public async Task Cloud_SecondOnTheSameFolder_RefusesToStart()
    {
        await _cloud.StartAsync();

        var second = await RunAsync("--port", "0");

        Assert.Equal(1, second.ExitCode);
        Assert.Contains("already", second.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--port", "many")]
    [InlineData("--credit", "lots")]
    [InlineData("--gcp-ssh-port", "99999")]
    public async Task Cloud_WithAWrongSetting_SaysWhichAndEnds(string argument, string value)
    {
        var run = await RunAsync(argument, value);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains(value, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Account_OfAStartedCloud_IsPrivate()
    {
        await _cloud.StartAsync();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_cloud.Data, "account.json")));
        Assert.Contains("BEGIN PRIVATE KEY", _cloud.Account()["gcp_service_account"]!["private_key"]!.ToString(), StringComparison.Ordinal);
    }

    private static Task UntilReachedAsync(Ssh ssh, string host, int port) =>
        Eventually.IsTrueAsync(async () => (await ssh.RunAsync(host, port, "true")).ExitCode == 0, "machine reached again");

    private Task<ShellCommand.Result> RunAsync(params string[] arguments) =>
        ShellCommand.RunAsync(["dotnet", CloudProcess.Program, "--data", _cloud.Data, .. arguments], TestContext.Current.CancellationToken);
}
