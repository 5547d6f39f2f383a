using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Dumont.Providers.Tests.Gcp;

/// <summary>A few dozen lines of Compute Engine, for a real socket: zones, machines that come up at the second look, tokens.</summary>
internal sealed class GcpFake
{
    private static readonly string[] ZoneNames = ["us-west4-a", "us-east1-b"];

    private readonly Lock _lock = new();
    private readonly Dictionary<string, JsonObject> _machines = [];
    private readonly HashSet<string> _seenOperations = [];

    public Task AnswerAsync(HttpContext context) => context.Request.Path.Value == "/token"
        ? ReplyAsync(context, 200, new JsonObject { ["access_token"] = GcpBench.Canary, ["expires_in"] = 3600 })
        : AnswerComputeAsync(context);

    private async Task AnswerComputeAsync(HttpContext context)
    {
        var body = context.Request.ContentLength > 0 ? await JsonNode.ParseAsync(context.Request.Body) as JsonObject : null;
        var path = context.Request.Path.Value!["/compute/v1/projects/proj-1/".Length..].Split('/');
        (int Status, JsonNode Json) answer;
        lock (_lock)
        {
            answer = (context.Request.Method, path) switch
            {
                _ when context.Request.Headers.Authorization != $"Bearer {GcpBench.Canary}" => (401, Error(401, "authError", "Invalid Credentials")),
                ("GET", ["zones"]) => (200, Zones()),
                ("POST", ["zones", "us-west4-a" or "us-east1-b", "instances"]) => Insert(path[1], body!),
                ("GET", ["zones", var zone, "operations", var name]) => (200, Operation(name, zone, _seenOperations.Add(name) ? "RUNNING" : "DONE")),
                ("GET", ["zones", _, "operations"]) => (200, new JsonObject { ["kind"] = "compute#operationList" }),
                ("GET", ["aggregated", "instances"]) => (200, Aggregated()),
                (var method, ["zones", var zone, "instances", var name, .. var verb]) => OnMachine(method, zone, name, verb.FirstOrDefault()),
                (_, var rest) => NotFound(string.Join('/', rest)),
            };
        }

        await ReplyAsync(context, answer.Status, answer.Json);
    }

    private (int, JsonNode) OnMachine(string method, string zone, string name, string? verb)
    {
        if (!_machines.TryGetValue($"{zone}/{name}", out var machine))
        {
            return NotFound($"zones/{zone}/instances/{name}");
        }

        if (method == "GET")
        {
            var copy = machine.DeepClone();
            machine["status"] = (string)machine["status"]! switch
            {
                "PROVISIONING" => "STAGING",
                "STAGING" => "RUNNING",
                "STOPPING" => "TERMINATED",
                var same => same,
            };
            return (200, copy);
        }

        if (method == "DELETE")
        {
            _machines.Remove($"{zone}/{name}");
        }
        else if (verb == "stop")
        {
            machine["status"] = (string)machine["status"]! == "TERMINATED" ? "TERMINATED" : "STOPPING";
        }
        else if (verb == "start" && (string)machine["status"]! == "TERMINATED")
        {
            machine["status"] = "PROVISIONING";
        }

        return (200, Operation("operation-2-cd", zone, "RUNNING"));
    }

    private (int, JsonNode) Insert(string zone, JsonObject body)
    {
        var name = (string)body["name"]!;
        if (_machines.ContainsKey($"{zone}/{name}"))
        {
            return (409, Error(409, "alreadyExists", $"The resource 'projects/proj-1/zones/{zone}/instances/{name}' already exists"));
        }

        var machine = JsonNode.Parse(GcpBench.Instance("PROVISIONING", name))!.AsObject();
        machine["zone"] = $"https://www.googleapis.com/compute/v1/projects/proj-1/zones/{zone}";
        machine["labels"] = body["labels"]!.DeepClone();
        _machines[$"{zone}/{name}"] = machine;
        return (200, Operation($"operation-{name}", zone, "PENDING"));
    }

    private JsonObject Aggregated()
    {
        var scopes = new JsonObject { ["zones/us-east1-c"] = new JsonObject { ["warning"] = new JsonObject { ["code"] = "NO_RESULTS_ON_PAGE" } } };
        foreach (var zone in _machines.GroupBy(machine => machine.Key.Split('/')[0]))
        {
            scopes[$"zones/{zone.Key}"] = new JsonObject { ["instances"] = new JsonArray([.. zone.Select(machine => machine.Value.DeepClone())]) };
        }

        return new JsonObject { ["kind"] = "compute#instanceAggregatedList", ["items"] = scopes };
    }

    private static JsonObject Zones() => new()
    {
        ["kind"] = "compute#zoneList",
        ["items"] = new JsonArray([.. ZoneNames.Select(zone => new JsonObject { ["name"] = zone, ["status"] = "UP" })]),
    };

    private static JsonObject Operation(string name, string zone, string status) => new()
    {
        ["kind"] = "compute#operation",
        ["name"] = name,
        ["zone"] = zone,
        ["operationType"] = "insert",
        ["status"] = status,
    };

    private static (int, JsonNode) NotFound(string path) => (404, Error(404, "notFound", $"The resource 'projects/proj-1/{path}' was not found"));

    private static JsonNode Error(int code, string reason, string message) => JsonNode.Parse(GcpBench.Error(code, reason, message))!;

    private static Task ReplyAsync(HttpContext context, int status, JsonNode json)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json; charset=UTF-8";
        return context.Response.WriteAsync(json.ToJsonString());
    }
}
