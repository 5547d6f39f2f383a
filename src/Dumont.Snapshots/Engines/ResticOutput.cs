using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Dumont.Snapshots.Engines;

/// <summary>Reads what <c>restic --json</c> prints. Unknown lines and members are passed over: versions differ. Pure.</summary>
internal static partial class ResticOutput
{
    /// <summary>The <c>message_type</c> of a line; null for a line that is not one.</summary>
    public static JsonElement? Message(string line)
    {
        if (line.Length == 0 || line[0] != '{')
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Which message it is.</summary>
    public static string TypeOf(JsonElement message) => Text(message, "message_type") ?? "";

    /// <summary>Progress of a status message.</summary>
    public static EngineProgress Progress(JsonElement status) =>
        new(
            Number(status, "bytes_done") == 0 ? "scanning" : "transferring",
            Number(status, "bytes_done"),
            Number(status, "total_bytes"),
            Number(status, "files_done"),
            Number(status, "total_files"));

    /// <summary>Packs that a line of a check names: the first digits of each.</summary>
    public static IEnumerable<string> PacksIn(string line) => PackName().Matches(line).Select(match => match.Groups[1].Value);

    /// <summary>Whether a line of a check tells of another try: it bears a random delay, and what came of it has a line of its own.</summary>
    public static bool IsRetry(string line) => line.Contains("returned error, retrying after", StringComparison.Ordinal);

    /// <summary>The result of a summary message.</summary>
    public static SnapshotResult Summary(JsonElement summary, bool isIncremental, IReadOnlyList<string> warnings) =>
        new(
            Text(summary, "snapshot_id") ?? "",
            Number(summary, "files_new"),
            Number(summary, "files_changed"),
            Number(summary, "files_unmodified"),
            Number(summary, "total_bytes_processed"),
            Number(summary, "data_added"),
            TimeSpan.FromSeconds(summary.TryGetProperty("total_duration", out var seconds) && seconds.TryGetDouble(out var value) ? value : 0),
            isIncremental,
            warnings);

    /// <summary>What an error message says of which file.</summary>
    public static string Warning(JsonElement error)
    {
        var item = Text(error, "item") ?? "";
        var cause = error.TryGetProperty("error", out var inner)
            ? inner.ValueKind == JsonValueKind.Object ? Text(inner, "message") ?? Reason(inner) : inner.ToString()
            : "could not be read";
        return item.Length == 0 || cause.Contains(item, StringComparison.Ordinal) ? cause : $"{item}: {cause}";
    }

    /// <summary>The list that <c>snapshots --json</c> prints.</summary>
    public static IReadOnlyList<EngineSnapshot> Snapshots(string json)
    {
        using var document = JsonDocument.Parse(json.Length == 0 ? "[]" : json);
        if (document.RootElement.ValueKind != JsonValueKind.Array)
        {
            return [];
        }

        return
        [
            .. document.RootElement.EnumerateArray().Select(each => new EngineSnapshot(
                Text(each, "id") ?? "",
                Text(each, "hostname") ?? "",
                First(each, "tags"),
                DateTimeOffset.TryParse(Text(each, "time"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at : default,
                First(each, "paths") ?? "")).OrderBy(each => each.TakenAt),
        ];
    }

    /// <summary>A number of an object; 0 when it has none.</summary>
    public static long Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : 0;

    /// <summary>A pattern that matches <paramref name="path"/> and nothing else: restic reads <c>*?[\</c> as a shell does.</summary>
    public static string Literal(string path) =>
        string.Concat(path.Select(letter => letter is '*' or '?' or '[' or '\\' ? $"\\{letter}" : letter.ToString()));

    // {"Op":"open","Path":"/a","Err":13}: Go's own form of a system error.
    private static string Reason(JsonElement inner) =>
        $"{Text(inner, "Op") ?? "read"}: {(Number(inner, "Err") is > 0 and var code ? $"error {code}" : "could not be read")}";

    /// <summary>A member that is a text; null where it is not.</summary>
    public static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string? First(JsonElement element, string name) =>
        element.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0 ? list[0].GetString() : null;

    // "pack 5e0b6a1f contains 1 errors", "Pack ID does not match, want 5e0b6a1f, got …".
    [GeneratedRegex(@"\b(?:pack|want) ([0-9a-f]{8,64})\b", RegexOptions.CultureInvariant)]
    private static partial Regex PackName();
}
