using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dumont.Providers.Wire;

namespace Dumont.Providers.Gcp;

/// <summary>Compute Engine's instance objects, read and written.</summary>
internal static class GcpMachines
{
    /// <summary>The insert body of one machine, in the shape that gcloud sends.</summary>
    public static JsonObject Body(CreateMachineRequest request, string name, GcpOfferId offer, string projectId, GcpOptions options) => new()
    {
        ["name"] = name,
        ["machineType"] = $"projects/{projectId}/zones/{offer.Zone}/machineTypes/{offer.MachineType}",
        ["disks"] = new JsonArray
        {
            new JsonObject
            {
                ["boot"] = true,
                ["autoDelete"] = true,
                ["mode"] = "READ_WRITE",
                ["type"] = "PERSISTENT",
                ["initializeParams"] = new JsonObject
                {
                    ["sourceImage"] = options.SourceImage,
                    ["diskSizeGb"] = DiskGb(request.DiskGb).ToString(CultureInfo.InvariantCulture),
                    ["diskType"] = $"projects/{projectId}/zones/{offer.Zone}/diskTypes/pd-balanced",
                },
            },
        },
        ["networkInterfaces"] = new JsonArray
        {
            new JsonObject
            {
                ["network"] = $"projects/{projectId}/global/networks/default",
                ["accessConfigs"] = new JsonArray { new JsonObject { ["name"] = "external-nat", ["type"] = "ONE_TO_ONE_NAT" } },
            },
        },
        ["scheduling"] = Scheduling(offer.Spot),
        ["metadata"] = new JsonObject
        {
            ["items"] = new JsonArray
            {
                Item("ssh-keys", GcpBoot.SshKeys(request.AuthorizedKeys)),
                Item("block-project-ssh-keys", "TRUE"),
                Item("startup-script", GcpBoot.Script(request, options.SshPort)),
            },
        },
        ["labels"] = GcpNames.Labels(request.Tag),
        ["tags"] = new JsonObject { ["items"] = new JsonArray { "dumont" } },
    };

    /// <summary>A machine, or null when the object names no zone or no machine.</summary>
    public static ProviderMachine? Parse(JsonElement instance, int sshPort)
    {
        if (instance.Text("name") is not { } name || GcpNames.LastPart(instance.Text("zone")) is not { } zone
            || !GcpMachineId.TryParse($"{zone}/{name}", out var id))
        {
            return null;
        }

        var spot = IsSpot(instance);
        var type = GcpNames.LastPart(instance.Text("machineType")) ?? "";
        var address = SafeText.Host(instance.Items("networkInterfaces").FirstOrDefault().Items("accessConfigs").FirstOrDefault().Text("natIP"));
        return new ProviderMachine
        {
            Id = id.ToString(),
            Tag = GcpNames.TagOf(instance),
            State = StateOf(instance.Text("status")),
            StatusMessage = instance.Text("statusMessage") ?? instance.Text("status"),
            SshHost = address,
            SshPort = address is null ? null : sshPort,
            PublicIp = address,
            Interruptible = spot,
            UsdPerHour = GcpPrices.FindUsdPerHour(zone, type, spot),
            Geolocation = zone,
            CreatedAt = Time(instance, "creationTimestamp"),
        };
    }

    /// <summary>True when the newest preemption in <paramref name="operations"/> is of this machine's present life. A machine that was preempted,
    /// started again and then stopped by us has a later start.</summary>
    public static bool WasPreempted(JsonElement instance, GcpMachineId id, IEnumerable<JsonElement> operations)
    {
        var started = Time(instance, "lastStartTimestamp") ?? Time(instance, "creationTimestamp") ?? DateTimeOffset.MinValue;
        return operations.Any(operation =>
            operation.Text("operationType") == "compute.instances.preempted"
            && operation.Text("targetLink")?.EndsWith($"/{id.Path}", StringComparison.Ordinal) == true
            && (Time(operation, "endTime") ?? Time(operation, "insertTime")) >= started);
    }

    /// <summary>Rented as Spot, or as its forerunner, preemptible.</summary>
    public static bool IsSpot(JsonElement instance) =>
        instance.At("scheduling") is { } scheduling && (scheduling.Text("provisioningModel") == "SPOT" || scheduling.Flag("preemptible") == true);

    // A stopped machine reads TERMINATED; one that is gone is a 404.
    private static ProviderMachineState StateOf(string? status) => status switch
    {
        "RUNNING" => ProviderMachineState.Running,
        "STOPPING" or "SUSPENDING" or "DEPROVISIONING" => ProviderMachineState.Stopping,
        "TERMINATED" or "STOPPED" or "SUSPENDED" => ProviderMachineState.Stopped,
        "REPAIRING" => ProviderMachineState.Offline,
        _ => ProviderMachineState.Provisioning, // PROVISIONING, STAGING
    };

    private static JsonObject Scheduling(bool spot) => spot
        ? new JsonObject
        {
            ["provisioningModel"] = "SPOT",
            ["preemptible"] = true,
            ["automaticRestart"] = false,
            ["onHostMaintenance"] = "TERMINATE",
            ["instanceTerminationAction"] = "STOP",
        }
        : new JsonObject { ["provisioningModel"] = "STANDARD", ["automaticRestart"] = true, ["onHostMaintenance"] = "MIGRATE" };

    // Ten is what the Debian image needs.
    private static long DiskGb(double asked) => (long)Math.Ceiling(Math.Clamp(asked, 10, GcpPrices.DiskGbMax));

    private static JsonObject Item(string key, string value) => new() { ["key"] = key, ["value"] = value };

    private static DateTimeOffset? Time(JsonElement json, string name) =>
        DateTimeOffset.TryParse(json.Text(name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
}
