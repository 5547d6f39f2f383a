using Dumont.Snapshots.Sync;

namespace Dumont.Agent;

/// <summary>Periods and limits of the agent. The defaults are the tried values; tests shorten them.</summary>
internal sealed record AgentOptions
{
    /// <summary>First pause after a lost link or sync connection; doubles up to <see cref="BackoffMaximum"/>.</summary>
    public TimeSpan BackoffMinimum { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Longest pause between tries. A server that restarts meets its machines again within this time.</summary>
    public TimeSpan BackoffMaximum { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Silence of the server's end after which the link counts as broken.</summary>
    public TimeSpan LinkTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest time for the link's opening handshake.</summary>
    public TimeSpan LinkConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Shortest time between two questions to the GPU driver; one costs some 30 ms of a core.</summary>
    public TimeSpan GpuPeriod { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>After this <c>nvidia-smi</c> is ended: a driver that hangs must not pile up processes.</summary>
    public TimeSpan GpuTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Time that a user's process has between SIGTERM and SIGKILL.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>Time between looks for new user processes on a machine that is fenced or draining.</summary>
    public TimeSpan StopPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Time between looks at the user's services.</summary>
    public TimeSpan ServicePeriod { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Shortest pause between two measurements of the workspace's size.</summary>
    public TimeSpan WorkspacePeriod { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a new agent waits for the one that it replaces to end.</summary>
    public TimeSpan LockTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How the sync behaves.</summary>
    public SyncOptions Sync { get; init; } = new();
}
