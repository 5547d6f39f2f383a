using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Dapper;
using Dumont.Server.Platform.Store;
using Dumont.Server.Tests.Platform.Store;
using Npgsql;

[assembly: AssemblyFixture(typeof(PostgresCluster))]

namespace Dumont.Server.Tests.Platform.Store;

/// <summary>The databases that every store must work on alike.</summary>
public enum Backend
{
    SqliteMemory,
    SqliteFile,
    Postgres,
}

/// <summary>Opens fresh, empty databases.</summary>
internal static class Backends
{
    /// <summary>All of them, for theories.</summary>
    public static TheoryData<Backend> All => [Backend.SqliteMemory, Backend.SqliteFile, Backend.Postgres];

    /// <summary>One with the product's schema. Skips the test where PostgreSQL is not installed.</summary>
    public static async Task<TestDatabase> OpenAsync(Backend backend)
    {
        var name = "t" + Guid.NewGuid().ToString("N");
        string? directory = null;
        Database database;
        switch (backend)
        {
            case Backend.SqliteMemory:
                database = SqliteDatabase.InMemory();
                break;
            case Backend.SqliteFile:
                directory = Directory.CreateTempSubdirectory("dumont-db-").FullName;
                database = SqliteDatabase.OfFile(Path.Combine(directory, "dumont.db"));
                break;
            default:
                database = new PostgresDatabase(await PostgresCluster.NewSchemaAsync(name));
                break;
        }

        await Schema.EnsureAsync(database, TestContext.Current.CancellationToken);
        return new TestDatabase(database, directory);
    }
}

/// <summary>A database for one test.</summary>
internal sealed class TestDatabase(Database database, string? directory) : IAsyncDisposable
{
    public Database Database { get; } = database;

    /// <summary>Makes a user to hang rows on.</summary>
    public Task<long> AddUserAsync(string email) =>
        Database.WriteAsync(
            transaction => transaction.Connection!.ExecuteScalarAsync<long>(
                "INSERT INTO users (email, password_hash, role, settings, created_at) VALUES (@email, '', 'user', '{}', 0) RETURNING id",
                new { email },
                transaction),
            TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        if (directory is not null)
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}

/// <summary>A PostgreSQL of our own for the test run: started at the first use, on a free port of loopback, in a temporary folder, without a
/// password and without fsync.</summary>
public sealed class PostgresCluster : IAsyncDisposable
{
    private static readonly SemaphoreSlim Gate = new(1, 1);

    private static string? _connection;
    private static string? _directory;
    private static string? _missing;

    /// <summary>Makes a schema and gives the connection string that works in it.</summary>
    internal static async Task<string> NewSchemaAsync(string name)
    {
        await Gate.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            if (_connection is null && _missing is null)
            {
                await StartAsync();
            }
        }
        finally
        {
            Gate.Release();
        }

        Assert.SkipWhen(_missing is not null, _missing ?? "");
        await using var connection = new NpgsqlConnection(_connection);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync($"CREATE SCHEMA {name}");
        return $"{_connection};Search Path={name};Maximum Pool Size=8";
    }

    public async ValueTask DisposeAsync()
    {
        if (_directory is not null)
        {
            NpgsqlConnection.ClearAllPools();
            await RunAsync("pg_ctl", "-D", _directory, "-m", "immediate", "-w", "stop");
            Directory.Delete(_directory, recursive: true);
        }
    }

    private static async Task StartAsync()
    {
        if (FindProgram("initdb") is null)
        {
            _missing = "PostgreSQL is not installed: no initdb in PATH or /usr/lib/postgresql/*/bin.";
            return;
        }

        var directory = Directory.CreateTempSubdirectory("dumont-pg-").FullName;
        if (Environment.UserName == "root")
        {
            using var chown = Process.Start("chown", ["postgres", directory]);
            await chown.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        if (await RunAsync("initdb", "-D", directory, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync") != 0)
        {
            _missing = "initdb failed; is there a user postgres?";
            return;
        }

        for (var attempt = 0; attempt < 5; attempt++)
        {
            var port = FreePort();
            var options = $"-p {port} -k {directory} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=300";
            if (await RunAsync("pg_ctl", "-D", directory, "-o", options, "-l", Path.Combine(directory, "log"), "-w", "start") == 0)
            {
                (_directory, _connection) = (directory, $"Host=127.0.0.1;Port={port};Username=postgres;Database=postgres");
                return;
            }
        }

        _missing = $"PostgreSQL did not start; see {directory}/log.";
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string? FindProgram(string name) =>
        (Environment.GetEnvironmentVariables()["PATH"] as string ?? "").Split(':')
            .Concat(Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").Select(version => version + "/bin") : [])
            .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        string[] command = [FindProgram(program)!, .. arguments];
        // PostgreSQL refuses to run as root.
        var start = Environment.UserName == "root"
            ? new ProcessStartInfo("runuser", ["-u", "postgres", "--", .. command])
            : new ProcessStartInfo(command[0], command[1..]);
        start.WorkingDirectory = "/tmp";
        start.RedirectStandardOutput = true;
        using var process = Process.Start(start)!;
        // Not read: the server that pg_ctl leaves behind inherits the pipe, and what is said before fits it.
        await process.WaitForExitAsync(CancellationToken.None);
        return process.ExitCode;
    }
}
