using System.Text.Json;
using System.Text.Json.Nodes;

namespace Dumont.Cli.Session;

/// <summary>Blanks out what must not be shown in traces.</summary>
internal static class Secrets
{
    public const string Blank = "***";

    private static readonly string[] Words = ["password", "token", "secret", "api_key", "apikey", "private_key", "credentials", "authorization"];

    // Named like a secret, but harmless and useful to read.
    private static readonly string[] Harmless = ["token_type", "token_uri", "public_key"];

    /// <summary>The JSON text with the values of secret members blanked out; other text as it is.</summary>
    public static string Redact(string json)
    {
        try
        {
            return JsonNode.Parse(json) is { } node ? Redact(node).ToJsonString() : json;
        }
        catch (JsonException)
        {
            return json;
        }
    }

    public static JsonNode Redact(JsonNode node)
    {
        switch (node)
        {
            case JsonObject map:
                foreach (var (name, value) in map.ToArray())
                {
                    if (value is JsonValue && IsSecret(name))
                    {
                        map[name] = Blank;
                    }
                    else if (value is not null)
                    {
                        Redact(value);
                    }
                }

                break;
            case JsonArray list:
                foreach (var item in list)
                {
                    if (item is not null)
                    {
                        Redact(item);
                    }
                }

                break;
        }

        return node;
    }

    private static bool IsSecret(string name) =>
        !Harmless.Contains(name) && (name == "key" || Array.Exists(Words, w => name.Contains(w, StringComparison.OrdinalIgnoreCase)));
}
