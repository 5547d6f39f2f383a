using System.Text.Json.Nodes;
using Dumont.LocalCloud.Tests.Gcp;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Conformance;

/// <summary>One cloud for checks that change nothing, or nothing that another check reads.</summary>
public sealed class GcpConformanceCloud : IAsyncLifetime
{
    internal const string Zone = "europe-west1-b";

    internal TestCloud Cloud { get; private set; } = null!;

    internal Ssh Ssh { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Cloud = await TestCloud.StartAsync();
        Ssh = await Ssh.CreateAsync(Cloud.Folder);
        await Cloud.GcpAsync("POST", $"/zones/{Zone}/instances", VmTests.Body("taken", Ssh));
        await Cloud.GcpAsync("POST", $"/zones/{Zone}/disks", """{"name":"loose","sizeGb":"50"}""");
        await Cloud.VmUntilAsync(Zone, "taken", "RUNNING");
    }

    public ValueTask DisposeAsync() => Cloud.DisposeAsync();
}

/// <summary>Compute Engine's errors: status, reason, form. One row is one check.</summary>
[Trait("Suite", "Conformance")]
public sealed class GcpErrorConformance(GcpConformanceCloud shared) : IClassFixture<GcpConformanceCloud>
{
    private const string Zone = GcpConformanceCloud.Zone;
    private const string Instances = "/zones/" + Zone + "/instances";
    private const string Disks = "/zones/" + Zone + "/disks";

    private readonly TestCloud _cloud = shared.Cloud;

    [Theory]
    [InlineData("GET", "/zones/mars-north1-a", null, 404, "notFound", "zones/mars-north1-a' was not found")]
    [InlineData("GET", "/zones/mars-north1-a/instances", null, 404, "notFound", "zones/mars-north1-a' was not found")]
    [InlineData("GET", "/zones/mars-north1-a/instances/x", null, 404, "notFound", "zones/mars-north1-a' was not found")]
    [InlineData("GET", "/zones/mars-north1-a/machineTypes/e2-medium", null, 404, "notFound", "zones/mars-north1-a' was not found")]
    [InlineData("GET", "/zones/mars-north1-a/operations", null, 404, "notFound", "zones/mars-north1-a' was not found")]
    [InlineData("POST", "/zones/mars-north1-a/disks", """{"name":"x"}""", 404, "notFound", "zones/mars-north1-a' was not found")]
    [InlineData("GET", "/regions/mars-north1", null, 404, "notFound", "regions/mars-north1' was not found")]
    [InlineData("GET", "/zones/europe-west1-b/machineTypes/q9-huge", null, 404, "notFound", "machineTypes/q9-huge' was not found")]
    [InlineData("GET", "/zones/europe-west1-b/diskTypes/pd-tape", null, 404, "notFound", "diskTypes/pd-tape' was not found")]
    [InlineData("GET", "/global/networks/other", null, 404, "notFound", "networks/other' was not found")]
    [InlineData("GET", Instances + "/absent", null, 404, "notFound", "instances/absent' was not found")]
    [InlineData("DELETE", Instances + "/absent", null, 404, "notFound", "instances/absent' was not found")]
    [InlineData("POST", Instances + "/absent/start", null, 404, "notFound", "instances/absent' was not found")]
    [InlineData("POST", Instances + "/absent/stop", null, 404, "notFound", "instances/absent' was not found")]
    [InlineData("POST", Instances + "/absent/simulateMaintenanceEvent", null, 404, "notFound", "instances/absent' was not found")]
    [InlineData("POST", Instances + "/absent/setLabels", """{"labels":{}}""", 404, "notFound", "instances/absent' was not found")]
    [InlineData("GET", Instances + "/absent/serialPort", null, 404, "notFound", "instances/absent' was not found")]
    [InlineData("GET", Disks + "/absent", null, 404, "notFound", "disks/absent' was not found")]
    [InlineData("DELETE", Disks + "/absent", null, 404, "notFound", "disks/absent' was not found")]
    [InlineData("GET", "/zones/europe-west1-b/operations/operation-1", null, 404, "notFound", "operations/operation-1' was not found")]
    [InlineData("POST", "/zones/europe-west1-b/operations/operation-1/wait", null, 404, "notFound", "operations/operation-1' was not found")]
    [InlineData("GET", "/global/operations/operation-1", null, 404, "notFound", "global/operations/operation-1' was not found")]
    [InlineData("GET", "/regions/europe-west1/operations/operation-1", null, 404, "notFound", "regions/europe-west1/operations/operation-1' was not found")]
    [InlineData("POST", Instances, "{\"name\":", 400, "parseError", "Invalid JSON payload received")]
    [InlineData("POST", Instances, "[1]", 400, "invalid", "not a JSON object")]
    [InlineData("POST", Disks, "{}", 400, "required", "Required field 'resource.name' not specified")]
    [InlineData("POST", Disks, """{"name":"Upper"}""", 400, "invalid", "Invalid value for field 'resource.name': 'Upper'. Must be a match of regex")]
    [InlineData("POST", Disks, """{"name":"x","sizeGb":"5"}""", 400, "invalid", "resource.sizeGb")]
    [InlineData("POST", Disks, """{"name":"x","type":"zones/z/diskTypes/pd-tape"}""", 400, "invalid", "pd-tape")]
    [InlineData("POST", Disks, """{"name":"loose"}""", 409, "alreadyExists", "disks/loose' already exists")]
    [InlineData("DELETE", Disks + "/taken", null, 400, "resourceInUseByAnotherResource", "is already being used by")]
    [InlineData("POST", Disks + "/loose/resize", """{"sizeGb":"20"}""", 400, "invalid", "cannot be smaller")]
    [InlineData("POST", Disks + "/loose/resize", "{}", 400, "required", "sizeGb")]
    [InlineData("POST", Disks + "/loose/createSnapshot", """{"name":"s"}""", 501, "notImplemented", "not supported by the local cloud")]
    [InlineData("POST", Disks + "/loose/setLabels", """{"labels":{"a":"b"},"labelFingerprint":"AAAAAAAAAAA="}""", 412, "conditionNotMet", "fingerprint")]
    [InlineData("POST", Instances + "/taken/setMetadata", """{"fingerprint":"AAAAAAAAAAA=","items":[]}""", 412, "conditionNotMet", "metadata fingerprint")]
    [InlineData("POST", Instances + "/taken/setMetadata", """{"items":[]}""", 412, "conditionNotMet", "metadata fingerprint")]
    [InlineData("POST", Instances + "/taken/setLabels", """{"labels":{},"labelFingerprint":"x"}""", 412, "conditionNotMet", "labels fingerprint")]
    [InlineData("POST", Instances + "/taken/setTags", """{"items":["a"],"fingerprint":"x"}""", 412, "conditionNotMet", "tags fingerprint")]
    [InlineData("POST", Instances + "/taken/setLabels", """{"labels":{"Upper":"x"},"labelFingerprint":"x"}""", 400, "invalid", "label 'Upper'")]
    [InlineData("POST", Instances + "/taken/setTags", """{"items":["Not OK"],"fingerprint":"x"}""", 400, "invalid", "tags.items")]
    [InlineData("POST", Instances + "/taken/attachDisk", """{"source":"zones/europe-west1-b/disks/absent"}""", 404, "notFound", "disks/absent' was not found")]
    [InlineData("POST", Instances + "/taken/attachDisk", "{}", 400, "required", "source")]
    [InlineData("POST", Instances + "/taken/attachDisk", """{"source":"zones/europe-west1-b/disks/loose","deviceName":"../up"}""", 400, "invalid", "deviceName")]
    [InlineData("POST", Instances + "/taken/detachDisk?deviceName=none", null, 400, "invalid", "No attached disk found with device name 'none'")]
    [InlineData("POST", Instances + "/taken/detachDisk", null, 400, "required", "deviceName")]
    [InlineData("GET", Instances + "?filter=((", null, 400, "invalid", "Invalid list filter expression")]
    [InlineData("GET", Instances + "?filter=name%20eq%20'['", null, 400, "invalid", "Invalid list filter expression")]
    [InlineData("GET", Instances + "?maxResults=501", null, 400, "invalid", "maxResults")]
    [InlineData("GET", Instances + "?maxResults=many", null, 400, "invalid", "maxResults")]
    [InlineData("GET", Instances + "?pageToken=%21", null, 400, "invalid", "pageToken")]
    [InlineData("GET", Instances + "?orderBy=size", null, 400, "invalid", "orderBy")]
    [InlineData("POST", Instances + "/taken/stop?requestId=7", null, 400, "invalid", "requestId")]
    [InlineData("GET", Instances + "/taken/serialPort?port=9", null, 400, "invalid", "port")]
    [InlineData("PATCH", Instances + "/taken", "{}", 501, "notImplemented", "not supported by the local cloud")]
    [InlineData("POST", Instances + "/taken/suspend", null, 501, "notImplemented", "not supported by the local cloud")]
    [InlineData("GET", "/global/snapshots", null, 501, "notImplemented", "not supported by the local cloud")]
    public async Task Call_Wrong_IsRefusedInGooglesForm(string method, string path, string? body, int status, string reason, string message)
    {
        var answer = await _cloud.GcpAsync(method, path, body);

        Assert.Equal((status, "application/json"), (answer.Status, answer.ContentType));
        AssertForm(answer, reason, message);
    }

    [Theory]
    [InlineData("name", null, 400, "required", "resource.name")]
    [InlineData("name", "\"1abc\"", 400, "invalid", "resource.name")]
    [InlineData("name", "\"ends-\"", 400, "invalid", "resource.name")]
    [InlineData("name", "\"a123456789b123456789c123456789d123456789e123456789f123456789abcde\"", 400, "invalid", "resource.name")]
    [InlineData("name", "\"taken\"", 409, "alreadyExists", "instances/taken' already exists")]
    [InlineData("machineType", null, 400, "required", "resource.machineType")]
    [InlineData("machineType", "\"zones/z/machineTypes/quantum-1\"", 400, "invalid", "quantum-1")]
    [InlineData("disks", "[]", 400, "invalid", "boot disk")]
    [InlineData("disks", """[{"boot":true}]""", 400, "required", "resource.disks[0].source")]
    [InlineData("disks", """[{"boot":true,"initializeParams":{}}]""", 400, "required", "initializeParams.sourceImage")]
    [InlineData("disks", """[{"boot":true,"initializeParams":{"sourceImage":"projects/debian-cloud/global/images/family/beos"}}]""", 404, "notFound", "images/family/beos' was not found")]
    [InlineData("disks", """[{"boot":true,"initializeParams":{"sourceImage":"projects/debian-cloud/global/images/family/debian-12","diskSizeGb":"5"}}]""", 400, "invalid", "diskSizeGb")]
    [InlineData("scheduling", """{"provisioningModel":"SPOT","automaticRestart":true}""", 400, "invalid", "automaticRestart")]
    [InlineData("scheduling", """{"provisioningModel":"MAGIC"}""", 400, "invalid", "provisioningModel")]
    [InlineData("scheduling", """{"provisioningModel":"SPOT","instanceTerminationAction":"SLEEP"}""", 400, "invalid", "instanceTerminationAction")]
    [InlineData("scheduling", """{"maxRunDuration":{"seconds":"60"}}""", 501, "notImplemented", "maxRunDuration")]
    [InlineData("labels", """{"Upper":"x"}""", 400, "invalid", "Upper")]
    [InlineData("metadata", """{"items":[{"key":"a","value":"1"},{"key":"a","value":"2"}]}""", 400, "invalid", "duplicate")]
    [InlineData("metadata", """{"items":[{"value":"1"}]}""", 400, "invalid", "key")]
    [InlineData("tags", """{"items":["UP"]}""", 400, "invalid", "tags.items")]
    public async Task Insert_Wrong_IsRefusedInGooglesForm(string field, string? value, int status, string reason, string message)
    {
        var body = JsonNode.Parse(VmTests.Body("new-one", shared.Ssh))!.AsObject();
        body.Remove(field);
        if (value is not null)
        {
            body[field] = JsonNode.Parse(value);
        }

        var answer = await _cloud.GcpAsync("POST", Instances, body.ToJsonString());

        Assert.Equal(status, answer.Status);
        AssertForm(answer, reason, message);
        Assert.Equal(404, (await _cloud.GcpAsync("GET", Instances + "/new-one")).Status);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("nonsense")]
    [InlineData("ya29.99999999999.AAAA")]
    public async Task Call_WithoutAToken_Is401(string? token)
    {
        var answer = await _cloud.SendAsync("GET", $"/compute/v1/projects/{_cloud.Project}/zones", null, token);

        Assert.Equal(401, answer.Status);
        AssertForm(answer, "authError", "invalid authentication credentials");
    }

    [Fact]
    public async Task Call_OnAnotherProject_Is403()
    {
        var answer = await _cloud.SendAsync("GET", "/compute/v1/projects/someone-else/zones", null, await _cloud.TokenAsync());

        Assert.Equal(403, answer.Status);
        AssertForm(answer, "forbidden", "projects/someone-else");
    }

    private static void AssertForm(Answer answer, string reason, string message)
    {
        var error = answer.Json["error"]!;
        var first = Assert.Single(error["errors"]!.AsArray())!;
        Assert.Equal(answer.Status, error["code"]!.GetValue<int>());
        Assert.Equal(("global", reason), (first["domain"]!.ToString(), first["reason"]!.ToString()));
        Assert.Contains(message, error["message"]!.ToString(), StringComparison.Ordinal);
        Assert.Equal(error["message"]!.ToString(), first["message"]!.ToString());
    }
}
