using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Vast;

namespace Dumont.LocalCloud.Control;

/// <summary><c>/local</c>: what no provider offers. Served on the loopback interface only, as everything here.</summary>
internal static class ControlFeature
{
    public static void AddControl(this IServiceCollection services)
    {
        services.AddSingleton<MachineEndpoints>();
        services.AddSingleton<MachineReunion>();
    }

    public static void MapControl(this WebApplication app)
    {
        var local = app.MapGroup("/local");
        app.Services.GetRequiredService<MachineEndpoints>().Map(local);
        FaultEndpoints.Map(local);
    }
}

/// <summary>At start: brings machines found on this computer together with those that somebody rents.</summary>
internal sealed class MachineReunion(ContractBook book, AddressBook addresses, MachineSupervisor machines)
{
    public void Run()
    {
        foreach (var contract in book.All)
        {
            addresses.Keep(contract.Address);
        }

        machines.RemoveStrangers(book.All.Select(contract => contract.MachineKey).ToHashSet());
    }
}
