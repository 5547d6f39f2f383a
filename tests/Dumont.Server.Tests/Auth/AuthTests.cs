using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Dumont.Server.Auth;
using Microsoft.Extensions.DependencyInjection;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Auth;

public sealed class AuthTests
{
    private const string Password = "correct horse 1";

    [Fact]
    public async Task Register_NewUser_AnswersUnionOfTokenFields()
    {
        await using var server = await StartAsync();
        var tokens = await server.RegisterAsync("Ana@Example.com");

        Assert.Equal(Text(tokens, "access_token"), Text(tokens, "token"));
        Assert.Equal("bearer", Text(tokens, "token_type"));
        Assert.Equal(900, tokens["expires_in"]!.GetValue<int>());
        Assert.Equal("ana@example.com", Text(tokens, "user"));
        Assert.True(tokens["success"]!.GetValue<bool>());
        Assert.Equal(3, Text(tokens, "token").Split('.').Length);
    }

    [Fact]
    public async Task Me_LoggedIn_AnswersTheUser()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var (status, me) = await GetAsync(ana, "/api/auth/me");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("ana@example.com", Text(me!["user"]!, "email"));
        Assert.Equal("ana", Text(me["user"]!, "username"));
        Assert.Empty(me["user"]!["settings"]!.AsObject());
        Assert.True(me["authenticated"]!.GetValue<bool>());
    }

    [Fact]
    public async Task Register_FirstUser_AdministersAndTheSecondDoesNot()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        using var bob = await server.LoggedInAsync("bob@example.com");

        Assert.Equal("admin", Text((await GetAsync(ana, "/api/v1/auth/me")).Body!["user"]!, "role"));
        Assert.Equal("user", Text((await GetAsync(bob, "/api/v1/auth/me")).Body!["user"]!, "role"));
    }

    [Theory]
    [InlineData("""{"email":"ana@example.com","password":"secret1"}""")]
    [InlineData("""{"email":"ANA@EXAMPLE.COM","password":"secret1"}""")]
    [InlineData("""{"email":"ana2@example.com","username":"ana","password":"secret1"}""")]
    [InlineData("""{"email":"ana2@example.com","username":"ANA","password":"secret1"}""")]
    public async Task Register_Taken_Answers409(string body)
    {
        await using var server = await StartAsync();
        await server.RegisterAsync();

        Assert.Equal(HttpStatusCode.Conflict, (await PostAsync(server.Client, "/api/v1/auth/register", body)).Status);
    }

    [Fact]
    public async Task Register_LocalPartTaken_MakesAUserWithoutUsername()
    {
        await using var server = await StartAsync();
        await server.RegisterAsync();
        using var other = await server.LoggedInAsync("ana@other.example");

        Assert.Null((await GetAsync(other, "/api/v1/auth/me")).Body!["user"]!["username"]);
    }

    [Fact]
    public async Task Register_Closed_LetsTheFirstUserInOnly()
    {
        await using var server = await StartAsync("Auth:AllowRegistration=false");
        await server.RegisterAsync();
        var (status, body) = await PostAsync(server.Client, "/api/v1/auth/register", new { email = "bob@example.com", password = Password });

        Assert.Equal(HttpStatusCode.Forbidden, status);
        Assert.Equal("forbidden", Text(body!, "code"));
    }

    [Theory]
    [InlineData("""{"email":"x@y.example","password":"12345"}""", "password")]
    [InlineData("""{"email":"no-at","password":"secret1"}""", "email")]
    [InlineData("""{"password":"secret1"}""", "email")]
    [InlineData("""{"email":"x@y.example"}""", "password")]
    [InlineData("""{"email":"x@y.example","password":"secret1","username":"a b"}""", "username")]
    [InlineData("""{"email":7,"password":"secret1"}""", "email")]
    [InlineData("""{"email":["x@y.example"],"password":"secret1"}""", "email")]
    public async Task Register_Invalid_Answers422WithTheField(string body, string field)
    {
        await using var server = await StartAsync();
        var (status, problem) = await PostAsync(server.Client, "/api/v1/auth/register", body);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
        Assert.Contains(problem!["detail"]!.AsArray(), error => error!["loc"]![1]!.GetValue<string>() == field);
    }

    [Theory]
    [InlineData("""{"username":"ana","password":"correct horse 1"}""")]
    [InlineData("""{"username":" Ana ","password":"correct horse 1"}""")]
    [InlineData("""{"username":"ana@example.com","password":"correct horse 1"}""")]
    [InlineData("""{"email":"ANA@example.com","password":"correct horse 1"}""")]
    [InlineData("""{"email":"ana@example.com","password":"correct horse 1","remember":true,"demo":"true"}""")]
    public async Task Login_RightPassword_LogsIn(string body)
    {
        await using var server = await StartAsync();
        await server.RegisterAsync();

        Assert.Equal(HttpStatusCode.OK, (await PostAsync(server.Client, "/api/auth/login/", body)).Status);
    }

    public static TheoryData<string> HostileLogins =>
    [
        """{"username":"ana","password":"wrong"}""",
        """{"username":"ana' OR '1'='1","password":"x' OR '1'='1"}""",
        """{"username":"ana'; DROP TABLE users; --","password":"x"}""",
        """{"username":"<script>alert(1)</script>","password":"<img src=x onerror=alert(1)>"}""",
        """{"username":"ana\u0000","password":"correct horse 1"}""",
        """{"username":"ana","password":"correct horse 1\u0000"}""",
        """{"username":"\ud83d\ude00","password":"\ud83d\ude00"}""",
        """{"username":"ana\r\nX: y","password":"x"}""",
        """{"username":"ana\ud83d","password":"x"}""",
        $$"""{"username":"{{new string('a', 10_000)}}","password":"x"}""",
        $$"""{"username":"ana","password":"{{new string('p', 10_000)}}"}""",
        """{"username":"","password":""}""",
        """{"username":null,"email":null,"password":"x"}""",
        """{"username":{"$ne":null},"password":{"$ne":null}}""",
        """{"username":"ana","password":12345678901234567890}""",
        "[]",
        "null",
        "\"text\"",
        "{",
        "",
        """{"username":"ana","password":"x","a":""" + new string('[', 40) + new string(']', 40) + "}",
    ];

    [Theory]
    [MemberData(nameof(HostileLogins))]
    public async Task Login_Hostile_IsRefusedAndNeverBreaks(string body)
    {
        await using var server = await StartAsync();
        await server.RegisterAsync();
        var (status, problem) = await PostAsync(server.Client, "/api/v1/auth/login", body);

        Assert.Contains((int)status, (int[])[400, 401, 422]);
        Assert.NotNull(problem!["code"]);
    }

    [Fact]
    public async Task Login_UnknownUserAndWrongPassword_LookTheSame()
    {
        await using var server = await StartAsync();
        await server.RegisterAsync();
        var (_, unknown) = await PostAsync(server.Client, "/api/v1/auth/login", new { username = "nobody", password = "x" });
        var (_, wrong) = await PostAsync(server.Client, "/api/v1/auth/login", new { username = "ana", password = "x" });

        unknown!["request_id"] = wrong!["request_id"] = null;
        Assert.Equal(wrong.ToJsonString(), unknown.ToJsonString());
    }

    [Fact]
    public async Task Login_TenAtOnce_AllSucceed()
    {
        await using var server = await StartAsync();
        await server.RegisterAsync();
        var logins = await Task.WhenAll(
            Enumerable.Range(0, 10).Select(_ => PostAsync(server.Client, "/api/v1/auth/login", new { username = "ana", password = Password })));

        Assert.All(logins, login => Assert.Equal(HttpStatusCode.OK, login.Status));
    }

    [Fact]
    public async Task Login_FiveFailures_StillLetsTheRightPasswordIn()
    {
        await using var server = await StartAsync();
        await server.RegisterAsync();
        for (var i = 0; i < 5; i++)
        {
            var (status, _) = await PostAsync(server.Client, "/api/v1/auth/login", new { username = "ana", password = $"wrong {i}" });
            Assert.Equal(HttpStatusCode.Unauthorized, status);
        }

        Assert.Equal(HttpStatusCode.OK, (await PostAsync(server.Client, "/api/v1/auth/login", new { username = "ana", password = Password })).Status);
    }

    [Fact]
    public async Task Login_TooManyFailures_Answers429UntilTheMinuteIsOver()
    {
        var time = new ManualTimeProvider();
        await using var server = await StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(time), null);
        await server.RegisterAsync();
        for (var i = 0; i < 10; i++)
        {
            await PostAsync(server.Client, "/api/v1/auth/login", new { username = "ana", password = "wrong" });
        }

        using var content = new StringContent("""{"username":"ana","password":"correct horse 1"}""", MediaTypeHeaderValue.Parse("application/json"));
        using var refused = await server.Client.PostAsync("/api/v1/auth/login", content, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal("60", Assert.Single(refused.Headers.GetValues("Retry-After")));

        // Somebody else from the same address is not held up.
        await server.RegisterAsync("bob@example.com");
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(server.Client, "/api/v1/auth/login", new { username = "bob", password = Password })).Status);

        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(server.Client, "/api/v1/auth/login", new { username = "ana", password = Password })).Status);
    }

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

    [Fact]
    public async Task SdkConfig_LoggedIn_NamesTheServerAndGivesNoKey()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var (_, body) = await GetAsync(ana, "/api/v1/auth/sdk/config");

        Assert.Equal(server.BaseAddress.ToString().TrimEnd('/'), Text(body!, "base_url"));
        Assert.Null(body!["vast_api_key"]);
    }

    [Fact]
    public async Task Passwords_Kept_AreNeitherReadableNorEqualForEqualPasswords()
    {
        using var hasher = new PasswordHasher(iterations: 10);
        var (first, second) = (await hasher.HashAsync("secret1", TestContext.Current.CancellationToken), await hasher.HashAsync("secret1", TestContext.Current.CancellationToken));

        Assert.NotEqual(first, second);
        Assert.StartsWith("pbkdf2-sha512$10$", first, StringComparison.Ordinal);
        Assert.DoesNotContain("secret1", first, StringComparison.Ordinal);
        Assert.True(await hasher.VerifyAsync(first, "secret1", TestContext.Current.CancellationToken));
        Assert.False(await hasher.VerifyAsync(first, "secret2", TestContext.Current.CancellationToken));
        Assert.False(await hasher.VerifyAsync(null, "secret1", TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Passwords_DefaultRounds_AreThoseOfTheRule() => Assert.Equal(210_000, PasswordHasher.DefaultIterations);

    private static string Text(JsonNode node, string member) => node[member]!.GetValue<string>();
}
