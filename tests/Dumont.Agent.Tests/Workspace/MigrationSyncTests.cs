using System.Diagnostics;
using Dumont.Agent.Tests.Link;
using Dumont.Contracts;

namespace Dumont.Agent.Tests.Workspace;

/// <summary>A writer that is to move: its second sync, and the comparison by content before the move.</summary>
public sealed class MigrationSyncTests : IAsyncLifetime
{
    private const long Writer = 1;
    private const long Target = 2;

    private readonly TempFolder _folder = new();
    private FakeServer _server = null!;
    private LoopbackSshd _sshd = null!;
    private TestAgent _writer = null!;
    private TestAgent _target = null!;

    public async ValueTask InitializeAsync()
    {
        _sshd = await LoopbackSshd.StartAsync(Path.Combine(_folder.Path, "t-state"));
        _server = await FakeServer.StartAsync();
        _target = new TestAgent(_folder, "t", _server.Url, Target);
        _writer = new TestAgent(_folder, "w", _server.Url, Writer, _sshd.ClientKeyFile);
    }

    public async ValueTask DisposeAsync()
    {
        await _writer.DisposeAsync();
        await _target.DisposeAsync();
        await _server.DisposeAsync();
        await _sshd.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Check_FileThatDiffersBehindTheSameSizeAndTime_IsFoundAndMended()
    {
        var (small, large) = (new byte[1000], new byte[3_000_000]);
        var random = new Random(1);
        random.NextBytes(small);
        random.NextBytes(large);
        File.WriteAllBytes(Path.Combine(_writer.Workspace, "small"), small);
        File.WriteAllBytes(Path.Combine(_writer.Workspace, "large"), large);
        await OrderAsync(check: 0);
        var report = await _server.ReportAsync(Writer, report => report.Migration is { State: AgentSyncState.Live, Check: 0 }, "live");
        Assert.Equal(new MachineId(Target), report.Migration!.Peer);
        Assert.Null(report.Sync);
        Spoil("small");
        Spoil("large");

        await _server.OrderAsync(Target, _target.Order(1, AgentRole.Follower) with { Check = 1 });
        await _server.ReportAsync(Target, report => report.Sync is { Check: 1 }, "the target has forgotten");
        await OrderAsync(check: 1);
        await _server.ReportAsync(Writer, report => report.Migration is { State: AgentSyncState.Live, Check: 1 }, "compared");

        Assert.Equal(small, File.ReadAllBytes(Path.Combine(_target.Workspace, "small")));
        Assert.Equal(large, File.ReadAllBytes(Path.Combine(_target.Workspace, "large")));
    }

    [Fact]
    public async Task Drain_OrderedWithATarget_SaysOfThatSyncThatItIsDrained()
    {
        await OrderAsync(check: 0);
        await _server.ReportAsync(Writer, report => report.Migration is { State: AgentSyncState.Live, Drained: false }, "live");
        File.WriteAllText(Path.Combine(_writer.Workspace, "last"), "words");

        await _server.OrderAsync(Writer, Order(check: 0) with { Drain = true });
        await _server.ReportAsync(Writer, report => report.Migration is { Drained: true }, "drained");

        Assert.Equal("words", File.ReadAllText(Path.Combine(_target.Workspace, "last")));
        await _server.OrderAsync(Writer, _writer.Order(1, AgentRole.Writer));
        await _server.ReportAsync(Writer, report => report is { Migration: null, Role: AgentRole.Writer }, "the target is let go");
    }

    [Fact]
    public async Task Workspace_Any_IsMeasured()
    {
        File.WriteAllBytes(Path.Combine(_writer.Workspace, "file"), new byte[12_345]);
        await _server.OrderAsync(Writer, _writer.Order(1, AgentRole.Writer));
        await _server.ReportAsync(Writer, report => report.Metrics.WorkspaceBytes == 12_345, "measured");
    }

    private async Task OrderAsync(long check)
    {
        if (check == 0)
        {
            await _server.OrderAsync(Target, _target.Order(1, AgentRole.Follower));
        }

        await _server.OrderAsync(Writer, Order(check));
    }

    private AgentOrder Order(long check) => _writer.Order(1, AgentRole.Writer) with { MigrationTarget = _sshd.Target, Check = check };

    // As a disk or a copy would that fails without a word.
    private void Spoil(string name)
    {
        var path = Path.Combine(_target.Workspace, name);
        using (var file = File.OpenWrite(path))
        {
            file.Position = 500;
            file.Write([1, 2, 3, 4, 5]);
        }

        // To the nanosecond, which the framework cannot.
        using var touch = Process.Start("touch", ["-r", Path.Combine(_writer.Workspace, name), path]);
        touch.WaitForExit();
        Assert.Equal(0, touch.ExitCode);
    }
}
