using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dumont.Contracts;

/// <summary>Reads an id that is a text, and takes a number for its digits: clients that only know marketplaces send numbers.</summary>
public sealed class NumberOrTextConverter : JsonConverter<string>
{
    /// <inheritdoc />
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType switch
        {
            JsonTokenType.Number when reader.TryGetInt64(out var number) => number.ToString(CultureInfo.InvariantCulture),
            JsonTokenType.String => reader.GetString(),
            _ => throw new JsonException("A text or an integer is expected."),
        };

    /// <inheritdoc />
    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);
}
