using System.Globalization;
using System.Text.Json;

namespace Dumont.Providers.Wire;

/// <summary>Reads what foreign JSON says and nothing it does not say: a missing, null or mistyped field is null, never zero.
/// Numbers may come as strings, which both providers do in places.</summary>
internal static class JsonRead
{
    /// <summary>The property, or null when this is no object, lacks it or has it as null.</summary>
    public static JsonElement? At(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    /// <summary>True when the property is there, be it null.</summary>
    public static bool Has(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out _);

    /// <summary>The items, or none when the property is no array.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement json, string name) =>
        json.At(name) is { ValueKind: JsonValueKind.Array } array ? array.EnumerateArray() : [];

    /// <summary>A text without surrounding white space; null when empty.</summary>
    public static string? Text(this JsonElement json, string name) =>
        json.At(name) is { ValueKind: JsonValueKind.String } value && value.GetString()?.Trim() is { Length: > 0 } text ? text : null;

    /// <summary>A finite number.</summary>
    public static double? Number(this JsonElement json, string name) =>
        Raw(json, name) is { } raw
        && double.TryParse(raw, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
        && double.IsFinite(number)
            ? number
            : null;

    /// <summary>A number of money's range and precision.</summary>
    public static decimal? Money(this JsonElement json, string name) =>
        Raw(json, name) is { } raw && decimal.TryParse(raw, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>A whole number.</summary>
    public static long? Integer(this JsonElement json, string name)
    {
        if (Raw(json, name) is not { } raw)
        {
            return null;
        }

        return long.TryParse(raw, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) ? whole
            : double.TryParse(raw, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                && Math.Abs(number) < 1L << 53
                && number == Math.Floor(number) ? (long)number
            : null;
    }

    /// <summary>A truth value.</summary>
    public static bool? Flag(this JsonElement json, string name) => json.At(name)?.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };

    private static string? Raw(JsonElement json, string name) => json.At(name) switch
    {
        { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        _ => null,
    };
}
