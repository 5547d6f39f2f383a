using System.Text.Json;

namespace Dumont.Contracts.Tests;

/// <summary>The agent link as it goes over the wire. An agent of an older version is out there: a change of these texts is a change of the protocol.</summary>
public sealed class AgentLinkTests
{
    [Fact]
    public void Order_OnTheWire_StaysAsItIs()
    {
        var order = new AgentOrder(
            3,
            AgentRole.Writer,
            "/workspace",
            new AgentSyncTarget("127.0.0.9", 22, "ssh-ed25519 AAAA", new MachineId(8)),
            Drain: true,
            ["ssh-ed25519 BBBB me"]);

        const string wire =
            """{"generation":3,"role":"writer","workspace":"/workspace","sync_target":{"host":"127.0.0.9","port":22,"host_key":"ssh-ed25519 AAAA","machine_id":8},"drain":true,"authorized_keys":["ssh-ed25519 BBBB me"]}""";
        Assert.Equal(wire, JsonSerializer.Serialize(order, AgentLinkJson.Default.AgentOrder));
        var read = JsonSerializer.Deserialize(wire, AgentLinkJson.Default.AgentOrder)!;
        Assert.Equal(order with { AuthorizedKeys = read.AuthorizedKeys }, read);
        Assert.Equal(order.AuthorizedKeys, read.AuthorizedKeys);
    }

    [Fact]
    public void Order_ReportInterval_OnTheWire_StaysAsItIs()
    {
        var order = new AgentOrder(1, AgentRole.Fenced, "/w", SyncTarget: null, Drain: false, [], ReportInterval: TimeSpan.FromSeconds(0.2));

        const string wire = """{"generation":1,"role":"fenced","workspace":"/w","drain":false,"authorized_keys":[],"report_interval":"00:00:00.2000000"}""";
        Assert.Equal(wire, JsonSerializer.Serialize(order, AgentLinkJson.Default.AgentOrder));
        Assert.Equal(order.ReportInterval, JsonSerializer.Deserialize(wire, AgentLinkJson.Default.AgentOrder)!.ReportInterval);
    }

    [Fact]
    public void Order_Migration_OnTheWire_StaysAsItIs()
    {
        var order = new AgentOrder(
            1, AgentRole.Writer, "/w", SyncTarget: null, Drain: false, [], MigrationTarget: new AgentSyncTarget("127.0.0.9", 22, "ssh-ed25519 AAAA", new MachineId(8)), Check: 2);

        const string wire =
            """{"generation":1,"role":"writer","workspace":"/w","drain":false,"authorized_keys":[],"migration_target":{"host":"127.0.0.9","port":22,"host_key":"ssh-ed25519 AAAA","machine_id":8},"check":2}""";
        Assert.Equal(wire, JsonSerializer.Serialize(order, AgentLinkJson.Default.AgentOrder));
        var read = JsonSerializer.Deserialize(wire, AgentLinkJson.Default.AgentOrder)!;
        Assert.Equal((order.MigrationTarget, order.Check), (read.MigrationTarget, read.Check));
    }

    [Fact]
    public void Order_ExcludesAndLimit_OnTheWire_StaysAsItIs()
    {
        var order = new AgentOrder(1, AgentRole.Writer, "/w", SyncTarget: null, Drain: false, [], SyncExcludes: ["cache", "*.tmp"], SyncBytesPerSecond: 1_250_000);

        const string wire =
            """{"generation":1,"role":"writer","workspace":"/w","drain":false,"authorized_keys":[],"sync_excludes":["cache","*.tmp"],"sync_bytes_per_second":1250000}""";
        Assert.Equal(wire, JsonSerializer.Serialize(order, AgentLinkJson.Default.AgentOrder));
        var read = JsonSerializer.Deserialize(wire, AgentLinkJson.Default.AgentOrder)!;
        Assert.Equal(order.SyncExcludes, read.SyncExcludes);
        Assert.Equal(order.SyncBytesPerSecond, read.SyncBytesPerSecond);
    }

    [Fact]
    public void Report_OnTheWire_StaysAsItIs()
    {
        var report = new AgentReport(
            new MachineId(8),
            41,
            "boot",
            "0.1.0",
            3,
            AgentRole.Follower,
            12.5,
            new AgentMetrics(1.5, 8, 100, 200, null, null, null, null, 0, [new AgentGpu("NVIDIA GeForce RTX 4090", 97, 1, 2, 60, null)]),
            new AgentSyncReport(AgentSyncState.Live, new MachineId(7), 5, 5, 0, 0, Drained: false, 2, 10, 1000, DateTimeOffset.UnixEpoch),
            Message: null);

        Assert.Equal(
            """{"machine_id":8,"sequence":41,"boot_id":"boot","version":"0.1.0","generation":3,"role":"follower","uptime_seconds":12.5,"metrics":{"cpu_percent":1.5,"cpu_cores":8,"memory_used_bytes":100,"memory_total_bytes":200,"ssh_sessions":0,"gpus":[{"name":"NVIDIA GeForce RTX 4090","utilization_percent":97,"memory_used_mib":1,"memory_total_mib":2,"temperature_celsius":60}]},"sync":{"state":"live","peer":7,"sent_sequence":5,"acked_sequence":5,"pending_changes":0,"oldest_unacked_seconds":0,"drained":false,"rounds_completed":2,"files_total":10,"bytes_total":1000,"last_success_at":"1970-01-01T00:00:00+00:00"}}""",
            JsonSerializer.Serialize(report, AgentLinkJson.Default.AgentReport));
    }

    [Fact]
    public void Report_WithMembersOfALaterVersion_IsRead()
    {
        const string wire =
            """{"machine_id":8,"sequence":1,"boot_id":"b","version":"9","generation":0,"role":"idle","uptime_seconds":1,"metrics":{"gpus":[]},"later":{"x":1}}""";

        Assert.Equal(AgentRole.Idle, JsonSerializer.Deserialize(wire, AgentLinkJson.Default.AgentReport)!.Role);
    }
}
