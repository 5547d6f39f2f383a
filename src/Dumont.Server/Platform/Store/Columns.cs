using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dumont.Server.Platform.Store;

/// <summary>How values are written in columns: instants as Unix milliseconds, documents as JSON.</summary>
internal static class Columns
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter() },
    };

    /// <summary>Milliseconds since 1970 UTC.</summary>
    public static long Of(DateTimeOffset instant) => instant.ToUnixTimeMilliseconds();

    /// <summary>Milliseconds since 1970 UTC, or null.</summary>
    public static long? Of(DateTimeOffset? instant) => instant?.ToUnixTimeMilliseconds();

    /// <summary>The instant of a column.</summary>
    public static DateTimeOffset Instant(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    /// <summary>The instant of a nullable column.</summary>
    public static DateTimeOffset? Instant(long? milliseconds) => milliseconds is { } value ? Instant(value) : null;

    /// <summary>The JSON of a document column.</summary>
    public static string Document<T>(T value) => JsonSerializer.Serialize(value, Json);

    /// <summary>The record of a document column.</summary>
    public static T FromDocument<T>(string document) =>
        JsonSerializer.Deserialize<T>(document, Json) ?? throw new InvalidOperationException($"A stored {typeof(T).Name} is null.");
}
