using System.Net;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Auth;

public sealed class AuthTests
{
    [Fact]
    public async Task Register_NewUser_AnswersUnionOfTokenFields()
    {
        await using var server = await StartAsync();
        var tokens = await server.RegisterAsync("Ana@Example.com");

        Assert.Equal(tokens["access_token"]!.GetValue<string>(), tokens["token"]!.GetValue<string>());
        Assert.Equal("bearer", tokens["token_type"]!.GetValue<string>());
        Assert.Equal(900, tokens["expires_in"]!.GetValue<int>());
        Assert.Equal("ana@example.com", tokens["user"]!.GetValue<string>());
        Assert.True(tokens["success"]!.GetValue<bool>());
        Assert.Equal(3, tokens["token"]!.GetValue<string>().Split('.').Length);

        var (status, me) = await GetAsync(server.WithBearer(tokens["token"]!.GetValue<string>()), "/api/auth/me");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("ana@example.com", me!["user"]!["email"]!.GetValue<string>());
        Assert.Equal("ana", me["user"]!["username"]!.GetValue<string>());
        Assert.Equal("admin", me["user"]!["role"]!.GetValue<string>());
    }
}
