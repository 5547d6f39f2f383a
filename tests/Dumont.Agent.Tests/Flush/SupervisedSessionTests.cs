using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Dumont.Agent.Tests.Link;
using Dumont.Agent.Tests.Workspace;
using Dumont.Contracts;

namespace Dumont.Agent.Tests.Flush;

/// <summary>A pair of agents, and the processes of a session that the writer's agent supervises: real calls, held by the real kernel.</summary>
public sealed class SupervisedSessionTests : IAsyncLifetime
{
    private const long Writer = 1;
    private const long Follower = 2;

    private readonly TempFolder _folder = new();
    private FakeServer _server = null!;
    private LoopbackSshd _sshd = null!;
    private TestAgent _writer = null!;
    private TestAgent _follower = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "Flushes are held by their numbers on x86-64.");
        Assert.SkipUnless(
            File.Exists("/proc/sys/kernel/seccomp/actions_avail") && (await File.ReadAllTextAsync("/proc/sys/kernel/seccomp/actions_avail", Stop)).Contains("user_notif", StringComparison.Ordinal),
            "This kernel cannot ask before a call.");
        _sshd = await LoopbackSshd.StartAsync(Path.Combine(_folder.Path, "f-state"));
        _server = await FakeServer.StartAsync();
        _follower = new TestAgent(_folder, "f", _server.Url, Follower);
        _writer = new TestAgent(_folder, "w", _server.Url, Writer, _sshd.ClientKeyFile);
        var config = new AgentConfig(_server.Url, new MachineId(Writer), "none", _writer.State, "/nowhere", TimeSpan.FromSeconds(1));
        await File.WriteAllTextAsync(_folder.File("agent.json"), JsonSerializer.Serialize(config, AgentLinkJson.Default.AgentConfig), Stop);
        await Eventually.TrueAsync(() => File.Exists(Path.Combine(_writer.State, "flush.sock")), "the agent supervises");
    }

    public async ValueTask DisposeAsync()
    {
        await _writer.DisposeAsync();
        await _follower.DisposeAsync();
        await _server.DisposeAsync();
        await _sshd.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("dd if=/dev/urandom of=file bs=3000000 count=1 conv=fsync 2>/dev/null", "file")]
    [InlineData("dd if=/dev/urandom of=file bs=100000 count=1 conv=fdatasync 2>/dev/null", "file")]
    [InlineData("mkdir -p a/b; head -c 100000 /dev/urandom > a/b/file; sync a/b/file", "a/b/file")]
    [InlineData("head -c 100000 /dev/urandom > file; head -c 100 /dev/urandom > other; sync", "file")]
    [InlineData("head -c 100000 /dev/urandom > file; sync -f file", "file")]
    [InlineData("head -c 100000 /dev/urandom > tmp; sync tmp; mv tmp file; sync .", "file")]
    public async Task Command_ThatFlushes_EndsWithItOnTheFollower(string command, string file)
    {
        await OrderAsync(AgentAcknowledge.Sync);
        for (var round = 0; round < 5; round++)
        {
            var (code, error) = await RunAsync($"cd '{_writer.Workspace}' && {command}");

            Assert.Equal((0, ""), (code, error));
            Assert.Equal(
                await File.ReadAllBytesAsync(Path.Combine(_writer.Workspace, file), Stop),
                await File.ReadAllBytesAsync(Path.Combine(_follower.Workspace, file), Stop));
            Assert.False(File.Exists(Path.Combine(_follower.Workspace, "tmp")));
        }
    }

    [Fact]
    public async Task Memory_ThatIsFlushed_IsOnTheFollower()
    {
        const string Program = "import mmap,sys;f=open(sys.argv[1],'r+b');m=mmap.mmap(f.fileno(),0);m[70000:70005]=b'moved';m.flush()";
        Assert.SkipUnless(File.Exists("/usr/bin/python3"), "Python is not installed.");
        var path = Path.Combine(_writer.Workspace, "file");
        await File.WriteAllBytesAsync(path, new byte[1_000_000], Stop);
        await OrderAsync(AgentAcknowledge.Sync);

        var (code, error) = await RunAsync($"/usr/bin/python3 -c \"{Program}\" '{path}'");

        Assert.Equal((0, ""), (code, error));
        var there = await File.ReadAllBytesAsync(Path.Combine(_follower.Workspace, "file"), Stop);
        Assert.Equal("moved"u8.ToArray(), there[70000..70005]);
    }

    [Fact]
    public async Task Command_WithoutAFollower_WaitsUntilThePromiseIsTakenBack()
    {
        await OrderAsync(AgentAcknowledge.Sync);
        await _server.OrderAsync(Writer, _writer.Order(1, AgentRole.Writer) with { Acknowledge = AgentAcknowledge.Sync });
        await _server.ReportAsync(Writer, static report => report.Sync is null, "sends to nobody");
        var running = RunAsync($"cd '{_writer.Workspace}' && echo held > file && sync file && echo done > ended");
        await Eventually.TrueAsync(() => File.Exists(Path.Combine(_writer.Workspace, "file")), "the command has come to its flush");

        // Flushes of what is not the workspace's, made after it in another session, are through long before.
        Assert.Equal((0, ""), await RunAsync($"echo other > '{_folder.File("elsewhere")}' && sync '{_folder.File("elsewhere")}'"));
        Assert.False(running.IsCompleted);
        Assert.False(File.Exists(Path.Combine(_writer.Workspace, "ended")));

        await _server.OrderAsync(Writer, _writer.Order(1, AgentRole.Writer) with { Acknowledge = AgentAcknowledge.Suspended });
        Assert.Equal((0, ""), await running);
        Assert.True(File.Exists(Path.Combine(_writer.Workspace, "ended")));
    }

    [Fact]
    public async Task Command_HeldWhileTheConnectionIsCut_EndsWhenItIsBack()
    {
        await OrderAsync(AgentAcknowledge.Sync);
        for (var round = 0; round < 5; round++)
        {
            var running = RunAsync($"cd '{_writer.Workspace}' && dd if=/dev/urandom of=file bs=3000000 count=1 conv=fsync 2>/dev/null");
            _sshd.KillSessions();

            Assert.Equal((0, ""), await running);
            Assert.Equal(
                await File.ReadAllBytesAsync(Path.Combine(_writer.Workspace, "file"), Stop),
                await File.ReadAllBytesAsync(Path.Combine(_follower.Workspace, "file"), Stop));
        }
    }

    [Fact]
    public async Task Session_OfAnAgentThatIsAway_BeginsAndSaysSo()
    {
        await OrderAsync(AgentAcknowledge.Sync);
        File.Delete(Path.Combine(_writer.State, "flush.sock"));

        var (code, error) = await RunAsync("exit 7");

        Assert.Equal(7, code);
        Assert.Contains("not waited for on the standby", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Command_ThatIsKilledWhileHeld_IsGone()
    {
        await OrderAsync(AgentAcknowledge.Sync);
        await _server.OrderAsync(Writer, _writer.Order(1, AgentRole.Writer) with { Acknowledge = AgentAcknowledge.Sync });
        await _server.ReportAsync(Writer, static report => report.Sync is null, "sends to nobody");
        using var process = Start($"cd '{_writer.Workspace}' && echo held > file && exec sync file");
        await Eventually.TrueAsync(() => File.Exists(Path.Combine(_writer.Workspace, "file")), "the command has come to its flush");

        process.Kill(entireProcessTree: true);

        await process.WaitForExitAsync(Stop).WaitAsync(TimeSpan.FromSeconds(30), Stop);
    }

    [Fact]
    public async Task Keys_OfAPromise_BeginWithTheSession()
    {
        const string Key = Machine.SshKeyTests.Ed25519;
        await _server.OrderAsync(Writer, _writer.Order(1, AgentRole.Writer, keys: Key) with { Acknowledge = AgentAcknowledge.Suspended });
        var path = Path.Combine(_writer.Home, ".ssh/authorized_keys");
        await Eventually.TrueAsync(() => File.Exists(path) && File.ReadAllText(path).Contains($"command=\"dumont-agent session\" {Key}\n", StringComparison.Ordinal), "supervised");

        await _server.OrderAsync(Writer, _writer.Order(1, AgentRole.Writer, keys: Key));
        await Eventually.TrueAsync(() => File.ReadAllText(path).Contains($"\n{Key}\n", StringComparison.Ordinal), "as before");
    }

    private async Task OrderAsync(AgentAcknowledge acknowledge)
    {
        await _server.OrderAsync(Follower, _follower.Order(1, AgentRole.Follower));
        await _server.OrderAsync(Writer, _writer.Order(1, AgentRole.Writer, _sshd.Target) with { Acknowledge = acknowledge, PromiseNumber = 5 });
        await _server.ReportAsync(Writer, static report => report.Promised == 5 && report.Sync is { State: AgentSyncState.Live }, "promises");
    }

    private async Task<(int Code, string Error)> RunAsync(string command)
    {
        using var process = Start(command);
        var error = process.StandardError.ReadToEndAsync(Stop);
        await process.WaitForExitAsync(Stop).WaitAsync(TimeSpan.FromSeconds(60), Stop);
        return (process.ExitCode, await error);
    }

    private Process Start(string command)
    {
        string[] program = [.. AgentProgram.Command, "session", "--config", _folder.File("agent.json")];
        var start = new ProcessStartInfo(program[0], program[1..]) { RedirectStandardError = true };
        start.Environment["SHELL"] = "/bin/sh";
        start.Environment["SSH_ORIGINAL_COMMAND"] = command;
        return Process.Start(start)!;
    }
}
