using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Dumont.LocalCloud.Gcp;

/// <summary>VMs, disks and operations as Compute Engine shows them: references are whole addresses, long integers are text.</summary>
internal sealed class VmJson(string baseUrl, GcpBook book)
{
    public VmJson(HttpRequest request, GcpBook book)
        : this($"{request.Scheme}://{request.Host}", book)
    {
    }

    private string Projects => $"{baseUrl}/compute/v1/projects/{book.Project}";

    public string Zone(string zone) => $"{Projects}/zones/{zone}";

    public string Region(string region) => $"{Projects}/regions/{region}";

    /// <summary>Changes with every change of metadata, labels or tags.</summary>
    public static string Fingerprint(Vm vm) => Fingerprint(vm.Id, vm.Version);

    /// <summary>Changes with the version. Eight bytes in base64, padded: clients decode it.</summary>
    public static string Fingerprint(ulong id, int version)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, (id * 1_000_003) + (ulong)version);
        return Base64Url.EncodeToString(bytes) + "=";
    }

    /// <summary>Whether a client names the present version. It may write base64 in either alphabet.</summary>
    public static bool IsCurrent(string? fingerprint, ulong id, int version) =>
        fingerprint?.Replace('+', '-').Replace('/', '_') == Fingerprint(id, version);

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
            ["disks"] = new JsonArray([.. vm.Disks.Select((disk, index) => Attached(vm, disk, index))]),
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
            json["metadata"]!["items"] = Items(vm.Metadata);
        }

        AddLabels(json, vm.Labels);

        if (vm.ServiceAccount is not null)
        {
            json["serviceAccounts"] = new JsonArray(new JsonObject
            {
                ["email"] = vm.ServiceAccount,
                ["scopes"] = new JsonArray("https://www.googleapis.com/auth/cloud-platform"),
            });
        }

        Add(json, "lastStartTimestamp", vm.LastStartAt);
        Add(json, "lastStopTimestamp", vm.LastStopAt);
        return json;
    }

    public JsonObject From(Disk disk)
    {
        var json = new JsonObject
        {
            ["kind"] = "compute#disk",
            ["id"] = disk.Id.ToString(CultureInfo.InvariantCulture),
            ["creationTimestamp"] = Time(disk.CreatedAt),
            ["name"] = disk.Name,
            ["description"] = disk.Description,
            ["sizeGb"] = disk.Gb.ToString(CultureInfo.InvariantCulture),
            ["zone"] = Zone(disk.Zone),
            ["status"] = "READY",
            ["selfLink"] = $"{Zone(disk.Zone)}/disks/{disk.Name}",
            ["type"] = $"{Zone(disk.Zone)}/diskTypes/{disk.Type}",
            ["labelFingerprint"] = Fingerprint(disk.Id, disk.Version),
            ["physicalBlockSizeBytes"] = "4096",
        };
        if (disk.IsBootable)
        {
            json["sourceImage"] = Reference(disk.SourceImage);
        }

        if (disk.UserName is not null)
        {
            json["users"] = new JsonArray($"{Zone(disk.Zone)}/instances/{disk.UserName}");
        }

        AddLabels(json, disk.Labels);
        Add(json, "lastAttachTimestamp", disk.LastAttachedAt);
        Add(json, "lastDetachTimestamp", disk.LastDetachedAt);
        return json;
    }

    /// <summary>Items of metadata as a list of pairs.</summary>
    public static JsonArray Items(IEnumerable<KeyValuePair<string, string>> metadata) =>
        [.. metadata.Select(item => new JsonObject { ["key"] = item.Key, ["value"] = item.Value })];

    /// <summary>Where the operations of a zone are, or those of the project for an empty zone.</summary>
    private string Scope(string zone) => zone.Length > 0 ? Zone(zone) : $"{Projects}/global";

    // References of requests may be partial.
    private string Reference(string reference) =>
        $"{baseUrl}/compute/v1/{reference[Math.Max(0, reference.IndexOf("projects/", StringComparison.Ordinal))..]}";

    public JsonObject From(Operation operation)
    {
        var done = operation.EndedAt is not null;
        var (kind, zone, name, id) = operation.Target;
        var json = new JsonObject
        {
            ["kind"] = "compute#operation",
            ["id"] = operation.Id.ToString(CultureInfo.InvariantCulture),
            ["name"] = operation.Name,
            ["operationType"] = operation.Type,
            ["targetLink"] = kind.Length > 0 ? $"{Zone(zone)}/{kind}/{name}" : Projects,
            ["targetId"] = id.ToString(CultureInfo.InvariantCulture),
            ["status"] = done ? "DONE" : "RUNNING",
            ["user"] = operation.User,
            ["progress"] = done ? 100 : 0,
            ["insertTime"] = Time(operation.InsertedAt),
            ["startTime"] = Time(operation.InsertedAt),
            ["selfLink"] = $"{Scope(zone)}/operations/{operation.Name}",
        };
        if (zone.Length > 0)
        {
            json["zone"] = Zone(zone);
        }

        if (operation.StatusMessage is not null)
        {
            json["statusMessage"] = operation.StatusMessage;
        }

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

    private JsonObject Attached(Vm vm, AttachedDisk attached, int index)
    {
        var disk = book.GetDisk(vm, attached);
        return new JsonObject
        {
            ["kind"] = "compute#attachedDisk",
            ["type"] = "PERSISTENT",
            ["mode"] = attached.Mode,
            ["source"] = $"{Zone(vm.Zone)}/disks/{attached.DiskName}",
            ["deviceName"] = attached.DeviceName,
            ["index"] = index,
            ["boot"] = attached.Boot,
            ["autoDelete"] = attached.AutoDelete,
            ["interface"] = "SCSI",
            ["diskSizeGb"] = disk.Gb.ToString(CultureInfo.InvariantCulture),
            ["architecture"] = "X86_64",
        };
    }

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

    private static void AddLabels(JsonObject json, SortedDictionary<string, string> labels)
    {
        if (labels.Count > 0)
        {
            json["labels"] = new JsonObject(labels.Select(label => KeyValuePair.Create(label.Key, (JsonNode?)label.Value)));
        }
    }

    private static void Add(JsonObject json, string name, DateTimeOffset? instant)
    {
        if (instant is { } known)
        {
            json[name] = Time(known);
        }
    }
}
