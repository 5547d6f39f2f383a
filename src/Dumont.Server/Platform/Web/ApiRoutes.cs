using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dumont.Server.Platform.Web;

/// <summary>Where the API lives and how it writes JSON.</summary>
internal static class ApiRoutes
{
    /// <summary>Versioned base first, then the compatible one; every route is served under both.</summary>
    public static readonly IReadOnlyList<string> Bases = ["/api/v1", "/api"];

    /// <summary>Maps a feature's routes under every base. Routing takes a trailing slash as no slash, so neither form redirects.</summary>
    public static void MapApi(this IEndpointRouteBuilder routes, Action<RouteGroupBuilder> map)
    {
        foreach (var prefix in Bases)
        {
            var group = routes.MapGroup(prefix);
            if (prefix != Bases[0])
            {
                group.ExcludeFromDescription();
            }

            map(group);
        }
    }

    /// <summary>snake_case members and enum words, nulls written, unknown members ignored, constructor parameters required.</summary>
    public static IServiceCollection AddApiJson(this IServiceCollection services) =>
        services.ConfigureHttpJsonOptions(options =>
        {
            var json = options.SerializerOptions;
            json.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.DictionaryKeyPolicy = null;
            json.NumberHandling = JsonNumberHandling.AllowReadingFromString;
            json.RespectNullableAnnotations = true;
            json.RespectRequiredConstructorParameters = true;
            json.MaxDepth = 32;
            json.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower));
            json.Converters.Add(new PlainTextConverter());
        });

    // PostgreSQL keeps no NUL in a text, and to PBKDF2 a password is the same with one behind it.
    private sealed class PlainTextConverter : JsonConverter<string>
    {
        public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType switch
            {
                JsonTokenType.String or JsonTokenType.PropertyName => reader.GetString() is var text && text!.Contains('\0')
                    ? throw new JsonException("NUL is not allowed in a text.")
                    : text,
                JsonTokenType.Null => null,
                _ => throw new JsonException("Expected a text."),
            };

        public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            Read(ref reader, typeToConvert, options)!;

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

        public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WritePropertyName(value);
    }
}
