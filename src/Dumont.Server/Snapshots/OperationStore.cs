using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Snapshots;

/// <summary>An operation that is asked for.</summary>
internal sealed record NewOperation(
    UserId UserId, OperationKind Kind, long RepositoryId, SnapshotNumber? SnapshotId, InstanceId? InstanceId, OperationDocument Document);

/// <summary>The snapshot_operations table.</summary>
internal sealed class OperationStore(Database database, TimeProvider time)
{
    private const string Select =
        """
        SELECT id, user_id, kind, state, repository_id, snapshot_id, instance_id, machine_id, cancel_requested, version, created_at, finished_at, document
        FROM snapshot_operations
        """;

    /// <summary>Records an operation and puts it into the queue, in the caller's transaction.</summary>
    public async Task<long> InsertAsync(DbTransaction transaction, NewOperation operation)
    {
        var now = time.GetUtcNow();
        var id = await transaction.Connection!.ExecuteScalarAsync<long>(
            """
            INSERT INTO snapshot_operations (user_id, kind, state, repository_id, snapshot_id, instance_id, cancel_requested, version, created_at, document)
            VALUES (@user, @kind, 'Pending', @repository, @snapshot, @instance, 0, 1, @at, @document) RETURNING id
            """,
            new
            {
                user = operation.UserId.Value,
                kind = operation.Kind.ToString(),
                repository = operation.RepositoryId,
                snapshot = operation.SnapshotId?.Value,
                instance = operation.InstanceId?.Value,
                at = Columns.Of(now),
                document = Columns.Document(operation.Document),
            },
            transaction);
        await WorkQueue.WakeAsync(transaction, WorkKinds.SnapshotOperation, id, now);
        return id;
    }

    /// <summary>Writes what the reconciler has learnt or decided.</summary>
    /// <exception cref="StaleWriteException">The fence was lost or the row has changed.</exception>
    public async Task<SnapshotOperation> SaveAsync(
        SnapshotOperation before, SnapshotOperation after, Fence fence, Func<DbTransaction, Task>? also, CancellationToken cancellationToken)
    {
        try
        {
            return await WriteAsync(before, after, fence, also, cancellationToken);
        }
        catch (DbException twice) when (database.IsUniqueViolation(twice))
        {
            // Another operation was given the machine first.
            throw new StaleWriteException($"The work of machine {after.MachineId}");
        }
    }

    private Task<SnapshotOperation> WriteAsync(
        SnapshotOperation before, SnapshotOperation after, Fence fence, Func<DbTransaction, Task>? also, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                var changed = await WorkQueue.HoldsAsync(transaction, fence)
                    ? await transaction.Connection!.ExecuteAsync(
                        """
                        UPDATE snapshot_operations SET state = @state, machine_id = @machine, finished_at = @finished, document = @document, version = version + 1
                        WHERE id = @id AND version = @version
                        """,
                        new
                        {
                            id = before.Id,
                            version = before.Version,
                            state = after.State.ToString(),
                            machine = after.MachineId?.Value,
                            finished = Columns.Of(after.FinishedAt),
                            document = Columns.Document(after.Document),
                        },
                        transaction)
                    : 0;
                if (changed == 0)
                {
                    throw new StaleWriteException($"Snapshot operation {before.Id}");
                }

                if (also is not null)
                {
                    await also(transaction);
                }

                return after with { Version = before.Version + 1 };
            },
            cancellationToken);

    /// <summary>Asks for the end of an operation.</summary>
    /// <returns>False when the user has no such operation, or it is over.</returns>
    public Task<bool> RequestCancelAsync(UserId user, long id, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                var changed = await transaction.Connection!.ExecuteAsync(
                    """
                    UPDATE snapshot_operations SET cancel_requested = 1, version = version + 1
                    WHERE id = @id AND user_id = @user AND state IN ('Pending', 'Running')
                    """,
                    new { id, user = user.Value },
                    transaction);
                if (changed > 0)
                {
                    await WorkQueue.WakeAsync(transaction, WorkKinds.SnapshotOperation, id, time.GetUtcNow());
                }

                return changed > 0;
            },
            cancellationToken);

    /// <summary>Any operation; for the reconciler.</summary>
    public async Task<SnapshotOperation?> FindAsync(long id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE id = @id", new { id }, cancellationToken)).SingleOrDefault();

    /// <summary>An operation of the user; null for an unknown and somebody else's alike.</summary>
    public async Task<SnapshotOperation?> FindOfUserAsync(UserId user, long id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE id = @id AND user_id = @user", new { id, user = user.Value }, cancellationToken)).SingleOrDefault();

    /// <summary>The operation that makes a snapshot.</summary>
    public async Task<SnapshotOperation?> FindOfSnapshotAsync(SnapshotNumber id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE snapshot_id = @id AND kind = 'Snapshot'", new { id = id.Value }, cancellationToken)).SingleOrDefault();

    /// <summary>What is under way with a snapshot, as the caller's transaction sees it.</summary>
    public static Task<long?> FindLiveOfSnapshotAsync(DbTransaction transaction, SnapshotNumber id) =>
        transaction.Connection!.ExecuteScalarAsync<long?>(
            "SELECT MIN(id) FROM snapshot_operations WHERE snapshot_id = @id AND state IN ('Pending', 'Running')", new { id = id.Value }, transaction);

    /// <summary>The user's last operations, newest first.</summary>
    public Task<IReadOnlyList<SnapshotOperation>> ListOfUserAsync(UserId user, int limit, CancellationToken cancellationToken) =>
        QueryAsync("WHERE user_id = @user ORDER BY id DESC LIMIT @limit", new { user = user.Value, limit }, cancellationToken);

    /// <summary>The user's prunes that ended after <paramref name="since"/>.</summary>
    public Task<IReadOnlyList<SnapshotOperation>> ListPrunesAsync(UserId user, DateTimeOffset since, CancellationToken cancellationToken) =>
        QueryAsync("WHERE user_id = @user AND kind = 'Prune' AND finished_at >= @since ORDER BY id", new { user = user.Value, since = Columns.Of(since) }, cancellationToken);

    /// <summary>What is under way in a repository and of one kind.</summary>
    public Task<IReadOnlyList<SnapshotOperation>> ListLiveAsync(long repository, CancellationToken cancellationToken) =>
        QueryAsync("WHERE repository_id = @repository AND state IN ('Pending', 'Running') ORDER BY id", new { repository }, cancellationToken);

    /// <summary>What is under way for an instance.</summary>
    public Task<IReadOnlyList<SnapshotOperation>> ListLiveOfInstanceAsync(InstanceId instance, CancellationToken cancellationToken) =>
        QueryAsync("WHERE instance_id = @instance AND state IN ('Pending', 'Running') ORDER BY id", new { instance = instance.Value }, cancellationToken);

    /// <summary>The work that a machine has been given, and that is not over: one piece at most.</summary>
    public async Task<SnapshotOperation?> FindOrderedAsync(MachineId machine, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE machine_id = @machine AND state = 'Running' ORDER BY id LIMIT 1", new { machine = machine.Value }, cancellationToken)).SingleOrDefault();

    private Task<IReadOnlyList<SnapshotOperation>> QueryAsync(string where, object parameters, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<SnapshotOperation>>(
            async connection => [.. (await connection.QueryAsync<Row>($"{Select} {where}", parameters)).Select(row => row.ToOperation())], cancellationToken);

    private sealed class Row
    {
        public long Id { get; init; }

        public long User_Id { get; init; }

        public string Kind { get; init; } = "";

        public string State { get; init; } = "";

        public long Repository_Id { get; init; }

        public long? Snapshot_Id { get; init; }

        public long? Instance_Id { get; init; }

        public long? Machine_Id { get; init; }

        public long Cancel_Requested { get; init; }

        public long Version { get; init; }

        public long Created_At { get; init; }

        public long? Finished_At { get; init; }

        public string Document { get; init; } = "";

        public SnapshotOperation ToOperation() => new(
            Id,
            new UserId(User_Id),
            Enum.Parse<OperationKind>(Kind),
            Enum.Parse<OperationState>(State),
            Repository_Id,
            Snapshot_Id is { } snapshot ? new SnapshotNumber(snapshot) : null,
            Instance_Id is { } instance ? new InstanceId(instance) : null,
            Machine_Id is { } machine ? new MachineId(machine) : null,
            Cancel_Requested == 1,
            Version,
            Columns.Instant(Created_At),
            Columns.Instant(Finished_At),
            Columns.FromDocument<OperationDocument>(Document));
    }
}
