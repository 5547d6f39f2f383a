using Dumont.Server.Platform.Events;

namespace Dumont.Server.Migration;

/// <summary>What can happen to a migration.</summary>
internal static class MigrationEvents
{
    public static NewEvent Asked(bool withGpu, string? gpu) => new("migration.asked", new { target = withGpu ? "gpu" : "cpu", gpu });

    public static NewEvent Renting(string offer, decimal usdPerHour) => new("migration.renting", new { offer, usd_per_hour = usdPerHour });

    /// <summary>The machine came to nothing; the next one is tried.</summary>
    public static NewEvent Dropped(string reason) => new("migration.dropped", new { reason });

    public static NewEvent Copying() => new("migration.copying");

    public static NewEvent Verifying() => new("migration.verifying");

    public static NewEvent Switching() => new("migration.switching");

    public static NewEvent Completed(double pauseSeconds) => new("migration.completed", new { pause_seconds = Math.Round(pauseSeconds, 2) });

    /// <summary>And the source is kept.</summary>
    public static NewEvent CompletedKept(double pauseSeconds) => new("migration.completed_kept", new { pause_seconds = Math.Round(pauseSeconds, 2) });

    public static NewEvent Cancelled(string reason) => new("migration.cancelled", new { reason });

    public static NewEvent Failed(string reason) => new("migration.failed", new { reason });

    public static NewEvent SourceReleased() => new("migration.source_released");
}
