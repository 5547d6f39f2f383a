using System.Net;
using AngleSharp.Dom;
using AngleSharp.Html.Parser;

namespace Dumont.Server.Tests;

/// <summary>A browser without scripts: keeps cookies, asks for HTML, follows no redirect by itself, and can only send the forms that it was shown.</summary>
internal sealed class WebUser : IDisposable
{
    private const string Password = "correct horse 1";

    private readonly HttpClientHandler _handler = new() { AllowAutoRedirect = false, CookieContainer = new CookieContainer() };
    private readonly HttpClient _client;

    public WebUser(Uri server, string? language = null)
    {
        _client = new HttpClient(_handler) { BaseAddress = server };
        _client.DefaultRequestHeaders.Accept.ParseAdd("text/html");
        if (language is not null)
        {
            _client.DefaultRequestHeaders.AcceptLanguage.ParseAdd(language);
        }
    }

    public HttpClient Client => _client;

    /// <summary>With the session of a new account.</summary>
    public static async Task<WebUser> SignedUpAsync(Uri server, string email = "ana@example.com", string? language = null)
    {
        var user = new WebUser(server, language);
        var page = await user.GetAsync("/sign-up");
        var answer = await user.SendAsync(page, "form[action='/sign-up']", ("email", email), ("password", Password));
        Assert.Equal(HttpStatusCode.SeeOther, answer.Status);
        return user;
    }

    /// <summary>With a new session of an account that there is.</summary>
    public static async Task<WebUser> SignedInAsync(Uri server, string email = "ana@example.com", string? language = null)
    {
        var user = new WebUser(server, language);
        var page = await user.GetAsync("/sign-in");
        var answer = await user.SendAsync(page, "form[action='/sign-in']", ("username", email), ("password", Password));
        Assert.Equal(HttpStatusCode.SeeOther, answer.Status);
        return user;
    }

    public async Task<WebAnswer> GetAsync(string path)
    {
        using var response = await _client.GetAsync(path, TestContext.Current.CancellationToken);
        return await WebAnswer.ReadAsync(response);
    }

    /// <summary>Sends a form of the page with what it holds and what is typed into it.</summary>
    public Task<WebAnswer> SendAsync(WebAnswer page, string form, params (string Name, string Value)[] typed)
    {
        var element = page.One(form);
        var values = element.QuerySelectorAll("input[type=hidden], input:checked").ToDictionary(input => input.GetAttribute("name")!, input => input.GetAttribute("value") ?? "");
        foreach (var (name, value) in typed)
        {
            values[name] = value;
        }

        return PostAsync(element.GetAttribute("action")!, values);
    }

    public async Task<WebAnswer> PostAsync(string path, IEnumerable<KeyValuePair<string, string>> values)
    {
        using var content = new FormUrlEncodedContent(values);
        using var response = await _client.PostAsync(path, content, TestContext.Current.CancellationToken);
        return await WebAnswer.ReadAsync(response);
    }

    /// <summary>The cookies that it would send, so that another browser can have stolen them.</summary>
    public string Cookies(Uri server) => _handler.CookieContainer.GetCookieHeader(server);

    public void Dispose()
    {
        _client.Dispose();
        _handler.Dispose();
    }
}

/// <summary>An answer and the page in it.</summary>
internal sealed record WebAnswer(HttpStatusCode Status, string? Location, string Html, IDocument Document, IReadOnlyDictionary<string, string> Headers)
{
    public static async Task<WebAnswer> ReadAsync(HttpResponseMessage response)
    {
        var html = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return new WebAnswer(
            response.StatusCode,
            response.Headers.Location?.ToString(),
            html,
            new HtmlParser().ParseDocument(html),
            response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase));
    }

    /// <summary>The only element that matches.</summary>
    public IElement One(string selector) => Assert.Single(Document.QuerySelectorAll(selector));

    public string TextOf(string selector) => One(selector).TextContent.Trim();
}
