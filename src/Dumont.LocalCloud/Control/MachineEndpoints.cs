using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Vast;

namespace Dumont.LocalCloud.Control;

/// <summary><c>/local/machines</c>: every machine that bills, its death and the load on its GPUs.</summary>
internal sealed class MachineEndpoints(VastCloud vast, ContractBook book, MachineSupervisor machines)
{
    public void Map(RouteGroupBuilder local)
    {
        local.MapGet("/machines", List);
        local.MapPost("/machines/{id}/kill", KillAsync);
        local.MapPost("/machines/{id}/preempt", Preempt);
        local.MapPost("/machines/{id}/gpu", SetGpuAsync);
    }

    private JsonAnswer List()
    {
        lock (book.Gate)
        {
            return new JsonAnswer(new JsonObject { ["machines"] = new JsonArray([.. book.All.Select(Describe)]) });
        }
    }

    private JsonNode Describe(Contract contract)
    {
        vast.Count(contract);
        return new JsonObject
        {
            ["id"] = contract.Id.ToString(CultureInfo.InvariantCulture),
            ["provider"] = "vast",
            ["label"] = contract.Label,
            ["state"] = contract.ActualStatus ?? "creating",
            ["since"] = contract.StatusSince.ToString("O", CultureInfo.InvariantCulture),
            ["created_at"] = contract.CreatedAt.ToString("O", CultureInfo.InvariantCulture),
            ["cost_usd"] = contract.Meter.CostMicroUsd / 1e6,
            ["usd_per_hour"] = contract.UsdPerHour,
            ["address"] = contract.Address,
            ["ssh_port"] = contract.SshPort,
            ["gpus"] = contract.Offer.GpuCount,
            ["gpu_name"] = contract.Offer.Host.Gpu.Name,
        };
    }

    private async Task<IResult> KillAsync(string id)
    {
        var victims = long.TryParse(id, CultureInfo.InvariantCulture, out var contractId) ? vast.KillHost(contractId) : null;
        if (victims is null)
        {
            return NoSuchMachine(id);
        }

        await Task.WhenAll(victims.Select(machines.KillAsync));
        return new JsonAnswer(new JsonObject { ["killed"] = new JsonArray([.. victims.Select(victim => (JsonNode)victim)]) });
    }

    private IResult Preempt(string id) => long.TryParse(id, CultureInfo.InvariantCulture, out var contractId)
        ? InstanceEndpoints.Answer(vast.Outbid(contractId))
        : NoSuchMachine(id);

    private async Task<IResult> SetGpuAsync(string id, HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        lock (book.Gate)
        {
            if (!long.TryParse(id, CultureInfo.InvariantCulture, out var contractId) || book.Find(contractId) is not { } contract)
            {
                return NoSuchMachine(id);
            }

            var utilization = body.Number("utilization") ?? contract.Load.Utilization;
            var memory = body.Number("memory_used_mb") ?? contract.Load.MemoryUsedMiB;
            // A card under load is warmer, unless one says how warm.
            var temperature = body.Number("temperature") ?? 34 + (utilization * 0.4);
            if (utilization is not (>= 0 and <= 100) || memory < 0 || memory > contract.Offer.Host.Gpu.MemoryMb || temperature is not (>= 0 and <= 120))
            {
                return new JsonAnswer(
                    new JsonObject { ["error"] = $"utilization is 0 to 100, memory_used_mb 0 to {contract.Offer.Host.Gpu.MemoryMb}, temperature 0 to 120" },
                    StatusCodes.Status422UnprocessableEntity);
            }

            vast.SetLoad(contractId, new GpuLoad(utilization, (int)memory, temperature));
            machines.ShowGpus(contract.MachineKey, ContractMachines.Gpus(contract));
        }

        return new JsonAnswer(new JsonObject { ["success"] = true });
    }

    private static JsonAnswer NoSuchMachine(string id) => new(new JsonObject { ["error"] = $"no machine {id}" }, StatusCodes.Status404NotFound);
}
