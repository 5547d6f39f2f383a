using System.Text.Json.Nodes;
using Dumont.Cli.Tests.Output;

namespace Dumont.Cli.Tests.Session;

public sealed class SessionTests
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    [Fact]
    public async Task Login_RightPassword_SavesAPrivateToken()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = new CliHarness(server.Url);

        var result = await cli.RunAsync("auth", "login", FakeServer.Email, FakeServer.Password);

        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.Contains("Login successful", result.Output, StringComparison.Ordinal);
        Assert.Contains("Token saved", result.Output, StringComparison.Ordinal);
        Assert.Equal("token-1\n", await File.ReadAllTextAsync(cli.TokenFile, TestContext.Current.CancellationToken));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(cli.TokenFile));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(Path.Combine(cli.Home, ".dumont", "session.json")));
    }

    [Fact]
    public async Task Login_WrongPassword_SavesNothing()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = new CliHarness(server.Url);

        var result = await cli.RunAsync("auth", "login", FakeServer.Email, "wrong");

        Assert.Equal(ExitCode.Auth, result.ExitCode);
        Assert.False(File.Exists(cli.TokenFile));
    }

    [Fact]
    public async Task Login_PasswordOnInput_IsRead()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = new CliHarness(server.Url) { Input = new StringReader(FakeServer.Password + "\n") };

        Assert.Equal(ExitCode.Ok, (await cli.RunAsync("auth", "login", FakeServer.Email, "--password-stdin")).ExitCode);
    }

    [Fact]
    public async Task Login_NoPasswordAndNoTerminal_EndsAtOnce()
    {
        using var cli = new CliHarness(new Uri("http://127.0.0.1:9"));

        Assert.Equal(ExitCode.Usage, (await cli.RunAsync("auth", "login", FakeServer.Email)).ExitCode);
    }

    [Fact]
    public async Task Me_LoggedOut_Says401AndHow()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        var out1 = await cli.RunAsync("auth", "logout");

        var result = await cli.RunAsync("auth", "me");

        Assert.Contains("Logged out", out1.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(cli.TokenFile));
        Assert.Equal(ExitCode.Auth, result.ExitCode);
        Assert.Contains(result.Error.Split('\n'), l => l.Contains("401", StringComparison.Ordinal) && l.Contains("Unauthorized", StringComparison.Ordinal));
        Assert.Contains("dumont auth login", result.Error, StringComparison.Ordinal);
        Assert.Empty(result.Output);
    }

    [Fact]
    public async Task Logout_ServerGone_ForgetsTheTokenAndSaysSo()
    {
        using var cli = new CliHarness(new Uri("http://127.0.0.1:9"));
        await File.WriteAllTextAsync(cli.TokenFile, "x", TestContext.Current.CancellationToken);

        var result = await cli.RunAsync("auth", "logout");

        Assert.Equal(ExitCode.Unavailable, result.ExitCode);
        Assert.False(File.Exists(cli.TokenFile));
    }

    [Fact]
    public async Task AnyCommand_ExpiredToken_IsRenewedFirst()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        cli.Time.Ahead = TimeSpan.FromMinutes(20);

        var result = await cli.RunAsync("instance", "list");

        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.Equal("token-2\n", await File.ReadAllTextAsync(cli.TokenFile, TestContext.Current.CancellationToken));
        Assert.Equal(["/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/instances"], server.Requests.Select(r => r.Path));
    }

    [Fact]
    public async Task AnyCommand_RefusedToken_IsRenewedOnce()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        server.Valid.Clear();

        Assert.Equal(ExitCode.Ok, (await cli.RunAsync("instance", "list")).ExitCode);
        server.Answer("GET /api/v1/instances", 401, FakeServer.ProblemBody(401, "unauthorized", "no"));
        Assert.Equal(ExitCode.Auth, (await cli.RunAsync("instance", "list")).ExitCode);
    }

    [Fact]
    public async Task SavedLogin_OtherServer_IsNotSentThere()
    {
        await using var first = await FakeServer.StartAsync();
        await using var second = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(first);
        cli.Variables["DUMONT_BASE_URL"] = second.Url.AbsoluteUri;
        second.Valid.Add("token-1");

        var result = await cli.RunAsync("auth", "me");

        Assert.Equal(ExitCode.Auth, result.ExitCode);
        Assert.Contains("you are logged in to", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TokenFile_WrittenByHand_IsUsedAndMadePrivate()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = new CliHarness(server.Url);
        server.Valid.Add("mine");
        await File.WriteAllTextAsync(cli.TokenFile, "mine\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(cli.TokenFile, OwnerOnly | UnixFileMode.OtherRead | UnixFileMode.GroupRead);

        Assert.Equal(ExitCode.Ok, (await cli.RunAsync("auth", "me")).ExitCode);
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(cli.TokenFile));
    }

    [Theory]
    [InlineData("DUMONT_TOKEN")]
    [InlineData("DUMONT_API_KEY")]
    public async Task Token_InTheEnvironment_GoesBeforeTheSavedOne(string variable)
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        cli.Variables[variable] = "wrong";

        Assert.Equal(ExitCode.Auth, (await cli.RunAsync("auth", "me")).ExitCode);
        Assert.Equal(ExitCode.Ok, (await cli.RunAsync("auth", "me", "--api-key", "token-1")).ExitCode);
    }

    [Fact]
    public async Task Debug_LoginAndAnswer_ShowNoSecret()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = new CliHarness(server.Url);

        var result = await cli.RunAsync("auth", "login", FakeServer.Email, FakeServer.Password, "--debug");
        var next = await cli.RunAsync("auth", "me", "--debug");

        Assert.Contains("> POST", result.Error, StringComparison.Ordinal);
        foreach (var secret in new[] { FakeServer.Password, "token-1", "refresh-1" })
        {
            Assert.DoesNotContain(secret, result.Error + next.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Curl_AnyCommand_PrintsItAndSendsNothing()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await OutputTests.LoggedInAsync(server);
        var before = server.Requests.Count;

        var result = await cli.RunAsync("instance", "create", "offer_id=5", "label=it's", "--curl");

        Assert.Equal(before, server.Requests.Count);
        Assert.Equal(
            $$"""curl -sS -X POST -H "Authorization: Bearer $DUMONT_TOKEN" -H 'Content-Type: application/json' --data '{"offer_id":5,"label":"it'\''s"}' '{{server.Url.AbsoluteUri}}api/v1/instances'""" + "\n",
            result.Output);
    }

    [Fact]
    public async Task Register_NewUser_IsLoggedIn()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = new CliHarness(server.Url);

        var result = await cli.RunAsync("auth", "register", "new@email.com", "secret1", "name=Ada");

        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse("""{"email":"new@email.com","password":"secret1","name":"Ada"}"""), server.Requests.Single().Body));
        Assert.True(File.Exists(cli.TokenFile));
    }
}
