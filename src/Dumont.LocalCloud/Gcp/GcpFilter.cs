using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>A <c>filter</c> expression of a list call.</summary>
/// <remarks>
/// <code>
/// expression = term { [ "AND" | "OR" ] term }          AND, or a blank, binds closer than OR
/// term       = [ "NOT" | "-" ] ( "(" expression ")" | field operator value )
/// operator   = "=" | "!=" | "&lt;" | "&lt;=" | ">" | ">=" | ":" | "eq" | "ne"
/// </code>
/// <c>eq</c> and <c>ne</c> take a pattern that must match the whole value; <c>:</c> asks whether the value holds a word, and <c>:*</c> whether
/// there is one. The field of a list's member is reached by dots; a field that is a list matches when one of its members does.
/// </remarks>
internal sealed partial class GcpFilter
{
    private const int DepthMax = 50;

    private readonly string _text;
    private readonly Match[] _tokens;
    private int _next;
    private int _depth;

    private GcpFilter(string text)
    {
        _text = text;
        _tokens = [.. Token().Matches(text).Cast<Match>()];
        var read = _tokens.Sum(token => token.Length) + text.Count(char.IsWhiteSpace) - _tokens.Sum(token => token.Value.Count(char.IsWhiteSpace));
        if (read != text.Length)
        {
            throw Wrong();
        }
    }

    /// <exception cref="BadRequestException">The expression cannot be read.</exception>
    public static Func<JsonObject, bool> Parse(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return _ => true;
        }

        var filter = new GcpFilter(text);
        var accepts = filter.Any();
        return filter._next == filter._tokens.Length ? accepts : throw filter.Wrong();
    }

    private Func<JsonObject, bool> Any()
    {
        if (++_depth > DepthMax)
        {
            throw Wrong();
        }

        var terms = new List<Func<JsonObject, bool>> { All() };
        while (Take("OR"))
        {
            terms.Add(All());
        }

        _depth--;
        return item => terms.Any(term => term(item));
    }

    private Func<JsonObject, bool> All()
    {
        var terms = new List<Func<JsonObject, bool>> { Term() };
        while (Take("AND") || (_next < _tokens.Length && _tokens[_next].Value is not (")" or "OR")))
        {
            terms.Add(Term());
        }

        return item => terms.All(term => term(item));
    }

    private Func<JsonObject, bool> Term()
    {
        if (Take("NOT") || Take("-"))
        {
            var term = Term();
            return item => !term(item);
        }

        if (Take("("))
        {
            var inner = Any();
            return Take(")") ? inner : throw Wrong();
        }

        var (field, sign, value) = (Next("word"), Next("operator"), Next("word", "text"));
        var compare = Comparison(sign, value);
        var path = field.Split('.');
        return item => compare([.. Values(item, path)]);
    }

    private Func<IReadOnlyList<string>, bool> Comparison(string sign, string value)
    {
        switch (sign)
        {
            case "=":
                return values => values.Any(actual => AreEqual(actual, value));
            case "!=":
                return values => !values.Any(actual => AreEqual(actual, value));
            case ":":
                return value == "*" ? values => values.Count > 0 : values => values.Any(actual => actual.Contains(value.TrimEnd('*'), StringComparison.OrdinalIgnoreCase));
            case "eq" or "ne":
                var pattern = Pattern(value);
                return values => values.Any(pattern.IsMatch) == (sign == "eq");
            default:
                return values => values.Any(actual => Order(actual, value) is var order && sign switch { "<" => order < 0, "<=" => order <= 0, ">" => order > 0, _ => order >= 0 });
        }
    }

    private Regex Pattern(string value)
    {
        try
        {
            // A caller's pattern must not keep this computer busy.
            return new Regex($@"\A(?:{value})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw Wrong();
        }
    }

    private string Next(params string[] groups)
    {
        if (_next < _tokens.Length && Array.Find(groups, group => _tokens[_next].Groups[group].Success) is { } found)
        {
            var value = _tokens[_next++].Groups[found].Value;
            return found == "text" ? Escape().Replace(value[1..^1], "$1") : value;
        }

        throw Wrong();
    }

    private bool Take(string word)
    {
        if (_next < _tokens.Length && _tokens[_next].Value == word)
        {
            _next++;
            return true;
        }

        return false;
    }

    private BadRequestException Wrong() => new($"Invalid value for field 'filter': '{_text}'. Invalid list filter expression.");

    private static IEnumerable<string> Values(JsonNode? node, ReadOnlyMemory<string> path) => node switch
    {
        JsonArray list => list.SelectMany(member => Values(member, path)),
        JsonObject item when path.Length > 0 => Values(item[path.Span[0]], path[1..]),
        JsonValue value when path.Length == 0 => [value.GetValueKind() is JsonValueKind.True or JsonValueKind.False ? value.ToJsonString() : value.ToString()],
        _ => [],
    };

    // A star at the end stands for any rest.
    private static bool AreEqual(string actual, string wanted) =>
        wanted.EndsWith('*') ? actual.StartsWith(wanted[..^1], StringComparison.Ordinal) : actual == wanted;

    private static int Order(string actual, string wanted)
    {
        if (double.TryParse(actual, CultureInfo.InvariantCulture, out var left) && double.TryParse(wanted, CultureInfo.InvariantCulture, out var right))
        {
            return left.CompareTo(right);
        }

        return DateTimeOffset.TryParse(actual, CultureInfo.InvariantCulture, out var before) && DateTimeOffset.TryParse(wanted, CultureInfo.InvariantCulture, out var after)
            ? before.CompareTo(after)
            : string.CompareOrdinal(actual, wanted);
    }

    [GeneratedRegex(@"(?<operator>!=|<=|>=|=|<|>|:|\b(?:eq|ne)\b)|(?<paren>[()])|(?<text>""(?:[^""\\]|\\.)*""|'(?:[^'\\]|\\.)*')|(?<word>\d{4}-\d\d-\d\dT[\d:.+Z-]+|-(?=[A-Za-z(])|[^\s()=<>:!""']+)", RegexOptions.None)]
    private static partial Regex Token();

    [GeneratedRegex(@"\\([""'\\])")]
    private static partial Regex Escape();
}
