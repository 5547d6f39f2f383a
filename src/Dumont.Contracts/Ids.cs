using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dumont.Contracts;

/// <summary>Identifies what the user sees and keeps: one instance for its whole life, across pauses and failovers. From 1 upwards.</summary>
[JsonConverter(typeof(NumericIdJsonConverter<InstanceId>))]
public readonly record struct InstanceId(long Value) : INumericId<InstanceId>
{
    /// <inheritdoc />
    public static InstanceId From(long value) => new(value);

    /// <inheritdoc />
    public static InstanceId Parse(string s, IFormatProvider? provider) => NumericId.Parse<InstanceId>(s);

    /// <inheritdoc />
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out InstanceId result) =>
        NumericId.TryParse(s, out result);

    /// <summary>The bare number, as used in URLs, JSON and logs.</summary>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Identifies one machine that a provider bills, in our records. From 1 upwards; never reused.</summary>
[JsonConverter(typeof(NumericIdJsonConverter<MachineId>))]
public readonly record struct MachineId(long Value) : INumericId<MachineId>
{
    /// <inheritdoc />
    public static MachineId From(long value) => new(value);

    /// <inheritdoc />
    public static MachineId Parse(string s, IFormatProvider? provider) => NumericId.Parse<MachineId>(s);

    /// <inheritdoc />
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out MachineId result) =>
        NumericId.TryParse(s, out result);

    /// <summary>The bare number, as used in URLs, JSON and logs.</summary>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Identifies a user, who is also the tenant that owns instances and settings. From 1 upwards.</summary>
[JsonConverter(typeof(NumericIdJsonConverter<UserId>))]
public readonly record struct UserId(long Value) : INumericId<UserId>
{
    /// <inheritdoc />
    public static UserId From(long value) => new(value);

    /// <inheritdoc />
    public static UserId Parse(string s, IFormatProvider? provider) => NumericId.Parse<UserId>(s);

    /// <inheritdoc />
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out UserId result) =>
        NumericId.TryParse(s, out result);

    /// <summary>The bare number, as used in URLs, JSON and logs.</summary>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A typed id that is a positive integer on every wire.</summary>
public interface INumericId<T> : IParsable<T>
    where T : struct, INumericId<T>
{
    /// <summary>The number.</summary>
    long Value { get; }

    /// <summary>Wraps a number already known to be an id.</summary>
    static abstract T From(long value);
}

/// <summary>Parsing shared by all numeric ids: decimal digits, 1 to 2^63-1, no sign, no spaces.</summary>
public static class NumericId
{
    /// <summary>Parses <paramref name="s"/>.</summary>
    /// <exception cref="FormatException">Not a positive decimal number.</exception>
    public static T Parse<T>(string s)
        where T : struct, INumericId<T> =>
        TryParse<T>(s, out var id) ? id : throw new FormatException($"'{s}' is not a valid {typeof(T).Name}: expected a positive integer.");

    /// <summary>Parses <paramref name="s"/> or says no.</summary>
    public static bool TryParse<T>([NotNullWhen(true)] string? s, out T result)
        where T : struct, INumericId<T>
    {
        var parsed = long.TryParse(s, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value > 0;
        result = T.From(value);
        return parsed;
    }
}

/// <summary>Writes a numeric id as a plain JSON number; reads a number or a string of digits.</summary>
public sealed class NumericIdJsonConverter<T> : JsonConverter<T>
    where T : struct, INumericId<T>
{
    /// <inheritdoc />
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType switch
        {
            JsonTokenType.Number when reader.TryGetInt64(out var value) && value > 0 => T.From(value),
            JsonTokenType.String when NumericId.TryParse<T>(reader.GetString(), out var id) => id,
            _ => throw new JsonException($"Not a valid {typeof(T).Name}: expected a positive integer."),
        };

    /// <inheritdoc />
    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteNumberValue(value.Value);
}
