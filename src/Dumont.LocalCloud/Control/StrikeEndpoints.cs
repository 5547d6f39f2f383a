using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Gcp;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Vast;

namespace Dumont.LocalCloud.Control;

/// <summary><c>POST /local/machines/{id}/strike</c>: something befalls a machine at once, not when a call is made as with <c>/local/faults</c>.</summary>
internal sealed class StrikeEndpoints(VastCloud vast, ContractBook contracts, GcpBook vms, MachineWorld world, Sandbox sandbox)
{
    private const string Reboot = "reboot";
    private const string Thaw = "thaw";

    private static readonly Dictionary<string, FreezeScope> Scopes = new()
    {
        ["freeze"] = FreezeScope.Machine,
        ["cut"] = FreezeScope.Network,
        ["freeze-agent"] = FreezeScope.Agent,
    };

    private static readonly string[] Kinds = [.. Scopes.Keys, Thaw, Reboot, FaultKind.SshDead, FaultKind.Vanish];

    public void Map(RouteGroupBuilder local) => local.MapPost("/machines/{id}/strike", StrikeAsync);

    private async Task<IResult> StrikeAsync(string id, HttpContext http)
    {
        var kind = (await RequestBody.ReadAsync(http)).Text("kind") ?? "";
        if (!Kinds.Contains(kind))
        {
            return Invalid($"unknown kind '{kind}'");
        }

        if (Find(id) is not var (provider, number, key))
        {
            return new JsonAnswer(new JsonObject { ["error"] = $"no machine {id}" }, StatusCodes.Status404NotFound);
        }

        if (kind == Reboot)
        {
            return provider == "vast"
                ? InstanceEndpoints.Answer(vast.Reboot(long.Parse(number, CultureInfo.InvariantCulture), freshDisk: false))
                : Invalid("reboot is a word of Vast.ai; reset a VM by its own API");
        }

        if (kind == Thaw || Scopes.ContainsKey(kind))
        {
            return Hold(key, kind);
        }

        await world.StrikeAsync(provider, number, kind, http.RequestAborted);
        return new JsonAnswer(new JsonObject { ["struck"] = key });
    }

    private JsonAnswer Hold(string key, string kind)
    {
        if (sandbox.FindInit(key) is not { } init)
        {
            return new JsonAnswer(new JsonObject { ["error"] = $"machine {key} is not up" }, StatusCodes.Status409Conflict);
        }

        var count = kind == Thaw ? Freezer.Thaw(init) : Freezer.Freeze(init, Scopes[kind]);
        return new JsonAnswer(new JsonObject { ["struck"] = key, ["processes"] = count });
    }

    private (string Provider, string Id, string Key)? Find(string id)
    {
        lock (contracts.Gate)
        {
            if (long.TryParse(id, CultureInfo.InvariantCulture, out var number) && contracts.Find(number) is { } contract)
            {
                return ("vast", id, contract.MachineKey);
            }
        }

        lock (vms.Gate)
        {
            return vms.Vms.FirstOrDefault(vm => vm.Name == id || vm.Id.ToString(CultureInfo.InvariantCulture) == id) is { } vm
                ? ("gcp", vm.Id.ToString(CultureInfo.InvariantCulture), vm.MachineKey)
                : null;
        }
    }

    private static JsonAnswer Invalid(string message) => new(
        new JsonObject { ["error"] = message, ["field"] = "kind", ["valid"] = new JsonArray([.. Kinds.Select(kind => (JsonNode)kind)]) },
        StatusCodes.Status422UnprocessableEntity);
}
