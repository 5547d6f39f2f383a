using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Instances;

/// <summary>The instances table. <c>desired</c>, <c>label</c> and the deletion are the API's; status and document the instance reconciler's; <c>runs_for</c>
/// the reconciler's of the operation that it names; the generation and its writer move together, by compare-and-set.</summary>
internal sealed class InstanceStore(Database database, TimeProvider time)
{
    private const string AllColumns =
        "id, version, user_id, label, desired, status, generation, writer_machine_id, gateway_port, created_at, document, runs_for";

    private readonly KeptRows<Instance> _rows = new(Read);

    /// <summary>Records a new instance in the caller's transaction.</summary>
    public async Task<InstanceId> InsertAsync(DbTransaction transaction, UserId userId, string? label, int gatewayPort, InstanceDocument document)
    {
        var connection = transaction.Connection!;
        var now = time.GetUtcNow();
        var id = await connection.ExecuteScalarAsync<long>(
            """
            INSERT INTO instances (user_id, label, desired, status, generation, writer_machine_id, gateway_port, version, created_at, document)
            VALUES (@user, @label, 'Running', 'Creating', 0, NULL, @port, 1, @at, @document) RETURNING id
            """,
            new { user = userId.Value, label = label ?? "", port = (long)gatewayPort, at = Columns.Of(now), document = Columns.Document(document) },
            transaction);
        if (label is null)
        {
            await connection.ExecuteAsync("UPDATE instances SET label = @label WHERE id = @id", new { id, label = $"instance-{id}" }, transaction);
        }

        await WorkQueue.WakeAsync(transaction, WorkKinds.Instance, id, now);
        return new InstanceId(id);
    }

    /// <summary>Gateway ports that are taken.</summary>
    public static async Task<IReadOnlySet<int>> GatewayPortsAsync(DbTransaction transaction) =>
        (await transaction.Connection!.QueryAsync<long>("SELECT gateway_port FROM instances WHERE deleted_at IS NULL", transaction: transaction))
            .Select(port => (int)port)
            .ToHashSet();

    /// <summary>The gateway port that was given away last, be its instance deleted or not; null before the first.</summary>
    public static async Task<int?> LastGatewayPortAsync(DbTransaction transaction) =>
        (int?)await transaction.Connection!.ExecuteScalarAsync<long?>("SELECT gateway_port FROM instances ORDER BY id DESC LIMIT 1", transaction: transaction);

    /// <summary>How many instances a user has, and that nobody else creates one of his until the transaction ends.</summary>
    public static async Task<long> CountForCreationAsync(DbTransaction transaction, UserId userId)
    {
        // Creations of one user follow one another: two that count at the same time would both find room.
        await transaction.Connection!.ExecuteAsync("UPDATE users SET id = id WHERE id = @user", new { user = userId.Value }, transaction);
        return await transaction.Connection!.ExecuteScalarAsync<long>(
            "SELECT COUNT(*) FROM instances WHERE user_id = @user AND deleted_at IS NULL", new { user = userId.Value }, transaction);
    }

    /// <summary>Takes back an insertion of the same transaction.</summary>
    public static Task RemoveAsync(DbTransaction transaction, InstanceId id) =>
        transaction.Connection!.ExecuteAsync(
            "DELETE FROM work_items WHERE kind = @kind AND key = @id; DELETE FROM instances WHERE id = @id",
            new { kind = WorkKinds.Instance, id = id.Value },
            transaction);

    /// <summary>Says what the user wants.</summary>
    /// <returns>False when the user has no such instance.</returns>
    public Task<bool> SetDesiredAsync(UserId userId, InstanceId id, InstanceDesired desired, CancellationToken cancellationToken) =>
        database.WriteAsync(transaction => SetDesiredAsync(transaction, userId, id, desired), cancellationToken);

    /// <summary>The same in the caller's transaction.</summary>
    public Task<bool> SetDesiredAsync(DbTransaction transaction, UserId userId, InstanceId id, InstanceDesired desired) =>
        UpdateAsync(transaction, "desired = @value", userId, id, desired.ToString());

    /// <summary>Lets an instance that is wanted paused run for an operation, in the caller's transaction. Nothing happens when it is not wanted paused any
    /// more, or runs for another.</summary>
    /// <returns>Whether it runs for the operation from now on.</returns>
    public Task<bool> RunForAsync(DbTransaction transaction, InstanceId id, long operation) =>
        SetRunsForAsync(transaction, "runs_for = @operation", "desired = 'Paused' AND runs_for IS NULL AND deleted_at IS NULL", id, operation);

    /// <summary>The operation does not need it any more: what the user wants by now comes true.</summary>
    public Task EndRunAsync(DbTransaction transaction, InstanceId id, long operation) =>
        SetRunsForAsync(transaction, "runs_for = NULL", "runs_for = @operation", id, operation);

    /// <summary>Renames.</summary>
    /// <returns>False when the user has no such instance.</returns>
    public Task<bool> SetLabelAsync(UserId userId, InstanceId id, string label, CancellationToken cancellationToken) =>
        database.WriteAsync(transaction => UpdateAsync(transaction, "label = @value", userId, id, label), cancellationToken);

    /// <summary>Deletes in the caller's transaction: the user sees it no more, the reconcilers give its machines back.</summary>
    /// <returns>False when the user has no such instance.</returns>
    public async Task<bool> DeleteAsync(DbTransaction transaction, UserId userId, InstanceId id, DeleteReason reason)
    {
        var now = time.GetUtcNow();
        var changed = await transaction.Connection!.ExecuteAsync(
            """
            UPDATE instances SET desired = 'Deleted', deleted_at = @at, delete_reason = @reason, version = version + 1
            WHERE id = @id AND user_id = @user AND deleted_at IS NULL
            """,
            new { id = id.Value, user = userId.Value, at = Columns.Of(now), reason = reason.ToString() },
            transaction);
        if (changed > 0)
        {
            await WakeAsync(transaction, id);
        }

        return changed > 0;
    }

    /// <summary>Why a deleted instance was deleted.</summary>
    public async Task<DeleteReason?> FindDeleteReasonAsync(InstanceId id, CancellationToken cancellationToken) =>
        await database.ReadAsync(
            connection => connection.ExecuteScalarAsync<string?>("SELECT delete_reason FROM instances WHERE id = @id", new { id = id.Value }),
            cancellationToken) is { } reason
            ? Enum.Parse<DeleteReason>(reason)
            : null;

    /// <summary>Writes what the instance reconciler has learnt.</summary>
    /// <exception cref="StaleWriteException">The fence was lost or the row has changed.</exception>
    public Task<Instance> SaveAsync(Instance before, Instance after, Fence fence, Func<DbTransaction, Task>? also, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                var changed = await WorkQueue.HoldsAsync(transaction, fence)
                    ? await transaction.Connection!.ExecuteAsync(
                        "UPDATE instances SET status = @status, document = @document, version = version + 1 WHERE id = @id AND version = @version",
                        new
                        {
                            id = before.Id.Value,
                            version = before.Version,
                            status = after.Status.ToString(),
                            document = Columns.Document(after.Document),
                        },
                        transaction)
                    : 0;
                if (changed == 0)
                {
                    throw new StaleWriteException($"Instance {before.Id}");
                }

                if (also is not null)
                {
                    await also(transaction);
                }

                return after with { Version = before.Version + 1 };
            },
            cancellationToken);

    /// <summary>Hands the right to write to another machine, in the caller's transaction. Generations never repeat and never go back.</summary>
    /// <exception cref="StaleWriteException">The generation is not <paramref name="fromGeneration"/> any more, or the instance is deleted.</exception>
    public async Task MoveWriterAsync(DbTransaction transaction, InstanceId id, long fromGeneration, long toGeneration, MachineId writer)
    {
        var changed = await transaction.Connection!.ExecuteAsync(
            """
            UPDATE instances SET generation = @to, writer_machine_id = @writer, version = version + 1
            WHERE id = @id AND generation = @from AND deleted_at IS NULL
            """,
            new { id = id.Value, from = fromGeneration, to = toGeneration, writer = writer.Value },
            transaction);
        if (changed == 0)
        {
            throw new StaleWriteException($"The generation of instance {id}");
        }

        await WakeAsync(transaction, id);
    }

    /// <summary>From now on substitutes are measured against <paramref name="offer"/>, and machines get a disk of <paramref name="diskGb"/>; in the transaction
    /// that moves the writer there.</summary>
    /// <exception cref="StaleWriteException">The row has changed.</exception>
    public static async Task RetargetAsync(DbTransaction transaction, Instance before, MachineOffer offer, double diskGb)
    {
        var document = before.Document with { WantedOffer = offer, Spec = before.Document.Spec with { DiskGb = diskGb } };
        var changed = await transaction.Connection!.ExecuteAsync(
            "UPDATE instances SET document = @document, version = version + 1 WHERE id = @id AND version = @version",
            new { id = before.Id.Value, version = before.Version, document = Columns.Document(document) },
            transaction);
        if (changed == 0)
        {
            throw new StaleWriteException($"Instance {before.Id}");
        }
    }

    /// <summary>Any instance, deleted or not; for reconcilers.</summary>
    public async Task<Instance?> FindAsync(InstanceId id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE id = @id", cancellationToken, ("@id", id.Value))).SingleOrDefault();

    /// <summary>An instance that the user has; null for an unknown, a deleted and somebody else's alike.</summary>
    public async Task<Instance?> FindOfUserAsync(UserId userId, InstanceId id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE id = @id AND user_id = @user AND deleted_at IS NULL", cancellationToken, ("@id", id.Value), ("@user", userId.Value)))
        .SingleOrDefault();

    /// <summary>The user's instances, oldest first.</summary>
    public Task<IReadOnlyList<Instance>> ListOfUserAsync(UserId userId, CancellationToken cancellationToken) =>
        QueryAsync("WHERE user_id = @user AND deleted_at IS NULL ORDER BY id", cancellationToken, ("@user", userId.Value));

    /// <summary>Every instance that is not deleted; for the gateway.</summary>
    public Task<IReadOnlyList<Instance>> ListAllAsync(CancellationToken cancellationToken) =>
        QueryAsync("WHERE deleted_at IS NULL", cancellationToken);

    private async Task<bool> UpdateAsync(DbTransaction transaction, string assignment, UserId userId, InstanceId id, string value)
    {
        var changed = await transaction.Connection!.ExecuteAsync(
            $"UPDATE instances SET {assignment}, version = version + 1 WHERE id = @id AND user_id = @user AND deleted_at IS NULL",
            new { id = id.Value, user = userId.Value, value },
            transaction);
        if (changed > 0)
        {
            await WakeAsync(transaction, id);
        }

        return changed > 0;
    }

    private async Task<bool> SetRunsForAsync(DbTransaction transaction, string assignment, string condition, InstanceId id, long operation)
    {
        var changed = await transaction.Connection!.ExecuteAsync(
            $"UPDATE instances SET {assignment}, version = version + 1 WHERE id = @id AND {condition}",
            new { id = id.Value, operation },
            transaction);
        if (changed > 0)
        {
            await WakeAsync(transaction, id);
        }

        return changed > 0;
    }

    private async Task WakeAsync(DbTransaction transaction, InstanceId id)
    {
        var now = time.GetUtcNow();
        await WorkQueue.WakeAsync(transaction, WorkKinds.Instance, id.Value, now);
        await WorkQueue.WakeAsync(transaction, WorkKinds.Standby, id.Value, now);
        await WorkQueue.WakeAsync(transaction, WorkKinds.Recovery, id.Value, now);
    }

    private Task<IReadOnlyList<Instance>> QueryAsync(string where, CancellationToken cancellationToken, params (string Name, object Value)[] parameters) =>
        database.ReadAsync(
            connection => _rows.QueryAsync(connection, $"SELECT {AllColumns} FROM instances {where}", cancellationToken, parameters), cancellationToken);

    private static Instance Read(DbDataReader reader) =>
        new(
            new InstanceId(reader.GetInt64(0)),
            new UserId(reader.GetInt64(2)),
            reader.GetString(3),
            Enum.Parse<InstanceDesired>(reader.GetString(4)),
            Enum.Parse<InstanceStatus>(reader.GetString(5)),
            reader.GetInt64(6),
            reader.IsDBNull(7) ? null : new MachineId(reader.GetInt64(7)),
            (int)reader.GetInt64(8),
            reader.GetInt64(1),
            Columns.Instant(reader.GetInt64(9)),
            Columns.FromDocument<InstanceDocument>(reader.GetString(10)))
        {
            RunsFor = reader.IsDBNull(11) ? null : reader.GetInt64(11),
        };
}
