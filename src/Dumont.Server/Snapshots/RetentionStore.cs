using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Snapshots;

/// <summary>The snapshot_policies table.</summary>
internal sealed class RetentionStore(Database database, TimeProvider time)
{
    // The user's rules for instances that have none of their own.
    private const long AllInstances = 0;

    /// <summary>The rules of an instance, or of all without their own; null where none were set.</summary>
    public Task<RetentionRules?> FindAsync(UserId user, InstanceId? instance, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async connection => await connection.ExecuteScalarAsync<string?>(
                "SELECT document FROM snapshot_policies WHERE user_id = @user AND instance_id = @instance",
                new { user = user.Value, instance = instance?.Value ?? AllInstances }) is { } document
                ? Columns.FromDocument<RetentionRules>(document)
                : null,
            cancellationToken);

    /// <summary>The rules that hold for an instance.</summary>
    public async Task<RetentionRules> GetAsync(UserId user, InstanceId? instance, CancellationToken cancellationToken) =>
        (instance is null ? null : await FindAsync(user, instance, cancellationToken)) ?? await FindAsync(user, null, cancellationToken) ?? new RetentionRules();

    /// <summary>Sets the rules; those that are applied by themselves are applied now for the first time.</summary>
    public Task SetAsync(UserId user, InstanceId? instance, RetentionRules rules, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                await transaction.Connection!.ExecuteAsync(
                    """
                    INSERT INTO snapshot_policies (user_id, instance_id, document) VALUES (@user, @instance, @document)
                    ON CONFLICT (user_id, instance_id) DO UPDATE SET document = @document
                    """,
                    new { user = user.Value, instance = instance?.Value ?? AllInstances, document = Columns.Document(rules) },
                    transaction);
                if (rules.IsAutomatic)
                {
                    await WorkQueue.WakeAsync(transaction, WorkKinds.SnapshotCleanup, user.Value, time.GetUtcNow());
                }
            },
            cancellationToken);

    /// <summary>Whether a user has rules that are applied by themselves.</summary>
    public Task<bool> IsAutomaticAsync(UserId user, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async connection => (await connection.QueryAsync<string>("SELECT document FROM snapshot_policies WHERE user_id = @user", new { user = user.Value }))
                .Any(document => Columns.FromDocument<RetentionRules>(document).IsAutomatic),
            cancellationToken);
}
