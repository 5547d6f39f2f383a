using System.Buffers;
using System.Text.Json;

namespace Dumont.Snapshots;

/// <summary>JSON inside repository objects: names in snake_case, unknown members ignored, missing ones an error.</summary>
/// <remarks>Written by hand: a serializer would take longer to start than a snapshot without changes takes.</remarks>
internal static class RepositoryJson
{
    public static byte[] Write(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <exception cref="SnapshotFormatException">No JSON, or not with these members.</exception>
    public static T Read<T>(byte[] json, string name, Func<JsonElement, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new SnapshotFormatException($"{name} cannot be read: {e.Message}");
        }
    }

    public static string Text(this JsonElement element, string member) =>
        element.GetProperty(member).GetString() ?? throw new FormatException($"{member} is null");

    public static string? OptionalText(this JsonElement element, string member) => element.GetProperty(member).GetString();

    public static long Number(this JsonElement element, string member) => element.GetProperty(member).GetInt64();

    public static int Integer(this JsonElement element, string member) => element.GetProperty(member).GetInt32();

    public static DateTimeOffset Time(this JsonElement element, string member) => element.GetProperty(member).GetDateTimeOffset();

    public static byte[] Base64(this JsonElement element, string member) => element.GetProperty(member).GetBytesFromBase64();

    public static string[] Texts(this JsonElement element, string member) =>
        element.GetProperty(member).Array(item => item.GetString() ?? throw new FormatException($"{member} holds null"));

    public static T[] Array<T>(this JsonElement element, Func<JsonElement, T> read)
    {
        var items = new T[element.GetArrayLength()];
        var next = 0;
        foreach (var item in element.EnumerateArray())
        {
            items[next++] = read(item);
        }

        return items;
    }

    public static void WriteTexts(this Utf8JsonWriter writer, string member, IEnumerable<string> values)
    {
        writer.WriteStartArray(member);
        foreach (var value in values)
        {
            writer.WriteStringValue(value);
        }

        writer.WriteEndArray();
    }
}
