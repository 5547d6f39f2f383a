using Dumont.Server.Platform.Events;

namespace Dumont.Server.Recovery;

/// <summary>What can happen to the recovery of an instance from a snapshot.</summary>
internal static class RecoveryEvents
{
    /// <summary>Nothing else can take over; the snapshot is so old.</summary>
    public static NewEvent Begun(string snapshot, double behindSeconds) => new("recovery.begun", new { snapshot, behind_seconds = behindSeconds });

    public static NewEvent Renting(string offer, decimal usdPerHour) => new("recovery.renting", new { offer, usd_per_hour = usdPerHour });

    /// <summary>The machine came to nothing; the next one is tried.</summary>
    public static NewEvent Dropped(string reason) => new("recovery.dropped", new { reason });

    public static NewEvent Restoring(string snapshot) => new("recovery.restoring", new { snapshot });

    public static NewEvent Switching() => new("recovery.switching");

    /// <summary>It serves again: what was lost, and how long it took since the machine was last heard of.</summary>
    public static NewEvent Completed(string snapshot, double behindSeconds, double tookSeconds) =>
        new("recovery.completed", new { snapshot, behind_seconds = behindSeconds, took_seconds = tookSeconds });

    public static NewEvent Cancelled(string reason) => new("recovery.cancelled", new { reason });

    public static NewEvent Failed(string reason) => new("recovery.failed", new { reason });
}
