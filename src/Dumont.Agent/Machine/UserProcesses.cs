namespace Dumont.Agent.Machine;

/// <summary>Ends what the user runs on this machine, so that the workspace stands still.</summary>
internal interface IUserProcesses
{
    /// <summary>Ends all user processes: asks first, then insists, and looks again for new ones.</summary>
    /// <returns>How many were still there at the end; 0 is success.</returns>
    Task<int> StopAsync(CancellationToken cancellationToken);
}

/// <summary>The real thing, by signals. Everything that <see cref="SessionPolicy"/> does not spare is ended.</summary>
internal sealed class UserProcesses(ProcessTable table, int self, AgentOptions options, AgentLog log, TimeProvider time) : IUserProcesses
{
    // A process that forks as it dies shows up in the next round; more rounds than this only a fork bomb needs.
    private const int Rounds = 5;
    private static readonly TimeSpan PollPeriod = TimeSpan.FromMilliseconds(20);

    /// <inheritdoc />
    public async Task<int> StopAsync(CancellationToken cancellationToken)
    {
        var found = Find();
        if (found.Count == 0)
        {
            return 0;
        }

        log.Info("processes.stop", ("count", found.Count));
        Signal(found, Native.SIGTERM);
        await WaitAsync(cancellationToken);
        for (var round = 0; round < Rounds && Find() is { Count: > 0 } stubborn; round++)
        {
            Signal(stubborn, Native.SIGKILL);
            await WaitAsync(cancellationToken);
        }

        var left = Find().Count;
        if (left > 0)
        {
            log.Warn("processes.left", ("count", left));
        }

        return left;
    }

    private IReadOnlyList<int> Find() => SessionPolicy.UserProcesses(table.Read(), self);

    private static void Signal(IReadOnlyList<int> processes, int signal)
    {
        foreach (var process in processes)
        {
            // Gone already is what we want.
            _ = Native.Kill(process, signal);
        }
    }

    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (Find().Count > 0 && time.GetElapsedTime(started) < options.StopGrace)
        {
            await Task.Delay(PollPeriod, time, cancellationToken);
        }
    }
}
