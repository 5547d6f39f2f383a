using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Dumont.LocalCloud.Gcp;

/// <summary>VMs and operations as Compute Engine shows them: references are whole addresses, long integers are text.</summary>
internal sealed class VmJson(string baseUrl, string project)
{
    private string Projects => $"{baseUrl}/compute/v1/projects/{project}";

    public string Zone(string zone) => $"{Projects}/zones/{zone}";

    public string Region(string region) => $"{Projects}/regions/{region}";

    /// <summary>Changes with every change of metadata, labels or tags.</summary>
    public static string Fingerprint(Vm vm) =>
        Base64Url.EncodeToString(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{vm.Id % 100_000}v{vm.Version}")));

    public static string Time(DateTimeOffset instant) => instant.ToString("yyyy-MM-ddTHH:mm:ss.fffzzz", CultureInfo.InvariantCulture);

    public JsonObject From(Vm vm)
    {
        var fingerprint = Fingerprint(vm);
        var json = new JsonObject
        {
            ["kind"] = "compute#instance",
            ["id"] = vm.Id.ToString(CultureInfo.InvariantCulture),
            ["creationTimestamp"] = Time(vm.CreatedAt),
            ["name"] = vm.Name,
            ["description"] = vm.Description,
            ["tags"] = new JsonObject { ["fingerprint"] = fingerprint },
            ["machineType"] = $"{Zone(vm.Zone)}/machineTypes/{vm.MachineType}",
            ["status"] = vm.Status,
            ["zone"] = Zone(vm.Zone),
            ["canIpForward"] = false,
            ["networkInterfaces"] = new JsonArray(NetworkInterface(vm)),
            ["disks"] = new JsonArray(Disk(vm)),
            ["metadata"] = new JsonObject { ["kind"] = "compute#metadata", ["fingerprint"] = fingerprint },
            ["scheduling"] = Scheduling(vm),
            ["cpuPlatform"] = vm.Status is "RUNNING" ? "Intel Broadwell" : "Unknown CPU Platform",
            ["labelFingerprint"] = fingerprint,
            ["startRestricted"] = false,
            ["deletionProtection"] = false,
            ["fingerprint"] = fingerprint,
            ["selfLink"] = $"{Zone(vm.Zone)}/instances/{vm.Name}",
        };
        if (vm.Tags.Count > 0)
        {
            json["tags"]!["items"] = new JsonArray([.. vm.Tags.Select(tag => (JsonNode)tag)]);
        }

        if (vm.Metadata.Count > 0)
        {
            json["metadata"]!["items"] = new JsonArray([.. vm.Metadata.Select(item => new JsonObject { ["key"] = item.Key, ["value"] = item.Value })]);
        }

        if (vm.Labels.Count > 0)
        {
            json["labels"] = new JsonObject(vm.Labels.Select(label => KeyValuePair.Create(label.Key, (JsonNode?)label.Value)));
        }

        Add(json, "lastStartTimestamp", vm.LastStartAt);
        Add(json, "lastStopTimestamp", vm.LastStopAt);
        return json;
    }

    public JsonObject From(Operation operation)
    {
        var done = operation.EndedAt is not null;
        var json = new JsonObject
        {
            ["kind"] = "compute#operation",
            ["id"] = operation.Id.ToString(CultureInfo.InvariantCulture),
            ["name"] = operation.Name,
            ["zone"] = Zone(operation.Zone),
            ["operationType"] = operation.Type,
            ["targetLink"] = $"{Zone(operation.Zone)}/instances/{operation.TargetName}",
            ["targetId"] = operation.TargetId.ToString(CultureInfo.InvariantCulture),
            ["status"] = done ? "DONE" : "RUNNING",
            ["user"] = operation.User,
            ["progress"] = done ? 100 : 0,
            ["insertTime"] = Time(operation.InsertedAt),
            ["startTime"] = Time(operation.InsertedAt),
            ["selfLink"] = $"{Zone(operation.Zone)}/operations/{operation.Name}",
        };
        Add(json, "endTime", operation.EndedAt);
        if (operation.RequestId is not null)
        {
            json["clientOperationId"] = operation.RequestId;
        }

        if (operation.ErrorCode is not null)
        {
            json["error"] = new JsonObject
            {
                ["errors"] = new JsonArray(new JsonObject { ["code"] = operation.ErrorCode, ["message"] = operation.ErrorMessage }),
            };
            json["httpErrorStatusCode"] = operation.ErrorStatus;
            json["httpErrorMessage"] = operation.ErrorStatus switch { 403 => "FORBIDDEN", 503 => "SERVICE UNAVAILABLE", _ => "INTERNAL SERVER ERROR" };
        }

        return json;
    }

    private JsonObject NetworkInterface(Vm vm)
    {
        var json = new JsonObject
        {
            ["kind"] = "compute#networkInterface",
            ["network"] = $"{Projects}/global/networks/default",
            ["subnetwork"] = $"{Region(vm.Region)}/subnetworks/default",
            ["networkIP"] = vm.InternalAddress,
            ["name"] = "nic0",
            ["fingerprint"] = Fingerprint(vm),
            ["stackType"] = "IPV4_ONLY",
        };
        if (vm.HasExternalAddress)
        {
            var access = new JsonObject
            {
                ["kind"] = "compute#accessConfig",
                ["type"] = "ONE_TO_ONE_NAT",
                ["name"] = "external-nat",
                ["networkTier"] = "PREMIUM",
            };
            // Ephemeral: not there while the VM is off.
            if (vm.Address is not null)
            {
                access["natIP"] = vm.Address;
            }

            json["accessConfigs"] = new JsonArray(access);
        }

        return json;
    }

    private JsonObject Disk(Vm vm) => new()
    {
        ["kind"] = "compute#attachedDisk",
        ["type"] = "PERSISTENT",
        ["mode"] = "READ_WRITE",
        ["source"] = $"{Zone(vm.Zone)}/disks/{vm.DiskName}",
        ["deviceName"] = "persistent-disk-0",
        ["index"] = 0,
        ["boot"] = true,
        ["autoDelete"] = vm.DiskAutoDelete,
        ["interface"] = "SCSI",
        ["diskSizeGb"] = vm.DiskGb.ToString(CultureInfo.InvariantCulture),
        ["architecture"] = "X86_64",
    };

    private static JsonObject Scheduling(Vm vm)
    {
        var json = new JsonObject
        {
            ["onHostMaintenance"] = vm.OnHostMaintenance,
            ["automaticRestart"] = vm.AutomaticRestart,
            ["preemptible"] = vm.IsSpot,
            ["provisioningModel"] = vm.IsSpot ? "SPOT" : "STANDARD",
        };
        if (vm.IsSpot)
        {
            json["instanceTerminationAction"] = vm.TerminationAction;
        }

        return json;
    }

    private static void Add(JsonObject json, string name, DateTimeOffset? instant)
    {
        if (instant is { } known)
        {
            json[name] = Time(known);
        }
    }
}
