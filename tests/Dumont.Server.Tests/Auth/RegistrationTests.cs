using System.Net;
using System.Text.Json.Nodes;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Auth;

/// <summary>Who becomes a user, and what a user is told of himself.</summary>
public sealed class RegistrationTests
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

    [Fact]
    public async Task SdkConfig_LoggedIn_NamesTheServerAndGivesNoKey()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var (_, body) = await GetAsync(ana, "/api/v1/auth/sdk/config");

        Assert.Equal(server.BaseAddress.ToString().TrimEnd('/'), Text(body!, "base_url"));
        Assert.Null(body!["vast_api_key"]);
    }

    private static string Text(JsonNode node, string member) => node[member]!.GetValue<string>();
}
