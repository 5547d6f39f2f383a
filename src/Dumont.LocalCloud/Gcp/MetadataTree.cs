using System.Globalization;
using System.Text.Json.Nodes;

namespace Dumont.LocalCloud.Gcp;

/// <summary>What a VM's metadata server knows, as a tree. Pure.</summary>
internal static class MetadataTree
{
    /// <param name="vm">Read under the gate of the book.</param>
    /// <param name="common">Metadata of the project.</param>
    /// <param name="project">Its id.</param>
    /// <param name="account">E-mail address of the service account.</param>
    /// <param name="token">Makes an access token.</param>
    public static JsonObject Of(Vm vm, IReadOnlyList<KeyValuePair<string, string>> common, string project, string account, Func<JsonObject> token) => new()
    {
        ["instance"] = new JsonObject
        {
            ["attributes"] = Attributes(vm.Metadata),
            ["cpu-platform"] = "Intel Broadwell",
            ["description"] = vm.Description,
            ["disks"] = new JsonArray([.. vm.Disks.Select((disk, index) => new JsonObject
            {
                ["device-name"] = disk.DeviceName,
                ["index"] = index,
                ["interface"] = "SCSI",
                ["mode"] = disk.Mode,
                ["type"] = "PERSISTENT",
            })]),
            ["hostname"] = $"{vm.Name}.{vm.Zone}.c.{project}.internal",
            ["id"] = vm.Id,
            ["image"] = "",
            ["machine-type"] = $"projects/1/machineTypes/{vm.MachineType}",
            ["maintenance-event"] = vm.PreemptedAt is null ? "NONE" : "TERMINATE_ON_HOST_MAINTENANCE",
            ["name"] = vm.Name,
            ["network-interfaces"] = new JsonArray(new JsonObject
            {
                ["access-configs"] = new JsonArray([.. vm.HasExternalAddress
                    ? [new JsonObject { ["external-ip"] = vm.Address, ["type"] = "ONE_TO_ONE_NAT" }]
                    : Array.Empty<JsonObject>()]),
                ["ip"] = vm.InternalAddress,
                ["network"] = "projects/1/networks/default",
            }),
            ["preempted"] = vm.PreemptedAt is null ? "FALSE" : "TRUE",
            ["scheduling"] = new JsonObject
            {
                ["automatic-restart"] = vm.AutomaticRestart ? "TRUE" : "FALSE",
                ["on-host-maintenance"] = vm.OnHostMaintenance,
                ["preemptible"] = vm.IsSpot ? "TRUE" : "FALSE",
            },
            ["service-accounts"] = new JsonObject { ["default"] = Account(account, token), [account] = Account(account, token) },
            ["tags"] = new JsonArray([.. vm.Tags.Select(tag => (JsonNode)tag)]),
            ["zone"] = $"projects/1/zones/{vm.Zone}",
        },
        ["project"] = new JsonObject
        {
            ["attributes"] = Attributes(common),
            ["numeric-project-id"] = 1,
            ["project-id"] = project,
        },
    };

    /// <summary>What lies under a path, or null.</summary>
    public static JsonNode? Find(JsonObject tree, string path)
    {
        JsonNode? node = tree;
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            node = node switch
            {
                JsonObject branch => branch[part],
                JsonArray list when int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < list.Count => list[index],
                _ => null,
            };
        }

        return node;
    }

    /// <summary>A value as text, a branch as the names of what lies on it, one a line.</summary>
    public static string Render(JsonNode node) => node switch
    {
        JsonObject branch => string.Concat(branch.Select(pair => pair.Key + (pair.Value is JsonObject or JsonArray ? "/" : "") + "\n")),
        // A list of plain values is one value.
        JsonArray list when list.All(member => member is JsonValue) => list.ToJsonString(),
        JsonArray list => string.Concat(Enumerable.Range(0, list.Count).Select(index => string.Create(CultureInfo.InvariantCulture, $"{index}/\n"))),
        _ => node.ToString(),
    };

    private static JsonObject Attributes(IEnumerable<KeyValuePair<string, string>> items) =>
        new(items.Select(item => KeyValuePair.Create(item.Key, (JsonNode?)item.Value)));

    private static JsonObject Account(string email, Func<JsonObject> token) => new()
    {
        ["aliases"] = new JsonArray("default"),
        ["email"] = email,
        ["scopes"] = new JsonArray("https://www.googleapis.com/auth/cloud-platform"),
        ["token"] = token(),
    };
}
