using Dumont.Agent.Tests.Link;
using Dumont.Agent.Tests.Machine;
using Dumont.Contracts;

namespace Dumont.Agent.Tests.Workspace;

public sealed class MachineRoleTests
{
    [Fact]
    public async Task Order_LowerGeneration_IsIgnored()
    {
        using var folder = new TempFolder();
        await using var server = await FakeServer.StartAsync();
        await using var agent = new TestAgent(folder, "a", server.Url, 5);
        await server.OrderAsync(5, agent.Order(7, AgentRole.Follower));
        await server.ReportAsync(5, report => report is { Generation: 7, Role: AgentRole.Follower }, "generation 7");

        await server.OrderAsync(5, agent.Order(6, AgentRole.Writer));
        await Eventually.TrueAsync(() => agent.LogText.Contains("order.ignored", StringComparison.Ordinal), "the old order is ignored");

        var report = await server.ReportAsync(5, _ => true, "a report");
        Assert.Equal(7, report.Generation);
        Assert.Equal(AgentRole.Follower, report.Role);
    }

    [Fact]
    public async Task Order_AgentRestartsWithoutServer_StillHolds()
    {
        using var folder = new TempFolder();
        var server = await FakeServer.StartAsync();
        var url = server.Url;
        await using (var agent = new TestAgent(folder, "a", url, 5))
        {
            await server.OrderAsync(5, agent.Order(9, AgentRole.Fenced));
            await server.ReportAsync(5, report => report.Role == AgentRole.Fenced, "fenced");
        }

        await server.DisposeAsync();
        await using var again = new TestAgent(folder, "a", url, 5);

        // No server yet: the machine stays fenced all the same.
        await Eventually.TrueAsync(() => again.Processes.Stops > 0, "user processes are ended");
        await using var newServer = await FakeServer.StartAsync(url);
        var report = await newServer.ReportAsync(5, _ => true, "a report");
        Assert.Equal(9, report.Generation);
        Assert.Equal(AgentRole.Fenced, report.Role);
    }

    [Fact]
    public async Task Order_StateFileTorn_StartsIdleAndTakesTheNextOrder()
    {
        using var folder = new TempFolder();
        File.WriteAllText(Path.Combine(folder.Folder("a-state"), "order"), "half a");
        await using var server = await FakeServer.StartAsync();
        await using var agent = new TestAgent(folder, "a", server.Url, 5);
        Assert.Equal(AgentRole.Idle, (await server.ReportAsync(5, _ => true, "a report")).Role);

        await server.OrderAsync(5, agent.Order(3, AgentRole.Follower));

        await server.ReportAsync(5, report => report.Generation == 3, "generation 3");
    }

    [Fact]
    public async Task Order_Keys_AreWrittenAndReplaced()
    {
        using var folder = new TempFolder();
        await using var server = await FakeServer.StartAsync();
        await using var agent = new TestAgent(folder, "a", server.Url, 5);
        var path = Path.Combine(folder.Folder("a-home/.ssh"), "authorized_keys");
        File.WriteAllText(path, "ssh-rsa AAAA server\n");

        await server.OrderAsync(5, agent.Order(1, AgentRole.Writer, null, false, SshKeyTests.Ed25519 + " ana"));
        await Eventually.TrueAsync(() => File.ReadAllText(path).Contains("ana", StringComparison.Ordinal), "the key");
        await server.OrderAsync(5, agent.Order(1, AgentRole.Writer));
        await Eventually.TrueAsync(() => !File.ReadAllText(path).Contains("ana", StringComparison.Ordinal), "the key is gone");

        Assert.Equal("ssh-rsa AAAA server\n", File.ReadAllText(path));
    }

    [Fact]
    public async Task Order_WorkspaceCannotBe_IsReportedAndHealsByTheNext()
    {
        using var folder = new TempFolder();
        await using var server = await FakeServer.StartAsync();
        await using var agent = new TestAgent(folder, "a", server.Url, 5);
        File.WriteAllText(folder.File("not a directory"), "");

        await server.OrderAsync(5, agent.Order(1, AgentRole.Follower) with { Workspace = folder.File("not a directory/w") });
        await server.ReportAsync(5, report => report.Message is not null, "trouble");
        await server.OrderAsync(5, agent.Order(1, AgentRole.Follower));

        await server.ReportAsync(5, report => report.Message is null && report.Sync is { State: AgentSyncState.Connecting }, "no trouble");
    }
}
