using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Instances;

/// <summary>The recoveries table. A row is inserted by whoever begins a recovery; after that the reconciler of recoveries writes it, under its fence.</summary>
internal sealed class RecoveryStore(Database database, TimeProvider time)
{
    private const string AllColumns = "id, version, instance_id, user_id, state, created_at, ended_at, document";

    private readonly KeptRows<InstanceRecovery> _rows = new(Read);

    /// <summary>Records a recovery and makes it due.</summary>
    /// <param name="instance">Of which instance.</param>
    /// <param name="state">Whether it begins, or ended as it began.</param>
    /// <param name="document">What it begins with.</param>
    /// <param name="fence">Of the reconciler; null where a user asks.</param>
    /// <param name="also">Records with it what follows.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Null when another one of the instance is under way.</returns>
    /// <exception cref="StaleWriteException">The fence was lost.</exception>
    public async Task<long?> InsertAsync(
        Instance instance, RecoveryState state, RecoveryDocument document, Fence? fence, Func<DbTransaction, Task> also, CancellationToken cancellationToken)
    {
        try
        {
            return await database.WriteAsync(
                async transaction =>
                {
                    if (fence is { } held && !await WorkQueue.HoldsAsync(transaction, held))
                    {
                        throw new StaleWriteException($"A recovery of instance {instance.Id}");
                    }

                    var now = time.GetUtcNow();
                    var id = await transaction.Connection!.ExecuteScalarAsync<long>(
                        """
                        INSERT INTO recoveries (instance_id, user_id, state, version, created_at, ended_at, document)
                        VALUES (@instance, @user, @state, 1, @at, @ended, @document) RETURNING id
                        """,
                        new
                        {
                            instance = instance.Id.Value,
                            user = instance.UserId.Value,
                            state = state.ToString(),
                            at = Columns.Of(now),
                            ended = Columns.Of(state == RecoveryState.Ended ? (DateTimeOffset?)now : null),
                            document = Columns.Document(document),
                        },
                        transaction);
                    await WorkQueue.WakeAsync(transaction, WorkKinds.Recovery, instance.Id.Value, now);
                    await WakeAsync(transaction, instance.Id);
                    await also(transaction);
                    return (long?)id;
                },
                cancellationToken);
        }
        catch (DbException twice) when (database.IsUniqueViolation(twice))
        {
            return null;
        }
    }

    /// <summary>Writes what the reconciler has learnt or decided.</summary>
    /// <exception cref="StaleWriteException">The fence was lost or the row has changed.</exception>
    public Task<InstanceRecovery> SaveAsync(
        InstanceRecovery before, InstanceRecovery after, Fence fence, Func<DbTransaction, Task>? also, CancellationToken cancellationToken) =>
        database.WriteAsync(transaction => WriteAsync(transaction, before, after, fence, also), cancellationToken);

    /// <summary>As the other, with a document that is only known in the transaction.</summary>
    /// <exception cref="StaleWriteException">The fence was lost or the row has changed.</exception>
    public Task<InstanceRecovery> SaveAsync(
        InstanceRecovery before, Func<DbTransaction, Task<RecoveryDocument>> decide, Fence fence, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction => await WriteAsync(transaction, before, before with { Document = await decide(transaction) }, fence, also: null), cancellationToken);

    /// <summary>The last recovery of an instance, under way or not; null when there was none.</summary>
    public async Task<InstanceRecovery?> FindLastAsync(InstanceId instance, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE instance_id = @instance ORDER BY id DESC LIMIT 1", cancellationToken, ("@instance", instance.Value))).SingleOrDefault();

    private async Task<InstanceRecovery> WriteAsync(
        DbTransaction transaction, InstanceRecovery before, InstanceRecovery after, Fence fence, Func<DbTransaction, Task>? also)
    {
        var changed = await WorkQueue.HoldsAsync(transaction, fence)
            ? await transaction.Connection!.ExecuteAsync(
                """
                UPDATE recoveries SET state = @state, ended_at = @ended, document = @document, version = version + 1
                WHERE id = @id AND version = @version
                """,
                new
                {
                    id = before.Id,
                    version = before.Version,
                    state = after.State.ToString(),
                    ended = Columns.Of(after.EndedAt),
                    document = Columns.Document(after.Document),
                },
                transaction)
            : 0;
        if (changed == 0)
        {
            throw new StaleWriteException($"Recovery {before.Id}");
        }

        await WakeAsync(transaction, before.InstanceId);
        if (also is not null)
        {
            await also(transaction);
        }

        return after with { Version = before.Version + 1 };
    }

    // Whoever shows the instance, and whoever would choose a writer.
    private async Task WakeAsync(DbTransaction transaction, InstanceId id)
    {
        var now = time.GetUtcNow();
        await WorkQueue.WakeAsync(transaction, WorkKinds.Instance, id.Value, now);
        await WorkQueue.WakeAsync(transaction, WorkKinds.Standby, id.Value, now);
    }

    private Task<IReadOnlyList<InstanceRecovery>> QueryAsync(string where, CancellationToken cancellationToken, params (string Name, object Value)[] parameters) =>
        database.ReadAsync(
            connection => _rows.QueryAsync(connection, $"SELECT {AllColumns} FROM recoveries {where}", cancellationToken, parameters), cancellationToken);

    private static InstanceRecovery Read(DbDataReader reader) =>
        new(
            reader.GetInt64(0),
            new InstanceId(reader.GetInt64(2)),
            new UserId(reader.GetInt64(3)),
            Enum.Parse<RecoveryState>(reader.GetString(4)),
            reader.GetInt64(1),
            Columns.Instant(reader.GetInt64(5)),
            reader.IsDBNull(6) ? null : Columns.Instant(reader.GetInt64(6)),
            Columns.FromDocument<RecoveryDocument>(reader.GetString(7)));
}
