using System.Net;
using Dumont.Server.Instances;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Standby;

public sealed class StandbyEndpointTests
{
    [Fact]
    public async Task Configure_BadFields_AreNamed()
    {
        await using var server = await SpineServer.StartAsync();
        (string Field, object Body)[] bad =
        [
            ("gcp_zone", new { enabled = true, gcp_zone = "mars" }),
            ("gcp_zone", new { enabled = true, gcp_zone = "" }),
            ("gcp_zone", new { enabled = true, gcp_zone = "europe-west1-x" }),
            ("gcp_zone", new { enabled = true, gcp_zone = "europe-west1-b\n" }),
            ("gcp_machine_type", new { enabled = true, gcp_machine_type = "n2-standard-4" }),
            ("gcp_disk_size", new { enabled = true, gcp_disk_size = 9 }),
            ("gcp_disk_size", new { enabled = true, gcp_disk_size = 2001 }),
            ("gcp_spot", new { enabled = true, gcp_spot = false }),
        ];
        foreach (var (field, body) in bad)
        {
            await server.RefusedFieldAsync("body", field, "POST", "/standby/configure", body);
        }
    }

    [Fact]
    public async Task Configure_WithoutCredentials_IsRefused_SwitchingOffIsNot()
    {
        await using var server = await SpineServer.StartAsync();

        await server.RefusedAsync(400, "provider-not-configured", "POST", "/standby/configure", new { enabled = true });
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync("POST", "/standby/configure", new { enabled = false })).Status);
        await server.RefusedAsync(400, "provider-not-configured", "GET", "/standby/pricing");
    }

    [Fact]
    public async Task Query_BadFields_AreNamed()
    {
        await using var server = await SpineServer.StartAsync();

        await server.RefusedFieldAsync("query", "machine_type", "GET", "/standby/pricing?machine_type=n2-standard-4");
        await server.RefusedFieldAsync("query", "spot", "GET", "/standby/pricing?spot=false");
        await server.RefusedFieldAsync("query", "disk_gb", "GET", "/standby/pricing?disk_gb=9");
        await server.RefusedFieldAsync("query", "days", "GET", "/standby/failover/report?days=0");
        await server.RefusedFieldAsync("query", "days", "GET", "/standby/failover/report?days=366");
        await server.RefusedFieldAsync("query", "reason", "POST", $"/standby/failover/simulate/1?reason={new string('x', 65)}");
    }

    [Theory]
    [InlineData("GET", "/standby/associations/1")]
    [InlineData("DELETE", "/standby/associations/1")]
    [InlineData("POST", "/standby/associations/1/start-sync")]
    [InlineData("POST", "/standby/associations/1/stop-sync")]
    [InlineData("POST", "/standby/provision/1")]
    [InlineData("POST", "/standby/failover/simulate/1")]
    [InlineData("GET", "/standby/failover/status/fo-1")]
    public async Task UnknownId_Is404(string method, string path)
    {
        await using var server = await SpineServer.StartAsync();

        await server.RefusedAsync(404, "not-found", method, path);
    }

    [Fact]
    public async Task Report_NoFailoverEver_HasNulls()
    {
        await using var server = await SpineServer.StartAsync();
        var (status, body) = await server.SendAsync("GET", "/standby/failover/report");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(0, body!["total_failovers"]!.GetValue<int>());
        Assert.Null(body["mttr_ms"]);
        Assert.Equal(0, (await server.SendAsync("GET", "/standby/failover/active")).Body!.AsObject().First().Value!.GetValue<int>());
    }

    [Fact]
    public async Task Pair_OfOneUser_IsNothingToAnother_AndCannotFailOverBeforeItHasSynced()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.CreateAsync();
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync("POST", $"/standby/provision/{id}")).Status);
        using var eve = await server.Server.LoggedInAsync("eve@example.com");
        foreach (var (method, path) in new[]
        {
            ("GET", $"associations/{id}"), ("DELETE", $"associations/{id}"), ("POST", $"associations/{id}/stop-sync"), ("POST", $"provision/{id}"),
            ("POST", $"failover/simulate/{id}"),
        })
        {
            var (status, _) = await TestServer.SendAsync(eve, new HttpMethod(method), $"/api/v1/standby/{path}", null);
            Assert.True(status == HttpStatusCode.NotFound, $"{method} {path}: {status}");
        }

        await server.RefusedAsync(409, "failover-no-target", "POST", $"/standby/failover/simulate/{id}");
        var (_, off) = await server.SendAsync("POST", $"/standby/associations/{id}/stop-sync");
        Assert.False(off!["sync_enabled"]!.GetValue<bool>());
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync("DELETE", $"/standby/associations/{id}")).Status);
        await server.RefusedAsync(404, "not-found", "DELETE", $"/standby/associations/{id}");
    }

    [Fact]
    public async Task Release_WhileTheInstanceRunsOnTheStandby_IsTheWrongState()
    {
        await using var server = await SpineServer.StartAsync();
        var id = await server.RunningAsync();
        await server.SendAsync("POST", $"/standby/provision/{id}");
        var database = server.Server.Get<Dumont.Server.Platform.Store.Database>();
        await database.WriteAsync(
            transaction => Dapper.SqlMapper.ExecuteAsync(
                transaction.Connection!,
                """
                UPDATE associations SET version = version + 1, standby_machine_id = (SELECT writer_machine_id FROM instances WHERE id = @id)
                WHERE instance_id = @id
                """,
                new { id = id.Value },
                transaction),
            Line.Deadline());

        await server.RefusedAsync(400, "wrong-state", "DELETE", $"/standby/associations/{id}");
        Assert.False((await server.Server.Get<AssociationStore>().FindAsync(id, Line.Deadline()))!.Released);
    }
}
