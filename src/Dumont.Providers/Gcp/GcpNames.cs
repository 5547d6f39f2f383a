using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dumont.Providers.Wire;

namespace Dumont.Providers.Gcp;

/// <summary>A machine's id here: Google knows a machine by project, zone and name.</summary>
internal readonly record struct GcpMachineId(string Zone, string Name)
{
    /// <summary>Path relative to the project.</summary>
    public string Path => $"zones/{Zone}/instances/{Name}";

    /// <summary>Reads <c>zone/name</c>; what does not look like both is refused, for it becomes part of an address.</summary>
    public static bool TryParse(string text, out GcpMachineId id)
    {
        var parts = text.Split('/');
        id = parts is [var zone, var name] ? new(zone, name) : default;
        return parts.Length == 2 && GcpNames.IsZone(id.Zone) && GcpNames.IsName(id.Name);
    }

    /// <summary><c>zone/name</c>.</summary>
    public override string ToString() => $"{Zone}/{Name}";
}

/// <summary>Owner tags in Google's alphabet. <c>dumont/srv/12/3</c> is the machine <c>dumont-srv-12-3</c>: no word holds a dash,
/// so the way back is sure.</summary>
internal static partial class GcpNames
{
    private const string ServerLabel = "dumont-server";
    private const string InstanceLabel = "dumont-instance";
    private const string OrdinalLabel = "dumont-ordinal";

    /// <summary>True for a zone's name, <c>europe-west1-b</c>.</summary>
    public static bool IsZone(string text) => ZonePattern().IsMatch(text);

    /// <summary>True for a name that Google allows for a machine.</summary>
    public static bool IsName(string text) => NamePattern().IsMatch(text);

    /// <summary>The machine's name for an owner tag; false where the tag's words are longer than a name can carry or hold other characters.</summary>
    public static bool TryName(string tag, [NotNullWhen(true)] out string? name)
    {
        name = TagPattern().IsMatch(tag) ? tag.Replace('/', '-') : null;
        return name is not null;
    }

    /// <summary>The same tag as labels, for people and for the bill.</summary>
    public static JsonObject Labels(string tag)
    {
        var words = tag.Split('/');
        return new JsonObject { [ServerLabel] = words[1], [InstanceLabel] = words[2], [OrdinalLabel] = words[3], ["app"] = "dumont" };
    }

    /// <summary>The owner tag of a machine, or null when it bears none. Name and labels must agree where both are there: a machine whose
    /// name only looks like ours is a stranger.</summary>
    public static string? TagOf(JsonElement instance)
    {
        var name = instance.Text("name");
        if (name is null || !OwnNamePattern().IsMatch(name))
        {
            return null;
        }

        var tag = name.Replace('-', '/');
        var labels = instance.At("labels") ?? default;
        var agree = labels.Text(ServerLabel) is not { } server
            || $"dumont/{server}/{labels.Text(InstanceLabel)}/{labels.Text(OrdinalLabel)}" == tag;
        return agree ? tag : null;
    }

    /// <summary>Id of the renting request, the same for the same tag and offer: Google answers a repeat with the first one's operation.</summary>
    public static string RequestId(string tag, string offerId)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{tag}\n{offerId}")), hash);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80); // version 8, RFC 9562: bits of our own choice
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true).ToString();
    }

    /// <summary>Last part of a resource address.</summary>
    public static string? LastPart(string? url) => url?[(url.LastIndexOf('/') + 1)..];

    [GeneratedRegex(@"\Adumont/[a-z0-9]{1,20}/[a-z0-9]{1,20}/[a-z0-9]{1,12}\z")]
    private static partial Regex TagPattern();

    [GeneratedRegex(@"\Adumont-[a-z0-9]{1,20}-[a-z0-9]{1,20}-[a-z0-9]{1,12}\z")]
    private static partial Regex OwnNamePattern();

    [GeneratedRegex(@"\A[a-z]([-a-z0-9]{0,61}[a-z0-9])?\z")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"\A[a-z]{2,20}-[a-z]{2,20}[0-9]{1,2}-[a-z0-9]{1,6}\z")]
    private static partial Regex ZonePattern();
}
