using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Gcp;

/// <summary>What Compute Engine would say about a VM at this moment. Pure.</summary>
internal static class VmPolicy
{
    /// <summary>The status to show, or null when the VM is gone.</summary>
    public static string? Decide(Vm vm, MachineState machine, DateTimeOffset now, TimeSpan bootDelay)
    {
        var down = machine is MachineState.Down or MachineState.Gone or MachineState.Failed;
        switch (vm.Wish)
        {
            case VmWish.Deleted:
                return down ? null : "STOPPING";
            case VmWish.Stopped:
                // A VM whose host failed is off before its last process is.
                return down || vm.Status == "TERMINATED" ? "TERMINATED" : "STOPPING";
            default:
                break;
        }

        if (vm.PreemptedAt is not null)
        {
            return "STOPPING";
        }

        var waited = now - vm.BootWantedAt;
        if (machine is MachineState.Failed failed && failed.Boot == vm.Boot)
        {
            return "TERMINATED";
        }

        return machine is MachineState.Up up && up.Boot == vm.Boot && waited >= bootDelay + vm.ExtraBootDelay ? "RUNNING"
            : vm.Boot == 1 && waited < bootDelay / 3 ? "PROVISIONING"
            : "STAGING";
    }

    /// <summary>Whether an operation has come to its end at this status of its VM; null stands for one that is gone.</summary>
    public static bool IsDone(Operation operation, string? status) => operation.Target.Kind != "instances" || operation.Type switch
    {
        "insert" or "start" or "reset" => status is "RUNNING" or "TERMINATED" or null,
        "stop" or "compute.instances.preempted" or "simulateMaintenanceEvent" => status is "TERMINATED" or "RUNNING" or null,
        "delete" => status is null,
        _ => true,
    };
}
