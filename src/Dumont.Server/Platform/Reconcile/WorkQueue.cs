using System.Data.Common;
using Dapper;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Platform.Reconcile;

/// <summary>One claim of one work item. <see cref="Token"/> is larger than that of every earlier claim of the same item.</summary>
internal readonly record struct Fence(string Kind, long Key, long Token);

/// <summary>Who looks after what, and when next. A claim is a lease: it ends by <see cref="CompleteAsync"/> or by time, and then somebody else may claim.
/// A lease alone protects nothing; every guarded write also checks the fence (<see cref="HoldsAsync"/>).</summary>
internal sealed class WorkQueue(Database database, TimeProvider time) : IDisposable
{
    private const long Never = long.MaxValue;

    private readonly SemaphoreSlim _pulse = new(0);

    /// <summary>Makes sure the item exists and is due no later than <paramref name="dueAt"/>. Part of the caller's transaction.</summary>
    public static Task WakeAsync(DbTransaction transaction, string kind, long key, DateTimeOffset dueAt) =>
        transaction.Connection!.ExecuteAsync(
            """
            INSERT INTO work_items (kind, key, due_at, fence, owner, lease_until, failures) VALUES (@kind, @key, @due, 0, NULL, 0, 0)
            ON CONFLICT (kind, key) DO UPDATE SET due_at = CASE WHEN work_items.due_at < @due THEN work_items.due_at ELSE @due END
            """,
            new { kind, key, due = Columns.Of(dueAt) },
            transaction);

    /// <summary>Makes sure the item exists and is due now.</summary>
    public async Task WakeAsync(string kind, long key, CancellationToken cancellationToken)
    {
        await database.WriteAsync(transaction => WakeAsync(transaction, kind, key, time.GetUtcNow()), cancellationToken);
        Pulse();
    }

    /// <summary>Tells the runner of this process that something may be due; call it after a transaction that woke an item.</summary>
    public void Pulse() => _pulse.Release();

    /// <inheritdoc />
    public void Dispose() => _pulse.Dispose();

    /// <summary>Waits for a pulse, at most <paramref name="limit"/>. Pulses that came before count once.</summary>
    public async Task WaitAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            await _pulse.WaitAsync(either.Token);
            while (_pulse.Wait(TimeSpan.Zero, CancellationToken.None))
            {
                // Several pulses are one.
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The limit passed without a pulse.
        }
    }

    /// <summary>Claims up to <paramref name="limit"/> due items for <paramref name="lease"/>.</summary>
    public Task<IReadOnlyList<Fence>> ClaimAsync(string owner, TimeSpan lease, int limit, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return database.WriteAsync<IReadOnlyList<Fence>>(
            async transaction => (await transaction.Connection!.QueryAsync<(string Kind, long Key, long Fence)>(
                $"""
                UPDATE work_items SET owner = @owner, lease_until = @until, fence = fence + 1, due_at = @until
                WHERE (kind, key) IN (
                    SELECT kind, key FROM work_items WHERE due_at <= @now AND lease_until <= @now ORDER BY due_at LIMIT @limit{database.SkipLocked})
                RETURNING kind, key, fence
                """,
                new { owner, now = Columns.Of(now), until = Columns.Of(now + lease), limit },
                transaction)).Select(row => new Fence(row.Kind, row.Key, row.Fence)).ToList(),
            cancellationToken);
    }

    /// <summary>Ends the claims of owners that are known to be dead, and makes their items due: nobody waits for the lease of a process that was killed.
    /// What such an owner may still have under way is fenced, as after any lost lease.</summary>
    public Task<int> ReleaseAsync(Func<string, bool> isDead, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return database.WriteAsync(
            async transaction =>
            {
                var owners = await transaction.Connection!.QueryAsync<string>(
                    "SELECT DISTINCT owner FROM work_items WHERE owner IS NOT NULL", transaction: transaction);
                var released = 0;
                foreach (var owner in owners.Where(isDead))
                {
                    released += await transaction.Connection!.ExecuteAsync(
                        "UPDATE work_items SET owner = NULL, lease_until = 0, due_at = @now WHERE owner = @owner",
                        new { owner, now = Columns.Of(now) },
                        transaction);
                }

                return released;
            },
            cancellationToken);
    }

    /// <summary>When the earliest unclaimed item is due; null when there is none.</summary>
    public Task<DateTimeOffset?> NextDueAsync(CancellationToken cancellationToken) =>
        database.ReadAsync(
            async connection => Columns.Instant(await connection.ExecuteScalarAsync<long?>(
                "SELECT MIN(CASE WHEN lease_until > due_at THEN lease_until ELSE due_at END) FROM work_items WHERE due_at < @never",
                new { never = Never })),
            cancellationToken);

    /// <summary>Ends a claim. The item is due again at <paramref name="nextDueAt"/>, or at once when it was woken meanwhile; null means only when
    /// woken. The row stays for ever, so that fences never repeat. Does nothing when the claim was lost.</summary>
    public Task CompleteAsync(Fence fence, DateTimeOffset leaseUntil, DateTimeOffset? nextDueAt, bool failed, CancellationToken cancellationToken) =>
        database.WriteAsync(
            // A claim sets due_at to the end of the lease; anything earlier is a wake-up that came while the item was held.
            transaction => transaction.Connection!.ExecuteAsync(
                """
                UPDATE work_items SET owner = NULL, lease_until = 0,
                    due_at = CASE WHEN due_at < @until AND due_at < @due THEN due_at ELSE @due END,
                    failures = CASE WHEN @failed = 1 THEN failures + 1 ELSE 0 END
                WHERE kind = @Kind AND key = @Key AND fence = @Token
                """,
                new
                {
                    fence.Kind,
                    fence.Key,
                    fence.Token,
                    until = Columns.Of(leaseUntil),
                    due = nextDueAt is { } due ? Columns.Of(due) : Never,
                    failed = failed ? 1L : 0L,
                },
                transaction),
            cancellationToken);

    /// <summary>How often in a row the item's tick has thrown.</summary>
    public Task<long> FailuresAsync(Fence fence, CancellationToken cancellationToken) =>
        database.ReadAsync(
            connection => connection.ExecuteScalarAsync<long>(
                "SELECT failures FROM work_items WHERE kind = @Kind AND key = @Key", new { fence.Kind, fence.Key }),
            cancellationToken);

    /// <summary>Whether <paramref name="fence"/> is still the newest claim, and keeps it so until the transaction ends. To be asked inside the
    /// transaction of a guarded write.</summary>
    public static async Task<bool> HoldsAsync(DbTransaction transaction, Fence fence) =>
        await transaction.Connection!.ExecuteAsync(
            "UPDATE work_items SET fence = fence WHERE kind = @Kind AND key = @Key AND fence = @Token",
            new { fence.Kind, fence.Key, fence.Token },
            transaction) == 1;
}

/// <summary>A guarded write found that somebody else holds the item or has changed the row: the tick's results are dropped.</summary>
internal sealed class StaleWriteException(string what) : Exception($"{what} was changed by somebody else; this result is dropped.");
