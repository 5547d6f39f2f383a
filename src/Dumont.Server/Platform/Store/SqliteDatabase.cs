using System.Collections.Concurrent;
using System.Data;
using System.Data.Common;
using System.Runtime.InteropServices;
using Dapper;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Dumont.Server.Platform.Store;

/// <summary>One SQLite file in WAL mode, synced to disk at each commit. Writers queue in process: SQLite has one anyway, and a queue
/// is fair where its busy handler is not.</summary>
internal sealed class SqliteDatabase : Database
{
    private const int UniqueViolation = 2067;
    private const int PrimaryKeyViolation = 1555;

    private readonly string _connectionString;
    private readonly bool _isInMemory;
    private readonly SemaphoreSlim _writer = new(1, 1);

    // Open ones are kept: opening and setting up costs more than most queries.
    private readonly ConcurrentBag<SqliteStatements> _idle = [];

    static SqliteDatabase()
    {
        // The system's libsqlite3 is newer and patched; the package's own copy dates from 2021.
        NativeLibrary.SetDllImportResolver(
            typeof(SQLite3Provider_e_sqlite3).Assembly,
            (name, _, _) => name == "e_sqlite3" && NativeLibrary.TryLoad("libsqlite3.so.0", out var handle) ? handle : IntPtr.Zero);
        raw.SetProvider(new SQLite3Provider_e_sqlite3());

        // Counting its memory, which nobody reads, would make every allocation of every connection take one lock.
        raw.sqlite3_config(raw.SQLITE_CONFIG_MEMSTATUS, 0);

        // A connection has one user at a time; a lock around each of its calls protects nothing.
        raw.sqlite3_config(raw.SQLITE_CONFIG_MULTITHREAD);
    }

    private SqliteDatabase(string connectionString, bool isInMemory)
    {
        (_connectionString, _isInMemory) = (connectionString, isInMemory);
        _idle.Add(Open());
    }

    /// <inheritdoc />
    public override string SkipLocked => "";

    /// <inheritdoc />
    public override string IdentityColumn => "INTEGER PRIMARY KEY AUTOINCREMENT";

    /// <summary>A file, created when missing.</summary>
    public static SqliteDatabase OfFile(string path) =>
        new(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString(), isInMemory: false);

    /// <summary>A database that lives as long as this object. It has one connection, which readers and writers take in turn.</summary>
    public static SqliteDatabase InMemory() =>
        new(new SqliteConnectionStringBuilder { DataSource = ":memory:", Pooling = false }.ToString(), isInMemory: true);

    /// <inheritdoc />
    public override async Task<T> ReadAsync<T>(Func<DbConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        if (_isInMemory)
        {
            await _writer.WaitAsync(cancellationToken);
        }

        var connection = Take();
        try
        {
            return await work(connection);
        }
        finally
        {
            _idle.Add(connection);
            if (_isInMemory)
            {
                _writer.Release();
            }
        }
    }

    /// <inheritdoc />
    public override async Task<T> WriteAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        await _writer.WaitAsync(cancellationToken);
        try
        {
            var connection = Take();
            try
            {
                await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.Serializable, cancellationToken);
                var result = await work(transaction);
                await transaction.CommitAsync(cancellationToken);
                return result;
            }
            finally
            {
                _idle.Add(connection);
            }
        }
        finally
        {
            _writer.Release();
        }
    }

    /// <summary>An open connection that nobody uses. The number of them is the most that were ever used at once.</summary>
    private SqliteStatements Take() => _idle.TryTake(out var connection) ? connection : Open();

    private SqliteStatements Open()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        connection.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON;");
        return new SqliteStatements(connection);
    }

    /// <inheritdoc />
    public override bool IsUniqueViolation(DbException exception) =>
        exception is SqliteException { SqliteExtendedErrorCode: UniqueViolation or PrimaryKeyViolation };

    /// <inheritdoc />
    public override async ValueTask DisposeAsync()
    {
        while (_idle.TryTake(out var connection))
        {
            await connection.DisposeAsync();
        }

        _writer.Dispose();
    }
}
