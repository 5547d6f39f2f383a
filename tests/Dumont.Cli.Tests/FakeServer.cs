using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Dumont.Cli.Tests;

/// <summary>Answers with the shapes of the API contract, over real HTTP, and remembers what it was asked.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    public const string Email = "user@email.com";
    public const string Password = "pass=word";
    public const string HostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFake+Host/Key0000000000000000000000000000";

    private readonly WebApplication _app;
    private readonly Dictionary<string, Func<HttpRequest, JsonNode?, IResult>> _answers = [];
    private readonly Dictionary<long, JsonObject> _instances = [];
    private readonly JsonArray _sshKeys = [];
    private int _tokens;

    private FakeServer(WebApplication app) => _app = app;

    /// <summary>Requests in order: method, path with query, body.</summary>
    public ConcurrentQueue<(string Method, string Path, JsonNode? Body)> Requests { get; } = [];

    public Uri Url { get; private set; } = null!;

    /// <summary>Tokens that are accepted now.</summary>
    public HashSet<string> Valid { get; } = [];

    public string? RefreshToken { get; private set; }

    /// <summary>Label of the next instances, for hostile ones.</summary>
    public string? ForcedLabel { get; set; }

    public static async Task<FakeServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var server = new FakeServer(builder.Build());
        server._app.Run(server.AnswerAsync);
        server.AddRoutes();
        await server._app.StartAsync();
        server.Url = new Uri(server._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        return server;
    }

    /// <summary>Answers a request by itself from now on.</summary>
    /// <param name="route">Method and path without query: <c>GET /api/v1/balance</c>.</param>
    /// <param name="status">HTTP status.</param>
    /// <param name="body">JSON.</param>
    /// <param name="retryAfter">Seconds, or null.</param>
    public void Answer(string route, int status, string body, int? retryAfter = null) => _answers[route] = (request, _) =>
    {
        if (retryAfter is not null)
        {
            request.HttpContext.Response.Headers.RetryAfter = $"{retryAfter}";
        }

        return Results.Text(body, "application/json", statusCode: status);
    };

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        using var reader = new StreamReader(request.Body);
        var text = await reader.ReadToEndAsync(context.RequestAborted);
        var body = text.Length == 0 ? null : JsonNode.Parse(text);
        Requests.Enqueue((request.Method, request.Path + request.QueryString.Value, body));
        var route = $"{request.Method} {request.Path}";
        var result = _answers.TryGetValue(route, out var answer) ? answer(request, body)
            : IsPublic(route) || IsAuthorized(request) ? Route(request, body)
            : Problem(401, "unauthorized", "A valid token or API key is needed.");
        await result.ExecuteAsync(context);
    }

    private bool IsAuthorized(HttpRequest request) =>
        request.Headers.Authorization.ToString() is ['B', 'e', 'a', 'r', 'e', 'r', ' ', .. var token] && Valid.Contains(token);

    private static bool IsPublic(string route) => route is "GET /health" or "POST /api/v1/auth/login" or "POST /api/v1/auth/register" or "POST /api/v1/auth/refresh";

    private void AddRoutes()
    {
        _answers["POST /api/v1/auth/login"] = (_, body) => body!["username"]!.ToString() == Email && body["password"]!.ToString() == Password
            ? Token() : Problem(401, "unauthorized", "Wrong e-mail or password.");
        _answers["POST /api/v1/auth/register"] = (_, _) => Token();
        _answers["POST /api/v1/auth/refresh"] = (_, body) => body!["refresh_token"]!.ToString() == RefreshToken
            ? Token() : Problem(401, "unauthorized", "The refresh token is used up.");
    }

    private IResult Token()
    {
        Valid.Clear();
        var token = $"token-{++_tokens}";
        Valid.Add(token);
        RefreshToken = $"refresh-{_tokens}";
        return Json(new JsonObject
        {
            ["access_token"] = token,
            ["token"] = token,
            ["token_type"] = "bearer",
            ["expires_in"] = 900,
            ["refresh_token"] = RefreshToken,
            ["success"] = true,
            ["user"] = Email,
        });
    }

    private IResult Route(HttpRequest request, JsonNode? body)
    {
        var path = request.Path.Value!.Replace("/api/v1", "", StringComparison.Ordinal).Split('/', StringSplitOptions.RemoveEmptyEntries);
        return (request.Method, path) switch
        {
            ("GET", ["health"]) => Json("""{"status":"healthy","version":"0.1.0","service":"dumont-cloud"}"""),
            ("GET", ["auth", "me"]) => Json($$$$"""{"authenticated":true,"user":{"id":1,"email":"{{{{Email}}}}","username":null,"settings":{}}}"""),
            ("POST", ["auth", "logout"]) => Logout(),
            ("GET", ["settings"]) => Json("""{"vast_api_key":"****abcd","settings":{"auto_hibernate":true,"has_completed_onboarding":false}}"""),
            ("PUT", ["settings"]) => Json("""{"success":true,"message":"Settings updated."}"""),
            ("GET", ["settings", "ssh-keys"]) => Json(new JsonObject { ["ssh_keys"] = _sshKeys.DeepClone(), ["count"] = _sshKeys.Count }),
            ("POST", ["settings", "ssh-keys"]) => AddSshKey(body!),
            ("GET", ["instances", "offers"]) => Offers(request),
            ("GET", ["instances"]) => Json(new JsonObject
            {
                ["instances"] = new JsonArray([.. _instances.Values.Select(i => i.DeepClone())]),
                ["count"] = _instances.Count,
            }),
            ("POST", ["instances"]) => Create(body!),
            ("GET", ["instances", var id]) => Instance(id, Advance),
            ("DELETE", ["instances", var id]) => Instance(id, i =>
            {
                _instances.Remove(i["id"]!.GetValue<long>());
                return Json("""{"success":true,"message":"Instance destroyed."}""");
            }),
            ("POST", ["instances", var id, "pause"]) => Instance(id, i => Change(i, "pausing")),
            ("POST", ["instances", var id, "resume"]) => Instance(id, i => Change(i, "resuming")),
            ("GET", ["standby", "associations"]) => Json("""
                {"associations":{"17":{"gpu_instance_id":17,"cpu_standby":{"name":"dumont-17","zone":"europe-west1-b","ip":"127.9.1.2"},
                "sync_enabled":true,"gpu_failed":false,"state":"ready","sync_count":4}},"count":1}
                """),
            ("GET", ["agent", "status"]) => Json("""{"status":"healthy","agents":[{"instance_id":17,"status":"idle","gpu_utilization":3.2}],"count":1}"""),
            ("GET", ["metrics", "gpus"]) => Json("""["A100","RTX 4090"]"""),
            _ => Problem(404, "not_found", $"There is nothing at {request.Path}."),
        };
    }

    private IResult Logout()
    {
        Valid.Clear();
        return Json("""{"success":true,"message":"Logged out."}""");
    }

    private IResult AddSshKey(JsonNode body)
    {
        _sshKeys.Add(new JsonObject { ["id"] = _sshKeys.Count + 1, ["name"] = body["name"]!.ToString(), ["public_key"] = body["public_key"]!.ToString() });
        return Json("""{"id":1}""");
    }

    private static IResult Offers(HttpRequest request) => request.Query["gpu_name"] == "none"
        ? Json("""{"offers":[],"count":0}""")
        : Json("""
            {"offers":[
            {"id":1001,"gpu_name":"RTX 4090","num_gpus":1,"gpu_ram":24,"cpu_cores":16,"cpu_ram":64,"disk_space":412.5,"inet_down":912.4,"inet_up":520,
             "dph_total":0.3125,"geolocation":"Frankfurt, DE","reliability":0.9912,"cuda_version":"12.8","verified":true,"static_ip":false,"machine_id":77},
            {"id":1002,"gpu_name":"RTX 4090","num_gpus":2,"gpu_ram":24,"cpu_cores":32,"cpu_ram":128,"disk_space":1800,"inet_down":87,"inet_up":40,
             "dph_total":0.49,"geolocation":"São Paulo, a very long place name in Brazil","reliability":0.95,"cuda_version":"12.4","verified":false,"static_ip":true,"machine_id":78}
            ],"count":2}
            """);

    private IResult Create(JsonNode body)
    {
        if (body["offer_id"]?.ToString() == "404")
        {
            return Problem(404, "not_found", "There is no offer 404.");
        }

        var id = 17L + _instances.Count;
        _instances[id] = new JsonObject
        {
            ["id"] = id,
            ["instance_id"] = id,
            ["status"] = "creating",
            ["label"] = ForcedLabel ?? body["label"]?.ToString(),
            ["gpu_name"] = "RTX 4090",
            ["num_gpus"] = 1,
            ["dph_total"] = 0.3125,
            ["total_dph"] = 0.3225,
            ["ssh_host"] = "127.0.0.1",
            ["ssh_port"] = 22017,
            ["ssh_host_key"] = HostKey,
            ["image"] = body["image"]?.ToString(),
        };
        return Json(_instances[id].DeepClone(), 201);
    }

    // One look moves a state on: creating → running, pausing → paused, resuming → running.
    private static IResult Advance(JsonObject instance)
    {
        var answer = instance.DeepClone();
        instance["status"] = instance["status"]!.ToString() switch
        {
            "creating" or "resuming" => instance["image"]?.ToString() == "broken" ? "error" : "running",
            "pausing" => "paused",
            var state => state,
        };
        return Json(answer);
    }

    private static IResult Change(JsonObject instance, string status)
    {
        instance["status"] = status;
        return Json($$"""{"success":true,"message":"Accepted.","status":"{{status}}"}""");
    }

    private IResult Instance(string id, Func<JsonObject, IResult> answer) =>
        long.TryParse(id, out var number) && _instances.TryGetValue(number, out var instance)
            ? answer(instance)
            : Problem(404, "not_found", $"There is no instance {id}.");

    public static string ProblemBody(int status, string code, string detail, string? hint = null) => new JsonObject
    {
        ["error"] = detail,
        ["detail"] = detail,
        ["status"] = status,
        ["type"] = $"https://dumont.example/problems/{code}",
        ["title"] = code,
        ["code"] = code,
        ["hint"] = hint,
        ["request_id"] = "req-1",
    }.ToJsonString();

    private static IResult Problem(int status, string code, string detail) =>
        Results.Text(ProblemBody(status, code, detail), "application/problem+json", statusCode: status);

    private static IResult Json(JsonNode node, int status = 200) => Json(node.ToJsonString(), status);

    private static IResult Json(string text, int status = 200) => Results.Text(text, "application/json", statusCode: status);
}
