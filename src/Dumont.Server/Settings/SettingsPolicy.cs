using System.Text;
using System.Text.Json;

namespace Dumont.Server.Settings;

/// <summary>What settings may be, and how secrets are shown.</summary>
internal static class SettingsPolicy
{
    public const int KeysMax = 200;
    public const int KeyLengthMax = 100;
    public const int SizeBytesMax = 64 * 1024;
    public const int GcpCredentialsLengthMax = 16 * 1024;

    private const string Mask = "****";
    private const int ShownLetters = 4;
    private const int MaskedWholeBelow = 12;

    private static readonly string[] ServiceAccountMembers = ["client_email", "private_key", "project_id"];

    /// <summary>The JSON of <paramref name="kept"/> with <paramref name="changes"/>; null when it is too much, or cannot be kept.</summary>
    public static string? Merge(IReadOnlyDictionary<string, JsonElement> kept, IReadOnlyDictionary<string, JsonElement> changes)
    {
        var merged = new SortedDictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var (key, value) in kept.Concat(changes))
        {
            if (value.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined)
            {
                merged.Remove(key);
            }
            else
            {
                merged[key] = value;
            }
        }

        string json;
        try
        {
            json = JsonSerializer.Serialize(merged);
        }
        catch (InvalidOperationException)
        {
            // A text with half of a surrogate pair can be received and not be written.
            return null;
        }

        return merged.Count <= KeysMax && merged.Keys.All(key => key.Length <= KeyLengthMax) && Encoding.UTF8.GetByteCount(json) <= SizeBytesMax
            ? json
            : null;
    }

    /// <summary>How a key is shown: the end of a long one.</summary>
    public static string Masked(string key) => key.Length < MaskedWholeBelow ? Mask : Mask + key[^ShownLetters..];

    /// <summary>Whether <paramref name="secret"/> is what <see cref="Masked"/> or <see cref="MaskedGcp"/> made: a client writes back what it read.</summary>
    public static bool IsMasked(string? secret) => secret?.StartsWith(Mask, StringComparison.Ordinal) == true;

    /// <summary>How Google Cloud's credentials are shown: whose they are.</summary>
    public static string MaskedGcp(string credentials)
    {
        using var document = JsonDocument.Parse(credentials);
        return $"{Mask} {document.RootElement.GetProperty("client_email").GetString()}";
    }

    /// <summary>The text to keep of credentials given as object or text; empty removes. Null means that they are no service-account key.</summary>
    public static string? GcpCredentials(JsonElement given)
    {
        var text = given.ValueKind switch
        {
            JsonValueKind.String => given.GetString()!,
            JsonValueKind.Object => given.GetRawText(),
            _ => "?",
        };
        return text.Length == 0 || IsMasked(text) || IsServiceAccount(text) ? text : null;
    }

    private static bool IsServiceAccount(string text)
    {
        if (text.Length > GcpCredentialsLengthMax)
        {
            return false;
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && ServiceAccountMembers.All(member =>
                    document.RootElement.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String && value.GetString()!.Length > 0);
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
