using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Dumont.Providers.Gcp;
using Dumont.Providers.Tests.Fakes;

namespace Dumont.Providers.Tests.Gcp;

/// <summary>A provider on a scripted network. Tokens are answered here; the rest by the test.</summary>
internal sealed class GcpBench : IDisposable
{
    public const string Canary = "ya29.canary-access-token-0123456789";
    public const string Root = "/compute/v1/projects/proj-1/";

    private readonly HttpClient _http;

    public GcpBench(Func<SentRequest, HttpResponseMessage> answer, GcpOptions? options = null, Func<SentRequest, HttpResponseMessage>? token = null)
        : this((request, _) => Task.FromResult(answer(request)), options, token)
    {
    }

    public GcpBench(
        Func<SentRequest, CancellationToken, Task<HttpResponseMessage>> answer, GcpOptions? options = null, Func<SentRequest, HttpResponseMessage>? token = null)
    {
        Network = new ScriptedHandler((request, cancel) => IsToken(request)
            ? Task.FromResult(token?.Invoke(request) ?? ScriptedHandler.Json($$"""{"access_token":"{{Canary}}","expires_in":3599,"token_type":"Bearer"}"""))
            : answer(request, cancel));
        _http = ProviderHttp.CreateClient(Network);
        Provider = new GcpProvider(_http, options ?? new GcpOptions(), new Secret(KeyFile()), Time, new Random(7));
    }

    public static RSA Key { get; } = RSA.Create(2048);

    public static string PrivatePem { get; } = Key.ExportPkcs8PrivateKeyPem();

    public ManualTimeProvider Time { get; } = new(TimeSpan.FromSeconds(9));

    public ScriptedHandler Network { get; }

    public GcpProvider Provider { get; }

    /// <summary>What was asked of Compute.</summary>
    public IReadOnlyList<SentRequest> Sent => [.. Network.Sent.Where(request => !IsToken(request))];

    public static bool IsToken(SentRequest request) => request.Path.EndsWith("/token", StringComparison.Ordinal);

    public static string KeyFile(string tokenUri = "https://oauth2.googleapis.com/token") => new JsonObject
    {
        ["type"] = "service_account",
        ["project_id"] = "proj-1",
        ["private_key_id"] = "kid-1",
        ["private_key"] = PrivatePem,
        ["client_email"] = "dumont@proj-1.iam.gserviceaccount.com",
        ["token_uri"] = tokenUri,
    }.ToJsonString();

    public static string Error(int code, string reason, string message) =>
        $$$"""{"error":{"code":{{{code}}},"message":"{{{message}}}","errors":[{"message":"{{{message}}}","domain":"global","reason":"{{{reason}}}"}]}}""";

    public static string Operation(string status = "RUNNING", string? error = null) =>
        $$"""{"kind":"compute#operation","id":"77","name":"operation-1-ab","operationType":"insert","status":"{{status}}"{{(error is null ? "" : $$$""","error":{"errors":[{"code":"{{{error}}}","message":"sorry"}]},"httpErrorStatusCode":503""")}}}""";

    public static string Instance(string status = "RUNNING", string name = "dumont-srv-12-3", string extra = "") =>
        $$"""
        {"kind":"compute#instance","id":"123","name":"{{name}}","status":"{{status}}","creationTimestamp":"2026-11-20T02:10:11.123-08:00",
         "lastStartTimestamp":"2026-11-20T10:10:20Z","zone":"https://www.googleapis.com/compute/v1/projects/proj-1/zones/us-west4-a",
         "machineType":"https://www.googleapis.com/compute/v1/projects/proj-1/zones/us-west4-a/machineTypes/e2-medium",
         "scheduling":{"provisioningModel":"SPOT","preemptible":true},
         "networkInterfaces":[{"name":"nic0","networkIP":"10.0.0.2","accessConfigs":[{"natIP":"203.0.113.7","name":"external-nat","type":"ONE_TO_ONE_NAT"}]}]{{extra}}}
        """;

    public void Dispose()
    {
        Provider.Dispose();
        _http.Dispose();
        Network.Dispose();
    }
}
