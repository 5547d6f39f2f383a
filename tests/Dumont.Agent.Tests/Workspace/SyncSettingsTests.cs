using Dumont.Agent.Tests.Link;
using Dumont.Contracts;

namespace Dumont.Agent.Tests.Workspace;

/// <summary>What an order says of the sync holds at once, on the connection that there is.</summary>
public sealed class SyncSettingsTests : IAsyncLifetime
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
        await _server.OrderAsync(Follower, _follower.Order(1, AgentRole.Follower));
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
    public async Task Excludes_BeginAndEnd_WithoutAnotherConnection()
    {
        Write("cache/early", "1");
        await _server.OrderAsync(Writer, Order);
        var first = await LiveAsync(after: 0);

        await _server.OrderAsync(Writer, Order with { SyncExcludes = ["cache", "[not a pattern"] });
        await Eventually.TrueAsync(() => _writer.LogText.Split("order.applied").Length == 3, "the order is carried out");
        Assert.Contains("[not a pattern", _writer.LogText, StringComparison.Ordinal);
        Write("cache/late", "2");
        Write("kept", "2");
        await Eventually.TrueAsync(() => File.Exists(There("kept")), "what is not excluded arrives");
        await LiveAsync(after: first.Sync!.RoundsCompleted);
        Assert.True(File.Exists(There("cache/early")));
        Assert.False(File.Exists(There("cache/late")));

        await _server.OrderAsync(Writer, Order);
        await Eventually.TrueAsync(() => File.Exists(There("cache/late")), "what was excluded arrives");
        Assert.DoesNotContain("sync.lost", _writer.LogText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Limit_TakenAwayWhileATransferRuns_LetsItGoOn()
    {
        // Hours at a thousand bytes a second.
        File.WriteAllBytes(Path.Combine(_writer.Workspace, "large"), new Random(1).GetItems<byte>([.. Enumerable.Range(0, 256).Select(value => (byte)value)], 5_000_000));
        await _server.OrderAsync(Writer, Order with { SyncBytesPerSecond = 1000 });
        await _server.ReportAsync(Writer, report => report.Sync is { State: AgentSyncState.Initial, PendingChanges: > 0 }, "begun");

        await _server.OrderAsync(Writer, Order);

        await LiveAsync(after: 0);
        Assert.Equal(5_000_000, new FileInfo(There("large")).Length);
    }

    private AgentOrder Order => _writer.Order(1, AgentRole.Writer) with { SyncTarget = _sshd.Target };

    private Task<AgentReport> LiveAsync(long after) =>
        _server.ReportAsync(Writer, report => report.Sync is { State: AgentSyncState.Live, PendingChanges: 0 } && report.Sync.RoundsCompleted > after, "live");

    private string There(string path) => Path.Combine(_follower.Workspace, path);

    private void Write(string path, string text)
    {
        var full = Path.Combine(_writer.Workspace, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }
}
