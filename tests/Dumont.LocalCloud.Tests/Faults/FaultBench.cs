using System.Text.Json.Nodes;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Faults;

/// <summary>The two providers' calls under words that both share, so that one test can speak of both.</summary>
internal sealed class FaultBench(TestCloud cloud, string provider)
{
    public const string Zone = "europe-west1-b";

    public string Provider => provider;

    private bool IsVast => provider == "vast";

    /// <summary>Arms a fault for one strike unless the extra fields say otherwise.</summary>
    public async Task ArmAsync(string kind, string operation, string extra = "\"count\":1")
    {
        var answer = await cloud.SendAsync("POST", "/local/faults", $$"""{"kind":"{{kind}}","operation":"{{operation}}","provider":"{{provider}}",{{extra}}}""");
        Assert.True(answer.Status == 201, answer.Text);
    }

    public Task<Answer> ListAsync(string query = "") => IsVast ? cloud.VastAsync("GET", "v1/instances/" + query) : cloud.GcpAsync("GET", $"/zones/{Zone}/instances{query}");

    public Task<Answer> GetAsync(string id) => IsVast ? cloud.VastAsync("GET", $"v0/instances/{id}/") : cloud.GcpAsync("GET", $"/zones/{Zone}/instances/{id}");

    public Task<Answer> DestroyAsync(string id) => IsVast ? cloud.VastAsync("DELETE", $"v0/instances/{id}/") : cloud.GcpAsync("DELETE", $"/zones/{Zone}/instances/{id}");

    public Task<Answer> StopAsync(string id) => IsVast
        ? cloud.VastAsync("PUT", $"v0/instances/{id}/", """{"state":"stopped"}""")
        : cloud.GcpAsync("POST", $"/zones/{Zone}/instances/{id}/stop");

    /// <summary>Rents a machine. One that may be taken away is on a bid with Vast.ai; on Compute Engine all are Spot.</summary>
    public async Task<Answer> TryCreateAsync(string name, Ssh ssh, bool interruptible = false) => IsVast
        ? await cloud.VastAsync("PUT", $"v0/asks/{await cloud.CheapestAsync()}/", TestCloud.RentBody($"\"label\":\"{name}\"{(interruptible ? ",\"price\":3" : "")}"))
        : await cloud.GcpAsync("POST", $"/zones/{Zone}/instances", Gcp.VmTests.Body(name, ssh));

    /// <summary>Rents a machine and returns the name that calls know it by.</summary>
    public async Task<string> CreateAsync(string name, Ssh ssh, bool interruptible = false)
    {
        var answer = await TryCreateAsync(name, ssh, interruptible);
        Assert.True(answer.Status == 200, answer.Text);
        return IsVast ? answer.Json["new_contract"]!.ToString() : name;
    }

    public async Task<JsonObject> RunningAsync(string id) => IsVast
        ? await cloud.UntilAsync(long.Parse(id, System.Globalization.CultureInfo.InvariantCulture), "running")
        : await cloud.VmUntilAsync(Zone, id, "RUNNING");

    public (string Host, int Port) Access(JsonObject machine) => IsVast ? Tests.Vast.MachineTests.Access(machine) : (Gcp.VmTests.NatIp(machine)!, cloud.GcpSshPort);

    public string Status(JsonObject machine) => machine[IsVast ? "actual_status" : "status"]?.ToString() ?? "";

    /// <summary>The machines of a list answer.</summary>
    public JsonObject[] Machines(Answer answer) => [.. (answer.Json[IsVast ? "instances" : "items"]?.AsArray() ?? []).Select(machine => machine!.AsObject())];

    /// <summary>The machine of a single answer, or null where it says that there is none.</summary>
    public JsonObject? Machine(Answer answer) => IsVast ? answer.Json["instances"]?.AsObject() : answer.Status == 404 ? null : answer.Json;

    public string IdOf(JsonObject machine) => machine[IsVast ? "id" : "name"]!.ToString();
}
