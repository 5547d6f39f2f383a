using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Faults;

/// <summary><c>/local/faults</c>: arm, list and disarm faults.</summary>
internal static class FaultEndpoints
{
    private const double SecondsMax = 86_400;

    private static readonly string[] Providers = ["vast", "gcp", "s3"];
    private static readonly string[] Variants = ["html", "types", "nan"];
    private static readonly string[] NumberNames = [.. FaultKind.All.SelectMany(kind => kind.Numbers).Select(number => number.Name).Distinct()];
    private static readonly string[] Fields =
        ["kind", "operation", "provider", "target", "count", "seconds", "probability", "names_contract", "state", "variant", .. NumberNames];

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

    private static async Task<IResult> AddAsync(HttpContext context, FaultBook faults, IMachineEvents machines, TimeProvider time)
    {
        var body = await RequestBody.ReadAsync(context);
        if ((FindProblem(body) ?? FindKindProblem(body)) is { } problem)
        {
            return problem;
        }

        var kind = FaultKind.Find(body.Text("kind"))!;
        var seconds = body.Number("seconds");
        var fault = faults.Add(id => new Fault
        {
            Id = id,
            Kind = kind,
            Operation = body.Text("operation") ?? kind.Usual ?? kind.OperationsOf(body.Text("provider"))[0],
            Provider = body.Text("provider"),
            Target = body.Text("target"),
            Count = (int?)body.Number("count"),
            Seconds = seconds,
            Until = seconds is null ? null : time.GetUtcNow().AddSeconds(seconds.Value),
            Probability = body.Number("probability"),
            Numbers = kind.Numbers.ToDictionary(number => number.Name, number => body.Number(number.Name) ?? number.Default!.Value),
            State = body.Text("state"),
            Variant = body.Text("variant") ?? "html",
            NamesContract = body.Flag("names_contract") ?? true,
        });
        if (kind.Name == FaultKind.StaleListing)
        {
            // What the lagging copy knows is what there is now.
            fault.Seen.Remember(machines.Describe(context.Request));
        }

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

        if (body.Text("provider") is { } provider && !Providers.Contains(provider))
        {
            return Invalid("provider", $"unknown provider '{provider}'", Providers);
        }

        var operations = kind.OperationsOf(body.Text("provider"));
        if (operations.Count == 0)
        {
            return Invalid("provider", $"{kind.Name} makes no sense on {body.Text("provider")}", ["vast"]);
        }

        var operation = body.Text("operation");
        if (operation is null && operations.Count > 1 && kind.Usual is null)
        {
            return Invalid("operation", $"{kind.Name} needs an operation", operations);
        }

        if (operation is not null && !operations.Contains(operation))
        {
            return Invalid("operation", $"'{operation}' is not an operation that {kind.Name} can strike", operations);
        }

        return FindExtentProblem(body);
    }


    private static readonly string[] Extents = ["count", "seconds", "probability"];

    private static JsonAnswer? FindExtentProblem(JsonObject body)
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

        return null;
    }

    // What only some kinds take.
    private static JsonAnswer? FindKindProblem(JsonObject body)
    {
        var kind = FaultKind.Find(body.Text("kind"))!;
        foreach (var number in kind.Numbers)
        {
            if (body.Number(number.Name) is { } given ? !(given >= number.Min && given <= number.Max) : number.Default is null)
            {
                return Invalid(number.Name, string.Create(CultureInfo.InvariantCulture, $"{kind.Name} needs {number.Name} from {number.Min} to {number.Max}"), []);
            }
        }

        if (kind.Numbers.Any(number => number.Name == "status") && body.Number("status") is not (null or 500 or 502 or 503 or 504))
        {
            return Invalid("status", "status is 500, 502, 503 or 504", ["500", "502", "503", "504"]);
        }

        if (body.Text("variant") is { } variant && !Variants.Contains(variant))
        {
            return Invalid("variant", $"unknown variant '{variant}'", Variants);
        }

        var states = ShownState.Of(body.Text("provider"));
        if (body.Text("state") is { } state && !states.Contains(state))
        {
            return Invalid("state", $"'{state}' is not a state of {body.Text("provider") ?? "both providers; name one"}", states);
        }

        var strange = Special.FirstOrDefault(field => body[field.Name] is not null && !field.IsOf(kind));
        return strange.Name is null ? null : Invalid(strange.Name, $"{kind.Name} takes no {strange.Name}", kind.Numbers.Select(number => number.Name));
    }

    private static readonly (string Name, Func<FaultKind, bool> IsOf)[] Special =
    [
        ("state", kind => kind.Name == FaultKind.LyingStatus),
        ("variant", kind => kind.Name == FaultKind.GarbageBody),
        ("names_contract", kind => kind.Name == FaultKind.CreateLeavesContract),
        .. NumberNames.Select(name => (name, (Func<FaultKind, bool>)(kind => kind.Numbers.Any(number => number.Name == name)))),
    ];

    private static JsonAnswer Invalid(string field, string message, IEnumerable<string> valid) => new(
        new JsonObject
        {
            ["error"] = message,
            ["field"] = field,
            ["valid"] = new JsonArray([.. valid.Select(value => (JsonNode)value)]),
        },
        StatusCodes.Status422UnprocessableEntity);

    private static JsonObject ToJson(Fault fault)
    {
        var json = new JsonObject
        {
            ["id"] = fault.Id,
            ["kind"] = fault.Kind.Name,
            ["operation"] = fault.Operation,
            ["provider"] = fault.Provider,
            ["target"] = fault.Target,
            ["count"] = fault.Count,
            ["seconds"] = fault.Seconds,
            ["until"] = fault.Until?.ToString("O", CultureInfo.InvariantCulture),
            ["probability"] = fault.Probability,
            ["delay_seconds"] = fault.DelaySeconds,
            ["names_contract"] = fault.NamesContract,
            ["state"] = fault.State,
            ["hits"] = fault.Hits,
            ["effect"] = fault.Kind.Effect,
        };
        foreach (var (name, value) in fault.Numbers)
        {
            json[name] = value;
        }

        return json;
    }
}
