using Dumont.Server.Machines;
using Dumont.Simulation.Engine;
using Dumont.Simulation.Faults;
using Dumont.Simulation.Server;

namespace Dumont.Simulation.World;

/// <summary>The way into machines. Hosts are named by the id of their machine. What is installed is an agent; the files themselves are tested on real ones.</summary>
internal sealed class SimSsh(SimServer server, CloudWorld world, Scheduler scheduler, Random random, Func<SimMachine, long, SimAgent> install) : ISshClient
{
    /// <inheritdoc />
    public async Task<bool> AnswersAsync(SshEndpoint endpoint, CancellationToken cancellationToken)
    {
        var step = await StartAsync("ssh greeting", cancellationToken);
        var answers = Reach(endpoint) is not null;
        await EndAsync(step, answers ? 60 : 1500, cancellationToken);
        return answers;
    }

    /// <inheritdoc />
    public async Task<string?> ScanHostKeyAsync(SshEndpoint endpoint, CancellationToken cancellationToken)
    {
        var step = await StartAsync("host key", cancellationToken);
        var key = Reach(endpoint) is { } machine ? KeyOf(machine) : null;
        await EndAsync(step, 100, cancellationToken);
        return key;
    }

    /// <inheritdoc />
    public async Task RunAsync(
        SshEndpoint endpoint, IReadOnlyList<string> hostKeys, string command, Func<Stream, Task> input, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var step = await StartAsync("prepare", cancellationToken);
        var machine = Reach(endpoint);
        var worked = machine is { CannotBePrepared: false } && (hostKeys.Contains(KeyOf(machine)) || machine.Agent is not null);
        if (worked)
        {
            machine!.Agent ??= install(machine, Subject.Current!.Key);
            machine.Agent.Restart();
        }

        await EndAsync(step, 300, cancellationToken);
        if (!worked || Reach(endpoint) is null)
        {
            throw new SshException($"ssh to {endpoint} ended with 255");
        }
    }

    private SimMachine? Reach(SshEndpoint endpoint) =>
        world.Find(endpoint.Host) is { Exists: true, IsUp: true, HostIsDead: false, SshIsDead: false, IsCutUp: false, IsCutDown: false } machine
        && machine.FrozenUntil <= scheduler.Elapsed
            ? machine
            : null;

    private static string KeyOf(SimMachine machine) => $"ssh-ed25519 {machine.Id}{(machine.HostKeyChanged ? "-changed" : "")}";

    private async Task<string> StartAsync(string what, CancellationToken cancellationToken)
    {
        var step = await server.NameCallAsync(what);
        await server.PassAsync(Seam.BeforeSend, step);
        await scheduler.DelayAsync(TimeSpan.FromMilliseconds(5 + random.Next(50)), cancellationToken);
        return step;
    }

    private async Task EndAsync(string step, int milliseconds, CancellationToken cancellationToken)
    {
        await server.PassAsync(Seam.InFlight, step);
        await scheduler.DelayAsync(TimeSpan.FromMilliseconds(milliseconds), cancellationToken);
        await server.PassAsync(Seam.Answered, step);
    }
}
