using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Instances;

/// <summary>What a new instance's standby is to be like.</summary>
/// <param name="Zone">Zone, or null for the nearest to the GPU.</param>
internal sealed record StandbyWish(string? Zone);

/// <summary>A user's auto-standby settings, kept under <c>standby</c> among the user's settings.</summary>
internal sealed record AutoStandbySettings
{
    /// <summary>New GPU instances get a standby.</summary>
    public bool Enabled { get; init; }

    /// <summary>Zone for all standbys; null chooses the nearest to each GPU.</summary>
    public string? GcpZone { get; init; }

    /// <summary>Machine type; only <c>e2-medium</c> is offered at present.</summary>
    public string GcpMachineType { get; init; } = "e2-medium";

    /// <summary>GB; 10 to 2,000.</summary>
    public int GcpDiskSize { get; init; } = 100;

    /// <summary>Spot machines.</summary>
    public bool GcpSpot { get; init; } = true;

    /// <summary>Switch to the standby without being asked.</summary>
    public bool AutoFailover { get; init; } = true;

    /// <summary>Look for a new GPU after that.</summary>
    public bool AutoRecovery { get; init; } = true;

    /// <summary>What stands ready for instances that do not say otherwise.</summary>
    public FailoverStrategy Strategy { get; init; } = FailoverStrategy.CpuStandby;

    /// <summary>Time between two heartbeats; null for the server's.</summary>
    public TimeSpan? HealthCheckInterval { get; init; }

    /// <summary>Heartbeats in a row that may be missing; null for the server's.</summary>
    public int? FailoverThreshold { get; init; }

    /// <summary>When what a process flushes counts as safe.</summary>
    public Acknowledgement Acknowledge { get; init; }

    /// <summary>Patterns of what is not synced; null for none.</summary>
    public IReadOnlyList<string>? SyncExcludes { get; init; }

    /// <summary>What the sync may send, Mbit/s; null for no limit.</summary>
    public int? SyncBandwidthLimit { get; init; }
}

/// <summary>Reads and writes auto-standby settings.</summary>
internal sealed class AutoStandby(Database database)
{
    private const string Name = "auto_standby";

    /// <summary>The user's settings, or the defaults.</summary>
    public async Task<AutoStandbySettings> GetAsync(UserId userId, CancellationToken cancellationToken)
    {
        var text = await database.ReadAsync(
            connection => connection.ExecuteScalarAsync<string?>("SELECT value FROM server_values WHERE name = @name", new { name = KeyOf(userId) }),
            cancellationToken);
        return Read(text);
    }

    /// <summary>Changes the user's settings in the caller's transaction.</summary>
    public static async Task ChangeAsync(DbTransaction transaction, UserId userId, Func<AutoStandbySettings, AutoStandbySettings> change)
    {
        // An insert that may change nothing, for its lock: a change at the same time waits and then reads what this one wrote.
        var text = await transaction.Connection!.ExecuteScalarAsync<string>(
            "INSERT INTO server_values (name, value) VALUES (@name, @value) ON CONFLICT (name) DO UPDATE SET value = server_values.value RETURNING value",
            new { name = KeyOf(userId), value = Columns.Document(new AutoStandbySettings()) },
            transaction);
        await transaction.Connection!.ExecuteAsync(
            "UPDATE server_values SET value = @value WHERE name = @name",
            new { name = KeyOf(userId), value = Columns.Document(change(Read(text))) },
            transaction);
    }

    /// <summary>What a new instance's standby is to be like; null when the user wants none.</summary>
    public async Task<StandbyWish?> FindAsync(UserId userId, CancellationToken cancellationToken) =>
        await GetAsync(userId, cancellationToken) is { Enabled: true } settings ? new StandbyWish(settings.GcpZone) : null;

    /// <summary>Under which name a user's settings are kept.</summary>
    public static string KeyOf(UserId userId) => $"{Name}/{userId}";

    /// <summary>Settings as they are kept; the defaults where none are.</summary>
    public static AutoStandbySettings Read(string? kept) => kept is null ? new AutoStandbySettings() : Columns.FromDocument<AutoStandbySettings>(kept);
}
