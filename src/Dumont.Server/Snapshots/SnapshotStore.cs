using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Snapshots;

/// <summary>The snapshots table.</summary>
internal sealed class SnapshotStore(Database database, TimeProvider time)
{
    private const string Select =
        "SELECT id, user_id, instance_id, repository_id, name, status, keep_forever, is_sync, engine_snapshot_id, created_at, document FROM snapshots";

    /// <summary>Records a snapshot that is to be made, in the caller's transaction.</summary>
    public async Task<SnapshotNumber> InsertAsync(DbTransaction transaction, NewSnapshot snapshot) =>
        new(await transaction.Connection!.ExecuteScalarAsync<long>(
            """
            INSERT INTO snapshots (user_id, instance_id, repository_id, name, status, keep_forever, is_sync, created_at, document)
            VALUES (@user, @instance, @repository, @name, 'Creating', 0, @sync, @at, @document) RETURNING id
            """,
            new
            {
                user = snapshot.UserId.Value,
                instance = snapshot.InstanceId.Value,
                repository = snapshot.RepositoryId,
                name = snapshot.Name,
                sync = snapshot.IsSync ? 1L : 0L,
                at = Columns.Of(time.GetUtcNow()),
                document = Columns.Document(snapshot.Document),
            },
            transaction));

    /// <summary>Writes what came of a snapshot, in the transaction that ends its operation.</summary>
    public static Task FinishAsync(DbTransaction transaction, SnapshotNumber id, SnapshotStatus status, string? engineId, SnapshotDocument document) =>
        transaction.Connection!.ExecuteAsync(
            "UPDATE snapshots SET status = @status, engine_snapshot_id = @engineId, document = @document WHERE id = @id",
            new { id = id.Value, status = status.ToString(), engineId, document = Columns.Document(document) },
            transaction);

    /// <summary>Keeps a snapshot as it is until the caller's transaction ends. Who deletes one and who brings it back do so first: each sees what the other has
    /// done, on a database too whose writers do not queue.</summary>
    /// <returns>False when it has been deleted.</returns>
    public static async Task<bool> HoldAsync(DbTransaction transaction, SnapshotNumber id) =>
        await transaction.Connection!.ExecuteAsync(
            "UPDATE snapshots SET deleted_at = NULL WHERE id = @id AND deleted_at IS NULL", new { id = id.Value }, transaction) > 0;

    /// <summary>Marks snapshots deleted in the caller's transaction.</summary>
    /// <returns>How many were not before.</returns>
    public async Task<int> DeleteAsync(DbTransaction transaction, UserId user, IEnumerable<SnapshotNumber> ids)
    {
        var changed = 0;
        foreach (var id in ids)
        {
            changed += await transaction.Connection!.ExecuteAsync(
                "UPDATE snapshots SET deleted_at = @at WHERE id = @id AND user_id = @user AND deleted_at IS NULL",
                new { id = id.Value, user = user.Value, at = Columns.Of(time.GetUtcNow()) },
                transaction);
        }

        return changed;
    }

    /// <summary>Marks deleted, in the caller's transaction, those that the rules no longer keep. What has been kept for ever, or is being brought back,
    /// since the rules were applied stays.</summary>
    /// <returns>Those that were dropped.</returns>
    public async Task<IReadOnlyList<SnapshotNumber>> DropAsync(DbTransaction transaction, UserId user, IEnumerable<SnapshotNumber> ids)
    {
        var dropped = new List<SnapshotNumber>();

        // In one order: two who drop the same wait for each other in a row, not in a ring.
        foreach (var id in ids.OrderBy(each => each.Value))
        {
            if (!await HoldAsync(transaction, id))
            {
                continue;
            }

            var changed = await transaction.Connection!.ExecuteAsync(
                """
                UPDATE snapshots SET deleted_at = @at WHERE id = @id AND user_id = @user AND deleted_at IS NULL AND keep_forever = 0
                    AND NOT EXISTS (SELECT 1 FROM snapshot_operations o WHERE o.snapshot_id = snapshots.id AND o.state IN ('Pending', 'Running'))
                """,
                new { id = id.Value, user = user.Value, at = Columns.Of(time.GetUtcNow()) },
                transaction);
            if (changed > 0)
            {
                dropped.Add(id);
            }
        }

        return dropped;
    }

    /// <summary>Says whether a snapshot is kept whatever the rules say.</summary>
    /// <returns>False when the user has no such snapshot.</returns>
    public Task<bool> SetKeepForeverAsync(UserId user, SnapshotNumber id, bool keep, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction => await transaction.Connection!.ExecuteAsync(
                "UPDATE snapshots SET keep_forever = @keep WHERE id = @id AND user_id = @user AND deleted_at IS NULL",
                new { id = id.Value, user = user.Value, keep = keep ? 1L : 0L },
                transaction) > 0,
            cancellationToken);

    /// <summary>A snapshot that the user has; null for an unknown, a deleted and somebody else's alike.</summary>
    public async Task<Snapshot?> FindOfUserAsync(UserId user, SnapshotNumber id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE id = @id AND user_id = @user AND deleted_at IS NULL", new { id = id.Value, user = user.Value }, cancellationToken)).SingleOrDefault();

    /// <summary>Any snapshot, deleted or not; for the reconciler.</summary>
    public async Task<Snapshot?> FindAsync(SnapshotNumber id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE id = @id", new { id = id.Value }, cancellationToken)).SingleOrDefault();

    /// <summary>The user's snapshots, newest first; of one instance or of all.</summary>
    public Task<IReadOnlyList<Snapshot>> ListOfUserAsync(UserId user, InstanceId? instance, CancellationToken cancellationToken) =>
        QueryAsync(
            "WHERE user_id = @user AND deleted_at IS NULL AND (@instance = 0 OR instance_id = @instance) ORDER BY id DESC",
            new { user = user.Value, instance = instance?.Value ?? 0L },
            cancellationToken);

    /// <summary>The engine's ids of the deleted snapshots of a repository.</summary>
    public Task<IReadOnlyList<string>> ListDeletedAsync(long repository, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<string>>(
            async connection => (await connection.QueryAsync<string>(
                "SELECT engine_snapshot_id FROM snapshots WHERE repository_id = @repository AND deleted_at IS NOT NULL AND engine_snapshot_id IS NOT NULL",
                new { repository })).ToList(),
            cancellationToken);

    /// <summary>How many snapshots a user has.</summary>
    public Task<long> CountAsync(UserId user, CancellationToken cancellationToken) =>
        database.ReadAsync(
            connection => connection.ExecuteScalarAsync<long>(
                "SELECT COUNT(*) FROM snapshots WHERE user_id = @user AND deleted_at IS NULL", new { user = user.Value }),
            cancellationToken);

    private Task<IReadOnlyList<Snapshot>> QueryAsync(string where, object parameters, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<Snapshot>>(
            async connection => [.. (await connection.QueryAsync<Row>($"{Select} {where}", parameters)).Select(row => row.ToSnapshot())], cancellationToken);

    private sealed class Row
    {
        public long Id { get; init; }

        public long User_Id { get; init; }

        public long Instance_Id { get; init; }

        public long Repository_Id { get; init; }

        public string Name { get; init; } = "";

        public string Status { get; init; } = "";

        public long Keep_Forever { get; init; }

        public long Is_Sync { get; init; }

        public string? Engine_Snapshot_Id { get; init; }

        public long Created_At { get; init; }

        public string Document { get; init; } = "";

        public Snapshot ToSnapshot() => new(
            new SnapshotNumber(Id),
            new UserId(User_Id),
            new InstanceId(Instance_Id),
            Repository_Id,
            Name,
            Enum.Parse<SnapshotStatus>(Status),
            Keep_Forever == 1,
            Is_Sync == 1,
            Engine_Snapshot_Id,
            Columns.Instant(Created_At),
            Columns.FromDocument<SnapshotDocument>(Document));
    }
}
