using System.Net;
using System.Text.Json.Nodes;
using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Standby;

public sealed class FailoverSettingsTests
{
    [Fact]
    public async Task Strategies_AreAllListed_AndSayWhatIsSupported()
    {
        await using var server = await SpineServer.StartAsync();
        var strategies = (await server.SendAsync("GET", "/failover/strategies")).Body!["strategies"]!.AsArray();

        Assert.Equal(
            ["all", "both", "cold_recovery", "cpu_standby", "disabled", "regional_volume", "warm_pool"],
            strategies.Select(each => each!["id"]!.GetValue<string>()).Order(StringComparer.Ordinal));
        Assert.Equal(
            ["cpu_standby", "disabled"],
            strategies.Where(each => each!["supported"]!.GetValue<bool>() && each["selectable"]!.GetValue<bool>()).Select(each => each!["id"]!.GetValue<string>()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Global_Changes_ReadBack_AndAbsentMembersStay()
    {
        await using var server = await SpineServer.StartAsync("Standby:HeartbeatInterval=00:00:02", "Standby:FailoverThreshold=5");
        var before = (await server.SendAsync("GET", "/failover/settings/global")).Body!;
        Assert.Equal(("cpu_standby", 2.0, 5, 10.0), (Text(before, "strategy"), Number(before, "health_check_interval"), (int)Number(before, "failover_threshold"), Number(before, "detection_seconds")));

        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync("PUT", "/failover/settings/global", new { health_check_interval = 0.2, auto_recovery = false })).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync("PUT", "/failover/settings/global", new { default_strategy = "disabled", auto_failover_enabled = false })).Status);
        var after = (await server.SendAsync("GET", "/failover/settings/global")).Body!;
        Assert.Equal(("disabled", "disabled", 0.2, 1.0), (Text(after, "strategy"), Text(after, "default_strategy"), Number(after, "health_check_interval"), Number(after, "detection_seconds")));
        Assert.False(after["auto_recovery"]!.GetValue<bool>() || after["auto_failover"]!.GetValue<bool>());

        // What the standby is like is another matter, and was not touched; nor does that touch these.
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync("POST", "/standby/configure", new { enabled = false, auto_failover = true })).Status);
        after = (await server.SendAsync("GET", "/failover/settings/global")).Body!;
        Assert.Equal(("disabled", 0.2), (Text(after, "strategy"), Number(after, "health_check_interval")));
        Assert.True(after["auto_failover"]!.GetValue<bool>());
    }

    [Fact]
    public async Task Settings_BadFields_AreNamedWithWhatIsAllowed()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.CreateAsync();
        foreach (var path in (string[])["/failover/settings/global", $"/failover/settings/machines/{id}"])
        {
            (string Field, object Body)[] bad =
            [
                ("strategy", new { strategy = "mars" }),
                ("strategy", new { strategy = "warm_pool" }),
                ("default_strategy", new { default_strategy = "" }),
                ("health_check_interval", new { health_check_interval = 0.09 }),
                ("health_check_interval", new { health_check_interval = 60.5 }),
                ("failover_threshold", new { failover_threshold = 1 }),
                ("failover_threshold", new { failover_threshold = 101 }),
                ("sync_bandwidth_limit", new { sync_bandwidth_limit = -1 }),
                ("sync_bandwidth_limit", new { sync_bandwidth_limit = 100_001 }),
                ("sync_excludes", new { sync_excludes = Patterns("fine", "a/../b") }),
                ("sync_excludes", new { sync_excludes = Patterns("line\nbreak") }),
                ("sync_excludes", new { sync_excludes = Enumerable.Repeat("x", 65) }),
            ];
            foreach (var (field, body) in bad)
            {
                await server.RefusedFieldAsync("body", field, "PUT", path, body);
            }

            var unknown = await server.RefusedAsync(422, "validation-failed", "PUT", path, new { strategy = "mars" });
            Assert.Contains("cpu_standby, disabled", Text(unknown["detail"]![0]!, "msg"), StringComparison.Ordinal);
            var open = await server.RefusedAsync(422, "validation-failed", "PUT", path, new { sync_excludes = Patterns("*.tmp", "[open") });
            Assert.Contains("'[open' is not a pattern", Text(open["detail"]![0]!, "msg"), StringComparison.Ordinal);
        }

        await server.RefusedAsync(501, "not-supported", "POST", $"/failover/settings/machines/{id}/enable-warm-pool");
        await server.RefusedAsync(501, "not-supported", "POST", $"/failover/settings/machines/{id}/enable-both");
    }

    [Fact]
    public async Task Machine_OwnSettings_HoldUntilTheyAreTakenAway()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.CreateAsync();
        var path = $"/failover/settings/machines/{id}";
        Assert.True((await server.SendAsync("GET", path)).Body!["use_global"]!.GetValue<bool>());

        var own = (await server.SendAsync("PUT", path, new { failover_threshold = 10 })).Body!;
        Assert.Equal((false, 10.0, 10.0), (own["use_global"]!.GetValue<bool>(), Number(own, "failover_threshold"), Number(own, "detection_seconds")));
        await server.SendAsync("PUT", "/failover/settings/global", new { failover_threshold = 4, health_check_interval = 2 });
        own = (await server.SendAsync("GET", path)).Body!;
        Assert.Equal((10.0, 2.0), (Number(own, "failover_threshold"), Number(own, "health_check_interval")));
        Assert.Equal(10.0, Number(own["own"]!, "failover_threshold"));
        Assert.Null(own["own"]!["health_check_interval"]);

        var disabled = (await server.SendAsync("POST", path + "/disable-failover")).Body!;
        Assert.Equal("disabled", Text(disabled["settings"]!, "strategy"));
        var enabled = (await server.SendAsync("POST", path + "/enable-cpu-standby")).Body!;
        Assert.Equal("cpu_standby", Text(enabled["settings"]!, "strategy"));
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync("GET", $"/standby/associations/{id}")).Status);

        Assert.True((await server.SendAsync("POST", path + "/use-global")).Body!["settings"]!["use_global"]!.GetValue<bool>());
        Assert.Equal(4, Number((await server.SendAsync("GET", "/failover/settings/machines")).Body!["machines"]![0]!, "failover_threshold"));
        await server.SendAsync("PUT", path, new { auto_failover = false });
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync("DELETE", path)).Status);
        Assert.True((await server.SendAsync("GET", path)).Body!["auto_failover"]!.GetValue<bool>());
    }

    [Fact]
    public async Task Sync_ExcludesAndLimit_OfTheUserHoldUntilTheInstanceSaysOtherwise()
    {
        await using var server = await SpineServer.StartAsync();
        var path = $"/failover/settings/machines/{await server.CreateAsync()}";
        var none = (await server.SendAsync("GET", path)).Body!;
        Assert.Empty(none["sync_excludes"]!.AsArray());
        Assert.Null(none["sync_bandwidth_limit"]);

        await server.SendAsync("PUT", "/failover/settings/global", new { sync_excludes = Patterns("cache", "*.tmp"), sync_bandwidth_limit = 50 });
        var followed = (await server.SendAsync("GET", path)).Body!;
        Assert.Equal(["cache", "*.tmp"], followed["sync_excludes"]!.AsArray().Select(each => each!.GetValue<string>()));
        Assert.Equal(50, Number(followed, "sync_bandwidth_limit"));
        Assert.Null(followed["own"]!["sync_excludes"]);

        // A command line says "none" by an empty one.
        var own = (await server.SendAsync("PUT", path, new { sync_excludes = Patterns(""), sync_bandwidth_limit = 0 })).Body!;
        Assert.Empty(own["sync_excludes"]!.AsArray());
        Assert.Empty(own["own"]!["sync_excludes"]!.AsArray());
        Assert.Null(own["sync_bandwidth_limit"]);
        Assert.Equal(0, Number(own["own"]!, "sync_bandwidth_limit"));
    }

    [Fact]
    public async Task Machine_OfAnother_IsUnknown()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.CreateAsync();
        using var eve = await server.Server.LoggedInAsync("eve@example.com");
        foreach (var (method, path) in new[]
        {
            ("GET", $"settings/machines/{id}"), ("PUT", $"settings/machines/{id}"), ("DELETE", $"settings/machines/{id}"), ("POST", $"settings/machines/{id}/use-global"),
            ("POST", $"settings/machines/{id}/enable-cpu-standby"), ("POST", $"settings/machines/{id}/disable-failover"), ("POST", $"settings/machines/{id}/enable-warm-pool"),
            ("GET", $"readiness/{id}"), ("GET", $"status/{id}"), ("POST", $"test/{id}"),
        })
        {
            var (status, _) = await TestServer.SendAsync(eve, new HttpMethod(method), $"/api/v1/failover/{path}", method == "PUT" ? new { strategy = "disabled" } : null);
            Assert.True(status == HttpStatusCode.NotFound, $"{method} {path}: {status}");
        }

        var (executed, _) = await TestServer.SendAsync(eve, HttpMethod.Post, "/api/v1/failover/execute", new { machine_id = id.Value });
        Assert.Equal(HttpStatusCode.NotFound, executed);
        Assert.Equal(0, Number((await TestServer.SendAsync(eve, HttpMethod.Get, "/api/v1/failover/settings/machines", null)).Body!, "count"));
    }

    [Fact]
    public async Task Order_BearsTheIntervalOfTheInstance()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var cancel = TestContext.Current.CancellationToken;
        await bench.Get<FailoverSettings>().ChangeOwnAsync(
            SpineBench.User, id, before => before with { HealthCheckInterval = TimeSpan.FromSeconds(0.2) }, cancel);

        var orders = await bench.Get<IAgentOrders>().ListAsync(id, await bench.MachinesAsync(id), cancel);
        Assert.All(orders, order => Assert.Equal(TimeSpan.FromSeconds(0.2), order!.ReportInterval));

        // A longer one makes detection patient, not the machines silent.
        await bench.Get<FailoverSettings>().ChangeOwnAsync(
            SpineBench.User, id, before => before with { HealthCheckInterval = TimeSpan.FromSeconds(30) }, cancel);
        orders = await bench.Get<IAgentOrders>().ListAsync(id, await bench.MachinesAsync(id), cancel);
        Assert.All(orders, order => Assert.Equal(TimeSpan.FromSeconds(1), order!.ReportInterval));
    }

    [Fact]
    public async Task Order_OfTheWriterAlone_BearsExcludesAndLimit()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var cancel = TestContext.Current.CancellationToken;
        var before = await bench.Get<IAgentOrders>().ListAsync(id, await bench.MachinesAsync(id), cancel);
        Assert.All(before, order => Assert.Equal((null, null), (order!.SyncExcludes, order.SyncBytesPerSecond)));

        await bench.Get<FailoverSettings>().ChangeOwnAsync(
            SpineBench.User, id, wishes => wishes with { SyncExcludes = ["cache"], SyncBandwidthLimit = 8 }, cancel);

        var after = await bench.Get<IAgentOrders>().ListAsync(id, await bench.MachinesAsync(id), cancel);
        var writer = Assert.Single(after, order => order!.SyncBytesPerSecond is not null)!;
        Assert.Equal(AgentRole.Writer, writer.Role);
        Assert.Equal(1_000_000, writer.SyncBytesPerSecond);
        Assert.Equal(["cache"], writer.SyncExcludes!);
        Assert.Single(after, order => order!.SyncExcludes is not null);
    }

    [Theory]
    [InlineData(1, 3, 3)]
    [InlineData(5, 4, 20)]
    [InlineData(10, 3, 30)]
    public async Task Detection_WaitsForTheInstancesOwnIntervalTimesThreshold(double interval, int threshold, double seconds)
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        await bench.Get<FailoverSettings>().ChangeOwnAsync(
            SpineBench.User,
            id,
            before => before with { HealthCheckInterval = TimeSpan.FromSeconds(interval), FailoverThreshold = threshold },
            TestContext.Current.CancellationToken);
        await bench.RunAsync(TimeSpan.FromSeconds(3));
        bench.Kill(await bench.WriterAsync(id));

        // Its last report may be a second old.
        await bench.RunAsync(TimeSpan.FromSeconds(seconds - 1.5));
        Assert.Empty(await bench.FailoversAsync());
        await bench.RunUntilAsync(async () => (await bench.FailoversAsync()).Count == 1, TimeSpan.FromSeconds(1.5 + interval));
    }

    [Fact]
    public async Task Detection_StrategyDisabled_NothingHappensUntilItIsEnabled()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var (settings, cancel) = (bench.Get<FailoverSettings>(), TestContext.Current.CancellationToken);
        await settings.ChangeOwnAsync(SpineBench.User, id, before => before with { Strategy = FailoverStrategy.Disabled }, cancel);
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunAsync(TimeSpan.FromMinutes(2));
        Assert.Empty(await bench.FailoversAsync());

        await settings.RemoveOwnAsync(id, cancel);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Generation > 1, TimeSpan.FromMinutes(1));
    }

    private static string Text(JsonNode node, string member) => node[member]!.GetValue<string>();

    private static string[] Patterns(params string[] patterns) => patterns;

    private static double Number(JsonNode node, string member) => node[member]!.GetValue<double>();
}
