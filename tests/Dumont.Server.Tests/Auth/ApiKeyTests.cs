using System.Net;
using Dapper;
using Dumont.Server.Auth;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;
using Microsoft.Extensions.DependencyInjection;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Auth;

public sealed class ApiKeyTests
{
    [Fact]
    public async Task Create_Key_IsShownOnceAndKeptAsHash()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var (status, body) = await PostAsync(ana, "/api/v1/auth/api-keys", new { name = "ci" });
        var secret = body!["key"]!.GetValue<string>();

        Assert.Equal(HttpStatusCode.Created, status);
        Assert.Matches("^dumont_sk_[A-Za-z0-9]{40}$", secret);
        var (_, list) = await GetAsync(ana, "/api/v1/auth/api-keys");
        Assert.DoesNotContain(secret, list!.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(secret[..16], list["api_keys"]![0]!["prefix"]!.GetValue<string>());
        var rows = await server.Get<Database>().ReadAsync(
            connection => connection.QueryAsync<string>("SELECT hash || name || prefix FROM api_keys"), TestContext.Current.CancellationToken);
        Assert.DoesNotContain(rows, row => row.Contains(secret, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Authorization")]
    [InlineData("X-API-Key")]
    public async Task Request_WithKeyInEitherHeader_IsTheUsers(string header)
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var secret = await CreateAsync(ana, null);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/auth/me");
        request.Headers.TryAddWithoutValidation(header, header == "Authorization" ? "Bearer " + secret : secret);
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("ana@example.com", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Request_ScopeMissing_Answers403AndScopePresentPasses()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        using var reader = server.WithBearer(await CreateAsync(ana, [Scopes.SettingsRead]));

        Assert.Equal(HttpStatusCode.OK, (await GetAsync(reader, "/api/v1/settings")).Status);
        var (status, body) = await SendAsync(reader, HttpMethod.Put, "/api/v1/settings", new { a = 1 });
        Assert.Equal(HttpStatusCode.Forbidden, status);
        Assert.Equal("forbidden", body!["code"]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.Forbidden, (await GetAsync(reader, "/api/v1/balance")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await GetAsync(reader, "/api/v1/metrics/market")).Status);
    }

    [Fact]
    public async Task Create_KeyByKey_CannotReachFurtherThanItself()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        using var limited = server.WithBearer(await CreateAsync(ana, [Scopes.SettingsRead, Scopes.SettingsWrite]));

        Assert.Equal(HttpStatusCode.Forbidden, (await PostAsync(limited, "/api/v1/auth/api-keys", new { name = "more" })).Status);
        Assert.Equal(
            HttpStatusCode.Created, (await PostAsync(limited, "/api/v1/auth/api-keys", new { name = "same", scopes = new[] { Scopes.SettingsRead } })).Status);
    }

    [Theory]
    [InlineData("""{"name":"x","scopes":["everything"]}""", "scopes")]
    [InlineData("""{"scopes":[]}""", "name")]
    [InlineData("""{"name":""}""", "name")]
    [InlineData("""{"name":"x","expires_in_days":0}""", "expires_in_days")]
    [InlineData("""{"name":"x","expires_in_days":400}""", "expires_in_days")]
    public async Task Create_Invalid_Answers422WithTheField(string body, string field)
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var (status, problem) = await PostAsync(ana, "/api/v1/auth/api-keys", body);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
        Assert.Equal(field, problem!["detail"]![0]!["loc"]![1]!.GetValue<string>());
    }

    [Fact]
    public async Task Revoke_Key_IsRefusedAtOnce()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var (_, created) = await PostAsync(ana, "/api/v1/auth/api-keys", new { name = "ci" });
        using var client = server.WithBearer(created!["key"]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(client, "/api/v1/auth/me")).Status);

        var path = $"/api/v1/auth/api-keys/{created["api_key"]!["id"]}";
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(ana, HttpMethod.Delete, path, null)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(client, "/api/v1/auth/me")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(ana, HttpMethod.Delete, path, null)).Status);
    }

    [Fact]
    public async Task Key_Expired_IsRefused()
    {
        var time = new ManualTimeProvider();
        await using var server = await StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(time), null);
        using var ana = await server.LoggedInAsync();
        var (_, created) = await PostAsync(ana, "/api/v1/auth/api-keys", new { name = "ci", expires_in_days = 1 });
        using var client = server.WithBearer(created!["key"]!.GetValue<string>());
        time.Advance(TimeSpan.FromDays(1) - TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(client, "/api/v1/auth/me")).Status);

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(client, "/api/v1/auth/me")).Status);
    }

    [Fact]
    public async Task Key_Used_ShowsWhenWithoutAWritePerRequest()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        using var client = server.WithBearer(await CreateAsync(ana, null));
        await GetAsync(client, "/api/v1/auth/me");
        Assert.Null((await GetAsync(ana, "/api/v1/auth/api-keys")).Body!["api_keys"]![0]!["last_used_at"]);

        await server.Get<ApiKeyCache>().FlushUsesAsync(TestContext.Current.CancellationToken);
        Assert.NotNull((await GetAsync(ana, "/api/v1/auth/api-keys")).Body!["api_keys"]![0]!["last_used_at"]);
    }

    private static async Task<string> CreateAsync(HttpClient client, string[]? scopes)
    {
        var (status, body) = await PostAsync(client, "/api/v1/auth/api-keys", new { name = "key", scopes });
        Assert.Equal(HttpStatusCode.Created, status);
        return body!["key"]!.GetValue<string>();
    }
}
