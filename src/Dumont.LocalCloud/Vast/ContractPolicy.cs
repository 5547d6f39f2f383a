using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Vast;

/// <summary>What Vast.ai would say about a contract at this moment. Pure.</summary>
internal static class ContractPolicy
{
    /// <summary>Status and message to show. <paramref name="bootDelay"/> passes at the least between a wanted boot and running.</summary>
    public static (string? Actual, string? Message) Decide(Contract contract, MachineState machine, DateTimeOffset now, TimeSpan bootDelay)
    {
        if (contract.HostDead)
        {
            return ("offline", "host is offline");
        }

        if (!contract.WantsToRun)
        {
            return machine is MachineState.Down or MachineState.Gone or MachineState.Failed
                ? ("exited", contract.StatusMessage)
                : (contract.ActualStatus, contract.StatusMessage);
        }

        if (machine is MachineState.Failed failed && failed.Boot == contract.Boot)
        {
            return ("created", $"Error response from daemon: failed to create task for container: {failed.Reason}");
        }

        var waited = now - contract.BootWantedAt;
        if (machine is MachineState.Up up && up.Boot == contract.Boot && waited >= bootDelay + contract.ExtraBootDelay)
        {
            return ("running", $"success, running {contract.Image}/ssh");
        }

        if (contract.Boot > 1)
        {
            return (contract.ComingUpStatus, "starting");
        }

        return (waited / bootDelay) switch
        {
            < 0.2 => (null, null),
            < 0.5 => ("created", "created"),
            _ => ("loading", $"Pulling {contract.Image}"),
        };
    }

    /// <summary>What the machine behind the contract must do.</summary>
    public static bool NeedsBoot(Contract contract, MachineState machine) =>
        contract.WantsToRun && machine switch
        {
            MachineState.Up up => up.Boot != contract.Boot,
            MachineState.Failed failed => failed.Boot != contract.Boot,
            MachineState.Changing => false,
            _ => true,
        };
}
