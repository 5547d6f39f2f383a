using System.Text.Json;
using System.Text.Json.Nodes;

namespace Dumont.LocalCloud.Http;

/// <summary>A request whose body is not what the endpoint takes; the provider's own error form is made of it.</summary>
internal class BadRequestException(string message) : Exception(message);

/// <summary>A request whose body is not JSON.</summary>
internal sealed class UnreadableBodyException(string message) : BadRequestException(message);

/// <summary>A request for something that this cloud leaves out.</summary>
internal sealed class LeftOutException(string what) : Exception(what);

/// <summary>The JSON body of a request, read once however many ask for it.</summary>
internal static class RequestBody
{
    private const int BytesMax = 4 << 20;

    private static readonly object Key = new();

    /// <summary>The body as an object; an empty body is an empty object.</summary>
    /// <exception cref="BadRequestException">It is not a JSON object, or longer than 4 MiB.</exception>
    public static async Task<JsonObject> ReadAsync(HttpContext context)
    {
        if (context.Items.TryGetValue(Key, out var read))
        {
            return (JsonObject)read!;
        }

        var body = await ParseAsync(context) switch
        {
            JsonObject json => json,
            null => [],
            _ => throw new BadRequestException("the request body is not a JSON object"),
        };
        context.Items[Key] = body;
        return body;
    }

    private static async Task<JsonNode?> ParseAsync(HttpContext context)
    {
        using var buffer = new MemoryStream();
        var chunk = new byte[16 << 10];
        int read;
        while ((read = await context.Request.Body.ReadAsync(chunk, context.RequestAborted)) > 0)
        {
            buffer.Write(chunk, 0, read);
            if (buffer.Length > BytesMax)
            {
                throw new BadRequestException("the request body is longer than 4 MiB");
            }
        }

        if (buffer.ToArray().All(b => char.IsWhiteSpace((char)b)))
        {
            return null;
        }

        try
        {
            return JsonValues.Parse(buffer.ToArray());
        }
        catch (JsonException)
        {
            throw new UnreadableBodyException("the request body is not JSON");
        }
    }
}

/// <summary>Lenient reading of JSON values: numbers and booleans may come as text, as some clients send them.</summary>
internal static class JsonValues
{
    // A name that comes twice would otherwise be found out when the value is read, far from here.
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <exception cref="JsonException">It is not JSON, or an object names something twice.</exception>
    public static JsonNode? Parse(ReadOnlySpan<byte> utf8) => JsonNode.Parse(utf8, documentOptions: Strict);

    /// <exception cref="JsonException">It is not JSON, or an object names something twice.</exception>
    public static JsonNode? Parse(string text) => JsonNode.Parse(text, documentOptions: Strict);

    public static string? Text(this JsonObject json, string name) => json[name] switch
    {
        null => null,
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        JsonValue value => value.ToJsonString(),
        _ => throw new BadRequestException($"{name} is not text"),
    };

    public static double? Number(this JsonObject json, string name) =>
        json[name] is null ? null : AsNumber(json[name]) ?? throw new BadRequestException($"{name} is not a number");

    public static bool? Flag(this JsonObject json, string name) =>
        json[name] is null ? null : AsFlag(json[name]) ?? throw new BadRequestException($"{name} is not a boolean");

    public static double? AsNumber(JsonNode? node) => node is not JsonValue value ? null
        : value.TryGetValue<double>(out var number) ? number
        : value.TryGetValue<string>(out var text)
          && double.TryParse(text, System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out var parsed) ? parsed
        : null;

    public static bool? AsFlag(JsonNode? node) => node is not JsonValue value ? null
        : value.TryGetValue<bool>(out var flag) ? flag
        : AsNumber(node) is { } number ? number != 0
        : value.TryGetValue<string>(out var text) && bool.TryParse(text, out var parsed) ? parsed
        : null;
}
