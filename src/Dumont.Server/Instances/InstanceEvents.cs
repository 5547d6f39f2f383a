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

    /// <summary>The hook that a machine ran when it took over did what it should.</summary>
    public static NewEvent HookDone(string hook, TimeSpan after) => new("hook.done", new { hook, seconds = Math.Round(after.TotalSeconds, 1) });

    /// <summary>It did not; without an exit code it was killed.</summary>
    public static NewEvent HookFailed(string hook, int? exitCode, TimeSpan after) =>
        new("hook.failed", new { hook, exitCode, seconds = Math.Round(after.TotalSeconds, 1) });

    /// <summary>It took too long and was ended.</summary>
    public static NewEvent HookTimedOut(string hook, TimeSpan after) => new("hook.timed_out", new { hook, seconds = Math.Round(after.TotalSeconds, 1) });

    /// <summary>Its status is another one now.</summary>
    public static NewEvent Entered(InstanceStatus status, string? reason) => new($"instance.{status.ToString().ToLowerInvariant()}", new { reason });
}
