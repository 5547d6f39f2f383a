using System.Buffers.Text;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.State;
using Microsoft.Extensions.Logging;

namespace Dumont.LocalCloud.Tests.Support;

/// <summary>An answer of the cloud, read whole.</summary>
internal sealed record Answer(int Status, string? ContentType, string Text)
{
    public JsonObject Json => (JsonObject)JsonNode.Parse(Text)!;

    public DateTimeOffset? Date { get; init; }
}

/// <summary>A local cloud of its own for one test, in this process, with real machines. Leaves nothing behind.</summary>
internal sealed class TestCloud : IAsyncDisposable
{
    // Keys take a tenth of a second to make, and what these tests ask does not depend on whose they are.
    private static readonly Lazy<AccountFile> Keys = new(() => AccountFile.Ensure("/nowhere", vastApiKey: null, gcpSshPort: null, () => 0));

    private readonly HttpClient _http = new();
    private readonly TimeProvider _time;
    private LocalCloudApp _app;
    private string? _token;

    private TestCloud(string folder, LocalCloudApp app, LocalCloudOptions options, TimeProvider time) => (Folder, _app, Options, _time) = (folder, app, options, time);

    public string Folder { get; }

    public LocalCloudOptions Options { get; }

    public Uri Address => _app.BaseAddress;

    public string VastKey => _app.Account.VastApiKey;

    public IServiceProvider Services => _app.Services;

    public string Project => _app.Account.GcpServiceAccount.ProjectId;

    public int GcpSshPort => _app.Account.GcpSshPort;

    public static async Task<TestCloud> StartAsync(Action<LocalCloudOptions>? configure = null, TimeProvider? time = null)
    {
        var folder = Scratch.Create("dumont-cloud-");
        var options = new LocalCloudOptions
        {
            Port = 0,
            DataFolder = Path.Combine(folder, "data"),
            BootDelay = TimeSpan.FromMilliseconds(60),
            PreemptionNotice = TimeSpan.FromMilliseconds(60),
            LogLevel = LogLevel.Warning,
        };
        configure?.Invoke(options);
        Directory.CreateDirectory(options.DataFolder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        JsonFile.Write(AccountFile.PathIn(options.DataFolder), Keys.Value);
        var app = await LocalCloudApp.StartAsync(options, time ?? TimeProvider.System, TestContext.Current.CancellationToken);
        return new TestCloud(folder, app, options, time ?? TimeProvider.System);
    }

    /// <summary>Ends the cloud in good order and starts another on the same folder.</summary>
    public async Task RestartAsync()
    {
        await _app.DisposeAsync();
        _app = await LocalCloudApp.StartAsync(Options, _time, TestContext.Current.CancellationToken);
    }

    public Task<Answer> VastAsync(string method, string path, string? body = null) => SendAsync(method, "/api/" + path, body, VastKey);

    public async Task<Answer> SendAsync(string method, string path, string? body = null, string? bearer = null, string type = "application/json")
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(Address, path));
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8);
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        }

        if (bearer is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        }

        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        return new Answer(
            (int)response.StatusCode,
            response.Content.Headers.ContentType?.ToString(),
            await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))
        {
            Date = response.Headers.Date,
        };
    }

    /// <summary>The offers of a search, cheapest first.</summary>
    public async Task<IReadOnlyList<JsonObject>> SearchAsync(string query)
    {
        var answer = await SendAsync("POST", "/api/v0/bundles/", query);
        Assert.Equal(200, answer.Status);
        return [.. answer.Json["offers"]!.AsArray().Select(offer => offer!.AsObject())];
    }

    /// <summary>Id of the cheapest offer of one GPU of a model that can be rented now.</summary>
    public async Task<long> CheapestAsync(string gpu = "RTX 4090", int gpus = 1)
    {
        var offers = await SearchAsync(
            $$"""{"gpu_name":{"eq":"{{gpu}}"},"num_gpus":{"eq":{{gpus}}},"rentable":{"eq":true},"order":[["dph_total","asc"]],"limit":1}""");
        return offers[0]["id"]!.GetValue<long>();
    }

    /// <summary>Rents the cheapest RTX 4090 and returns the contract's id. The body's fields are added to the usual ones.</summary>
    public async Task<long> RentAsync(string extra = "", string gpu = "RTX 4090", int gpus = 1)
    {
        var answer = await VastAsync("PUT", $"v0/asks/{await CheapestAsync(gpu, gpus)}/", RentBody(extra));
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Json["new_contract"]!.GetValue<long>();
    }

    public static string RentBody(string extra = "") =>
        $$"""{"client_id":"me","image":"ubuntu:22.04","disk":10,"runtype":"ssh_direc ssh_proxy"{{(extra.Length > 0 ? "," + extra : "")}}}""";

    public async Task<JsonObject?> InstanceAsync(long id) => (await VastAsync("GET", $"v0/instances/{id}/")).Json["instances"]?.AsObject();

    public async Task<JsonObject> UntilAsync(long id, string status)
    {
        JsonObject? instance = null;
        await Eventually.IsTrueAsync(
            async () => (instance = await InstanceAsync(id))?["actual_status"]?.ToString() == status, $"instance {id} {status}");
        return instance!;
    }

    /// <summary>Registers a new SSH key with the account.</summary>
    public async Task<Ssh> KeyAsync()
    {
        var ssh = await Ssh.CreateAsync(Folder);
        var answer = await VastAsync("POST", "v0/ssh/", new JsonObject { ["ssh_key"] = ssh.PublicKey }.ToJsonString());
        Assert.Equal(200, answer.Status);
        return ssh;
    }

    /// <summary>A token, the same for the life of this cloud.</summary>
    public async Task<string> TokenAsync() => _token ??= (await ExchangeAsync(Assertion())).Json["access_token"]!.ToString();

    public async Task<Answer> ExchangeAsync(string assertion)
    {
        using var form = new FormUrlEncodedContent(
            [KeyValuePair.Create("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), KeyValuePair.Create("assertion", assertion)]);
        using var response = await _http.PostAsync(new Uri(Address, "/token"), form, TestContext.Current.CancellationToken);
        return new Answer(
            (int)response.StatusCode,
            response.Content.Headers.ContentType?.ToString(),
            await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>A signed request for a token, as Google's clients make it.</summary>
    public string Assertion(RSA? key = null, TimeSpan age = default, string scope = "https://www.googleapis.com/auth/compute")
    {
        var account = _app.Account.GcpServiceAccount;
        var issued = (_time.GetUtcNow() - age).ToUnixTimeSeconds();
        var claims = new JsonObject
        {
            ["iss"] = account.ClientEmail,
            ["scope"] = scope,
            ["aud"] = account.TokenUri,
            ["iat"] = issued,
            ["exp"] = issued + 3600,
        };
        var signed = $"{Encode("""{"alg":"RS256","typ":"JWT"}""")}.{Encode(claims.ToJsonString())}";
        using var own = RSA.Create();
        own.ImportFromPem(account.PrivateKey);
        return $"{signed}.{Base64Url.EncodeToString((key ?? own).SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
    }

    /// <summary>A Compute Engine call below the project, with a token.</summary>
    public async Task<Answer> GcpAsync(string method, string path, string? body = null) =>
        await SendAsync(method, $"/compute/v1/projects/{Project}{path}", body, await TokenAsync());

    public async Task<JsonObject> VmUntilAsync(string zone, string name, string status)
    {
        JsonObject? vm = null;
        await Eventually.IsTrueAsync(
            async () => (vm = (await GcpAsync("GET", $"/zones/{zone}/instances/{name}")).Json)["status"]?.ToString() == status, $"VM {name} {status}");
        return vm!;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _http.Dispose();
        await CleanAsync(Folder);
    }

    /// <summary>Ends what machines are left in a data folder and deletes it.</summary>
    public static async Task CleanAsync(string folder)
    {
        var machines = Path.Combine(folder, "data", "machines");
        var isolation = await Isolation.DetectAsync(CancellationToken.None);
        var sandbox = new Sandbox(machines, Path.Combine(folder, "data", "base"), isolation, TimeProvider.System);
        foreach (var machine in Directory.Exists(machines) ? Directory.GetDirectories(machines) : [])
        {
            await sandbox.RemoveAsync(Path.GetFileName(machine), CancellationToken.None);
        }

        Directory.Delete(folder, recursive: true);
    }

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));
}
