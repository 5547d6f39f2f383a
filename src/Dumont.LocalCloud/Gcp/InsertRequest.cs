using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>The body of <c>instances.insert</c>, checked.</summary>
internal sealed record InsertRequest
{
    public required string Name { get; init; }

    public required GcpMachineType MachineType { get; init; }

    public required string Description { get; init; }

    public required bool IsSpot { get; init; }

    public required bool AutomaticRestart { get; init; }

    public required string OnHostMaintenance { get; init; }

    public required string TerminationAction { get; init; }

    /// <summary>The boot disk first.</summary>
    public required IReadOnlyList<DiskRequest> Disks { get; init; }

    public required bool HasExternalAddress { get; init; }

    public required List<KeyValuePair<string, string>> Metadata { get; init; }

    public required SortedDictionary<string, string> Labels { get; init; }

    public required List<string> Tags { get; init; }

    public string? ServiceAccount { get; init; }

    /// <summary>Reads the body; the second value tells what is wrong with it.</summary>
    public static (InsertRequest? Request, GcpError? Error) Parse(JsonObject body)
    {
        try
        {
            return (Read(body), null);
        }
        catch (RefusedException e)
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
        var name = GcpNames.Read(body, "name", "resource.name");
        var type = GcpNames.LastPart(body.Text("machineType") ?? throw new RefusedException(GcpError.Required("resource.machineType")));
        var scheduling = Child(body, "scheduling");
        var spot = scheduling.Text("provisioningModel") == "SPOT" || scheduling.Flag("preemptible") == true;
        // The provider's default is true, and with it no Spot VM can be made.
        var restart = scheduling.Flag("automaticRestart") ?? !spot;
        if (spot && restart)
        {
            throw new RefusedException(GcpError.Invalid("Invalid value for field 'resource.scheduling': Scheduling must have automaticRestart be false when provisioningModel is SPOT."));
        }

        if (scheduling["maxRunDuration"] is not null)
        {
            throw new RefusedException(GcpError.NotSupported("maxRunDuration"));
        }

        var action = scheduling.Text("instanceTerminationAction");
        if (action is not (null or "STOP" or "DELETE"))
        {
            throw new RefusedException(GcpError.Invalid($"Invalid value for field 'resource.scheduling.instanceTerminationAction': '{action}'."));
        }

        var model = scheduling.Text("provisioningModel");
        if (model is not (null or "SPOT" or "STANDARD"))
        {
            throw new RefusedException(GcpError.Invalid($"Invalid value for field 'resource.scheduling.provisioningModel': '{model}'."));
        }

        return new InsertRequest
        {
            Name = name,
            MachineType = GcpMachineType.Find(type) ?? throw new RefusedException(GcpError.Invalid(
                $"Invalid value for field 'resource.machineType': '{type}'. The local cloud has {string.Join(", ", GcpMachineType.All.Select(known => known.Name))}.")),
            Description = body.Text("description") ?? "",
            IsSpot = spot,
            AutomaticRestart = restart,
            OnHostMaintenance = spot ? "TERMINATE" : scheduling.Text("onHostMaintenance") ?? "MIGRATE",
            TerminationAction = action ?? "STOP",
            Disks = ReadDisks(body, name),
            HasExternalAddress = (body["networkInterfaces"] as JsonArray)?.OfType<JsonObject>().Any(nic => nic["accessConfigs"] is JsonArray { Count: > 0 }) ?? false,
            Metadata = GcpNames.ReadMetadata(Child(body, "metadata")),
            Labels = GcpNames.ReadLabels(Child(body, "labels")),
            ServiceAccount = (body["serviceAccounts"] as JsonArray)?.OfType<JsonObject>().FirstOrDefault()?.Text("email"),
            Tags = GcpNames.ReadTags(Child(body, "tags")),
        };
    }

    private static List<DiskRequest> ReadDisks(JsonObject body, string name)
    {
        var members = (body["disks"] as JsonArray ?? []).OfType<JsonObject>().ToArray();
        if (members.Count(disk => disk.Flag("boot") == true) != 1)
        {
            throw new RefusedException(GcpError.Invalid("Invalid value for field 'resource.disks': exactly one boot disk is required."));
        }

        var read = members.Select((disk, index) => DiskRequest.ReadAttached(
            disk, index == 0 ? name : string.Create(CultureInfo.InvariantCulture, $"{name}-{index}"), string.Create(CultureInfo.InvariantCulture, $"resource.disks[{index}]")));
        return [.. read.OrderByDescending(disk => disk.Boot)];
    }

    private static JsonObject Child(JsonObject body, string name) => body[name] as JsonObject ?? [];
}
