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
    private readonly SemaphoreSlim _writer = new(1, 1);

    // Keeps the file (or the shared in-memory database) open between uses.
    private readonly SqliteConnection _keeper;

    static SqliteDatabase()
    {
        // The system's libsqlite3 is newer and patched; the package's own copy dates from 2021.
        NativeLibrary.SetDllImportResolver(
            typeof(SQLite3Provider_e_sqlite3).Assembly,
            (name, _, _) => name == "e_sqlite3" && NativeLibrary.TryLoad("libsqlite3.so.0", out var handle) ? handle : IntPtr.Zero);
        raw.SetProvider(new SQLite3Provider_e_sqlite3());
    }

    private SqliteDatabase(string connectionString)
    {
        _connectionString = connectionString;
        _keeper = new SqliteConnection(connectionString);
        _keeper.Open();
    }

    /// <inheritdoc />
    public override string SkipLocked => "";

    /// <inheritdoc />
    public override string IdentityColumn => "INTEGER PRIMARY KEY AUTOINCREMENT";

    /// <summary>A file, created when missing.</summary>
    public static SqliteDatabase OfFile(string path) =>
        new(new SqliteConnectionStringBuilder { DataSource = path, Pooling = true }.ToString());

    /// <summary>A database that lives as long as this object. <paramref name="name"/> keeps several apart.</summary>
    public static SqliteDatabase InMemory(string name) =>
        new(new SqliteConnectionStringBuilder { DataSource = name, Mode = SqliteOpenMode.Memory, Cache = SqliteCacheMode.Shared }.ToString());

    /// <inheritdoc />
    public override async Task<DbConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = new SqliteConnection(_connectionString);
        await connection.OpenAsync(cancellationToken);
        await connection.ExecuteAsync("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON;");
        return connection;
    }

    /// <inheritdoc />
    public override async Task<T> WriteAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        await _writer.WaitAsync(cancellationToken);
        try
        {
            await using var connection = await OpenAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.Serializable, cancellationToken);
            var result = await work(transaction);
            await transaction.CommitAsync(cancellationToken);
            return result;
        }
        finally
        {
            _writer.Release();
        }
    }

    /// <inheritdoc />
    public override bool IsUniqueViolation(DbException exception) =>
        exception is SqliteException { SqliteExtendedErrorCode: UniqueViolation or PrimaryKeyViolation };

    /// <inheritdoc />
    public override async ValueTask DisposeAsync()
    {
        await _keeper.DisposeAsync();
        SqliteConnection.ClearPool(_keeper);
        _writer.Dispose();
    }
}
