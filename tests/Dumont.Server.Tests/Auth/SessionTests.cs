using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Auth;

/// <summary>Access and refresh tokens from login to logout.</summary>
public sealed class SessionTests
{
    [Fact]
    public async Task AccessToken_Expired_Answers401()
    {
        var time = new ManualTimeProvider();
        await using var server = await StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(time), null);
        using var ana = await server.LoggedInAsync();
        time.Advance(TimeSpan.FromMinutes(15) - TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(ana, "/api/v1/auth/me")).Status);

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(ana, "/api/v1/auth/me")).Status);
    }

    [Fact]
    public async Task Refresh_OnceEach_RotatesInBodyAndAsBearer()
    {
        await using var server = await StartAsync();
        var first = await server.RegisterAsync();
        var (status, second) = await PostAsync(server.Client, "/api/v1/auth/refresh", new { refresh_token = Text(first, "refresh_token") });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.NotEqual(Text(first, "refresh_token"), Text(second!, "refresh_token"));

        using var bearer = server.WithBearer(Text(second!, "refresh_token"));
        var (again, third) = await PostAsync(bearer, "/api/v1/auth/refresh");
        Assert.Equal(HttpStatusCode.OK, again);

        using var client = server.WithBearer(Text(third!, "access_token"));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(client, "/api/v1/auth/me")).Status);
    }

    [Fact]
    public async Task Refresh_UsedTwice_EndsTheSession()
    {
        await using var server = await StartAsync();
        var first = await server.RegisterAsync();
        var (_, second) = await PostAsync(server.Client, "/api/v1/auth/refresh", new { refresh_token = Text(first, "refresh_token") });
        var (reused, _) = await PostAsync(server.Client, "/api/v1/auth/refresh", new { refresh_token = Text(first, "refresh_token") });
        Assert.Equal(HttpStatusCode.Unauthorized, reused);

        var (newest, _) = await PostAsync(server.Client, "/api/v1/auth/refresh", new { refresh_token = Text(second!, "refresh_token") });
        Assert.Equal(HttpStatusCode.Unauthorized, newest);
        using var client = server.WithBearer(Text(second!, "access_token"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(client, "/api/v1/auth/me")).Status);
    }

    [Fact]
    public async Task Refresh_TwentyAtOnce_AtMostOneWins()
    {
        await using var server = await StartAsync();
        var first = await server.RegisterAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(
            _ => PostAsync(server.Client, "/api/v1/auth/refresh", new { refresh_token = Text(first, "refresh_token") })));

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.Equal(19, answers.Count(answer => answer.Status == HttpStatusCode.Unauthorized));
    }

    [Theory]
    [InlineData("""{"refresh_token":"dumont_rt_unknown"}""")]
    [InlineData("""{"refresh_token":""}""")]
    [InlineData("{}")]
    public async Task Refresh_NotAToken_Answers401(string body)
    {
        await using var server = await StartAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, (await PostAsync(server.Client, "/api/v1/auth/refresh", body)).Status);
    }

    [Fact]
    public async Task Refresh_AccessTokenInstead_Answers401()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, (await PostAsync(ana, "/api/v1/auth/refresh")).Status);
    }

    [Fact]
    public async Task Refresh_AfterThirtyDays_Answers401()
    {
        var time = new ManualTimeProvider();
        await using var server = await StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(time), null);
        var first = await server.RegisterAsync();
        time.Advance(TimeSpan.FromDays(30));

        var (status, _) = await PostAsync(server.Client, "/api/v1/auth/refresh", new { refresh_token = Text(first, "refresh_token") });
        Assert.Equal(HttpStatusCode.Unauthorized, status);
    }

    [Fact]
    public async Task Logout_Once_RefusesAccessAndRefreshTokenAtOnce()
    {
        await using var server = await StartAsync();
        var tokens = await server.RegisterAsync();
        using var ana = server.WithBearer(Text(tokens, "access_token"));
        var (status, body) = await PostAsync(ana, "/api/v1/auth/logout");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.True(body!["success"]!.GetValue<bool>());
        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(ana, "/api/v1/auth/me")).Status);
        Assert.Equal(
            HttpStatusCode.Unauthorized, (await PostAsync(server.Client, "/api/v1/auth/refresh", new { refresh_token = Text(tokens, "refresh_token") })).Status);
    }

    [Fact]
    public async Task Logout_OnOneReplica_IsKnownToTheOtherAtItsNextLook()
    {
        var time = new ManualTimeProvider();
        await using var first = await StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(time), null);
        await using var second = await StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(time), first.Directory);
        var token = Text(await first.RegisterAsync(), "access_token");
        using var onFirst = first.WithBearer(token);
        using var onSecond = second.WithBearer(token);
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(onSecond, "/api/v1/auth/me")).Status);
        await PostAsync(onFirst, "/api/v1/auth/logout");

        // Two seconds of the clock bring the next look; it runs beside this test, so ask until it is done.
        time.Advance(TimeSpan.FromSeconds(2));
        var status = HttpStatusCode.OK;
        for (var i = 0; i < 2000 && status == HttpStatusCode.OK; i++)
        {
            (status, _) = await GetAsync(onSecond, "/api/v1/auth/me");
        }

        Assert.Equal(HttpStatusCode.Unauthorized, status);
    }

    [Fact]
    public async Task Revoked_AfterRestart_IsStillRefused()
    {
        var directory = Directory.CreateTempSubdirectory("dumont-test-").FullName;
        string token;
        await using (var server = await StartAsync(null, directory, map: null))
        {
            token = Text(await server.RegisterAsync(), "access_token");
            using var ana = server.WithBearer(token);
            await PostAsync(ana, "/api/v1/auth/logout");
        }

        await using (var server = await StartAsync(null, directory, map: null))
        {
            using var ana = server.WithBearer(token);
            Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(ana, "/api/v1/auth/me")).Status);
        }

        Directory.Delete(directory, recursive: true);
    }

    [Theory]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("Basic dXNlcjpwYXNz")]
    [InlineData("Bearer null")]
    [InlineData("Bearer a.b.c")]
    [InlineData("Token abc")]
    public async Task Request_MalformedHeader_Answers401WithChallenge(string header)
    {
        await using var server = await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/auth/me");
        request.Headers.TryAddWithoutValidation("Authorization", header);
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("Bearer", response.Headers.WwwAuthenticate.ToString());
    }

    [Theory]
    [InlineData("?demo=true")]
    [InlineData("?token={0}")]
    [InlineData("?access_token={0}")]
    [InlineData("?api_key={0}")]
    public async Task Request_CredentialInQuery_Answers401(string query)
    {
        await using var server = await StartAsync();
        var token = Text(await server.RegisterAsync(), "access_token");
        var path = "/api/v1/auth/me" + query.Replace("{0}", token, StringComparison.Ordinal);

        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(server.Client, path)).Status);
    }

    private static string Text(JsonNode node, string member) => node[member]!.GetValue<string>();
}
