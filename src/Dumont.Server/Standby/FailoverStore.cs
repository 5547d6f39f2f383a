using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Standby;

/// <summary>The failovers table: history that is never deleted. Written in the transactions of the standby reconciler.</summary>
internal sealed class FailoverStore(Database database)
{
    /// <summary>Inserts or replaces one.</summary>
    public static Task SaveAsync(DbTransaction transaction, Failover failover) =>
        transaction.Connection!.ExecuteAsync(
            """
            INSERT INTO failovers (id, instance_id, user_id, started_at, completed_at, phase, document)
            VALUES (@id, @instance, @user, @started, @completed, @phase, @document)
            ON CONFLICT (id) DO UPDATE SET completed_at = @completed, phase = @phase, document = @document
            """,
            new
            {
                id = failover.Id,
                instance = failover.InstanceId.Value,
                user = failover.UserId.Value,
                started = Columns.Of(failover.StartedAt),
                completed = Columns.Of(failover.CompletedAt),
                phase = failover.Phase.ToString(),
                document = Columns.Document(failover),
            },
            transaction);

    /// <summary>Any failover by id; for the reconciler.</summary>
    public async Task<Failover?> FindAsync(string id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE id = @id", new { id }, cancellationToken)).SingleOrDefault();

    /// <summary>A failover of the user's.</summary>
    public async Task<Failover?> FindOfUserAsync(UserId userId, string id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE id = @id AND user_id = @user", new { id, user = userId.Value }, cancellationToken)).SingleOrDefault();

    /// <summary>The user's failovers since <paramref name="since"/>, newest first.</summary>
    public Task<IReadOnlyList<Failover>> ListAsync(UserId userId, DateTimeOffset since, CancellationToken cancellationToken) =>
        QueryAsync(
            "WHERE user_id = @user AND started_at >= @since ORDER BY started_at DESC LIMIT 1000",
            new { user = userId.Value, since = Columns.Of(since) },
            cancellationToken);

    /// <summary>The last failover of an instance of the user's; null when there was none.</summary>
    public async Task<Failover?> FindLastAsync(UserId userId, InstanceId instanceId, CancellationToken cancellationToken) =>
        (await ListOfInstanceAsync(userId, instanceId, limit: 1, cancellationToken)).SingleOrDefault();

    /// <summary>The last failovers of an instance of the user's, newest first.</summary>
    public Task<IReadOnlyList<Failover>> ListOfInstanceAsync(UserId userId, InstanceId instanceId, int limit, CancellationToken cancellationToken) =>
        QueryAsync(
            "WHERE instance_id = @instance AND user_id = @user ORDER BY started_at DESC LIMIT @limit",
            new { instance = instanceId.Value, user = userId.Value, limit },
            cancellationToken);

    private Task<IReadOnlyList<Failover>> QueryAsync(string where, object parameters, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<Failover>>(
            async connection => (await connection.QueryAsync<string>($"SELECT document FROM failovers {where}", parameters))
                .Select(Columns.FromDocument<Failover>)
                .ToList(),
            cancellationToken);
}
