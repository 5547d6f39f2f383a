using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Faults;

/// <summary>An answer that a call gave, kept from its caller for the while.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Body">Every byte.</param>
internal sealed record HeldAnswer(int Status, byte[] Body)
{
    private static readonly JsonSerializerOptions Format = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The body as an object, or null where it is none.</summary>
    public JsonObject? Json()
    {
        try
        {
            return JsonNode.Parse(Body) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public HeldAnswer With(JsonNode json) => this with { Body = JsonSerializer.SerializeToUtf8Bytes(json, Format) };
}

/// <summary>Changes answers as faults ask for. Pure.</summary>
internal static partial class AnswerSpoiler
{
    // Names of Vast.ai's fields that hold an instant, in seconds.
    private static readonly string[] Instants = ["start_date", "end_date"];

    /// <summary>What the caller gets to see of an answer.</summary>
    /// <param name="fault">What was struck.</param>
    /// <param name="provider">Whose answer.</param>
    /// <param name="answer">The truth.</param>
    /// <param name="zone">The zone of the call, or null.</param>
    /// <param name="now">Instant of the answer.</param>
    public static HeldAnswer Spoil(Fault fault, string provider, HeldAnswer answer, string? zone, DateTimeOffset now)
    {
        if (fault.Kind.Name == FaultKind.GarbageBody)
        {
            return Garbage(fault.Variant, answer);
        }

        if (answer.Json() is not { } json)
        {
            return answer;
        }

        var machines = new ListedMachines(provider, json);
        var struck = machines.All.Where(item => ListedMachines.IsNamed(item, fault.Target)).ToArray();
        switch (fault.Kind.Name)
        {
            case FaultKind.LyingStatus when fault.State == ShownState.Gone && machines.IsSingle:
                return struck.Length == 0 ? answer : Missing(provider, answer, zone, struck[0]);
            case FaultKind.LyingStatus when fault.State == ShownState.Gone:
                machines.Remove(item => ListedMachines.IsNamed(item, fault.Target));
                break;
            case FaultKind.LyingStatus:
                ShowAll(item => fault.State ?? ShownState.Opposite(provider, item));
                break;
            case FaultKind.StatusFlaps when fault.Hits % 2 == 1:
                ShowAll(_ => ShownState.Doubtful(provider));
                break;
            case FaultKind.DuplicateId when struck.Length > 0:
                machines.Add(struck[0]);
                break;
            case FaultKind.PageShift when machines.All.FirstOrDefault() is { } first:
                machines.Remove(item => item == first);
                break;
            case FaultKind.StaleListing:
                fault.Seen.Apply(machines, provider, zone, now, TimeSpan.FromSeconds(fault.DelaySeconds));
                break;
            case FaultKind.ClockSkew:
                Skew(json, TimeSpan.FromSeconds(fault.Numbers["skew_seconds"]));
                break;
            default:
                break;
        }

        return answer.With(json);

        void ShowAll(Func<JsonObject, string> state)
        {
            foreach (var item in struck)
            {
                ShownState.Show(provider, item, state(item));
            }
        }
    }

    private static HeldAnswer Missing(string provider, HeldAnswer answer, string? zone, JsonObject item) => provider == "vast"
        ? answer.With(new JsonObject { ["instances"] = null })
        : answer.With(new JsonObject
        {
            ["error"] = new JsonObject
            {
                ["code"] = 404,
                ["message"] = NotFound(item, zone),
                ["errors"] = new JsonArray(new JsonObject { ["message"] = NotFound(item, zone), ["domain"] = "global", ["reason"] = "notFound" }),
            },
        }) with
        { Status = StatusCodes.Status404NotFound };

    private static string NotFound(JsonObject item, string? zone)
    {
        var link = item["selfLink"]!.ToString();
        return $"The resource '{link[link.IndexOf("projects/", StringComparison.Ordinal)..link.IndexOf("/zones/", StringComparison.Ordinal)]}/zones/{zone}/instances/{item["name"]}' was not found";
    }

    private static HeldAnswer Garbage(string variant, HeldAnswer answer) => variant switch
    {
        "html" => new HeldAnswer(StatusCodes.Status200OK, "<!doctype html><html><head><title>Maintenance</title></head><body><h1>We will be back soon</h1></body></html>"u8.ToArray()),
        // Not JSON, yet written by servers that think it is.
        "nan" => new HeldAnswer(StatusCodes.Status200OK, Encoding.UTF8.GetBytes(Number().Replace(Encoding.UTF8.GetString(answer.Body), "$1NaN"))),
        _ => answer.Json() is { } json ? answer.With(Twist(json)!) with { Status = StatusCodes.Status200OK } : answer,
    };

    // Every value of another type than it has: text for numbers, numbers for text, objects for lists.
    private static JsonNode? Twist(JsonNode? node) => node switch
    {
        JsonObject item => new JsonObject(item.Select(pair => KeyValuePair.Create(pair.Key, Twist(pair.Value)))),
        JsonArray list => new JsonObject(list.Select((member, index) => KeyValuePair.Create(index.ToString(CultureInfo.InvariantCulture), Twist(member)))),
        JsonValue value when value.GetValueKind() == JsonValueKind.String => value.ToString().Length,
        JsonValue value => value.ToJsonString(),
        _ => null,
    };

    private static void Skew(JsonNode? node, TimeSpan skew)
    {
        switch (node)
        {
            case JsonObject item:
                foreach (var (name, value) in item.ToArray())
                {
                    item[name] = Skewed(name, value, skew) ?? Walk(value);
                }

                break;
            case JsonArray list:
                foreach (var member in list)
                {
                    Skew(member, skew);
                }

                break;
            default:
                break;
        }

        JsonNode? Walk(JsonNode? value)
        {
            Skew(value, skew);
            return value;
        }
    }

    private static JsonNode? Skewed(string name, JsonNode? value, TimeSpan skew) => value?.GetValueKind() switch
    {
        JsonValueKind.Number when Instants.Contains(name) => JsonValues.AsNumber(value) + skew.TotalSeconds,
        JsonValueKind.String when Instant().IsMatch(value.ToString()) && DateTimeOffset.TryParse(value.ToString(), CultureInfo.InvariantCulture, out var instant) =>
            (instant + skew).ToString("yyyy-MM-ddTHH:mm:ss.fffzzz", CultureInfo.InvariantCulture),
        _ => null,
    };

    [GeneratedRegex(@"([:,\[]\s*)-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?=\s*[,}\]])")]
    private static partial Regex Number();

    [GeneratedRegex(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")]
    private static partial Regex Instant();
}
