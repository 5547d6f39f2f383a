using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Conformance;

/// <summary>The form of what Compute Engine answers: types of fields, lists, references. One row is one check.</summary>
[Trait("Suite", "Conformance")]
public sealed class GcpShapeConformance(GcpConformanceCloud shared) : IClassFixture<GcpConformanceCloud>
{
    private const string Zone = GcpConformanceCloud.Zone;
    private const string Vm = "/zones/" + Zone + "/instances/taken";
    private const string Disk = "/zones/" + Zone + "/disks/loose";
    private const string Operation = "/zones/" + Zone + "/operations?filter=operationType=insert&maxResults=1";

    private readonly TestCloud _cloud = shared.Cloud;

    [Theory]
    [InlineData(Vm, "id", JsonValueKind.String, @"^\d{10,20}$")]
    [InlineData(Vm, "kind", JsonValueKind.String, "^compute#instance$")]
    [InlineData(Vm, "zone", JsonValueKind.String, "^http://127.0.0.1:.*/compute/v1/projects/[^/]+/zones/europe-west1-b$")]
    [InlineData(Vm, "machineType", JsonValueKind.String, "/zones/europe-west1-b/machineTypes/e2-medium$")]
    [InlineData(Vm, "selfLink", JsonValueKind.String, "/zones/europe-west1-b/instances/taken$")]
    [InlineData(Vm, "creationTimestamp", JsonValueKind.String, @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$")]
    [InlineData(Vm, "lastStartTimestamp", JsonValueKind.String, @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$")]
    [InlineData(Vm, "fingerprint", JsonValueKind.String, "^[A-Za-z0-9_-]{11}=$")]
    [InlineData(Vm, "labelFingerprint", JsonValueKind.String, "^[A-Za-z0-9_-]{11}=$")]
    [InlineData(Vm, "metadata.fingerprint", JsonValueKind.String, "^[A-Za-z0-9_-]{11}=$")]
    [InlineData(Vm, "metadata.kind", JsonValueKind.String, "^compute#metadata$")]
    [InlineData(Vm, "metadata.items.0.key", JsonValueKind.String, "^ssh-keys$")]
    [InlineData(Vm, "tags.fingerprint", JsonValueKind.String, "^[A-Za-z0-9_-]{11}=$")]
    [InlineData(Vm, "disks.0.diskSizeGb", JsonValueKind.String, "^20$")]
    [InlineData(Vm, "disks.0.source", JsonValueKind.String, "/zones/europe-west1-b/disks/taken$")]
    [InlineData(Vm, "disks.0.boot", JsonValueKind.True, "true")]
    [InlineData(Vm, "disks.0.autoDelete", JsonValueKind.True, "true")]
    [InlineData(Vm, "disks.0.index", JsonValueKind.Number, "^0$")]
    [InlineData(Vm, "networkInterfaces.0.name", JsonValueKind.String, "^nic0$")]
    [InlineData(Vm, "networkInterfaces.0.network", JsonValueKind.String, "/global/networks/default$")]
    [InlineData(Vm, "networkInterfaces.0.networkIP", JsonValueKind.String, @"^10\.")]
    [InlineData(Vm, "networkInterfaces.0.accessConfigs.0.natIP", JsonValueKind.String, @"^127\.")]
    [InlineData(Vm, "networkInterfaces.0.accessConfigs.0.type", JsonValueKind.String, "^ONE_TO_ONE_NAT$")]
    [InlineData(Vm, "scheduling.provisioningModel", JsonValueKind.String, "^SPOT$")]
    [InlineData(Vm, "scheduling.preemptible", JsonValueKind.True, "true")]
    [InlineData(Vm, "scheduling.automaticRestart", JsonValueKind.False, "false")]
    [InlineData(Vm, "scheduling.onHostMaintenance", JsonValueKind.String, "^TERMINATE$")]
    [InlineData(Vm, "scheduling.instanceTerminationAction", JsonValueKind.String, "^STOP$")]
    [InlineData(Disk, "id", JsonValueKind.String, @"^\d{10,20}$")]
    [InlineData(Disk, "kind", JsonValueKind.String, "^compute#disk$")]
    [InlineData(Disk, "sizeGb", JsonValueKind.String, "^50$")]
    [InlineData(Disk, "status", JsonValueKind.String, "^READY$")]
    [InlineData(Disk, "type", JsonValueKind.String, "/diskTypes/pd-standard$")]
    [InlineData("/zones/" + Zone + "/disks/taken", "users.0", JsonValueKind.String, "/instances/taken$")]
    [InlineData(Operation, "items.0.id", JsonValueKind.String, @"^\d{10,20}$")]
    [InlineData(Operation, "items.0.kind", JsonValueKind.String, "^compute#operation$")]
    [InlineData(Operation, "items.0.name", JsonValueKind.String, @"^operation-\d{13}-[0-9a-f]+$")]
    [InlineData(Operation, "items.0.zone", JsonValueKind.String, "/zones/europe-west1-b$")]
    [InlineData(Operation, "items.0.targetId", JsonValueKind.String, @"^\d{10,20}$")]
    [InlineData(Operation, "items.0.targetLink", JsonValueKind.String, "/zones/europe-west1-b/(instances|disks)/")]
    [InlineData(Operation, "items.0.progress", JsonValueKind.Number, "^100$")]
    [InlineData(Operation, "items.0.status", JsonValueKind.String, "^DONE$")]
    [InlineData(Operation, "items.0.user", JsonValueKind.String, "@")]
    [InlineData(Operation, "items.0.insertTime", JsonValueKind.String, @"T\d\d:\d\d:\d\d\.\d{3}[+-]")]
    [InlineData(Operation, "items.0.endTime", JsonValueKind.String, @"T\d\d:\d\d:\d\d\.\d{3}[+-]")]
    [InlineData(Operation, "items.0.selfLink", JsonValueKind.String, "/zones/europe-west1-b/operations/operation-")]
    [InlineData("/zones/" + Zone + "/machineTypes/e2-medium", "guestCpus", JsonValueKind.Number, "^2$")]
    [InlineData("/zones/" + Zone + "/machineTypes/e2-medium", "memoryMb", JsonValueKind.Number, "^4096$")]
    [InlineData("/zones/" + Zone + "/machineTypes/e2-medium", "isSharedCpu", JsonValueKind.True, "true")]
    [InlineData("/zones/" + Zone + "/machineTypes/e2-medium", "id", JsonValueKind.String, @"^\d+$")]
    [InlineData("/zones/" + Zone, "region", JsonValueKind.String, "/regions/europe-west1$")]
    [InlineData("/zones/" + Zone, "status", JsonValueKind.String, "^UP$")]
    [InlineData("/regions/europe-west1", "zones.0", JsonValueKind.String, "/zones/europe-west1-b$")]
    [InlineData("/regions/europe-west1", "quotas.0.usage", JsonValueKind.Number, "^2$")]
    [InlineData("", "commonInstanceMetadata.fingerprint", JsonValueKind.String, "^[A-Za-z0-9_-]{11}=$")]
    [InlineData("", "kind", JsonValueKind.String, "^compute#project$")]
    [InlineData("/zones", "kind", JsonValueKind.String, "^compute#zoneList$")]
    [InlineData("/zones", "id", JsonValueKind.String, "^projects/[^/]+/zones$")]
    [InlineData("/zones?maxResults=1", "nextPageToken", JsonValueKind.String, ".")]
    [InlineData("/aggregated/instances", "items.zones/europe-west1-b.instances.0.name", JsonValueKind.String, "^taken$")]
    [InlineData("/aggregated/instances", "items.zones/us-west1-a.warning.code", JsonValueKind.String, "^NO_RESULTS_ON_PAGE$")]
    [InlineData("/aggregated/instances", "items.zones/us-west1-a.warning.data.0.value", JsonValueKind.String, "^zones/us-west1-a$")]
    [InlineData("/aggregated/disks", "items.zones/europe-west1-b.disks.0.name", JsonValueKind.String, "^loose$")]
    [InlineData("/aggregated/operations", "items.global.warning.code", JsonValueKind.String, "^NO_RESULTS_ON_PAGE$")]
    [InlineData("/aggregated/machineTypes?maxResults=1", "kind", JsonValueKind.String, "^compute#machineTypeAggregatedList$")]
    [InlineData(Vm + "/serialPort?port=1&start=0", "next", JsonValueKind.String, @"^\d+$")]
    [InlineData(Vm + "/serialPort?port=1&start=0", "start", JsonValueKind.String, "^0$")]
    [InlineData(Vm + "?fields=name&alt=json&prettyPrint=false", "name", JsonValueKind.String, "^taken$")]
    public async Task Field_InAnAnswer_HasGooglesTypeAndForm(string path, string field, JsonValueKind kind, string pattern)
    {
        var answer = await _cloud.GcpAsync("GET", path);

        Assert.Equal((200, "application/json"), (answer.Status, answer.ContentType));
        JsonNode? node = answer.Json;
        foreach (var part in field.Split('.'))
        {
            node = node is JsonArray list ? list[int.Parse(part, CultureInfo.InvariantCulture)] : node?[part];
        }

        Assert.True(node is not null, $"no {field} in {answer.Text}");
        Assert.Equal(kind, node.GetValueKind());
        Assert.Matches(pattern, node.GetValueKind() == JsonValueKind.String ? node.ToString() : node.ToJsonString());
    }

    [Theory]
    [InlineData("/zones/us-west1-a/instances", "items")]
    [InlineData("/zones/us-west1-a/disks", "items")]
    [InlineData("/global/operations", "items")]
    [InlineData("/regions/europe-west1/operations", "items")]
    [InlineData("/global/firewalls", "items")]
    [InlineData("/zones/" + Zone + "/instances", "nextPageToken")]
    [InlineData(Disk, "users")]
    public async Task Field_WithNothingInIt_IsAbsent(string path, string field) => Assert.False((await _cloud.GcpAsync("GET", path)).Json.ContainsKey(field));

    [Theory]
    [InlineData("name=taken", 1)]
    [InlineData("name!=taken", 0)]
    [InlineData("name eq 'tak.*'", 1)]
    [InlineData("name eq 'tak'", 0)]
    [InlineData("name ne 'tak.*'", 0)]
    [InlineData("labels.app:*", 1)]
    [InlineData("labels.none:*", 0)]
    [InlineData("labels.app=dumont AND status=RUNNING", 1)]
    [InlineData("(labels.app=other) OR (status=\"RUNNING\")", 1)]
    [InlineData("labels.app=other status=RUNNING", 0)]
    [InlineData("NOT labels.app=other", 1)]
    [InlineData("-labels.app=dumont", 0)]
    [InlineData("creationTimestamp > 2020-01-01T00:00:00Z", 1)]
    [InlineData("creationTimestamp < '2020-01-01T00:00:00Z'", 0)]
    [InlineData("disks.diskSizeGb >= 20", 1)]
    [InlineData("disks.diskSizeGb < 20", 0)]
    [InlineData("scheduling.preemptible = true", 1)]
    [InlineData("machineType:e2-medium", 1)]
    [InlineData("name = tak*", 1)]
    [InlineData("(name=taken OR name=x) AND (zone:europe OR zone:asia)", 1)]
    public async Task Filter_OnInstances_AcceptsThoseThatMatch(string filter, int count)
    {
        var answer = await _cloud.GcpAsync("GET", $"/zones/{Zone}/instances?filter={Uri.EscapeDataString(filter)}");

        Assert.Equal(200, answer.Status);
        Assert.Equal(count, answer.Json["items"]?.AsArray().Count ?? 0);
    }

    [Fact]
    public async Task Pages_Followed_ShowEverythingOnce()
    {
        var names = new List<string>();
        string? token = null;
        do
        {
            var page = (await _cloud.GcpAsync("GET", $"/zones?maxResults=50&orderBy=name&pageToken={token}")).Json;
            names.AddRange(page["items"]!.AsArray().Select(item => item!["name"]!.ToString()));
            token = page["nextPageToken"]?.ToString();
        }
        while (token is not null);

        Assert.Equal((130, 130), (names.Count, names.Distinct().Count()));
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
    }
}
