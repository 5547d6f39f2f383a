using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Dumont.Cli.Grammar;

/// <summary>Text from the command line into JSON values.</summary>
internal static class Values
{
    /// <summary>Converts by the declared type.</summary>
    /// <exception cref="UsageException">The text is not of that type.</exception>
    public static JsonNode? Coerce(KeySpec key, string text) => key.Type switch
    {
        KeyType.Text or KeyType.TextList => JsonValue.Create(text),
        KeyType.Integer or KeyType.IntegerList => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)
            ? JsonValue.Create(whole)
            : throw UsageErrors.WrongType(key.Name, text, new("a whole number", "um número inteiro")),
        KeyType.Number => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? NumberNode(text, number)
            : throw UsageErrors.WrongType(key.Name, text, new("a number", "um número")),
        KeyType.Boolean => text.ToLowerInvariant() switch
        {
            "true" or "yes" or "on" or "1" => JsonValue.Create(true),
            "false" or "no" or "off" or "0" => JsonValue.Create(false),
            _ => throw UsageErrors.WrongType(key.Name, text, new("true or false", "true ou false")),
        },
        KeyType.Choice => Array.Find(key.Values, v => v.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } choice
            ? JsonValue.Create(choice)
            : throw UsageErrors.NotAChoice(key.Name, text, Suggestions.Near(text, key.Values), key.Values),
        KeyType.Object or KeyType.TextMap => ParseJson(key.Name, text) as JsonObject ?? throw UsageErrors.WrongType(key.Name, text, new("a JSON object", "um objeto JSON")),
    };

    /// <summary>Converts by looks, where the table declares no type: <c>true</c>/<c>false</c>, digits, digits with one point, else text.</summary>
    public static JsonNode Guess(string text)
    {
        if (text is "true" or "false")
        {
            return JsonValue.Create(text == "true");
        }

        var digits = 0;
        var points = 0;
        foreach (var c in text)
        {
            digits += char.IsAsciiDigit(c) ? 1 : 0;
            points += c == '.' ? 1 : 0;
        }

        if (digits > 0 && digits + points == text.Length)
        {
            if (points == 0 && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var whole))
            {
                return JsonValue.Create(whole);
            }

            if (points == 1 && double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            {
                return NumberNode(text, number);
            }
        }

        return JsonValue.Create(text);
    }

    /// <exception cref="UsageException">Not JSON.</exception>
    public static JsonNode? ParseJson(string key, string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            throw UsageErrors.NotJson(key);
        }
    }

    // Keeps the digits as typed where JSON allows them: 0.50 stays 0.50 in a query.
    private static JsonNode NumberNode(string text, double number)
    {
        try
        {
            return JsonNode.Parse(text) as JsonValue ?? JsonValue.Create(number);
        }
        catch (JsonException)
        {
            return JsonValue.Create(number);
        }
    }
}
