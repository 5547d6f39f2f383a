using Dumont.Contracts;
using Dumont.Server.Platform.Events;

namespace Dumont.Server.Instances;

/// <summary>What can happen to an instance.</summary>
internal static class InstanceEvents
{
    public static NewEvent Created(string offer, int gpuCount, string? gpu, decimal usdPerHour) =>
        new("instance.created", new { offer, gpuCount, gpu, usdPerHour });

    public static NewEvent DeleteRequested(DeleteReason reason) => new("instance.delete_requested", new { reason = InstanceViews.Word(reason) });

    public static NewEvent Retry() => new("instance.retry");

    /// <summary>It runs for the first time.</summary>
    public static NewEvent Running(string? gpu, TimeSpan after) => new("instance.running", new { gpu, afterSeconds = Math.Round(after.TotalSeconds, 1) });

    public static NewEvent Substitute(string offer, string? reason) => new("instance.substitute", new { offer, reason });

    /// <summary>It never came to run.</summary>
    public static NewEvent Failed(string? reason, TimeSpan limit) => new("instance.failed", new { reason, limitSeconds = limit.TotalSeconds });

    /// <summary>The hook that a machine ran when it took over is over.</summary>
    public static NewEvent HookEnded(AgentHookReport hook) =>
        hook.State == AgentServiceState.TimedOut
            ? new("hook.timed_out", new { hook = hook.Name, seconds = Math.Round(hook.Seconds, 1) })
            : hook.ExitCode == 0 ? new("hook.done", new { hook = hook.Name, seconds = Math.Round(hook.Seconds, 1) })
            : new("hook.failed", new { hook = hook.Name, exitCode = hook.ExitCode, seconds = Math.Round(hook.Seconds, 1) });

    /// <summary>Its status is another one now.</summary>
    public static NewEvent Entered(InstanceStatus status, string? reason) => new($"instance.{status.ToString().ToLowerInvariant()}", new { reason });
}
