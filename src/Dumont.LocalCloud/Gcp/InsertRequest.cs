using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>The body of <c>instances.insert</c>, checked.</summary>
internal sealed partial record InsertRequest
{
    private const long DiskGbMin = 10;
    private const long DiskGbMax = 65_536;
    private const int MetadataMax = 262_144;

    public required string Name { get; init; }

    public required GcpMachineType MachineType { get; init; }

    public required string Description { get; init; }

    public required bool IsSpot { get; init; }

    public required bool AutomaticRestart { get; init; }

    public required string OnHostMaintenance { get; init; }

    public required string TerminationAction { get; init; }

    public required GcpDiskType DiskType { get; init; }

    public required long DiskGb { get; init; }

    public required bool DiskAutoDelete { get; init; }

    public required string SourceImage { get; init; }

    public required bool HasExternalAddress { get; init; }

    public required List<KeyValuePair<string, string>> Metadata { get; init; }

    public required SortedDictionary<string, string> Labels { get; init; }

    public required List<string> Tags { get; init; }

    /// <summary>Reads the body; the second value tells what is wrong with it.</summary>
    public static (InsertRequest? Request, GcpError? Error) Parse(JsonObject body)
    {
        try
        {
            return (Read(body), null);
        }
        catch (InsertException e)
        {
            return (null, e.Error);
        }
        catch (BadRequestException e)
        {
            return (null, GcpError.Invalid($"Invalid value: {e.Message}"));
        }
    }

    private static InsertRequest Read(JsonObject body)
    {
        var name = body.Text("name") ?? throw new InsertException(GcpError.Required("resource.name"));
        if (!ResourceName().IsMatch(name))
        {
            throw new InsertException(GcpError.Invalid(
                $"Invalid value for field 'resource.name': '{name}'. Must be a match of regex '(?:[a-z](?:[-a-z0-9]{{0,61}}[a-z0-9])?)'"));
        }

        var type = LastPart(body.Text("machineType") ?? throw new InsertException(GcpError.Required("resource.machineType")));
        var scheduling = Child(body, "scheduling");
        var spot = scheduling.Text("provisioningModel") == "SPOT" || scheduling.Flag("preemptible") == true;
        // The provider's default is true, and with it no Spot VM can be made.
        var restart = scheduling.Flag("automaticRestart") ?? !spot;
        if (spot && restart)
        {
            throw new InsertException(GcpError.Invalid("Invalid value for field 'resource.scheduling': Scheduling must have automaticRestart be false when provisioningModel is SPOT."));
        }

        if (scheduling["maxRunDuration"] is not null)
        {
            throw new InsertException(GcpError.NotSupported("maxRunDuration"));
        }

        var disk = ReadDisk(body);
        return new InsertRequest
        {
            Name = name,
            MachineType = GcpMachineType.Find(type) ?? throw new InsertException(GcpError.Invalid(
                $"Invalid value for field 'resource.machineType': '{type}'. The local cloud has {string.Join(", ", GcpMachineType.All.Select(known => known.Name))}.")),
            Description = body.Text("description") ?? "",
            IsSpot = spot,
            AutomaticRestart = restart,
            OnHostMaintenance = spot ? "TERMINATE" : scheduling.Text("onHostMaintenance") ?? "MIGRATE",
            TerminationAction = scheduling.Text("instanceTerminationAction") is "DELETE" ? "DELETE" : "STOP",
            DiskType = disk.Type,
            DiskGb = disk.Gb,
            DiskAutoDelete = disk.AutoDelete,
            SourceImage = disk.Image,
            HasExternalAddress = (body["networkInterfaces"] as JsonArray)?.OfType<JsonObject>().Any(nic => nic["accessConfigs"] is JsonArray { Count: > 0 }) ?? false,
            Metadata = ReadMetadata(Child(body, "metadata")),
            Labels = ReadLabels(Child(body, "labels")),
            Tags = [.. (Child(body, "tags")["items"] as JsonArray ?? []).Select(tag => tag?.ToString() ?? "")],
        };
    }

    /// <summary>Metadata items in the order given.</summary>
    /// <exception cref="BadRequestException">An item without key, or too long.</exception>
    public static List<KeyValuePair<string, string>> ReadMetadata(JsonObject metadata)
    {
        var items = (metadata["items"] as JsonArray ?? []).OfType<JsonObject>()
            .Select(item => KeyValuePair.Create(
                item.Text("key") ?? throw new BadRequestException("a metadata item has no key"), item.Text("value") ?? "")).ToList();
        return items.Any(item => item.Value.Length > MetadataMax)
            ? throw new BadRequestException($"a metadata value is longer than {MetadataMax} characters")
            : items;
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

    private static (GcpDiskType Type, long Gb, bool AutoDelete, string Image) ReadDisk(JsonObject body)
    {
        if (body["disks"] is not JsonArray { Count: 1 } disks || disks[0] is not JsonObject disk || disk.Flag("boot") != true)
        {
            throw new InsertException(body["disks"] is JsonArray { Count: > 1 }
                ? GcpError.NotSupported("more than the boot disk")
                : GcpError.Invalid("Invalid value for field 'resource.disks': exactly one boot disk is required."));
        }

        if (disk["initializeParams"] is not JsonObject parameters)
        {
            throw new InsertException(GcpError.NotSupported("attaching an existing disk"));
        }

        var type = LastPart(parameters.Text("diskType") ?? "pd-standard");
        var gigabytes = (long)(parameters.Number("diskSizeGb") ?? DiskGbMin);
        if (gigabytes is < DiskGbMin or > DiskGbMax)
        {
            throw new InsertException(GcpError.Invalid($"Invalid value for field 'resource.disks[0].initializeParams.diskSizeGb': '{gigabytes}'."));
        }

        var image = parameters.Text("sourceImage") ?? throw new InsertException(GcpError.Required("resource.disks[0].initializeParams.sourceImage"));
        return (
            GcpDiskType.Find(type) ?? throw new InsertException(GcpError.Invalid($"Invalid value for field 'diskType': '{type}'.")),
            gigabytes,
            disk.Flag("autoDelete") ?? false,
            image);
    }

    private static JsonObject Child(JsonObject body, string name) => body[name] as JsonObject ?? [];

    private static string LastPart(string reference) => reference[(reference.LastIndexOf('/') + 1)..];

    [GeneratedRegex("^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")]
    private static partial Regex ResourceName();

    [GeneratedRegex("^[a-z][-_a-z0-9]{0,62}$")]
    private static partial Regex LabelKey();

    [GeneratedRegex("^[-_a-z0-9]{0,63}$")]
    private static partial Regex LabelValue();

    private sealed class InsertException(GcpError error) : Exception(error.Message)
    {
        public GcpError Error => error;
    }
}
