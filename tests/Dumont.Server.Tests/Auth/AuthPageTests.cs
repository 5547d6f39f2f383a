using System.Net;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Auth;

public sealed class AuthPageTests
{
    [Fact]
    public async Task Pages_WithoutSession_LeadToSignInAndBack()
    {
        await using var server = await StartAsync();
        using (await WebUser.SignedUpAsync(server.BaseAddress))
        {
            using var user = new WebUser(server.BaseAddress);
            Assert.Equal("/sign-in?return=%2Finstances%3Fstatus%3Drunning", (await user.GetAsync("/instances?status=running")).Location);
            Assert.Equal("/sign-in", (await user.GetAsync("/")).Location);

            var page = await user.GetAsync("/sign-in?return=%2Finstances%3Fstatus%3Drunning");
            var answer = await user.SendAsync(page, "form[action='/sign-in']", ("username", "ana@example.com"), ("password", "correct horse 1"));
            Assert.Equal((HttpStatusCode.SeeOther, "/instances?status=running"), (answer.Status, answer.Location));
            Assert.Equal(HttpStatusCode.OK, (await user.GetAsync("/instances?status=running")).Status);
        }
    }

    [Fact]
    public async Task FirstRun_ServerWithoutUsers_MakesItsAdministrator()
    {
        await using var server = await StartAsync("Auth:AllowRegistration=false");
        using var first = new WebUser(server.BaseAddress);
        Assert.Equal("/sign-up", (await first.GetAsync("/sign-in")).Location);
        using (await WebUser.SignedUpAsync(server.BaseAddress))
        {
            // From then on the operator's word counts.
            Assert.Equal(HttpStatusCode.Forbidden, (await first.GetAsync("/sign-up")).Status);
        }
    }

    [Fact]
    public async Task SignUp_WrongFields_AreNamedAndWhatWasTypedStays()
    {
        await using var server = await StartAsync();
        using var user = new WebUser(server.BaseAddress);
        var again = await user.SendAsync(await user.GetAsync("/sign-up"), "form[action='/sign-up']", ("email", "<b>no</b>"), ("password", "short"));

        Assert.Equal(HttpStatusCode.UnprocessableEntity, again.Status);
        Assert.Equal("<b>no</b>", again.One("#email").GetAttribute("value"));
        Assert.Null(again.One("#password").GetAttribute("value"));
        Assert.Equal("email-error", again.One("#email").GetAttribute("aria-describedby"));
        Assert.NotNull(again.One("#password-error"));
        Assert.DoesNotContain("<b>no</b>", again.Html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cookie_OfAPage_IsKeptFromScriptsAndUnknownToTheApi()
    {
        await using var server = await StartAsync();
        using var user = await WebUser.SignedUpAsync(server.BaseAddress);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/instances");
        request.Headers.Add("Cookie", user.Cookies(server.BaseAddress));
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);

        // Nor can its secret be traded for tokens.
        var secret = user.Cookies(server.BaseAddress).Split("dumont_session=")[1].Split(';')[0];
        foreach (var token in (string[])[secret, "cookie " + secret])
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await PostAsync(server.Client, "/api/v1/auth/refresh", new { refresh_token = token })).Status);
        }
    }

    [Fact]
    public async Task Bearer_OfTheApi_OpensNoPage()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/instances");
        request.Headers.Accept.ParseAdd("text/html");
        using var response = await ana.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.SeeOther, response.StatusCode);

        var token = ana.DefaultRequestHeaders.Authorization!.Parameter;
        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(server.Client, $"/instances?access_token={token}&token={token}")).Status);
    }

    [Fact]
    public async Task SignOut_EndsTheSessionForEverybodyWhoHasItsCookie()
    {
        await using var server = await StartAsync();
        using var user = await WebUser.SignedUpAsync(server.BaseAddress);
        var stolen = user.Cookies(server.BaseAddress);
        var answer = await user.SendAsync(await user.GetAsync("/instances"), "form[action='/sign-out']");
        Assert.Equal("/sign-in", answer.Location);

        using var request = new HttpRequestMessage(HttpMethod.Get, "/instances");
        request.Headers.Add("Cookie", stolen);
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task SignIn_ManyWrongPasswords_IsThrottledLikeTheApi()
    {
        await using var server = await StartAsync("Auth:FailuresPerAccountAndAddress=3");
        using (await WebUser.SignedUpAsync(server.BaseAddress))
        {
            using var user = new WebUser(server.BaseAddress);
            var page = await user.GetAsync("/sign-in");
            var statuses = new List<HttpStatusCode>();
            for (var i = 0; i < 4; i++)
            {
                statuses.Add((await user.SendAsync(page, "form[action='/sign-in']", ("username", "ana@example.com"), ("password", "wrong"))).Status);
            }

            Assert.Equal([HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.TooManyRequests], statuses);
            Assert.Equal(
                HttpStatusCode.TooManyRequests,
                (await PostAsync(server.Client, "/api/v1/auth/login", new { username = "ana@example.com", password = "correct horse 1" })).Status);
        }
    }

    [Fact]
    public async Task Forms_WithoutTheirToken_AreRefused()
    {
        await using var server = await StartAsync();
        using var ana = await WebUser.SignedUpAsync(server.BaseAddress);
        using var eve = await WebUser.SignedUpAsync(server.BaseAddress, "eve@example.com");
        var foreign = (await eve.GetAsync("/settings")).Document.QuerySelector("input[name=form_token]")!.GetAttribute("value")!;
        foreach (var path in (string[])["/sign-out", "/preferences", "/settings", "/settings/ssh-keys", "/settings/standby", "/settings/api-keys", "/instances/new", "/instances/1/delete"])
        {
            Assert.Equal(HttpStatusCode.Forbidden, (await ana.PostAsync(path, [])).Status);
            Assert.Equal(HttpStatusCode.Forbidden, (await ana.PostAsync(path, [new("form_token", foreign)])).Status);
        }

        using var visitor = new WebUser(server.BaseAddress);
        Assert.Equal(HttpStatusCode.Forbidden, (await visitor.PostAsync("/sign-in", [new("username", "a"), new("password", "b"), new("form_token", foreign)])).Status);
    }
}
