using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Vast;

/// <summary>One comparison of Vast.ai's query language: a value, an operator and an operand.</summary>
internal sealed record Criterion(string Operator, IReadOnlyList<JsonNode?> Operands)
{
    private static readonly string[] Operators = ["eq", "neq", "gt", "gte", "lt", "lte", "in", "notin"];

    /// <summary>Reads <c>{"gte":"1","lt":9}</c>; a bare value means equality.</summary>
    /// <exception cref="BadRequestException">Unknown operator.</exception>
    public static IEnumerable<Criterion> Parse(string field, JsonNode? node)
    {
        if (node is not JsonObject operators)
        {
            return [node is JsonArray list ? new Criterion("in", [.. list]) : new Criterion("eq", [node])];
        }

        return operators.Select(pair => !Operators.Contains(pair.Key)
            ? throw new BadRequestException($"'{pair.Key}' is not a valid operator for '{field}'; valid are {string.Join(", ", Operators)}")
            : pair.Key is "in" or "notin"
                ? new Criterion(pair.Key, pair.Value is JsonArray list ? [.. list] : [pair.Value])
                : new Criterion(pair.Key, [pair.Value])).ToArray();
    }

    /// <summary>Whether the value, a <c>double</c>, text, a boolean or null, satisfies the comparison.</summary>
    public bool Accepts(object? value) => Operator switch
    {
        "eq" => Equal(value, Operands[0]),
        "neq" => !Equal(value, Operands[0]),
        "in" => Operands.Any(operand => Equal(value, operand)),
        "notin" => !Operands.Any(operand => Equal(value, operand)),
        "gt" => Order(value, Operands[0]) > 0,
        "gte" => Order(value, Operands[0]) >= 0,
        "lt" => Order(value, Operands[0]) < 0,
        "lte" => Order(value, Operands[0]) <= 0,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static bool Equal(object? value, JsonNode? operand) => value switch
    {
        null => operand is null,
        double number => JsonValues.AsNumber(operand) is { } wanted ? Math.Abs(number - wanted) < 1e-9 : AsVersion(operand) == number,
        bool flag => JsonValues.AsFlag(operand) == flag,
        string text => operand is JsonValue other && string.Equals(text, other.ToString(), StringComparison.OrdinalIgnoreCase),
        _ => false,
    };

    // Null compares with nothing, as in a database.
    private static int? Order(object? value, JsonNode? operand) => value switch
    {
        double number => (JsonValues.AsNumber(operand) ?? AsVersion(operand)) is { } wanted ? number.CompareTo(wanted) : null,
        bool flag => JsonValues.AsFlag(operand) is { } wanted ? flag.CompareTo(wanted) : null,
        string text => operand is JsonValue other ? string.CompareOrdinal(text, other.ToString()) : null,
        _ => null,
    };

    // A driver version may be asked for as it is written, 535.86.05.
    private static double? AsVersion(JsonNode? operand) =>
        operand is JsonValue value && value.TryGetValue<string>(out var text) && text.Split('.') is { Length: 3 } parts
        && parts.All(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            ? Market.OfferGenerator.VersionNumber(text)
            : null;
}
