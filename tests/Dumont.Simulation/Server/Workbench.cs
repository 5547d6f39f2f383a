using Dapper;
using Dumont.Contracts;
using Dumont.Server.Machines;
using Dumont.Server.Migration;
using Dumont.Server.Platform;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;
using Dumont.Server.Recovery;
using Dumont.Server.Settings;
using Dumont.Server.Snapshots;
using Dumont.Simulation.World;
using Microsoft.Extensions.Options;

namespace Dumont.Simulation.Server;

/// <summary>What all simulations on one thread share because making it is dear: a database in memory with the product's schema, a server identity, the SSH
/// keys of the first instances. Each run finds the database as new.</summary>
internal sealed class Workbench : IDisposable
{
    private const int InstancesMax = 8;

    private const string Clear =
        """
         DELETE FROM snapshot_operations; DELETE FROM snapshots; DELETE FROM snapshot_policies; DELETE FROM snapshot_schedules; DELETE FROM repository_checks;
        DELETE FROM repositories;
        DELETE FROM events; DELETE FROM failovers; DELETE FROM failover_settings; DELETE FROM instance_services; DELETE FROM migrations; DELETE FROM recoveries; DELETE FROM associations; DELETE FROM host_attempts; DELETE FROM host_blacklist; DELETE FROM machines;
        DELETE FROM instances; DELETE FROM work_items; DELETE FROM user_secrets; DELETE FROM server_values WHERE name LIKE 'auto_standby/%';
        DELETE FROM sqlite_sequence;
        """;

    private readonly string _directory;

    private Workbench(string directory, SqliteDatabase database, MasterKey masterKey, ServerOptions options, ServerIdentity identity) =>
        (_directory, Database, MasterKey, ServerOptions, Identity) = (directory, database, masterKey, options, identity);

    /// <summary>Counters of snapshots; nobody reads them.</summary>
    public SnapshotMetrics Metrics { get; } = new();

    /// <summary>The same of migrations.</summary>
    public MigrationMetrics MigrationMetrics { get; } = new();

    /// <summary>The same of recoveries.</summary>
    public RecoveryMetrics RecoveryMetrics { get; } = new();

    /// <summary>The one user.</summary>
    public static UserId User { get; } = new(1);

    public SqliteDatabase Database { get; }

    public MasterKey MasterKey { get; }

    public ServerOptions ServerOptions { get; }

    public ServerIdentity Identity { get; }

    /// <summary>Makes one; takes some milliseconds.</summary>
    public static Workbench Open()
    {
        var directory = Directory.CreateTempSubdirectory("dumont-simulation-").FullName;
        var options = new ServerOptions { DataDirectory = directory, AgentFile = Path.Combine(directory, "agent"), GatewayPortCount = 100 };
        var key = MasterKey.OfDirectory(directory);
        var database = SqliteDatabase.InMemory();
        var identity = new ServerIdentity(database, key, Options.Create(options));
        var bench = new Workbench(directory, database, key, options, identity);
        bench.PrepareAsync().GetAwaiter().GetResult();
        return bench;
    }

    /// <summary>As new, with the user and his keys to both providers.</summary>
    public async Task ResetAsync(TimeProvider time)
    {
        await Database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(Clear, transaction: transaction), CancellationToken.None);
        await SetKeyAsync(SecretStore.VastApiKey, CloudWorld.Account, time);
        await SetKeyAsync(SecretStore.GcpCredentials, CloudWorld.Account, time);
    }

    /// <summary>Sets the user's key to a provider.</summary>
    public Task SetKeyAsync(string name, string value, TimeProvider time) =>
        new SecretStore(Database, MasterKey, time).SetAsync(User, name, value, CancellationToken.None);

    /// <inheritdoc />
    public void Dispose()
    {
        Metrics.Dispose();
        MigrationMetrics.Dispose();
        RecoveryMetrics.Dispose();
        Database.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task PrepareAsync()
    {
        await Schema.EnsureAsync(Database, CancellationToken.None);
        await Database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                "INSERT INTO users (id, email, password_hash, role, settings, created_at) VALUES (1, 'ana@example.com', '', 'user', '{}', 0)",
                transaction: transaction),
            CancellationToken.None);

        // Part of every tag, and thereby of every trace.
        await Database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync("INSERT INTO server_values (name, value) VALUES ('server_name', 'simulation')", transaction: transaction),
            CancellationToken.None);
        await Identity.LoadAsync(CancellationToken.None);
        var keys = new InstanceKeyStore(Database, MasterKey);
        for (var id = 1; id <= InstancesMax; id++)
        {
            await keys.EnsureAsync(new InstanceId(id), CancellationToken.None);
        }
    }
}
