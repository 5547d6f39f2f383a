using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Instances;

/// <summary>The associations table.</summary>
internal sealed class AssociationStore(Database database, TimeProvider time)
{
    private const string AllColumns = "instance_id, version, user_id, standby_machine_id, sync_enabled, released, failover_requested, created_at, document";

    private readonly KeptRows<Association> _rows = new(Read);

    /// <summary>Records that an instance is to have a standby. Repeating it changes nothing, unless the association was released.</summary>
    public async Task EnsureAsync(DbTransaction transaction, InstanceId id, UserId userId, string? zone)
    {
        var now = time.GetUtcNow();

        // No number of a promise is given twice: of one that a former standby had, the agent may still say that it holds.
        var former = await transaction.Connection!.ExecuteScalarAsync<string?>(
            "SELECT document FROM associations WHERE instance_id = @id", new { id = id.Value }, transaction);
        var promises = former is null ? 0 : Columns.FromDocument<AssociationDocument>(former).PromiseNumber;
        await transaction.Connection!.ExecuteAsync(
            """
            INSERT INTO associations (instance_id, user_id, standby_machine_id, sync_enabled, released, version, created_at, document)
            VALUES (@id, @user, NULL, 1, 0, 1, @at, @document)
            ON CONFLICT (instance_id) DO UPDATE SET released = 0, sync_enabled = 1, failover_requested = NULL, document = @document,
                version = associations.version + 1
            WHERE associations.released = 1
            """,
            new
            {
                id = id.Value,
                user = userId.Value,
                at = Columns.Of(now),
                document = Columns.Document(new AssociationDocument { Zone = zone, PromiseNumber = promises }),
            },
            transaction);
        await WorkQueue.WakeAsync(transaction, WorkKinds.Standby, id.Value, now);
    }

    /// <summary>Switches the sending of changes on or off.</summary>
    public Task<bool> SetSyncEnabledAsync(UserId userId, InstanceId id, bool enabled, CancellationToken cancellationToken) =>
        SetAsync("sync_enabled = @value", userId, id, enabled ? 1L : 0L, cancellationToken);

    /// <summary>Asks for a failover without a failure. The standby reconciler takes the request back when it begins.</summary>
    /// <returns>False when the pair is not any more as it was <paramref name="seen"/>: look again.</returns>
    public Task<bool> RequestFailoverAsync(Association seen, string reason, CancellationToken cancellationToken) =>
        SetAsync(
            "failover_requested = @value",
            seen.UserId,
            seen.InstanceId,
            reason,
            cancellationToken,
            FormattableString.Invariant($"AND failover_requested IS NULL AND version = {seen.Version}"));

    /// <summary>Gives the standby up. Its machine is released by the standby reconciler.</summary>
    /// <returns>False also while the instance runs on the standby: then it holds the workspace.</returns>
    public Task<bool> ReleaseAsync(UserId userId, InstanceId id, CancellationToken cancellationToken) =>
        SetAsync(
            "released = @value",
            userId,
            id,
            1L,
            cancellationToken,
            """
            AND NOT EXISTS (SELECT 1 FROM instances WHERE instances.id = associations.instance_id AND deleted_at IS NULL
                AND writer_machine_id = associations.standby_machine_id)
            """);

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
        SavePlacedAsync(before, after, fence, place: null, (association, _) => association, also, cancellationToken);

    /// <summary>As <see cref="SaveAsync"/>, with a new standby machine: the intent and the pairing are one transaction.</summary>
    public Task<Association> SaveWithMachineAsync(
        Association before,
        Association after,
        Fence fence,
        Func<DbTransaction, Task<MachineId?>> place,
        Func<DbTransaction, Task> also,
        CancellationToken cancellationToken) =>
        SavePlacedAsync(before, after, fence, place, (association, id) => association with { StandbyMachineId = id }, also, cancellationToken);

    /// <summary>As <see cref="SaveAsync"/>, with a new GPU machine that is to take over. Saves nothing when none could be placed.</summary>
    public Task<Association> SaveWithCandidateAsync(
        Association before, Association after, Fence fence, Func<DbTransaction, Task<MachineId?>> place, CancellationToken cancellationToken) =>
        SavePlacedAsync(
            before,
            after,
            fence,
            place,
            (association, id) => association with { Document = association.Document with { CandidateMachineId = id } },
            also: null,
            cancellationToken);

    /// <summary>Sees to it, in the caller's transaction, that what was decided on <paramref name="seen"/> still holds, and that what others decide on it does
    /// not any more.</summary>
    /// <exception cref="StaleWriteException">The row has changed.</exception>
    public static async Task TouchAsync(DbTransaction transaction, Association seen)
    {
        var changed = await transaction.Connection!.ExecuteAsync(
            "UPDATE associations SET version = version + 1 WHERE instance_id = @id AND version = @version",
            new { id = seen.InstanceId.Value, version = seen.Version },
            transaction);
        if (changed == 0)
        {
            throw new StaleWriteException($"The association of instance {seen.InstanceId}");
        }
    }

    /// <summary>The association of an instance, released or not; null when it never had one.</summary>
    public async Task<Association?> FindAsync(InstanceId id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE instance_id = @id", cancellationToken, ("@id", id.Value))).SingleOrDefault();

    /// <summary>The user's associations that are not released.</summary>
    public Task<IReadOnlyList<Association>> ListOfUserAsync(UserId userId, CancellationToken cancellationToken) =>
        QueryAsync("WHERE user_id = @user AND released = 0 ORDER BY instance_id", cancellationToken, ("@user", userId.Value));

    private Task<Association> SavePlacedAsync(
        Association before,
        Association after,
        Fence fence,
        Func<DbTransaction, Task<MachineId?>>? place,
        Func<Association, MachineId, Association> withMachine,
        Func<DbTransaction, Task>? also,
        CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                if (!await WorkQueue.HoldsAsync(transaction, fence))
                {
                    throw new StaleWriteException($"The association of instance {before.InstanceId}");
                }

                if (place is not null)
                {
                    // Nothing could be placed: every offer is being bought by others of ours. Nothing is saved; the next tick looks again.
                    after = await place(transaction) is { } placed
                        ? withMachine(after, placed)
                        : throw new StaleWriteException($"The offers for instance {before.InstanceId}");
                }

                await UpdateAsync(transaction, before, after);
                await WorkQueue.WakeAsync(transaction, WorkKinds.Instance, before.InstanceId.Value, time.GetUtcNow());
                if (also is not null)
                {
                    await also(transaction);
                }

                return after with { Version = before.Version + 1 };
            },
            cancellationToken);

    private static async Task UpdateAsync(DbTransaction transaction, Association before, Association after)
    {
        var changed = await transaction.Connection!.ExecuteAsync(
            """
            UPDATE associations SET standby_machine_id = @standby, failover_requested = @requested, document = @document, version = version + 1
            WHERE instance_id = @id AND version = @version
            """,
            new
            {
                id = before.InstanceId.Value,
                version = before.Version,
                standby = after.StandbyMachineId?.Value,
                requested = after.FailoverRequested,
                document = Columns.Document(after.Document),
            },
            transaction);
        if (changed == 0)
        {
            throw new StaleWriteException($"The association of instance {before.InstanceId}");
        }
    }

    private Task<bool> SetAsync(
        string assignment, UserId userId, InstanceId id, object value, CancellationToken cancellationToken, string condition = "") =>
        database.WriteAsync(
            async transaction =>
            {
                var changed = await transaction.Connection!.ExecuteAsync(
                    $"""
                    UPDATE associations SET {assignment}, version = version + 1 WHERE instance_id = @id AND user_id = @user AND released = 0 {condition}
                    """,
                    new { id = id.Value, user = userId.Value, value },
                    transaction);
                if (changed > 0)
                {
                    await WorkQueue.WakeAsync(transaction, WorkKinds.Standby, id.Value, time.GetUtcNow());
                }

                return changed > 0;
            },
            cancellationToken);

    private Task<IReadOnlyList<Association>> QueryAsync(string where, CancellationToken cancellationToken, params (string Name, object Value)[] parameters) =>
        database.ReadAsync(
            connection => _rows.QueryAsync(connection, $"SELECT {AllColumns} FROM associations {where}", cancellationToken, parameters), cancellationToken);

    private static Association Read(DbDataReader reader) =>
        new(
            new InstanceId(reader.GetInt64(0)),
            new UserId(reader.GetInt64(2)),
            reader.IsDBNull(3) ? null : new MachineId(reader.GetInt64(3)),
            reader.GetInt64(4) == 1,
            reader.GetInt64(5) == 1,
            reader.IsDBNull(6) ? null : reader.GetString(6),
            reader.GetInt64(1),
            Columns.Instant(reader.GetInt64(7)),
            Columns.FromDocument<AssociationDocument>(reader.GetString(8)));
}
