using System.Diagnostics;
using Dumont.Agent.Tests.Link;
using Dumont.Contracts;
using Dumont.Snapshots;

namespace Dumont.Agent.Tests.Workspace;

/// <summary>Two agents, the real <c>ssh</c> and <c>sshd</c> between them, and a server that gives orders.</summary>
public sealed class SyncOverSshTests : IAsyncLifetime
{
    private const long Writer = 1;
    private const long Follower = 2;

    private readonly TempFolder _folder = new();
    private FakeServer _server = null!;
    private LoopbackSshd _sshd = null!;
    private TestAgent _writer = null!;
    private TestAgent _follower = null!;

    public async ValueTask InitializeAsync()
    {
        _sshd = await LoopbackSshd.StartAsync(Path.Combine(_folder.Path, "f-state"));
        _server = await FakeServer.StartAsync();
        _follower = new TestAgent(_folder, "f", _server.Url, Follower);
        _writer = new TestAgent(_folder, "w", _server.Url, Writer, _sshd.ClientKeyFile);
    }

    public async ValueTask DisposeAsync()
    {
        await _writer.DisposeAsync();
        await _follower.DisposeAsync();
        await _server.DisposeAsync();
        await _sshd.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Pair_Ordered_BecomesLiveAndStaysEqual()
    {
        Write("before", "was there");
        await OrderPairAsync(generation: 1);

        var report = await _server.ReportAsync(Writer, IsSettled, "live");
        Assert.Equal(new MachineId(Follower), report.Sync!.Peer);
        Assert.Equal(0, report.Sync.PendingChanges);
        Assert.Null(report.Message);
        Write("during", "came later");
        await ArrivesAsync("during", "came later");

        var seen = await _server.ReportAsync(Follower, report => report.Sync is { State: AgentSyncState.Live, FilesTotal: >= 2 }, "follower is live");
        Assert.Equal(new MachineId(Writer), seen.Sync!.Peer);
        Assert.Equal(AgentRole.Follower, seen.Role);
    }

    [Fact]
    public async Task Server_GoesAway_SyncGoesOn()
    {
        await OrderPairAsync(generation: 1);
        await _server.ReportAsync(Writer, IsSettled, "live");

        await _server.DisposeAsync();
        Write("file", "while nobody watches");

        await ArrivesAsync("file", "while nobody watches");
        _server = await FakeServer.StartAsync();
    }

    [Fact]
    public async Task Connection_Cut_IsMadeAgain()
    {
        await OrderPairAsync(generation: 1);
        await _server.ReportAsync(Writer, IsSettled, "live");

        _sshd.KillSessions();
        Write("file", "after the cut");

        await ArrivesAsync("file", "after the cut");
        await _server.ReportAsync(Writer, IsSettled, "live again");
    }

    [Fact]
    public async Task HostKey_NotThePinnedOne_NothingIsSent()
    {
        Write("secret", "for the right machine only");
        await _server.OrderAsync(Follower, _follower.Order(1, AgentRole.Follower));
        var target = _sshd.Target with { HostKey = Machine.SshKeyTests.Ed25519 };
        await _server.OrderAsync(Writer, _writer.Order(1, AgentRole.Writer, target));

        var report = await _server.ReportAsync(Writer, report => report.Message is not null, "trouble");

        Assert.Contains("key verification failed", report.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(AgentSyncState.Connecting, report.Sync!.State);
        Assert.Null(report.Sync.OldestUnackedSeconds);
        Assert.False(File.Exists(Path.Combine(_follower.Workspace, "secret")));
    }

    [Fact]
    public async Task Drain_Ordered_SendsWhatIsLeftAndSaysSo()
    {
        await OrderPairAsync(generation: 1);
        var before = await _server.ReportAsync(Writer, IsSettled, "live");
        Assert.False(before.Sync!.Drained);
        Write("last", "words");

        await _server.OrderAsync(Writer, _writer.Order(1, AgentRole.Writer, _sshd.Target, drain: true));
        var report = await _server.ReportAsync(Writer, report => report.Sync is { Drained: true }, "drained");

        Assert.Equal("words", File.ReadAllText(Path.Combine(_follower.Workspace, "last")));
        Assert.Equal(0, report.Sync!.OldestUnackedSeconds);
        Assert.True(_writer.Processes.Stops > 0);
        await _server.OrderAsync(Writer, _writer.Order(1, AgentRole.Writer, _sshd.Target));
        await _server.ReportAsync(Writer, report => report.Sync is { Drained: false }, "not drained any more");
    }

    [Fact]
    public async Task Follower_Promoted_OldWriterChangesNothingAnyMore()
    {
        Write("file", "old truth");
        await OrderPairAsync(generation: 1);
        await ArrivesAsync("file", "old truth");

        await _server.OrderAsync(Follower, _follower.Order(2, AgentRole.Writer));
        await _server.ReportAsync(Follower, report => report is { Generation: 2, Role: AgentRole.Writer }, "promoted");
        File.WriteAllText(Path.Combine(_follower.Workspace, "file"), "new truth");
        Write("file", "stale");
        await _server.ReportAsync(Writer, report => report.Message is not null && report.Sync!.State == AgentSyncState.Connecting, "refused");

        Assert.Equal("new truth", File.ReadAllText(Path.Combine(_follower.Workspace, "file")));
    }

    [Fact]
    public async Task ManySmallAndOneLarge_Arrive()
    {
        for (var i = 0; i < 500; i++)
        {
            Directory.CreateDirectory(Path.Combine(_writer.Workspace, $"d{i % 10}"));
            Write($"d{i % 10}/f{i}", new string('x', i * 100));
        }

        Write("large", new string('y', 40_000_000));
        var clock = Stopwatch.StartNew();
        await OrderPairAsync(generation: 1);
        await _server.ReportAsync(Writer, IsSettled, "live");
        TestContext.Current.TestOutputHelper?.WriteLine($"{clock.Elapsed.TotalSeconds:F2} s");

        Assert.Equal(501, Directory.GetFiles(_follower.Workspace, "*", SearchOption.AllDirectories).Length);
        Assert.Equal(ContentHash.Of(File.ReadAllBytes(Path.Combine(_writer.Workspace, "large"))), ContentHash.Of(File.ReadAllBytes(Path.Combine(_follower.Workspace, "large"))));
    }

    private static bool IsSettled(AgentReport report) =>
        report.Sync is { State: AgentSyncState.Live, OldestUnackedSeconds: 0, RoundsCompleted: > 0 } sync && sync.SentSequence == sync.AckedSequence;

    private async Task OrderPairAsync(long generation)
    {
        await _server.OrderAsync(Follower, _follower.Order(generation, AgentRole.Follower));
        await _server.OrderAsync(Writer, _writer.Order(generation, AgentRole.Writer, _sshd.Target));
    }

    private void Write(string path, string text) => File.WriteAllText(Path.Combine(_writer.Workspace, path), text);

    private Task ArrivesAsync(string path, string text)
    {
        var full = Path.Combine(_follower.Workspace, path);
        return Eventually.TrueAsync(() => File.Exists(full) && File.ReadAllText(full) == text, $"{path} arrives; {_writer.LogText}");
    }
}
