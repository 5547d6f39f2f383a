using Dumont.Providers;
using Dumont.Server.Machines;
using Dumont.Server.Settings;

namespace Dumont.Server.Standby;

/// <summary>The second path by which a silent machine is checked: its SSH server, and what the provider says. A machine whose SSH answers is not dead,
/// unless the provider itself says so.</summary>
internal sealed class LossConfirmation(ISshClient ssh, ProviderAccounts accounts)
{
    /// <summary>Whether the machine is dead by both paths' account.</summary>
    public async Task<bool> IsDeadAsync(Machine machine, CancellationToken cancellationToken)
    {
        if (machine.IsSpent)
        {
            return true;
        }

        var answers = machine.Ssh is { } endpoint ? ssh.AnswersAsync(endpoint, cancellationToken) : Task.FromResult(false);
        return !await answers || await ProviderSaysDeadAsync(machine, cancellationToken);
    }

    private async Task<bool> ProviderSaysDeadAsync(Machine machine, CancellationToken cancellationToken)
    {
        if (machine.ProviderMachineId is not { } id || await accounts.FindAsync(machine.Provider, machine.Account, cancellationToken) is not { } account)
        {
            return false;
        }

        return MachinePolicy.Judge(machine, await account.Client.GetAsync(id, cancellationToken), account.Mark) switch
        {
            MachineReading.Present(var present) => present.State is ProviderMachineState.Offline or ProviderMachineState.Interrupted
                or ProviderMachineState.Stopped or ProviderMachineState.Failed,
            MachineReading.Absent => true,
            _ => false,
        };
    }
}
