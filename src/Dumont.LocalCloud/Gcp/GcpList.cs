using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>A list in Google's form: filter, page size, page token. An empty list has no <c>items</c>.</summary>
internal static partial class GcpList
{
    private const int PageMax = 500;

    /// <exception cref="BadRequestException">A filter or token that cannot be read.</exception>
    public static JsonAnswer Answer(HttpRequest request, string kind, IEnumerable<JsonObject> all)
    {
        var accepts = ParseFilter(request.Query["filter"].FirstOrDefault());
        var size = int.TryParse(request.Query["maxResults"].FirstOrDefault(), out var asked) && asked > 0 ? Math.Min(asked, PageMax) : PageMax;
        var start = ParseToken(request.Query["pageToken"].FirstOrDefault());
        var matching = all.Where(accepts).ToArray();
        var page = matching.Skip(start).Take(size).ToArray();
        var self = $"{request.Scheme}://{request.Host}{request.Path}";
        var answer = new JsonObject { ["kind"] = kind, ["id"] = request.Path.Value!.TrimStart('/'), ["selfLink"] = self };
        if (page.Length > 0)
        {
            answer["items"] = new JsonArray([.. page]);
        }

        if (start + page.Length < matching.Length)
        {
            answer["nextPageToken"] = (start + page.Length).ToString(CultureInfo.InvariantCulture);
        }

        return new JsonAnswer(answer);
    }

    /// <summary>Terms <c>field = value</c>, <c>!=</c>, <c>:</c>, <c>eq</c> or <c>ne</c>, joined by AND or blanks, each in parentheses or not.</summary>
    public static Func<JsonObject, bool> ParseFilter(string? filter)
    {
        if (string.IsNullOrWhiteSpace(filter))
        {
            return _ => true;
        }

        var terms = Term().Matches(filter);
        var rest = Term().Replace(filter, "").Replace("AND", "", StringComparison.Ordinal).Trim(' ', '(', ')');
        if (terms.Count == 0 || rest.Any(c => c is not (' ' or '(' or ')')))
        {
            throw new BadRequestException($"Invalid list filter expression: {filter}");
        }

        return item => terms.All(term => Accepts(item, term));
    }

    private static bool Accepts(JsonObject item, Match term)
    {
        JsonNode? node = item;
        foreach (var part in term.Groups["field"].Value.Split('.'))
        {
            node = (node as JsonObject)?[part];
        }

        var wanted = term.Groups["value"].Value.Trim('"');
        var actual = node?.ToString();
        return term.Groups["operator"].Value switch
        {
            "!=" or "ne" => actual != wanted,
            ":" => wanted == "*" ? actual is not null : actual?.Contains(wanted, StringComparison.OrdinalIgnoreCase) ?? false,
            // Google compares a whole value; eq takes a pattern, of which a star at the end is the common form.
            _ => wanted.EndsWith('*') ? actual?.StartsWith(wanted[..^1], StringComparison.Ordinal) ?? false : actual == wanted,
        };
    }

    private static int ParseToken(string? token) =>
        string.IsNullOrEmpty(token) ? 0
        : int.TryParse(token, NumberStyles.None, CultureInfo.InvariantCulture, out var start) ? start
        : throw new BadRequestException($"Invalid value for field 'pageToken': '{token}'");

    [GeneratedRegex(@"(?<field>[A-Za-z][\w.-]*)\s*(?<operator>!=|=|:|\beq\b|\bne\b)\s*(?<value>""[^""]*""|[^\s()]+)")]
    private static partial Regex Term();
}
