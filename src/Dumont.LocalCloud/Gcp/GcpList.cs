using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>A list in Google's form: filter, order, page size, page token. An empty list has no <c>items</c>.</summary>
internal static class GcpList
{
    private const int PageMax = 500;

    /// <exception cref="BadRequestException">A filter, order, page size or token that cannot be read.</exception>
    public static JsonAnswer Answer(HttpRequest request, string kind, IEnumerable<JsonObject> all)
    {
        var (page, next) = Page(request, all.Select(item => ("", item)));
        var answer = Envelope(request, kind);
        if (page.Count > 0)
        {
            answer["items"] = new JsonArray([.. page.Select(entry => entry.Item)]);
        }

        AddToken(answer, next);
        return new JsonAnswer(answer);
    }

    /// <summary>What lies in several zones or regions, by scope. A scope without anything carries a warning instead.</summary>
    /// <param name="request">The call.</param>
    /// <param name="kind">Google's word for the answer.</param>
    /// <param name="collection">Name of the lists, such as <c>instances</c>.</param>
    /// <param name="scopes">Every scope that is shown, such as <c>zones/europe-west1-b</c>.</param>
    /// <param name="all">Everything, each with its scope.</param>
    /// <exception cref="BadRequestException">A filter, order, page size or token that cannot be read.</exception>
    public static JsonAnswer Aggregate(HttpRequest request, string kind, string collection, IEnumerable<string> scopes, IEnumerable<(string Scope, JsonObject Item)> all)
    {
        var (page, next) = Page(request, all);
        var found = page.ToLookup(entry => entry.Scope, entry => entry.Item);
        var items = new JsonObject();
        foreach (var scope in scopes)
        {
            items[scope] = found.Contains(scope)
                ? new JsonObject { [collection] = new JsonArray([.. found[scope]]) }
                : new JsonObject
                {
                    ["warning"] = new JsonObject
                    {
                        ["code"] = "NO_RESULTS_ON_PAGE",
                        ["message"] = $"There are no results for scope '{scope}' on this page.",
                        ["data"] = new JsonArray(new JsonObject { ["key"] = "scope", ["value"] = scope }),
                    },
                };
        }

        var answer = Envelope(request, kind);
        answer["items"] = items;
        AddToken(answer, next);
        return new JsonAnswer(answer);
    }

    private static (List<(string Scope, JsonObject Item)> Page, string? Next) Page(HttpRequest request, IEnumerable<(string Scope, JsonObject Item)> all)
    {
        var accepts = GcpFilter.Parse(request.Query["filter"].FirstOrDefault());
        var matching = all.Where(entry => accepts(entry.Item));
        matching = request.Query["orderBy"].FirstOrDefault() switch
        {
            null or "" => matching,
            "name" => matching.OrderBy(entry => entry.Item["name"]!.ToString(), StringComparer.Ordinal),
            "creationTimestamp desc" => matching.OrderByDescending(entry => (entry.Item["creationTimestamp"] ?? entry.Item["insertTime"])?.ToString(), StringComparer.Ordinal),
            var order => throw new BadRequestException($"Invalid value for field 'orderBy': '{order}'. The local cloud knows name and creationTimestamp desc."),
        };
        var size = request.Query["maxResults"].FirstOrDefault() switch
        {
            null or "" => PageMax,
            var text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var asked) && asked <= PageMax => asked == 0 ? PageMax : asked,
            var text => throw new BadRequestException($"Invalid value for field 'maxResults': '{text}'. Values must be within [0, {PageMax}]."),
        };
        var start = ParseToken(request.Query["pageToken"].FirstOrDefault());
        var rest = matching.Skip(start).Take(size + 1).ToList();
        return rest.Count <= size ? (rest, null) : (rest[..size], (start + size).ToString(CultureInfo.InvariantCulture));
    }

    private static JsonObject Envelope(HttpRequest request, string kind) => new()
    {
        ["kind"] = kind,
        ["id"] = request.Path.Value!["/compute/v1/".Length..],
        ["selfLink"] = $"{request.Scheme}://{request.Host}{request.Path}",
    };

    private static void AddToken(JsonObject answer, string? next)
    {
        if (next is not null)
        {
            answer["nextPageToken"] = next;
        }
    }

    private static int ParseToken(string? token) =>
        string.IsNullOrEmpty(token) ? 0
        : int.TryParse(token, NumberStyles.None, CultureInfo.InvariantCulture, out var start) ? start
        : throw new BadRequestException($"Invalid value for field 'pageToken': '{token}'");
}
