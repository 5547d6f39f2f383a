using System.Net;
using System.Text.RegularExpressions;
using Dumont.Server.Platform.Web.Shell;
using Microsoft.AspNetCore.Builder;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Platform.Web.Shell;

public sealed partial class ShellTests
{
    private const int ScriptBytesMax = 60 * 1024;

    [Fact]
    public async Task Page_Unknown_IsAPageFor404AndAProblemForPrograms()
    {
        await using var server = await StartAsync();
        using var user = new WebUser(server.BaseAddress, "pt-BR,pt;q=0.9,en;q=0.8");
        var page = await user.GetAsync("/nothing");

        Assert.Equal(HttpStatusCode.NotFound, page.Status);
        Assert.Equal(("pt-BR", "Não encontrado"), (page.One("html").GetAttribute("lang"), page.TextOf("h1")));
        Assert.Equal(page.Headers["X-Request-Id"], page.TextOf(".note code"));
        Assert.Equal("not-found", (await GetAsync(server.Client, "/nothing")).Body!["code"]!.GetValue<string>());
    }

    [Fact]
    public async Task Page_ThatBreaks_ShowsTheRequestIdAndNothingOfTheCause()
    {
        await using var server = await StartAsync(null, null, app => app.MapGet("/test/throws", Throw).AllowAnonymous());
        using var user = new WebUser(server.BaseAddress);
        var page = await user.GetAsync("/test/throws");

        Assert.Equal(HttpStatusCode.InternalServerError, page.Status);
        Assert.Equal(page.Headers["X-Request-Id"], page.TextOf(".note code"));
        Assert.DoesNotContain("inner secret", page.Html, StringComparison.Ordinal);

        static string Throw() => throw new InvalidOperationException("inner secret");
    }

    [Fact]
    public async Task Page_Any_HoldsNothingInlineAndNothingFromElsewhere()
    {
        await using var server = await StartAsync();
        using var user = new WebUser(server.BaseAddress);
        var page = await user.GetAsync("/sign-up");

        Assert.Contains("default-src 'self'", page.Headers["Content-Security-Policy"], StringComparison.Ordinal);
        Assert.Empty(page.Document.QuerySelectorAll("style, [style]"));
        Assert.All(page.Document.QuerySelectorAll("script"), script => Assert.StartsWith("/assets/", script.GetAttribute("src"), StringComparison.Ordinal));
        Assert.DoesNotContain(page.Document.All.SelectMany(element => element.Attributes), attribute => attribute.Name.StartsWith("on", StringComparison.Ordinal));
        Assert.Equal("no-store", page.Headers["Cache-Control"]);
    }

    [Fact]
    public async Task Assets_AllOfAPage_AreImmutableCompressedAndSmall()
    {
        await using var server = await StartAsync();
        using var user = new WebUser(server.BaseAddress);
        var page = await user.GetAsync("/sign-up");
        var scripts = 0L;
        foreach (var url in page.Document.QuerySelectorAll("script[src], link[href]").Select(each => (each.GetAttribute("src") ?? each.GetAttribute("href"))!))
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.AcceptEncoding.ParseAdd("gzip");
            using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Contains("immutable", response.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
            scripts += url.EndsWith(".js", StringComparison.Ordinal) ? response.Content.Headers.ContentLength!.Value : 0;
            Assert.Equal(url.EndsWith(".woff2", StringComparison.Ordinal) ? [] : ["gzip"], response.Content.Headers.ContentEncoding);
        }

        Assert.InRange(scripts, 1, ScriptBytesMax);
        Assert.Equal(HttpStatusCode.NotFound, (await user.GetAsync("/assets/app.0000000000.js")).Status);
    }

    [Fact]
    public void Icons_ThatPagesName_AreInTheSprite()
    {
        var sprite = System.Text.Encoding.UTF8.GetString(WebAssets.All.Single(asset => asset.Name == "icons.svg").Content);
        var folder = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, "../../../../../src/Dumont.Server"));
        var names = Directory.EnumerateFiles(folder, "*.razor", SearchOption.AllDirectories)
            .SelectMany(file => IconName().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value)).ToHashSet();

        Assert.NotEmpty(names);
        Assert.All(names, name => Assert.Contains($"id=\"{name}\"", sprite, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Preferences_AreKeptByTheBrowserAndLeadBackToThisServerOnly()
    {
        await using var server = await StartAsync();
        using var user = new WebUser(server.BaseAddress);
        var page = await user.GetAsync("/sign-up?a=1");
        var answer = await user.SendAsync(page, "form[action='/preferences']", ("language", "pt-BR"), ("theme", "dark"));
        Assert.Equal("/sign-up?a=1", answer.Location);
        var after = await user.GetAsync("/sign-up");
        Assert.Equal(("pt-BR", "dark"), (after.One("html").GetAttribute("lang"), after.One("html").GetAttribute("data-theme")));

        foreach (var elsewhere in (string[])["https://evil.example/", "//evil.example", "/\\evil.example", "evil", ""])
        {
            Assert.Equal("/", (await user.SendAsync(after, "form[action='/preferences']", ("theme", "light"), ("return", elsewhere))).Location);
        }
    }

    private static string Here([System.Runtime.CompilerServices.CallerFilePath] string path = "") => path;

    [GeneratedRegex("Icon(?: Name)?=\"([a-z][a-z-]+)\"")]
    private static partial Regex IconName();
}
