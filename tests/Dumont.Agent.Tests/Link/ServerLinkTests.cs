using Dumont.Agent.Link;
using Dumont.Contracts;

namespace Dumont.Agent.Tests.Link;

public sealed class ServerLinkTests
{
    [Fact]
    public async Task Agent_Starts_ReportsAtOnceAndAgain()
    {
        using var folder = new TempFolder();
        await using var server = await FakeServer.StartAsync();
        await using var agent = new TestAgent(folder, "a", server.Url, 5);

        var report = await server.ReportAsync(5, report => report.Sequence >= 3, "three reports");

        Assert.Equal(AgentRole.Idle, report.Role);
        Assert.Equal(0, report.Generation);
        Assert.Equal("0.1.0", report.Version);
        Assert.NotEmpty(report.BootId);
        Assert.Null(report.Sync);
        Assert.Null(report.Message);
        Assert.NotNull(report.Metrics.MemoryTotalBytes);
        Assert.Equal("Bearer secret-token", server.Authorization);
        Assert.DoesNotContain("secret-token", agent.LogText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Order_ReportInterval_IsReportedAt()
    {
        using var folder = new TempFolder();
        await using var server = await FakeServer.StartAsync();
        await using var agent = new TestAgent(folder, "a", server.Url, 5, heartbeat: TimeSpan.FromHours(1));
        await server.ReportAsync(5, _ => true, "the first report");

        // Of itself it would report again when its state changes, and after that in an hour.
        await server.OrderAsync(5, agent.Order(1, AgentRole.Fenced) with { ReportInterval = TimeSpan.FromMilliseconds(50) });
        await server.ReportAsync(5, report => report.Sequence >= 12, "a dozen reports");
    }

    [Fact]
    public async Task Order_OfAnotherIntervalAlone_IsReportedAt()
    {
        using var folder = new TempFolder();
        await using var server = await FakeServer.StartAsync();
        await using var agent = new TestAgent(folder, "a", server.Url, 5, heartbeat: TimeSpan.FromHours(1));
        await server.OrderAsync(5, agent.Order(1, AgentRole.Fenced));
        var before = await server.ReportAsync(5, report => report.Role == AgentRole.Fenced, "the role");

        await server.OrderAsync(5, agent.Order(1, AgentRole.Fenced) with { ReportInterval = TimeSpan.FromMilliseconds(50) });
        await server.ReportAsync(5, report => report.Sequence >= before.Sequence + 10, "ten reports more");
    }

    [Fact]
    public async Task Agent_LinkBroken_ComesBack()
    {
        using var folder = new TempFolder();
        await using var server = await FakeServer.StartAsync();
        await using var agent = new TestAgent(folder, "a", server.Url, 5);
        var before = await server.ReportAsync(5, _ => true, "a report");

        server.Drop(5);
        await Eventually.TrueAsync(() => server.Connections == 2, "second connection");
        var after = await server.ReportAsync(5, report => report.Sequence > before.Sequence, "a later report");

        Assert.Equal(before.BootId, after.BootId);
    }

    [Fact]
    public async Task Agent_ServerStartsLater_IsFound()
    {
        using var folder = new TempFolder();
        var first = await FakeServer.StartAsync();
        var url = first.Url;
        await first.DisposeAsync();
        await using var agent = new TestAgent(folder, "a", url, 5);
        await Eventually.TrueAsync(() => agent.LogText.Contains("link.lost", StringComparison.Ordinal), "a failed try");

        await using var server = await FakeServer.StartAsync(url);

        await server.ReportAsync(5, _ => true, "a report");
    }

    [Fact]
    public async Task Order_Rubbish_IsIgnoredAndTheLinkStays()
    {
        using var folder = new TempFolder();
        await using var server = await FakeServer.StartAsync();
        await using var agent = new TestAgent(folder, "a", server.Url, 5);
        await server.ReportAsync(5, _ => true, "a report");

        await server.SendTextAsync(5, "not json");
        await server.SendTextAsync(5, "{}");
        await server.SendTextAsync(5, """{"generation":1,"role":"king","workspace":"/w","drain":false,"authorized_keys":[]}""");
        await server.OrderAsync(5, agent.Order(1, AgentRole.Fenced));

        await server.ReportAsync(5, report => report.Role == AgentRole.Fenced, "the good order");
        Assert.Equal(1, server.Connections);
    }

    [Theory]
    [InlineData("http://host:80", "ws://host/api/v1/agent/link")]
    [InlineData("http://10.0.0.1:5080", "ws://10.0.0.1:5080/api/v1/agent/link")]
    [InlineData("https://host/base/", "wss://host/base/api/v1/agent/link")]
    public void LinkUri_ServerUrl_BecomesWebSocket(string server, string expected) =>
        Assert.Equal(new Uri(expected), ServerLink.LinkUri(server));
}
