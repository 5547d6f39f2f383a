using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Vast;

/// <summary>A cursor that this cloud did not hand out.</summary>
internal sealed class InvalidCursorException() : Exception("after_token is not a valid token");

/// <summary>The paged list of instances: filters, order, cursor.</summary>
internal sealed class InstanceListing
{
    private const int PageMax = 25;
    private const int PageDefault = 5;

    // Columns of the provider's table; what it computes for an answer can be neither asked for nor sorted by.
    private static readonly string[] Columns =
    [
        "id", "label", "actual_status", "intended_status", "cur_state", "next_state", "gpu_name", "machine_id", "host_id", "image_uuid", "is_bid",
        "start_date", "end_date", "verification", "geolocation", "gpu_ram", "public_ipaddr", "ssh_port", "template_hash_id", "disk_space",
    ];

    private readonly List<(string Column, Criterion Criterion)> _filters = [];

    private string _column = "id";
    private bool _descending;
    private JsonObject? _after;
    private HashSet<string>? _shown;

    public int Limit { get; private init; } = PageMax;

    /// <exception cref="BadRequestException">A filter, column or order that does not exist.</exception>
    /// <exception cref="InvalidCursorException">An unreadable cursor.</exception>
    public static InstanceListing Parse(IQueryCollection query)
    {
        var limit = query["limit"].FirstOrDefault() is { Length: > 0 } text
            ? int.TryParse(text, out var number) ? number : throw new BadRequestException("limit is not a whole number")
            : PageMax;
        var listing = new InstanceListing { Limit = limit <= 0 ? PageDefault : Math.Min(limit, PageMax) };
        foreach (var (name, value) in ParseJson(query, "select_filters") as JsonObject ?? [])
        {
            listing._filters.AddRange(Criterion.Parse(Column(name), value).Select(criterion => (name, criterion)));
        }

        if (ParseJson(query, "order_by") is JsonArray { Count: > 0 } order && order[0] is JsonObject key)
        {
            listing._column = Column(key.Text("col") ?? "id");
            listing._descending = string.Equals(key.Text("dir"), "desc", StringComparison.OrdinalIgnoreCase);
        }

        if (ParseJson(query, "select_cols") is JsonArray columns && !columns.Any(column => column?.ToString() == "*"))
        {
            listing._shown = [.. columns.Select(column => column?.ToString() ?? "")];
        }

        listing._after = ParseCursor(query["after_token"].FirstOrDefault());
        return listing;
    }

    /// <summary>The page and what Vast.ai says around it.</summary>
    public JsonObject Render(IReadOnlyList<JsonObject> instances)
    {
        var matching = instances.Where(Accepts).Order(Comparer<JsonObject>.Create(Compare)).ToArray();
        var rest = _after is { } after ? [.. matching.SkipWhile(instance => Compare(instance, after) <= 0)] : matching;
        var page = rest.Take(Limit).ToArray();
        var labels = new JsonObject();
        foreach (var group in instances.Select(instance => instance.Text("label")).OfType<string>().CountBy(label => label))
        {
            labels[group.Key] = group.Value;
        }

        return new JsonObject
        {
            ["success"] = true,
            ["instances_found"] = page.Length,
            ["total_instances"] = matching.Length,
            ["label_counts"] = labels,
            ["next_token"] = rest.Length > page.Length ? Cursor(page[^1]) : null,
            ["instances"] = new JsonArray([.. page.Select(Show)]),
        };
    }

    private JsonNode Show(JsonObject instance)
    {
        foreach (var name in _shown is null ? [] : instance.Select(pair => pair.Key).Where(name => !_shown.Contains(name)).ToArray())
        {
            instance.Remove(name);
        }

        return instance;
    }

    private bool Accepts(JsonObject instance) => _filters.All(filter => filter.Criterion.Accepts(Value(instance[filter.Column])));

    private int Compare(JsonObject? left, JsonObject? right)
    {
        var order = (Value(left![_column]), Value(right![_column])) switch
        {
            (double a, double b) => a.CompareTo(b),
            (string a, string b) => string.CompareOrdinal(a, b),
            (bool a, bool b) => a.CompareTo(b),
            (null, null) => 0,
            (null, _) => -1,
            _ => 1,
        };
        order = _descending ? -order : order;
        return order != 0 ? order : ((double)Value(left["id"])!).CompareTo((double)Value(right["id"])!);
    }

    private string Cursor(JsonObject last)
    {
        var values = new JsonObject { ["id"] = last["id"]!.DeepClone() };
        values[_column] = last[_column]?.DeepClone();
        return Convert.ToBase64String(Encoding.UTF8.GetBytes(new JsonObject { ["values"] = values }.ToJsonString()));
    }

    private static JsonObject? ParseCursor(string? token)
    {
        if (string.IsNullOrEmpty(token))
        {
            return null;
        }

        try
        {
            return JsonNode.Parse(Convert.FromBase64String(token))?["values"] is JsonObject values && values["id"] is JsonValue
                ? values
                : throw new InvalidCursorException();
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
        {
            throw new InvalidCursorException();
        }
    }

    private static string Column(string name) =>
        Columns.Contains(name) ? name : throw new BadRequestException($"'{name}' is not a valid search key");

    private static JsonNode? ParseJson(IQueryCollection query, string name)
    {
        var text = query[name].FirstOrDefault();
        try
        {
            return string.IsNullOrWhiteSpace(text) ? null : JsonValues.Parse(text);
        }
        catch (JsonException)
        {
            throw new BadRequestException($"{name} is not JSON");
        }
    }

    private static object? Value(JsonNode? node) => node?.GetValueKind() switch
    {
        null or JsonValueKind.Null => null,
        JsonValueKind.Number => double.Parse(node.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => node.ToString(),
    };
}
