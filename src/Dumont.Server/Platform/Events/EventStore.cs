using System.Data.Common;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Platform.Events;

/// <summary>Something that happened to a user's things. Written in the transaction that makes it true.</summary>
/// <remarks>A message is only in rows of servers that wrote sentences; what is written now has its facts in the document, see <see cref="EventTexts"/>.</remarks>
internal sealed record RecordedEvent(long Id, DateTimeOffset At, InstanceId? InstanceId, string Type, string Message, string Document);

/// <summary>The events of each user, append-only, in order of id.</summary>
internal sealed class EventStore(Database database, TimeProvider time)
{
    /// <summary>What a guarded write does besides, in its transaction: <paramref name="also"/>, and then the event, each where there is one.</summary>
    public Func<DbTransaction, Task> With(UserId userId, InstanceId instanceId, NewEvent? happened, Func<DbTransaction, Task>? also) =>
        async transaction =>
        {
            if (also is not null)
            {
                await also(transaction);
            }

            if (happened is not null)
            {
                await AppendAsync(transaction, userId, instanceId, happened);
            }
        };

    /// <summary>Appends within the caller's transaction.</summary>
    public Task AppendAsync(DbTransaction transaction, UserId userId, InstanceId? instanceId, NewEvent happened) =>
        transaction.Connection!.ExecuteAsync(
            "INSERT INTO events (at, user_id, instance_id, type, message, document) VALUES (@at, @user, @instance, @type, '', @document)",
            new
            {
                at = Columns.Of(time.GetUtcNow()),
                user = userId.Value,
                instance = instanceId?.Value,
                type = happened.Type,
                document = Columns.Document(happened.Facts ?? new object()),
            },
            transaction);

    /// <summary>Newest first; of one instance or of all the user's.</summary>
    public Task<IReadOnlyList<RecordedEvent>> ListAsync(UserId userId, InstanceId? instanceId, long afterId, int limit, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<RecordedEvent>>(
            async connection => (await connection.QueryAsync<(long Id, long At, long? Instance, string Type, string Message, string Document)>(
                """
                SELECT id, at, instance_id, type, message, document FROM events
                WHERE user_id = @user AND (@instance = 0 OR instance_id = @instance) AND id > @afterId ORDER BY id DESC LIMIT @limit
                """,
                new { user = userId.Value, instance = instanceId?.Value ?? 0L, afterId, limit }))
                .Select(row => new RecordedEvent(
                    row.Id,
                    Columns.Instant(row.At),
                    row.Instance is { } id ? new InstanceId(id) : null,
                    row.Type,
                    row.Message,
                    row.Document))
                .ToList(),
            cancellationToken);
}
