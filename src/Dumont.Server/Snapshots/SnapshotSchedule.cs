using System.Data.Common;
using System.Globalization;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Snapshots;

/// <summary>When snapshots are taken by themselves: every so often, or each day at a time of UTC.</summary>
internal sealed record ScheduleRule
{
    public int? EveryMinutes { get; init; }

    /// <summary>Minutes since midnight, UTC.</summary>
    public int? DailyMinute { get; init; }

    public bool IsEnabled { get; init; } = true;

    /// <summary>The next time after <paramref name="now"/>. Pure.</summary>
    public DateTimeOffset NextAfter(DateTimeOffset now)
    {
        if (EveryMinutes is { } minutes)
        {
            return now + TimeSpan.FromMinutes(minutes);
        }

        var today = new DateTimeOffset(now.UtcDateTime.Date, TimeSpan.Zero) + TimeSpan.FromMinutes(DailyMinute ?? 0);
        return today > now ? today : today + TimeSpan.FromDays(1);
    }

    /// <summary>Reads <c>03:30</c>; null for anything else.</summary>
    public static int? ParseDaily(string text) =>
        TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var at) ? (at.Hour * 60) + at.Minute : null;

    /// <summary>As users write it.</summary>
    public string? DailyText => DailyMinute is { } minute ? string.Create(CultureInfo.InvariantCulture, $"{minute / 60:00}:{minute % 60:00}") : null;
}

/// <summary>A row of snapshot_schedules.</summary>
internal sealed record SnapshotSchedule(InstanceId InstanceId, UserId UserId, DateTimeOffset NextAt, long? LastOperationId, ScheduleRule Rule);

/// <summary>The snapshot_schedules table.</summary>
internal sealed class ScheduleStore(Database database, TimeProvider time)
{
    public Task<SnapshotSchedule?> FindAsync(InstanceId instance, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async connection => (await connection.QueryAsync<(long Instance, long User, long Next, long? Last, string Document)>(
                "SELECT instance_id, user_id, next_at, last_operation_id, document FROM snapshot_schedules WHERE instance_id = @id", new { id = instance.Value }))
                .Select(row => new SnapshotSchedule(
                    new InstanceId(row.Instance), new UserId(row.User), Columns.Instant(row.Next), row.Last, Columns.FromDocument<ScheduleRule>(row.Document)))
                .SingleOrDefault(),
            cancellationToken);

    /// <summary>Sets the rule and puts its next time into the queue.</summary>
    public Task SetAsync(UserId user, InstanceId instance, ScheduleRule rule, CancellationToken cancellationToken)
    {
        var next = rule.NextAfter(time.GetUtcNow());
        return database.WriteAsync(
            async transaction =>
            {
                await transaction.Connection!.ExecuteAsync(
                    """
                    INSERT INTO snapshot_schedules (instance_id, user_id, next_at, document) VALUES (@id, @user, @next, @document)
                    ON CONFLICT (instance_id) DO UPDATE SET next_at = @next, document = @document
                    """,
                    new { id = instance.Value, user = user.Value, next = Columns.Of(next), document = Columns.Document(rule) },
                    transaction);
                await WorkQueue.WakeAsync(transaction, WorkKinds.SnapshotSchedule, instance.Value, time.GetUtcNow());
            },
            cancellationToken);
    }

    public Task RemoveAsync(InstanceId instance, CancellationToken cancellationToken) =>
        database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                "DELETE FROM snapshot_schedules WHERE instance_id = @id", new { id = instance.Value }, transaction),
            cancellationToken);

    /// <summary>Takes the turn that is due, without a snapshot.</summary>
    /// <exception cref="StaleWriteException">The fence was lost, or somebody has taken the turn or changed the rule.</exception>
    public Task PassTurnAsync(SnapshotSchedule schedule, DateTimeOffset next, Fence fence, CancellationToken cancellationToken) =>
        database.WriteAsync(
            transaction => TakeTurnAsync(transaction, schedule, next, schedule.LastOperationId, fence), cancellationToken);

    /// <summary>Takes the turn that is due, in the transaction that records its snapshot: neither is ever there without the other.</summary>
    /// <exception cref="StaleWriteException">The fence was lost, or somebody has taken the turn or changed the rule.</exception>
    public static async Task TakeTurnAsync(DbTransaction transaction, SnapshotSchedule schedule, DateTimeOffset next, long? operation, Fence fence)
    {
        var changed = await WorkQueue.HoldsAsync(transaction, fence)
            ? await transaction.Connection!.ExecuteAsync(
                "UPDATE snapshot_schedules SET next_at = @next, last_operation_id = @operation WHERE instance_id = @id AND next_at = @before",
                new { id = schedule.InstanceId.Value, next = Columns.Of(next), operation, before = Columns.Of(schedule.NextAt) },
                transaction)
            : 0;
        if (changed == 0)
        {
            throw new StaleWriteException($"The schedule of instance {schedule.InstanceId}");
        }
    }
}
