using System.Net;
using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;
using Dumont.Contracts;

namespace Dumont.Cli.Session;

/// <summary>The server this command talks to, as the user who is logged in. Renews an expired token once.</summary>
internal sealed class ServerSession : IDisposable
{
    public const string DefaultBaseUrl = "http://127.0.0.1:8767";

    // Renew a little early: the clocks differ and the request takes time.
    private static readonly TimeSpan ExpiryMargin = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http;
    private readonly DumontClient _client;
    private readonly TimeProvider _time;
    private readonly bool _usesSavedLogin;
    private SavedLogin? _login;

    public ServerSession(CliEnvironment environment, GlobalOptions options)
    {
        _time = environment.Time;
        Store = new TokenStore(environment.Home);
        var baseUrl = BaseUrlOf(environment.Variables, options);
        var transport = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(10),
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.All,
        };
        _http = new HttpClient(options.Debug ? new DebugHandler(environment.Error) { InnerHandler = transport } : transport);
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("dumont-cli/" + CliApplication.ProgramVersion);
        _http.DefaultRequestHeaders.AcceptLanguage.ParseAdd(options.Language == Language.Portuguese ? "pt-BR" : "en");
        _client = new DumontClient(_http, baseUrl);

        var given = options.ApiKey ?? NonEmpty(environment.Variables, "DUMONT_TOKEN") ?? NonEmpty(environment.Variables, "DUMONT_API_KEY");
        if (given is not null)
        {
            _client.Token = given;
            return;
        }

        _usesSavedLogin = true;
        UseSaved(Store.Load());
    }

    public TokenStore Store { get; }

    public Uri BaseUrl => _client.BaseUrl;

    public bool HasToken => _client.Token is not null;

    /// <summary>Server of the saved login when it is not this one, so that the login was not used; else null.</summary>
    public string? OtherServer { get; private set; }

    /// <summary>Sends with the login; an expired one is renewed first, a refused one is renewed and the request repeated once.</summary>
    /// <param name="method">HTTP method.</param>
    /// <param name="path">Path and query.</param>
    /// <param name="body">JSON body or null.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <param name="idempotencyKey">For requests that cost money.</param>
    public async Task<JsonNode?> SendAsync(
        ApiMethod method, string path, JsonNode? body, CancellationToken cancellationToken, string? idempotencyKey = null)
    {
        if (_login is { ExpiresAt: { } expires, RefreshToken: not null } && expires - ExpiryMargin <= _time.GetUtcNow())
        {
            await RenewAsync(cancellationToken);
        }

        try
        {
            return await SendOnceAsync(method, path, body, idempotencyKey, cancellationToken);
        }
        catch (DumontApiException e) when (e.Status == HttpStatusCode.Unauthorized && _login?.RefreshToken is not null)
        {
            if (!await RenewAsync(cancellationToken))
            {
                throw;
            }

            return await SendOnceAsync(method, path, body, idempotencyKey, cancellationToken);
        }
    }

    /// <summary>Sends without any login and without renewing: login, register, refresh.</summary>
    public async Task<JsonNode?> SendAnonymousAsync(ApiMethod method, string path, JsonNode? body, CancellationToken cancellationToken)
    {
        var token = _client.Token;
        _client.Token = null;
        try
        {
            return await _client.SendAsync(MethodOf(method), path, body, cancellationToken);
        }
        finally
        {
            _client.Token = token;
        }
    }

    /// <summary>Saves the token that a login, registration or renewal answered.</summary>
    /// <exception cref="CliException">The answer holds no token.</exception>
    public SavedLogin Keep(JsonNode? answer)
    {
        var token = TextOf(answer, "access_token") ?? TextOf(answer, "token")
            ?? throw new CliException(ExitCode.Failure, new("the server answered without a token", "o servidor respondeu sem token"));
        DateTimeOffset? expires = answer?["expires_in"] is JsonValue seconds && seconds.TryGetValue<double>(out var lifetime)
            ? _time.GetUtcNow() + TimeSpan.FromSeconds(lifetime)
            : null;
        var login = new SavedLogin(token, TextOf(answer, "refresh_token") ?? _login?.RefreshToken, expires, BaseUrl.AbsoluteUri);
        Store.Save(login);
        return login;
    }

    /// <summary>Renews the saved login; false where there is nothing to renew with, or the server refuses.</summary>
    public async Task<bool> RenewAsync(CancellationToken cancellationToken)
    {
        if (!_usesSavedLogin || _login?.RefreshToken is not { } refreshToken)
        {
            return false;
        }

        // Refresh tokens are good for one use, so two commands at once must not both use it.
        using var hold = await Store.LockAsync(_time, cancellationToken);
        var before = _login.AccessToken;
        var saved = Store.Load();
        if (saved is not null && saved.AccessToken != before)
        {
            UseSaved(saved);
            return HasToken;
        }

        try
        {
            var answer = await SendAnonymousAsync(
                ApiMethod.Post, "/api/v1/auth/refresh", new JsonObject { ["refresh_token"] = refreshToken }, cancellationToken);
            UseSaved(Keep(answer));
            return true;
        }
        catch (DumontApiException e) when (e.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.BadRequest)
        {
            return false;
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>The server: flag, then environment, then the default.</summary>
    /// <exception cref="UsageException">Not an http(s) URL.</exception>
    public static Uri BaseUrlOf(IReadOnlyDictionary<string, string> variables, GlobalOptions options)
    {
        var text = options.BaseUrl ?? NonEmpty(variables, "DUMONT_BASE_URL") ?? NonEmpty(variables, "DUMONT_API_URL")
            ?? NonEmpty(variables, "DUMONT_SERVER") ?? DefaultBaseUrl;
        return Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            ? url
            : throw new UsageException(new($"'{text}' is not a server's URL", $"'{text}' não é o URL de um servidor"), ServerSession.DefaultBaseUrl);
    }

    private Task<JsonNode?> SendOnceAsync(ApiMethod method, string path, JsonNode? body, string? idempotencyKey, CancellationToken cancellationToken) =>
        idempotencyKey is null
            ? _client.SendAsync(MethodOf(method), path, body, cancellationToken)
            : _client.SendOnceAsync(MethodOf(method), path, body, idempotencyKey, cancellationToken);

    // A token goes only to the server that gave it.
    private void UseSaved(SavedLogin? saved)
    {
        if (saved?.BaseUrl is { } server && !IsSameServer(server, BaseUrl))
        {
            OtherServer = server;
            return;
        }

        _login = saved;
        _client.Token = saved?.AccessToken;
    }

    private static bool IsSameServer(string saved, Uri now) =>
        Uri.TryCreate(saved, UriKind.Absolute, out var url)
        && url.Scheme == now.Scheme && url.Port == now.Port
        && (url.Host.Equals(now.Host, StringComparison.OrdinalIgnoreCase) || (url.IsLoopback && now.IsLoopback));

    private static HttpMethod MethodOf(ApiMethod method) => method switch
    {
        ApiMethod.Get => HttpMethod.Get,
        ApiMethod.Post => HttpMethod.Post,
        ApiMethod.Put => HttpMethod.Put,
        ApiMethod.Delete => HttpMethod.Delete,
    };

    private static string? NonEmpty(IReadOnlyDictionary<string, string> variables, string name) =>
        variables.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

    private static string? TextOf(JsonNode? answer, string name) =>
        answer is JsonObject map && map[name] is JsonValue value && value.TryGetValue<string>(out var text) && text.Length > 0 ? text : null;
}
