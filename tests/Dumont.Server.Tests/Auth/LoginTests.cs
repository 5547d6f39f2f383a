using System.Net;
using System.Net.Http.Headers;
using Dumont.Server.Auth;
using Microsoft.Extensions.DependencyInjection;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Auth;

/// <summary>Logging in with a password, and guessing one.</summary>
public sealed class LoginTests
{
    private const string Password = "correct horse 1";

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
}
