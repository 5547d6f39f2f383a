using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Vast;

/// <summary>A parsed question for charges or payments: a window of time, filters, order, page.</summary>
internal sealed class ChargeQuery
{
    private const int LimitDefault = 20;

    private readonly List<(string Column, Criterion Criterion)> _filters = [];

    /// <summary>First second asked for.</summary>
    public DateTimeOffset From { get; private set; }

    /// <summary>End of the last second asked for.</summary>
    public DateTimeOffset To { get; private set; }

    public bool LatestFirst { get; private init; }

    public int Limit { get; private init; }

    /// <summary>Key of the last row of the page before, or null for the first page.</summary>
    public string? After { get; private init; }

    /// <param name="query">Of the request.</param>
    /// <param name="timeColumn">Column whose bounds are required.</param>
    /// <param name="columns">Columns that can be asked for besides.</param>
    /// <param name="limitMax">Rows of one page at the most.</param>
    /// <exception cref="BadRequestException">Something is missing or makes no sense.</exception>
    /// <exception cref="InvalidCursorException">An unreadable cursor.</exception>
    public static ChargeQuery Parse(IQueryCollection query, string timeColumn, IReadOnlyList<string> columns, int limitMax)
    {
        var limit = Number(query, "limit") ?? LimitDefault;
        var parsed = new ChargeQuery
        {
            LatestFirst = string.Equals(query["latest_first"].FirstOrDefault(), "true", StringComparison.OrdinalIgnoreCase),
            Limit = limit <= 0 ? LimitDefault : (int)Math.Min(limit, limitMax),
            After = ParseCursor(query["after_token"].FirstOrDefault()),
        };
        var filters = ParseFilters(query["select_filters"].FirstOrDefault());
        parsed.TakeWindow(timeColumn, filters[timeColumn] as JsonObject ?? throw new BadRequestException($"select_filters needs bounds of {timeColumn}, gte and lte"));
        foreach (var (name, value) in filters.Where(pair => pair.Key != timeColumn))
        {
            parsed._filters.AddRange(columns.Contains(name)
                ? Criterion.Parse(name, value).Select(criterion => (name, criterion))
                : throw new BadRequestException($"'{name}' is not a valid search key"));
        }

        return parsed;
    }

    public bool Accepts(Func<string, object?> value) => _filters.All(filter => filter.Criterion.Accepts(value(filter.Column)));

    /// <summary>The page of rows, each with a key that rises with the order of time, and what is said around it.</summary>
    public JsonObject Render(IEnumerable<(string Key, JsonObject Row)> rows)
    {
        var ordered = rows.OrderBy(row => row.Key, StringComparer.Ordinal).ToArray();
        if (LatestFirst)
        {
            Array.Reverse(ordered);
        }

        var rest = ordered.Where(row => After is null || (string.CompareOrdinal(row.Key, After) < 0) == LatestFirst && row.Key != After).ToArray();
        var page = rest.Take(Limit).ToArray();
        return new JsonObject
        {
            ["success"] = true,
            ["count"] = page.Length,
            ["total"] = ordered.Length,
            ["next_token"] = rest.Length > page.Length ? Cursor(page[^1].Key) : null,
            ["results"] = new JsonArray([.. page.Select(row => row.Row)]),
        };
    }

    private void TakeWindow(string column, JsonObject bounds)
    {
        double? first = null, end = null;
        foreach (var (name, value) in bounds)
        {
            var second = JsonValues.AsNumber(value) ?? throw new BadRequestException($"{column} {name} is not a time in seconds");
            switch (name)
            {
                case "gte":
                    first = Math.Ceiling(second);
                    break;
                case "gt":
                    first = Math.Floor(second) + 1;
                    break;
                case "lte":
                    end = Math.Floor(second) + 1;
                    break;
                case "lt":
                    end = Math.Ceiling(second);
                    break;
                default:
                    throw new BadRequestException($"'{name}' is not a valid operator for '{column}'; valid are gt, gte, lt, lte");
            }
        }

        From = Instant(first ?? throw new BadRequestException($"{column} has no lower bound"));
        To = Instant(end ?? throw new BadRequestException($"{column} has no upper bound"));
    }

    private static DateTimeOffset Instant(double second) => DateTimeOffset.UnixEpoch.AddSeconds(Math.Clamp(double.IsNaN(second) ? 0 : second, 0, 200_000_000_000));

    private static JsonObject ParseFilters(string? text)
    {
        try
        {
            return string.IsNullOrWhiteSpace(text) ? [] : JsonValues.Parse(text) as JsonObject ?? throw new BadRequestException("select_filters is not an object");
        }
        catch (JsonException)
        {
            throw new BadRequestException("select_filters is not JSON");
        }
    }

    private static double? Number(IQueryCollection query, string name) => query[name].FirstOrDefault() switch
    {
        null or "" => null,
        var text => JsonValues.AsNumber(text) ?? throw new BadRequestException($"{name} is not a number"),
    };

    private static string Cursor(string key) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes(new JsonObject { ["values"] = new JsonObject { ["id"] = key } }.ToJsonString()));

    private static string? ParseCursor(string? token)
    {
        if (string.IsNullOrEmpty(token))
        {
            return null;
        }

        try
        {
            return JsonNode.Parse(Convert.FromBase64String(token))?["values"]?["id"]?.GetValue<string>() ?? throw new InvalidCursorException();
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
        {
            throw new InvalidCursorException();
        }
    }
}
