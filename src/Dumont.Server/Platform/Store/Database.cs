using System.Data.Common;

namespace Dumont.Server.Platform.Store;

/// <summary>Where the control plane keeps its facts. The SQL of the features is one text for SQLite and PostgreSQL: BIGINT, TEXT and DOUBLE
/// PRECISION columns, instants as Unix milliseconds, flags as 0 and 1 (ADR-0002).</summary>
internal abstract class Database : IAsyncDisposable
{
    /// <summary>Text of an auto-numbered primary key in this dialect.</summary>
    public abstract string IdentityColumn { get; }

    /// <summary>Suffix of a sub-select that passes over rows which another transaction is claiming; empty where writers queue.</summary>
    public abstract string SkipLocked { get; }

    /// <summary>Runs <paramref name="work"/> in one transaction that is durable when the task ends. An exception rolls back.</summary>
    public abstract Task<T> WriteAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellationToken);

    /// <summary>As above, without a result.</summary>
    public async Task WriteAsync(Func<DbTransaction, Task> work, CancellationToken cancellationToken) =>
        await WriteAsync(
            async transaction =>
            {
                await work(transaction);
                return true;
            },
            cancellationToken);

    /// <summary>Runs <paramref name="work"/> on a connection of its own, outside a transaction.</summary>
    public abstract Task<T> ReadAsync<T>(Func<DbConnection, Task<T>> work, CancellationToken cancellationToken);

    /// <summary>Whether <paramref name="exception"/> says that a unique index refused a row.</summary>
    public abstract bool IsUniqueViolation(DbException exception);

    /// <inheritdoc />
    public abstract ValueTask DisposeAsync();
}
