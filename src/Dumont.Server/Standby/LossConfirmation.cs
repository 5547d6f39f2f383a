using Dumont.Providers;
using Dumont.Server.Machines;
using Dumont.Server.Settings;

namespace Dumont.Server.Standby;

/// <summary>The second path by which a silent machine is checked: its SSH server, and what the provider says, both at once. A machine whose SSH answers is
/// not dead, unless the provider itself says so; a provider that says it runs proves nothing.</summary>
internal sealed class LossConfirmation(ISshClient ssh, ProviderAccounts accounts, TimeProvider time)
{
    /// <summary>Whether the machine is dead by both paths' account.</summary>
    /// <param name="machine">The silent one.</param>
    /// <param name="answerLimit">How long its SSH server may take to answer.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    public async Task<bool> IsDeadAsync(Machine machine, TimeSpan answerLimit, CancellationToken cancellationToken)
    {
        if (machine.IsSpent)
        {
            return true;
        }

        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var silent = IsSilentAsync(machine, answerLimit, enough.Token);
        var saidDead = ProviderSaysDeadAsync(machine, enough.Token);
        try
        {
            // Either is proof. Whoever answers first that the machine lives leaves the word to the other.
            var first = await Task.WhenAny(silent, saidDead);
            return await first || await (first == silent ? saidDead : silent);
        }
        finally
        {
            // The other is not waited for any longer than it needs to end. Both stay where the tick runs.
            Stop(enough);
            await ((Task)Task.WhenAll(silent, saidDead)).ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static void Stop(CancellationTokenSource source) => source.Cancel();

    private async Task<bool> IsSilentAsync(Machine machine, TimeSpan answerLimit, CancellationToken cancellationToken)
    {
        if (machine.Ssh is not { } endpoint)
        {
            return true;
        }

        using var limit = new CancellationTokenSource(answerLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return !await ssh.AnswersAsync(endpoint, either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return true;
        }
    }

    private async Task<bool> ProviderSaysDeadAsync(Machine machine, CancellationToken cancellationToken)
    {
        if (machine.ProviderMachineId is not { } id || await accounts.FindAsync(machine.Provider, machine.Account, cancellationToken) is not { } account)
        {
            return false;
        }

        try
        {
            return MachinePolicy.Judge(machine, await account.Client.GetAsync(id, cancellationToken), account.Mark) switch
            {
                MachineReading.Present(var present) => present.State is ProviderMachineState.Offline or ProviderMachineState.Interrupted
                    or ProviderMachineState.Stopped or ProviderMachineState.Failed,
                MachineReading.Absent => true,
                _ => false,
            };
        }
        catch (ProviderException)
        {
            // A provider that is not to be reached says nothing, neither for nor against.
            return false;
        }
    }
}
