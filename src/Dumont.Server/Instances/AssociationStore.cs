using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Instances;

/// <summary>The associations table.</summary>
internal sealed class AssociationStore(Database database, TimeProvider time)
{
    private const string AllColumns = "instance_id, user_id, standby_machine_id, sync_enabled, released, version, created_at, document";

    /// <summary>Records that an instance is to have a standby. Repeating it changes nothing, unless the association was released.</summary>
    public async Task EnsureAsync(DbTransaction transaction, InstanceId id, UserId userId, string? zone)
    {
        var now = time.GetUtcNow();
        await transaction.Connection!.ExecuteAsync(
            """
            INSERT INTO associations (instance_id, user_id, standby_machine_id, sync_enabled, released, version, created_at, document)
            VALUES (@id, @user, NULL, 1, 0, 1, @at, @document)
            ON CONFLICT (instance_id) DO UPDATE SET released = 0, version = associations.version + 1
            """,
            new { id = id.Value, user = userId.Value, at = Columns.Of(now), document = Columns.Document(new AssociationDocument { Zone = zone }) },
            transaction);
        await WorkQueue.WakeAsync(transaction, WorkKinds.Standby, id.Value, now);
    }

    /// <summary>Switches the sending of changes on or off.</summary>
    public Task<bool> SetSyncEnabledAsync(UserId userId, InstanceId id, bool enabled, CancellationToken cancellationToken) =>
        SetAsync("sync_enabled = @value", userId, id, enabled, cancellationToken);

    /// <summary>Gives the standby up. Its machine is released by the standby reconciler.</summary>
    public Task<bool> ReleaseAsync(UserId userId, InstanceId id, CancellationToken cancellationToken) =>
        SetAsync("released = @value", userId, id, true, cancellationToken);

    /// <summary>Gives the standby up in the caller's transaction.</summary>
    public async Task ReleaseAsync(DbTransaction transaction, InstanceId id)
    {
        await transaction.Connection!.ExecuteAsync(
            "UPDATE associations SET released = 1, version = version + 1 WHERE instance_id = @id AND released = 0", new { id = id.Value }, transaction);
        await WorkQueue.WakeAsync(transaction, WorkKinds.Standby, id.Value, time.GetUtcNow());
    }

    /// <summary>Writes what the standby reconciler has learnt or decided.</summary>
    /// <exception cref="StaleWriteException">The fence was lost or the row has changed.</exception>
    public Task<Association> SaveAsync(
        Association before, Association after, Fence fence, Func<DbTransaction, Task>? also, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                var changed = await WorkQueue.HoldsAsync(transaction, fence)
                    ? await transaction.Connection!.ExecuteAsync(
                        """
                        UPDATE associations SET standby_machine_id = @standby, document = @document, version = version + 1
                        WHERE instance_id = @id AND version = @version
                        """,
                        new
                        {
                            id = before.InstanceId.Value,
                            version = before.Version,
                            standby = after.StandbyMachineId?.Value,
                            document = Columns.Document(after.Document),
                        },
                        transaction)
                    : 0;
                if (changed == 0)
                {
                    throw new StaleWriteException($"The association of instance {before.InstanceId}");
                }

                await WorkQueue.WakeAsync(transaction, WorkKinds.Instance, before.InstanceId.Value, time.GetUtcNow());
                if (also is not null)
                {
                    await also(transaction);
                }

                return after with { Version = before.Version + 1 };
            },
            cancellationToken);

    /// <summary>The association of an instance, released or not; null when it never had one.</summary>
    public async Task<Association?> FindAsync(InstanceId id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE instance_id = @id", new { id = id.Value }, cancellationToken)).SingleOrDefault();

    /// <summary>The user's associations that are not released.</summary>
    public Task<IReadOnlyList<Association>> ListOfUserAsync(UserId userId, CancellationToken cancellationToken) =>
        QueryAsync("WHERE user_id = @user AND released = 0 ORDER BY instance_id", new { user = userId.Value }, cancellationToken);

    private Task<bool> SetAsync(string assignment, UserId userId, InstanceId id, bool value, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                var changed = await transaction.Connection!.ExecuteAsync(
                    $"UPDATE associations SET {assignment}, version = version + 1 WHERE instance_id = @id AND user_id = @user AND released = 0",
                    new { id = id.Value, user = userId.Value, value = value ? 1L : 0L },
                    transaction);
                if (changed > 0)
                {
                    await WorkQueue.WakeAsync(transaction, WorkKinds.Standby, id.Value, time.GetUtcNow());
                }

                return changed > 0;
            },
            cancellationToken);

    private Task<IReadOnlyList<Association>> QueryAsync(string where, object parameters, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<Association>>(
            async connection => (await connection.QueryAsync<Row>($"SELECT {AllColumns} FROM associations {where}", parameters))
                .Select(row => row.ToAssociation())
                .ToList(),
            cancellationToken);

    private sealed record Row(
        long Instance_Id, long User_Id, long? Standby_Machine_Id, long Sync_Enabled, long Released, long Version, long Created_At, string Document)
    {
        public Association ToAssociation() =>
            new(
                new InstanceId(Instance_Id),
                new UserId(User_Id),
                Standby_Machine_Id is { } id ? new MachineId(id) : null,
                Sync_Enabled == 1,
                Released == 1,
                Version,
                Columns.Instant(Created_At),
                Columns.FromDocument<AssociationDocument>(Document));
    }
}
