using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Dumont.Providers.Tests.Vast;

/// <summary>A few dozen lines of Vast.ai, for a real socket: offers, machines that come up at the second look, keys.</summary>
internal sealed class VastFake
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<long, JsonObject> _machines = [];
    private readonly Dictionary<long, decimal> _offers = Enumerable.Range(1, 90).ToDictionary(i => 1000L + i, i => 0.2m + (0.005m * (i / 3)));
    private long _nextId = 5000;

    /// <summary>Breaks the connection after the next rental was made.</summary>
    public bool LoseNextRental { get; set; }

    public int Rentals
    {
        get
        {
            lock (_lock)
            {
                return _machines.Count;
            }
        }
    }

    public async Task AnswerAsync(HttpContext context)
    {
        var body = context.Request.ContentLength > 0 ? await JsonNode.ParseAsync(context.Request.Body) as JsonObject : null;
        var path = context.Request.Path.Value!.Trim('/').Split('/');
        if (context.Request.Headers.Authorization != $"Bearer {VastBench.Canary}")
        {
            await ReplyAsync(context, 404, Error("auth_error", "Invalid user key"));
            return;
        }

        (int Status, JsonNode Json) answer;
        lock (_lock)
        {
            answer = (context.Request.Method, path[2..]) switch
            {
                ("POST", ["bundles"]) => (200, Search(body!)),
                ("PUT", ["asks", var id]) => Rent(long.Parse(id, CultureInfo.InvariantCulture), body!),
                ("GET", ["instances"]) => (200, List(context.Request.Query["after_token"])),
                ("GET", ["instances", var id]) => (200, new JsonObject { ["instances"] = Look(long.Parse(id, CultureInfo.InvariantCulture)) }),
                ("PUT", ["instances", var id]) => SetState(long.Parse(id, CultureInfo.InvariantCulture), (string)body!["state"]!),
                ("DELETE", ["instances", var id]) => _machines.Remove(long.Parse(id, CultureInfo.InvariantCulture)) ? Good() : Gone(),
                ("GET", ["ssh"]) => (200, new JsonArray()),
                ("POST", ["ssh"]) or ("POST", ["instances", _, "ssh"]) => Good(),
                ("GET", ["users", "current"]) => (200, new JsonObject { ["credit"] = 25.5, ["balance"] = 0 }),
                _ => (404, Error("not_found", context.Request.Path)),
            };
        }

        if (LoseNextRental && path[2] == "asks")
        {
            LoseNextRental = false;
            context.Abort();
            return;
        }

        await ReplyAsync(context, answer.Status, answer.Json);
    }

    private JsonObject Search(JsonObject body)
    {
        bool Fits(string field, decimal value) => body[field] is not JsonObject range
            || ((range["gte"] is not { } low || value >= low.GetValue<decimal>())
                && (range["lte"] is not { } high || value <= high.GetValue<decimal>())
                && (range["eq"] is not { } same || value == same.GetValue<decimal>()));
        var rows = _offers.Where(offer => Fits("dph_total", offer.Value) && Fits("id", offer.Key))
            .OrderBy(offer => offer.Value).ThenBy(offer => offer.Key).Take((int)body["limit"]!);
        return new JsonObject
        {
            ["offers"] = new JsonArray([.. rows.Select(offer => new JsonObject
            {
                ["id"] = offer.Key,
                ["dph_total"] = offer.Value,
                ["num_gpus"] = 1,
                ["gpu_name"] = "RTX 4090",
                ["gpu_ram"] = 24564,
                ["cpu_cores_effective"] = 8.0,
                ["cpu_ram"] = 32000,
                ["disk_space"] = 200,
                ["reliability2"] = 0.99,
                ["geolocation"] = "Norway, NO",
            })]),
        };
    }

    private (int, JsonNode) Rent(long offer, JsonObject body)
    {
        if (!_offers.Remove(offer, out var price))
        {
            return (404, Error("invalid_args", $"error 404/3603: no_such_ask Instance type by id {offer} is not available."));
        }

        var id = _nextId++;
        _machines[id] = new JsonObject
        {
            ["id"] = id,
            ["label"] = (string)body["label"]!,
            ["actual_status"] = null,
            ["intended_status"] = "running",
            ["cur_state"] = "running",
            ["next_state"] = "running",
            ["dph_total"] = price,
            ["ssh_host"] = "ssh6.vast.ai",
            ["ssh_port"] = 10000 + (id % 10000) - 1,
            ["image_runtype"] = "ssh ssh_direc ssh_proxy",
        };
        return (200, new JsonObject { ["success"] = true, ["new_contract"] = id });
    }

    // Each look moves a machine on by one state.
    private JsonNode? Look(long id)
    {
        if (!_machines.TryGetValue(id, out var machine))
        {
            return null;
        }

        var copy = machine.DeepClone();
        machine["actual_status"] = (string?)machine["intended_status"] == "stopped" ? "exited"
            : (string?)machine["actual_status"] is "loading" or "running" or "exited" ? "running" : "loading";
        return copy;
    }

    private JsonObject List(string? cursor)
    {
        var after = string.IsNullOrEmpty(cursor) ? 0 : long.Parse(cursor, CultureInfo.InvariantCulture);
        var rows = _machines.Where(machine => machine.Key > after).Take(2).ToList();
        return new JsonObject
        {
            ["success"] = true,
            ["instances"] = new JsonArray([.. rows.Select(row => row.Value.DeepClone())]),
            ["next_token"] = rows.Count == 2 ? rows[^1].Key.ToString(CultureInfo.InvariantCulture) : null,
        };
    }

    private (int, JsonNode) SetState(long id, string state)
    {
        if (!_machines.TryGetValue(id, out var machine))
        {
            return Gone();
        }

        foreach (var field in new[] { "intended_status", "cur_state", "next_state" })
        {
            machine[field] = state;
        }

        return Good();
    }

    private static (int, JsonNode) Good() => (200, new JsonObject { ["success"] = true });

    private static (int, JsonNode) Gone() => (404, Error("no_such_instance", "no such instance"));

    private static JsonObject Error(string error, string message) => new() { ["success"] = false, ["error"] = error, ["msg"] = message };

    private static Task ReplyAsync(HttpContext context, int status, JsonNode json)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(json.ToJsonString(JsonSerializerOptions.Web));
    }
}
