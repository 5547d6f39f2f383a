using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>A request body that Compute Engine refuses; carries its answer.</summary>
internal sealed class RefusedException(GcpError error) : Exception(error.Message)
{
    public GcpError Error => error;
}

/// <summary>What names, references, labels and metadata may look like.</summary>
internal static partial class GcpNames
{
    private const int MetadataMax = 262_144;

    /// <summary>The name of something new.</summary>
    /// <exception cref="RefusedException">It is missing or malformed.</exception>
    public static string Read(JsonObject body, string property, string field)
    {
        var name = body.Text(property) ?? throw new RefusedException(GcpError.Required(field));
        return ResourceName().IsMatch(name)
            ? name
            : throw new RefusedException(GcpError.Invalid(
                $"Invalid value for field '{field}': '{name}'. Must be a match of regex '(?:[a-z](?:[-a-z0-9]{{0,61}}[a-z0-9])?)'"));
    }

    public static bool IsDevice(string name) => DeviceName().IsMatch(name);

    /// <summary>The name at the end of a whole or partial address.</summary>
    public static string LastPart(string reference) => reference[(reference.LastIndexOf('/') + 1)..];

    /// <summary>What follows a collection's name in an address, or null.</summary>
    public static string? FindPart(string reference, string collection)
    {
        var parts = reference.Split('/');
        var at = Array.LastIndexOf(parts, collection);
        return at >= 0 && at + 1 < parts.Length ? parts[at + 1] : null;
    }

    /// <summary>Metadata items in the order given.</summary>
    /// <exception cref="BadRequestException">An item without key, twice, or too long.</exception>
    public static List<KeyValuePair<string, string>> ReadMetadata(JsonObject metadata)
    {
        var items = (metadata["items"] as JsonArray ?? []).OfType<JsonObject>()
            .Select(item => KeyValuePair.Create(
                item.Text("key") ?? throw new BadRequestException("a metadata item has no key"), item.Text("value") ?? "")).ToList();
        if (items.Find(item => !MetadataKey().IsMatch(item.Key)) is { Key: { } wrong })
        {
            throw new BadRequestException($"metadata key '{wrong}' is not letters, digits, dashes and underscores, at most 128 of them");
        }

        if (items.Any(item => item.Value.Length > MetadataMax))
        {
            throw new BadRequestException($"a metadata value is longer than {MetadataMax} characters");
        }

        return items.DistinctBy(item => item.Key).Count() == items.Count
            ? items
            : throw new BadRequestException("metadata has duplicate keys");
    }

    /// <exception cref="BadRequestException">A label that is not lower-case letters, digits, dashes and underscores.</exception>
    public static SortedDictionary<string, string> ReadLabels(JsonObject labels)
    {
        var read = new SortedDictionary<string, string>(labels.ToDictionary(label => label.Key, label => label.Value?.ToString() ?? ""), StringComparer.Ordinal);
        foreach (var (key, value) in read)
        {
            if (!LabelKey().IsMatch(key) || !LabelValue().IsMatch(value))
            {
                throw new BadRequestException($"label '{key}' = '{value}' is not lower-case letters, digits, dashes and underscores, at most 63 of them");
            }
        }

        return read;
    }

    /// <exception cref="BadRequestException">A tag that is not a resource name.</exception>
    public static List<string> ReadTags(JsonObject tags)
    {
        List<string> items = [.. (tags["items"] as JsonArray ?? []).Select(tag => tag?.ToString() ?? "")];
        return items.Find(tag => !ResourceName().IsMatch(tag)) is { } wrong
            ? throw new BadRequestException($"Invalid value for field 'tags.items': '{wrong}'. Must be a match of regex '(?:[a-z](?:[-a-z0-9]{{0,61}}[a-z0-9])?)'")
            : items;
    }

    [GeneratedRegex(@"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?\z")]
    private static partial Regex ResourceName();

    // It becomes the name of a folder.
    [GeneratedRegex(@"^[A-Za-z0-9][-_A-Za-z0-9]{0,62}\z")]
    private static partial Regex DeviceName();

    [GeneratedRegex(@"^[-_A-Za-z0-9]{1,128}\z")]
    private static partial Regex MetadataKey();

    [GeneratedRegex(@"^[a-z][-_a-z0-9]{0,62}\z")]
    private static partial Regex LabelKey();

    [GeneratedRegex(@"^[-_a-z0-9]{0,63}\z")]
    private static partial Regex LabelValue();
}
