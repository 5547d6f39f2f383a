using System.Net;
using Dumont.Contracts;
using Dumont.Server.Hosts;
using Dumont.Server.Platform.Store;
using Dumont.Server.Tests.Platform.Store;
using Microsoft.Extensions.DependencyInjection;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Hosts;

public sealed class HostTests
{
    private static readonly HostKey Host = new("vast", 40);

    private readonly ManualTimeProvider _time = new();

    public static TheoryData<Backend> Databases => Backends.All;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Record_ThreeFailuresWithinADay_HidesFromEverybodyForADay(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var history = new HostHistory(test.Database, _time);
        await RecordAsync(test, history, succeeded: false);
        await RecordAsync(test, history, succeeded: true);
        await RecordAsync(test, history, succeeded: false);
        Assert.Empty(await history.BlacklistedAsync(null, Cancelled));

        await RecordAsync(test, history, succeeded: false);
        var entry = Assert.Single(await history.BlacklistedAsync(new UserId(9), Cancelled)).Value;
        Assert.Equal((Host, 0L, _time.GetUtcNow().AddDays(1)), (entry.Host, entry.User, entry.ExpiresAt!.Value));
        Assert.Contains("3 failures", entry.Reason, StringComparison.Ordinal);

        _time.Advance(TimeSpan.FromDays(1));
        Assert.Empty(await history.BlacklistedAsync(null, Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Record_FailuresFarApart_HideNothing(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var history = new HostHistory(test.Database, _time);
        for (var i = 0; i < 5; i++)
        {
            await RecordAsync(test, history, succeeded: false);
            _time.Advance(TimeSpan.FromHours(12));
        }

        Assert.Empty(await history.BlacklistedAsync(null, Cancelled));
        Assert.Equal(5, (await history.FindHostAsync(Host, Cancelled))!.Attempts);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Blacklist_OwnEntry_IsTheUsersAloneAndEndsInTime(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var history = new HostHistory(test.Database, _time);
        await history.AddAsync(new UserId(1), Host, "slow", TimeSpan.FromHours(2), Cancelled);
        await history.AddAsync(new UserId(1), Host, "slower", TimeSpan.FromHours(3), Cancelled);

        Assert.Equal("slower", Assert.Single(await history.ListBlacklistAsync(new UserId(1), null, Cancelled)).Reason);
        Assert.Empty(await history.ListBlacklistAsync(new UserId(2), null, Cancelled));
        Assert.Empty(await history.ListBlacklistAsync(new UserId(1), "gcp", Cancelled));
        Assert.Equal(0, await history.RemoveAsync(new UserId(2), Host, alsoServers: true, Cancelled));
        _time.Advance(TimeSpan.FromHours(3));
        Assert.Empty(await history.ListBlacklistAsync(new UserId(1), null, Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task List_Attempts_AreCountedByHostStageAndTime(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var history = new HostHistory(test.Database, _time);
        await RecordAsync(test, history, succeeded: false);
        _time.Advance(TimeSpan.FromHours(2));
        await RecordAsync(test, history, succeeded: true);
        await test.Database.WriteAsync(transaction => history.RecordAsync(transaction, "gcp", 7, null, false, "create", "no room"), Cancelled);
        var recent = new HostFilter(null, null, null, _time.GetUtcNow() - TimeSpan.FromHours(1));
        var all = new HostFilter(null, null, null, null);

        Assert.Equal(3, (await history.ListAttemptsAsync(all, 10, Cancelled)).Count);
        Assert.Equal("gcp", Assert.Single(await history.ListAttemptsAsync(all, 1, Cancelled)).Host.Provider);
        Assert.Equal(2, (await history.ListAttemptsAsync(recent, 10, Cancelled)).Count);
        Assert.Equal("ready", Assert.Single(await history.ListAttemptsAsync(all with { Succeeded = true }, 10, Cancelled)).Stage);
        Assert.Equal(new Dictionary<string, int> { ["boot"] = 1, ["create"] = 1 }, await history.CountFailureStagesAsync(all with { Succeeded = false }, Cancelled));
        var record = (await history.FindHostAsync(Host, Cancelled))!;
        Assert.Equal((2, 1, "RTX 3090", "no ssh"), (record.Attempts, record.Successes, record.GpuName, record.LastFailureReason));
        Assert.Null(await history.FindHostAsync(new HostKey("vast", 41), Cancelled));
    }

    [Fact]
    public async Task Routes_Blacklist_AddListCheckRemove()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var (status, added) = await PostAsync(ana, "/api/v1/hosts/blacklist", new { machine_id = 40, reason = "slow", duration_hours = 2 });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(40, added!["host"]!["machine_id"]!.GetValue<long>());
        Assert.NotNull(added["host"]!["expires_at"]);

        foreach (var path in (string[])["/api/v1/hosts/blacklist", "/api/machines/history/blacklist", "/api/v1/instances/blacklist/status"])
        {
            var (_, list) = await GetAsync(ana, path);
            Assert.Equal(1, list!["count"]!.GetValue<int>());
            Assert.Equal("user", list["blacklist"]![0]!["scope"]!.GetValue<string>());
        }

        Assert.True((await GetAsync(ana, "/api/v1/machines/history/blacklist/check/vast/40")).Body!["is_blacklisted"]!.GetValue<bool>());
        Assert.False((await GetAsync(ana, "/api/v1/machines/history/blacklist/check/vast/41")).Body!["is_blacklisted"]!.GetValue<bool>());
        Assert.True((await GetAsync(ana, "/api/v1/hosts/40")).Body!["is_blacklisted"]!.GetValue<bool>());
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(ana, "/api/v1/hosts/41")).Status);

        Assert.Equal(HttpStatusCode.OK, (await SendAsync(ana, HttpMethod.Delete, "/api/v1/hosts/blacklist/40", null)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(ana, HttpMethod.Delete, "/api/v1/hosts/blacklist/40", null)).Status);
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(ana, "/api/v1/instances/blacklist/40?reason=again")).Status);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(ana, HttpMethod.Delete, "/api/v1/instances/blacklist/40", null)).Status);
    }

    [Fact]
    public async Task Routes_ServersEntry_IsRemovedByAnAdministratorOnly()
    {
        await using var server = await StartAsync();
        using var admin = await server.LoggedInAsync();
        using var bob = await server.LoggedInAsync("bob@example.com");
        await FailAsync(server, 3);

        Assert.Equal(HttpStatusCode.Forbidden, (await SendAsync(bob, HttpMethod.Delete, "/api/v1/hosts/blacklist/40", null)).Status);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(admin, HttpMethod.Delete, "/api/v1/hosts/blacklist/40", null)).Status);
        Assert.Equal(0, (await GetAsync(bob, "/api/v1/hosts/blacklist")).Body!["count"]!.GetValue<int>());
    }

    [Fact]
    public async Task Routes_History_CountsWhatWasRecorded()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        await FailAsync(server, 3);

        var (_, summary) = await GetAsync(ana, "/api/v1/machines/history/summary?hours=48&provider=vast");
        Assert.Equal((48, 3, 3, 0), (
            summary!["period_hours"]!.GetValue<int>(), summary["total_attempts"]!.GetValue<int>(), summary["failed"]!.GetValue<int>(),
            summary["successful"]!.GetValue<int>()));
        Assert.Equal(3, summary["failure_stages"]!["boot"]!.GetValue<int>());
        Assert.Equal(1, summary["blacklisted_machines"]!.GetValue<int>());
        Assert.Equal(2, (await GetAsync(ana, "/api/v1/machines/history/attempts?limit=2")).Body!["count"]!.GetValue<int>());
        Assert.Equal(0, (await GetAsync(ana, "/api/v1/machines/history/attempts?success_only=true")).Body!["count"]!.GetValue<int>());
        Assert.Equal(1, (await GetAsync(ana, "/api/v1/machines/history/problematic")).Body!["count"]!.GetValue<int>());
        Assert.Equal(0, (await GetAsync(ana, "/api/v1/machines/history/reliable")).Body!["count"]!.GetValue<int>());
        Assert.Equal("poor", (await GetAsync(ana, "/api/v1/machines/history/stats/vast/40")).Body!["reliability_status"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("/api/v1/machines/history/summary?hours=0", "hours")]
    [InlineData("/api/v1/machines/history/attempts?limit=1001", "limit")]
    [InlineData("/api/v1/machines/history/problematic?max_success_rate=2", "max_success_rate")]
    public async Task Routes_OutOfRange_Answer422(string path, string field)
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var (status, body) = await GetAsync(ana, path);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
        Assert.Equal(field, body!["detail"]![0]!["loc"]![1]!.GetValue<string>());
    }

    [Theory]
    [InlineData("""{"reason":"x"}""", "machine_id")]
    [InlineData("""{"machine_id":0,"reason":"x"}""", "machine_id")]
    [InlineData("""{"machine_id":1}""", "reason")]
    [InlineData("""{"machine_id":1,"reason":"x","duration_hours":0}""", "duration_hours")]
    [InlineData("""{"machine_id":1,"reason":"x","provider":"../x"}""", "provider")]
    public async Task Routes_BadEntry_Answer422(string body, string field)
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var (status, problem) = await PostAsync(ana, "/api/v1/hosts/blacklist", body);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
        Assert.Equal(field, problem!["detail"]![0]!["loc"]![1]!.GetValue<string>());
    }

    private static Task RecordAsync(TestDatabase test, HostHistory history, bool succeeded) =>
        test.Database.WriteAsync(
            transaction => history.RecordAsync(
                transaction, Host.Provider, Host.MachineId, "RTX 3090", succeeded, succeeded ? "ready" : "boot", succeeded ? "" : "no ssh"),
            Cancelled);

    private static async Task FailAsync(TestServer server, int times)
    {
        for (var i = 0; i < times; i++)
        {
            await server.Services.GetRequiredService<Database>().WriteAsync(
                transaction => server.Get<HostHistory>().RecordAsync(transaction, "vast", 40, "RTX 3090", false, "boot", "no ssh"), Cancelled);
        }
    }
}
