using Dumont.Server.Instances;
using Dumont.Server.Platform.Events;

namespace Dumont.Server.Migration;

/// <summary>What can happen to a migration.</summary>
internal static class MigrationEvents
{
    public static NewEvent Asked(bool withGpu, string? gpu) => new("migration.asked", new { target = withGpu ? "gpu" : "cpu", gpu });

    public static NewEvent Renting(string offer, decimal usdPerHour) => new("migration.renting", new { offer, usd_per_hour = usdPerHour });

    /// <summary>The machine came to nothing; the next one is tried.</summary>
    public static NewEvent Dropped(string reason) => new("migration.dropped", new { reason });

    /// <summary>A phase began that is worth telling; null for one that is not.</summary>
    public static NewEvent? Entered(MigrationPhase phase) =>
        phase switch
        {
            MigrationPhase.Copying => new("migration.copying"),
            MigrationPhase.Verifying => new("migration.verifying"),
            MigrationPhase.Draining => new("migration.switching"),
            _ => null,
        };

    public static NewEvent Completed(double pauseSeconds, bool isKept) =>
        new(isKept ? "migration.completed_kept" : "migration.completed", new { pause_seconds = Math.Round(pauseSeconds, 2) });

    public static NewEvent Ended(MigrationPhase phase, string reason) =>
        new(phase == MigrationPhase.Cancelled ? "migration.cancelled" : "migration.failed", new { reason });

    public static NewEvent SourceReleased() => new("migration.source_released");
}
