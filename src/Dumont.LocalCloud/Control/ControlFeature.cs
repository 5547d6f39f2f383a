using System.Globalization;
using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Gcp;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Vast;

namespace Dumont.LocalCloud.Control;

/// <summary><c>/local</c>: what no provider offers. Served on the loopback interface only, as everything here.</summary>
internal static class ControlFeature
{
    public static void AddControl(this IServiceCollection services)
    {
        services.AddSingleton<MachineEndpoints>();
        services.AddSingleton<StrikeEndpoints>();
        services.AddSingleton<MachineReunion>();
        services.AddSingleton<MachineWorld>();
        services.AddSingleton<IMachineEvents>(provider => provider.GetRequiredService<MachineWorld>());
        services.AddHostedService(provider => provider.GetRequiredService<MachineWorld>());
    }

    public static void MapControl(this WebApplication app)
    {
        var local = app.MapGroup("/local");
        app.Services.GetRequiredService<MachineEndpoints>().Map(local);
        app.Services.GetRequiredService<StrikeEndpoints>().Map(local);
        app.Services.GetRequiredService<BillingEndpoints>().Map(local);
        FaultEndpoints.Map(local);
    }
}

/// <summary>At start: brings machines found on this computer together with those that somebody rents.</summary>
internal sealed class MachineReunion(ContractBook contracts, GcpBook vms, ChargeBook charges, AddressBook addresses, MachineSupervisor machines)
{
    public void Run()
    {
        foreach (var address in contracts.All.Select(contract => contract.Address).Concat(vms.Vms.SelectMany(vm => (string?[])[vm.Address, vm.MetadataAddress])))
        {
            addresses.Keep(address);
        }

        charges.CloseOthers("gcp", "vm", vms.Vms.Select(vm => vm.Id.ToString(CultureInfo.InvariantCulture)).ToHashSet());
        charges.CloseOthers("gcp", "disk", vms.Disks.Select(disk => disk.Id.ToString(CultureInfo.InvariantCulture)).ToHashSet());
        machines.RemoveStrangers(contracts.All.Select(contract => contract.MachineKey).Concat(vms.MachineKeys).ToHashSet());
    }
}
