using Dumont.Contracts;

namespace Dumont.Agent.Services;

/// <summary>What is known of a service on this machine.</summary>
/// <param name="Service">What runs, or ran last.</param>
/// <param name="Process">Its process; null when none was started since the agent's first start.</param>
/// <param name="IsAlive">Whether that process lives.</param>
/// <param name="StartedAt">When it was started.</param>
/// <param name="EndedAt">When it was seen to have ended; null while it lives.</param>
/// <param name="Restarts">Times that it was started again.</param>
/// <param name="Pause">Waited before the next start.</param>
/// <param name="ExitCode">Of the last process that ended.</param>
internal sealed record ServiceFacts(
    AgentService Service,
    ProcessStamp? Process,
    bool IsAlive,
    DateTimeOffset StartedAt,
    DateTimeOffset? EndedAt,
    long Restarts,
    TimeSpan Pause,
    int? ExitCode);

/// <summary>What to do about a service.</summary>
internal enum ServiceStep
{
    /// <summary>Nothing for now.</summary>
    Rest,

    /// <summary>Start a process.</summary>
    Start,

    /// <summary>End the process: the service is not ordered any more, or with another command.</summary>
    Stop,

    /// <summary>Forget the service: it is not ordered and nothing of it runs.</summary>
    Forget,
}

/// <summary>When services begin, end and begin again. Pure.</summary>
internal static class ServicePolicy
{
    /// <summary>First pause after an end; doubles up to <see cref="PauseMax"/>.</summary>
    public static readonly TimeSpan PauseMin = TimeSpan.FromSeconds(1);

    /// <summary>Longest pause.</summary>
    public static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(30);

    /// <summary>A process that lived this long failed for a new reason: the pause begins anew.</summary>
    public static readonly TimeSpan Settled = TimeSpan.FromSeconds(60);

    /// <summary>Whether services of this order may run at all. A machine that drains or does not write has its processes ended by its role.</summary>
    public static bool MayRun(AgentOrder order, bool isHookOver) => order is { Role: AgentRole.Writer, Drain: false } && isHookOver;

    /// <summary>The next step for one service.</summary>
    /// <param name="ordered">As the order has it; null when it does not.</param>
    /// <param name="facts">What is known; null when it never ran here.</param>
    /// <param name="mayRun">See <see cref="MayRun"/>.</param>
    /// <param name="now">The time.</param>
    public static ServiceStep Decide(AgentService? ordered, ServiceFacts? facts, bool mayRun, DateTimeOffset now)
    {
        if (facts is null)
        {
            return ordered is not null && mayRun ? ServiceStep.Start : ServiceStep.Rest;
        }

        if (ordered != facts.Service)
        {
            return facts.IsAlive ? ServiceStep.Stop : ordered is null ? ServiceStep.Forget : mayRun ? ServiceStep.Start : ServiceStep.Rest;
        }

        var isDue = facts.EndedAt is not { } ended || now - ended >= facts.Pause;
        return !facts.IsAlive && mayRun && isDue ? ServiceStep.Start : ServiceStep.Rest;
    }

    /// <summary>The pause after an end.</summary>
    public static TimeSpan PauseAfter(ServiceFacts facts, DateTimeOffset endedAt) =>
        endedAt - facts.StartedAt >= Settled || facts.Pause < PauseMin ? PauseMin
        : facts.Pause * 2 < PauseMax ? facts.Pause * 2
        : PauseMax;
}
