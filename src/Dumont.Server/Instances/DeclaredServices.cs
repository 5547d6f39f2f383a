using Dumont.Contracts;
using Dumont.Server.Machines;

namespace Dumont.Server.Instances;

/// <summary>On which machines a service runs.</summary>
internal enum ServicePlace
{
    /// <summary>On whichever machine writes.</summary>
    Any,

    /// <summary>Only while a GPU machine writes.</summary>
    Gpu,
}

/// <summary>A command that is kept running.</summary>
/// <param name="Name">Lower-case letters, digits and hyphens.</param>
/// <param name="Command">For <c>/bin/sh -c</c> on the user's own machine.</param>
/// <param name="RunsOn">Where.</param>
internal sealed record DeclaredService(string Name, string Command, ServicePlace RunsOn);

/// <summary>A command that runs once when a machine takes over.</summary>
internal sealed record DeclaredHook(string Command, TimeSpan Timeout);

/// <summary>All that runs by itself on an instance.</summary>
internal sealed record DeclaredServices
{
    public static readonly DeclaredServices None = new();

    /// <summary>By name.</summary>
    public IReadOnlyList<DeclaredService> Services { get; init; } = [];

    /// <summary>Runs on the standby when it takes over.</summary>
    public DeclaredHook? OnFailover { get; init; }

    /// <summary>Runs on any other machine that takes over: after a failover, or a move.</summary>
    public DeclaredHook? OnRecovery { get; init; }

    /// <summary>What the agent of a machine that writes is ordered to run; nulls for nothing.</summary>
    public (IReadOnlyList<AgentService>? Services, AgentHook? Hook) OrderFor(MachineRole role, bool hasGpu, long generation)
    {
        var services = Services.Where(service => service.RunsOn == ServicePlace.Any || hasGpu)
            .Select(service => new AgentService(service.Name, service.Command)).ToList();
        var (name, hook) = role == MachineRole.Standby ? ("on_failover", OnFailover) : ("on_recovery", OnRecovery);

        // In the first generation nobody has taken over from anybody.
        return (services.Count == 0 ? null : services, hook is null || generation < 2 ? null : new AgentHook(generation, name, hook.Command, hook.Timeout));
    }
}
