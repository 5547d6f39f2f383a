using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Instances;

/// <summary>The migrations table. <c>wish</c> is the API's; the rest is written by the reconciler of migrations, under its fence.</summary>
internal sealed class MigrationStore(Database database, TimeProvider time)
{
    private const string AllColumns = "id, version, instance_id, user_id, state, wish, created_at, ended_at, document";

    private readonly KeptRows<InstanceMigration> _rows = new(Read);

    /// <summary>Records the wish to move an instance and makes it due.</summary>
    /// <returns>Null when another migration of the instance is open.</returns>
    public async Task<long?> InsertAsync(InstanceId instance, UserId user, MigrationDocument document, Func<DbTransaction, Task> also, CancellationToken cancellationToken)
    {
        try
        {
            return await database.WriteAsync(
                async transaction =>
                {
                    var now = time.GetUtcNow();
                    var id = await transaction.Connection!.ExecuteScalarAsync<long>(
                        """
                        INSERT INTO migrations (instance_id, user_id, state, version, created_at, document)
                        VALUES (@instance, @user, 'Running', 1, @at, @document) RETURNING id
                        """,
                        new
                        {
                            instance = instance.Value,
                            user = user.Value,
                            at = Columns.Of(now),
                            document = Columns.Document(document.Enter(MigrationPhase.Searching, now)),
                        },
                        transaction);
                    await WorkQueue.WakeAsync(transaction, WorkKinds.Migration, id, now);
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
    public Task<InstanceMigration> SaveAsync(
        InstanceMigration before, InstanceMigration after, Fence fence, Func<DbTransaction, Task>? also, CancellationToken cancellationToken) =>
        database.WriteAsync(transaction => WriteAsync(transaction, before, after, fence, also), cancellationToken);

    /// <summary>As the other, with a document that is only known in the transaction.</summary>
    /// <exception cref="StaleWriteException">The fence was lost or the row has changed.</exception>
    public Task<InstanceMigration> SaveAsync(
        InstanceMigration before, Func<DbTransaction, Task<MigrationDocument>> decide, Fence fence, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction => await WriteAsync(transaction, before, before with { Document = await decide(transaction) }, fence, also: null), cancellationToken);

    /// <summary>Says what the user wants of a migration.</summary>
    /// <returns>False when it is not any more as it was <paramref name="seen"/>: look again.</returns>
    public Task<bool> SetWishAsync(InstanceMigration seen, MigrationWish wish, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                var changed = await transaction.Connection!.ExecuteAsync(
                    "UPDATE migrations SET wish = @wish, version = version + 1 WHERE id = @id AND version = @version",
                    new { id = seen.Id, version = seen.Version, wish = wish.ToString() },
                    transaction);
                if (changed > 0)
                {
                    await WorkQueue.WakeAsync(transaction, WorkKinds.Migration, seen.Id, time.GetUtcNow());
                }

                return changed > 0;
            },
            cancellationToken);

    /// <summary>Sees to it, in the caller's transaction, that no other part of the server is moving the instance.</summary>
    /// <exception cref="StaleWriteException">One runs.</exception>
    public static async Task EnsureNoneRunsAsync(DbTransaction transaction, InstanceId instance)
    {
        if (await transaction.Connection!.ExecuteScalarAsync<long>(
            "SELECT COUNT(*) FROM migrations WHERE instance_id = @instance AND state = 'Running'", new { instance = instance.Value }, transaction) > 0)
        {
            throw new StaleWriteException($"The moves of instance {instance}");
        }
    }

    /// <summary>Any migration; for the reconciler.</summary>
    public async Task<InstanceMigration?> FindAsync(long id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE id = @id", cancellationToken, ("@id", id))).SingleOrDefault();

    /// <summary>The one of an instance that runs, or whose source is kept; null when there is none.</summary>
    public async Task<InstanceMigration?> FindOpenAsync(InstanceId instance, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE instance_id = @instance AND state IN ('Running', 'Kept')", cancellationToken, ("@instance", instance.Value))).SingleOrDefault();

    /// <summary>A migration of the user; null for an unknown and somebody else's alike.</summary>
    public async Task<InstanceMigration?> FindOfUserAsync(UserId user, long id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE id = @id AND user_id = @user", cancellationToken, ("@id", id), ("@user", user.Value))).SingleOrDefault();

    /// <summary>The last migrations of an instance, newest first.</summary>
    public Task<IReadOnlyList<InstanceMigration>> ListAsync(UserId user, InstanceId instance, CancellationToken cancellationToken) =>
        QueryAsync(
            "WHERE instance_id = @instance AND user_id = @user ORDER BY id DESC LIMIT 100", cancellationToken, ("@instance", instance.Value), ("@user", user.Value));

    private async Task<InstanceMigration> WriteAsync(DbTransaction transaction, InstanceMigration before, InstanceMigration after, Fence fence, Func<DbTransaction, Task>? also)
    {
        var changed = await WorkQueue.HoldsAsync(transaction, fence)
            ? await transaction.Connection!.ExecuteAsync(
                """
                UPDATE migrations SET state = @state, ended_at = @ended, document = @document, version = version + 1
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
            throw new StaleWriteException($"Migration {before.Id}");
        }

        await WorkQueue.WakeAsync(transaction, WorkKinds.Instance, before.InstanceId.Value, time.GetUtcNow());
        if (also is not null)
        {
            await also(transaction);
        }

        return after with { Version = before.Version + 1 };
    }

    private Task<IReadOnlyList<InstanceMigration>> QueryAsync(string where, CancellationToken cancellationToken, params (string Name, object Value)[] parameters) =>
        database.ReadAsync(
            connection => _rows.QueryAsync(connection, $"SELECT {AllColumns} FROM migrations {where}", cancellationToken, parameters), cancellationToken);

    private static InstanceMigration Read(DbDataReader reader) =>
        new(
            reader.GetInt64(0),
            new InstanceId(reader.GetInt64(2)),
            new UserId(reader.GetInt64(3)),
            Enum.Parse<MigrationState>(reader.GetString(4)),
            reader.IsDBNull(5) ? null : Enum.Parse<MigrationWish>(reader.GetString(5)),
            reader.GetInt64(1),
            Columns.Instant(reader.GetInt64(6)),
            reader.IsDBNull(7) ? null : Columns.Instant(reader.GetInt64(7)),
            Columns.FromDocument<MigrationDocument>(reader.GetString(8)));
}
