using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Faults;

/// <summary><c>/local/faults</c>: arm, list and disarm faults.</summary>
internal static class FaultEndpoints
{
    private const double SecondsMax = 86_400;

    private static readonly string[] Providers = ["vast", "gcp"];

    public static void Map(RouteGroupBuilder local)
    {
        local.MapPost("/faults", AddAsync);
        local.MapGet("/faults", (FaultBook faults) => new JsonAnswer(new JsonObject
        {
            ["faults"] = new JsonArray([.. faults.List().Select(ToJson)]),
        }));
        local.MapDelete("/faults", (FaultBook faults) => new JsonAnswer(new JsonObject { ["removed"] = faults.Clear() }));
        local.MapDelete("/faults/{id:int}", (int id, FaultBook faults) => faults.Remove(id)
            ? new JsonAnswer(new JsonObject { ["removed"] = 1 })
            : new JsonAnswer(new JsonObject { ["error"] = "no such fault" }, StatusCodes.Status404NotFound));
    }

    private static async Task<IResult> AddAsync(HttpContext context, FaultBook faults, TimeProvider time)
    {
        var body = await RequestBody.ReadAsync(context);
        if (FindProblem(body) is { } problem)
        {
            return problem;
        }

        var kind = FaultKind.Find(body.Text("kind"))!;
        var seconds = body.Number("seconds");
        var fault = faults.Add(id => new Fault
        {
            Id = id,
            Kind = kind,
            Operation = body.Text("operation") ?? kind.Operations[0],
            Provider = body.Text("provider"),
            Target = body.Text("target"),
            Count = (int?)body.Number("count"),
            Seconds = seconds,
            Until = seconds is null ? null : time.GetUtcNow().AddSeconds(seconds.Value),
            Probability = body.Number("probability"),
            DelaySeconds = body.Number("delay_seconds") ?? 0,
            NamesContract = body.Flag("names_contract") ?? true,
        });
        return new JsonAnswer(ToJson(fault), StatusCodes.Status201Created);
    }

    private static JsonAnswer? FindProblem(JsonObject body)
    {
        var unknown = body.Select(pair => pair.Key).FirstOrDefault(name => !Fields.Contains(name));
        if (unknown is not null)
        {
            return Invalid(unknown, $"unknown field '{unknown}'", Fields);
        }

        if (FaultKind.Find(body.Text("kind")) is not { } kind)
        {
            return Invalid("kind", $"unknown kind '{body.Text("kind")}'", FaultKind.All.Select(known => known.Name));
        }

        var operation = body.Text("operation");
        if (operation is null && kind.Operations.Count > 1)
        {
            return Invalid("operation", $"{kind.Name} needs an operation", kind.Operations);
        }

        if (operation is not null && !kind.Operations.Contains(operation))
        {
            return Invalid("operation", $"'{operation}' is not an operation that {kind.Name} can strike", kind.Operations);
        }

        if (body.Text("provider") is { } provider && !Providers.Contains(provider))
        {
            return Invalid("provider", $"unknown provider '{provider}'", Providers);
        }

        return FindExtentProblem(body, kind);
    }

    private static readonly string[] Fields =
        ["kind", "operation", "provider", "target", "count", "seconds", "probability", "delay_seconds", "names_contract"];

    private static readonly string[] Extents = ["count", "seconds", "probability"];

    private static JsonAnswer? FindExtentProblem(JsonObject body, FaultKind kind)
    {
        var given = Extents.Where(name => body[name] is not null).ToArray();
        if (given.Length != 1)
        {
            return Invalid(given.FirstOrDefault() ?? "count", "give exactly one of count, seconds, probability", Extents);
        }

        if (body["count"] is not null && body.Number("count") is not (>= 1 and <= 1_000_000))
        {
            return Invalid("count", "count is a whole number from 1 to 1000000", []);
        }

        if (body["seconds"] is not null && body.Number("seconds") is not (> 0 and <= SecondsMax))
        {
            return Invalid("seconds", $"seconds is above 0 and at most {SecondsMax}", []);
        }

        if (body["probability"] is not null && body.Number("probability") is not (> 0 and <= 1))
        {
            return Invalid("probability", "probability is above 0 and at most 1", []);
        }

        return kind.Name == FaultKind.SlowBoot && body.Number("delay_seconds") is not (> 0 and <= SecondsMax)
            ? Invalid("delay_seconds", $"slow-boot needs delay_seconds above 0 and at most {SecondsMax}", [])
            : null;
    }

    private static JsonAnswer Invalid(string field, string message, IEnumerable<string> valid) => new(
        new JsonObject
        {
            ["error"] = message,
            ["field"] = field,
            ["valid"] = new JsonArray([.. valid.Select(value => (JsonNode)value)]),
        },
        StatusCodes.Status422UnprocessableEntity);

    private static JsonObject ToJson(Fault fault) => new()
    {
        ["id"] = fault.Id,
        ["kind"] = fault.Kind.Name,
        ["operation"] = fault.Operation,
        ["provider"] = fault.Provider,
        ["target"] = fault.Target,
        ["count"] = fault.Count,
        ["seconds"] = fault.Seconds,
        ["until"] = fault.Until?.ToString("O", System.Globalization.CultureInfo.InvariantCulture),
        ["probability"] = fault.Probability,
        ["delay_seconds"] = fault.DelaySeconds,
        ["names_contract"] = fault.NamesContract,
        ["hits"] = fault.Hits,
        ["effect"] = fault.Kind.Effect,
    };
}
