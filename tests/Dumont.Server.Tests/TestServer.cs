using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Dumont.Providers;
using Dumont.Server.Auth;
using Dumont.Server.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Dumont.Server.Tests;

/// <summary>The real server in this process, on a free port of loopback, with its data in a temporary folder.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private const string DefaultPassword = "correct horse 1";

    private readonly WebApplication _app;
    private readonly string _directory;
    private readonly bool _ownsDirectory;

    private TestServer(WebApplication app, string directory, bool ownsDirectory, Dictionary<string, FakeComputeProvider> providers)
    {
        _app = app;
        _directory = directory;
        _ownsDirectory = ownsDirectory;
        Providers = providers;
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        BaseAddress = new Uri(address);
        Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = BaseAddress };
    }

    /// <summary>Secret of a provider account → its fake; the server's own accounts are <c>server-vast</c>.</summary>
    public Dictionary<string, FakeComputeProvider> Providers { get; }

    public Uri BaseAddress { get; }

    /// <summary>A client without credentials.</summary>
    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    public string Directory => _directory;

    /// <summary>Starts a server. <paramref name="settings"/> are <c>Section:Name=value</c>.</summary>
    public static Task<TestServer> StartAsync(params string[] settings) => StartAsync(null, null, settings);

    public static Task<TestServer> StartAsync(Action<WebApplicationBuilder>? adjust, string? directory, params string[] settings) =>
        StartAsync(adjust, directory, map: null, settings);

    /// <summary>As above; <paramref name="map"/> adds routes, <paramref name="adjust"/> replaces services, <paramref name="directory"/> keeps the data.</summary>
    public static async Task<TestServer> StartAsync(
        Action<WebApplicationBuilder>? adjust, string? directory, Action<WebApplication>? map, params string[] settings)
    {
        var ownsDirectory = directory is null;
        directory ??= System.IO.Directory.CreateTempSubdirectory("dumont-test-").FullName;
        var providers = new Dictionary<string, FakeComputeProvider>();
        string[] all = ["Server:Port=0", "Server:MetricsPort=0", $"Server:DataDirectory={directory}", "Providers:Vast:ApiKey=server-vast", .. settings];
        var app = Program.Build(
            [.. all.Select(setting => "--" + setting)],
            builder =>
            {
                builder.Logging.ClearProviders();
                // Few rounds: these tests are not about how slow guessing is.
                builder.Services.AddSingleton(_ => new PasswordHasher(iterations: 10));
                builder.Services.AddSingleton<ProviderClientFactory>((provider, secret) =>
                {
                    lock (providers)
                    {
                        return providers.TryGetValue(secret, out var fake)
                            ? fake
                            : providers[secret] = new FakeComputeProvider(provider) { Secret = secret };
                    }
                });
                adjust?.Invoke(builder);
            });
        map?.Invoke(app);
        try
        {
            await app.StartAsync(TestContext.Current.CancellationToken);
        }
        catch when (ownsDirectory)
        {
            System.IO.Directory.Delete(directory, recursive: true);
            throw;
        }

        return new TestServer(app, directory, ownsDirectory, providers);
    }

    public T Get<T>()
        where T : notnull =>
        _app.Services.GetRequiredService<T>();

    /// <summary>Puts offers on the shelf of the account whose secret is <paramref name="secret"/>.</summary>
    public void Shelf(string secret, IEnumerable<MachineOffer> offers)
    {
        if (!Providers.TryGetValue(secret, out var fake))
        {
            fake = Providers[secret] = new FakeComputeProvider { Secret = secret };
        }

        fake.Offers.AddRange(offers);
    }

    /// <summary>A client that is logged in as a new user.</summary>
    public async Task<HttpClient> LoggedInAsync(string email = "ana@example.com")
    {
        var tokens = await RegisterAsync(email);
        return WithBearer(tokens["access_token"]!.GetValue<string>());
    }

    /// <summary>The same user with a new session.</summary>
    public async Task<HttpClient> LoggedInAgainAsync(string email = "ana@example.com")
    {
        var (status, body) = await PostAsync(Client, "/api/v1/auth/login", new { email, password = DefaultPassword });
        Assert.Equal(HttpStatusCode.OK, status);
        return WithBearer(body!["access_token"]!.GetValue<string>());
    }

    public async Task<JsonObject> RegisterAsync(string email = "ana@example.com", string password = DefaultPassword)
    {
        var (status, body) = await SendAsync(Client, HttpMethod.Post, "/api/v1/auth/register", new { email, password });
        Assert.Equal(HttpStatusCode.OK, status);
        return body!.AsObject();
    }

    public HttpClient WithBearer(string token)
    {
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = BaseAddress };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    public static Task<(HttpStatusCode Status, JsonNode? Body)> GetAsync(HttpClient client, string path) =>
        SendAsync(client, HttpMethod.Get, path, null);

    public static Task<(HttpStatusCode Status, JsonNode? Body)> PostAsync(HttpClient client, string path, object? body = null) =>
        SendAsync(client, HttpMethod.Post, path, body);

    public static async Task<(HttpStatusCode Status, JsonNode? Body)> SendAsync(HttpClient client, HttpMethod method, string path, object? body)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is string text)
        {
            request.Content = new StringContent(text, Encoding.UTF8, "application/json");
        }
        else if (body is not null)
        {
            request.Content = JsonContent.Create(body);
        }

        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        var answer = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return (response.StatusCode, answer.Length > 0 && IsJson(response) ? JsonNode.Parse(answer) : null);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        if (_ownsDirectory)
        {
            System.IO.Directory.Delete(_directory, recursive: true);
        }
    }

    private static bool IsJson(HttpResponseMessage response) =>
        response.Content.Headers.ContentType?.MediaType is "application/json" or "application/problem+json";
}
