using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Gcp;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Vast;

namespace Dumont.LocalCloud.Control;

/// <summary><c>/local/machines</c>: every machine that bills, its death and the load on its GPUs.</summary>
internal sealed class MachineEndpoints(VastCloud vast, ContractBook contracts, GcpCloud gcp, DiskCloud diskCloud, GcpBook vms, MachineSupervisor machines)
{
    // For how long the one who paid more holds the GPUs, unless one says.
    private const double OutbidSeconds = 60;

    public void Map(RouteGroupBuilder local)
    {
        local.MapGet("/machines", List);
        local.MapPost("/machines/{id}/kill", KillAsync);
        local.MapPost("/machines/{id}/preempt", PreemptAsync);
        local.MapPost("/machines/{id}/gpu", SetGpuAsync);
    }

    private JsonAnswer List()
    {
        var all = new JsonArray();
        lock (contracts.Gate)
        {
            foreach (var contract in contracts.All)
            {
                all.Add(Describe(contract));
            }
        }

        lock (vms.Gate)
        {
            foreach (var vm in vms.Vms)
            {
                all.Add(Describe(vm));
            }
        }

        return new JsonAnswer(new JsonObject { ["machines"] = all, ["disks"] = Disks() });
    }

    // Disks that bill by themselves: all but those that a VM boots from, which are part of its cost.
    private JsonArray Disks()
    {
        lock (vms.Gate)
        {
            var disks = new JsonArray();
            foreach (var disk in vms.Disks.Where(disk => !diskCloud.IsBootDisk(disk)))
            {
                disks.Add(new JsonObject
                {
                    ["id"] = disk.Id.ToString(CultureInfo.InvariantCulture),
                    ["provider"] = "gcp",
                    ["label"] = disk.Name,
                    ["state"] = disk.UserName is null ? "free" : "attached",
                    ["machine"] = disk.UserName,
                    ["since"] = (disk.UserName is null ? disk.LastDetachedAt ?? disk.CreatedAt : disk.LastAttachedAt ?? disk.CreatedAt).ToString("O", CultureInfo.InvariantCulture),
                    ["created_at"] = disk.CreatedAt.ToString("O", CultureInfo.InvariantCulture),
                    ["cost_usd"] = diskCloud.CostMicroUsd(disk) / 1e6,
                    ["size_gb"] = disk.Gb,
                    ["zone"] = disk.Zone,
                });
            }

            return disks;
        }
    }

    private JsonObject Describe(Contract contract)
    {
        return new JsonObject
        {
            ["id"] = contract.Id.ToString(CultureInfo.InvariantCulture),
            ["provider"] = "vast",
            ["label"] = contract.Label,
            ["state"] = contract.ActualStatus ?? "creating",
            ["since"] = contract.StatusSince.ToString("O", CultureInfo.InvariantCulture),
            ["created_at"] = contract.CreatedAt.ToString("O", CultureInfo.InvariantCulture),
            ["cost_usd"] = contracts.CostMicroUsd(contract) / 1e6,
            ["usd_per_hour"] = contract.UsdPerHour,
            ["address"] = contract.Address,
            ["ssh_port"] = contract.SshPort,
            ["gpu_name"] = contract.Offer.Host.Gpu.Name,
            ["gpus"] = contract.Offer.GpuCount,
        };
    }

    private JsonObject Describe(Vm vm)
    {
        return new JsonObject
        {
            ["id"] = vm.Id.ToString(CultureInfo.InvariantCulture),
            ["provider"] = "gcp",
            ["label"] = vm.Name,
            ["tags"] = new JsonArray([.. vm.Tags.Select(tag => (JsonNode)tag)]),
            ["state"] = vm.Status,
            ["since"] = vm.StatusSince.ToString("O", CultureInfo.InvariantCulture),
            ["created_at"] = vm.CreatedAt.ToString("O", CultureInfo.InvariantCulture),
            ["cost_usd"] = gcp.CostMicroUsd(vm) / 1e6,
            ["usd_per_hour"] = vm.MicroUsdPerHour / 1e6,
            ["address"] = vm.Address,
            ["zone"] = vm.Zone,
            ["gpus"] = 0,
        };
    }

    private async Task<IResult> KillAsync(string id)
    {
        if (FindContractId(id) is { } contractId && vast.KillHost(contractId) is { } victims)
        {
            await Task.WhenAll(victims.Select(machines.KillAsync));
            return Killed(victims);
        }

        if (FindVm(id) is { } vm && gcp.FailHost(vm) is { } key)
        {
            await machines.KillAsync(key);
            return Killed([key]);
        }

        return NoSuchMachine(id);
    }

    private async Task<IResult> PreemptAsync(string id, HttpContext http)
    {
        var seconds = (await RequestBody.ReadAsync(http)).Number("seconds") ?? OutbidSeconds;
        if (seconds is not (> 0 and <= 86_400))
        {
            return new JsonAnswer(new JsonObject { ["error"] = "seconds is above 0 and at most 86400" }, StatusCodes.Status422UnprocessableEntity);
        }

        if (FindContractId(id) is { } contractId)
        {
            return InstanceEndpoints.Answer(vast.Outbid(contractId, TimeSpan.FromSeconds(seconds)));
        }

        return FindVm(id) is not { } vm ? NoSuchMachine(id)
            : gcp.Preempt(vm.Zone, vm.Name, null, asTest: false) is OperationResult.Refused(var error) ? error
            : InstanceEndpoints.Answer(null);
    }

    private async Task<IResult> SetGpuAsync(string id, HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        lock (contracts.Gate)
        {
            if (FindContractId(id) is not { } contractId || contracts.Find(contractId) is not { } contract)
            {
                return FindVm(id) is null
                    ? NoSuchMachine(id)
                    : new JsonAnswer(new JsonObject { ["error"] = $"machine {id} has no GPU" }, StatusCodes.Status422UnprocessableEntity);
            }

            var utilization = body.Number("utilization") ?? contract.Load.Utilization;
            var memory = body.Number("memory_used_mb") ?? contract.Load.MemoryUsedMiB;
            // A card under load is warmer, unless one says how warm.
            var temperature = body.Number("temperature") ?? 34 + (utilization * 0.4);
            var memoryMax = contract.Offer.Host.Gpu.MemoryMb;
            if (utilization is not (>= 0 and <= 100) || memory < 0 || memory > memoryMax || temperature is not (>= 0 and <= 120))
            {
                return new JsonAnswer(
                    new JsonObject { ["error"] = $"utilization is 0 to 100, memory_used_mb 0 to {memoryMax}, temperature 0 to 120" },
                    StatusCodes.Status422UnprocessableEntity);
            }

            vast.SetLoad(contractId, new GpuLoad(utilization, (int)memory, temperature));
            machines.ShowGpus(contract.MachineKey, ContractMachines.Gpus(contract));
        }

        return new JsonAnswer(new JsonObject { ["success"] = true });
    }

    private long? FindContractId(string id)
    {
        lock (contracts.Gate)
        {
            return long.TryParse(id, CultureInfo.InvariantCulture, out var number) && contracts.Find(number) is not null ? number : null;
        }
    }

    private Vm? FindVm(string id)
    {
        lock (vms.Gate)
        {
            return vms.Vms.FirstOrDefault(vm => vm.Name == id || vm.Id.ToString(CultureInfo.InvariantCulture) == id);
        }
    }

    private static JsonAnswer Killed(IReadOnlyList<string> keys) =>
        new(new JsonObject { ["killed"] = new JsonArray([.. keys.Select(key => (JsonNode)key)]) });

    private static JsonAnswer NoSuchMachine(string id) => new(new JsonObject { ["error"] = $"no machine {id}" }, StatusCodes.Status404NotFound);
}
