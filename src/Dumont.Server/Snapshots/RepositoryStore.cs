using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Snapshots;

/// <summary>The repositories table. The store's keys in it are encrypted; whose they are is part of the encryption.</summary>
internal sealed class RepositoryStore(Database database, MasterKey master, TimeProvider time)
{
    private const string Select = "SELECT id, user_id, engine, location, storage, is_ready, created_at FROM repositories";

    /// <summary>The repository of that engine and place, which is recorded when it is new. Newer keys replace those kept.</summary>
    public async Task<Repository> EnsureAsync(UserId user, string engine, StorageSettings storage, CancellationToken cancellationToken)
    {
        var parameters = new { user = user.Value, engine, location = storage.Location };
        var known = (await QueryAsync("WHERE user_id = @user AND engine = @engine AND location = @location", parameters, cancellationToken)).SingleOrDefault();
        if (known is not null && StorageOf(known) == storage)
        {
            return known;
        }

        return (await database.WriteAsync(
            async transaction => await transaction.Connection!.QuerySingleAsync<Row>(
                """
                INSERT INTO repositories (user_id, engine, location, storage, is_ready, created_at) VALUES (@user, @engine, @location, @storage, 0, @at)
                ON CONFLICT (user_id, engine, location) DO UPDATE SET storage = @storage
                RETURNING id, user_id, engine, location, storage, is_ready, created_at
                """,
                new
                {
                    user = user.Value,
                    engine,
                    location = storage.Location,
                    storage = master.Protect(ContextOf(user), StorageSettingsStore.Text(storage)),
                    at = Columns.Of(time.GetUtcNow()),
                },
                transaction),
            cancellationToken)).ToRepository();
    }

    public async Task<Repository?> FindAsync(long id, CancellationToken cancellationToken) =>
        (await QueryAsync("WHERE id = @id", new { id }, cancellationToken)).SingleOrDefault();

    public Task<IReadOnlyList<Repository>> ListOfUserAsync(UserId user, CancellationToken cancellationToken) =>
        QueryAsync("WHERE user_id = @user ORDER BY id", new { user = user.Value }, cancellationToken);

    /// <summary>Those of all users that have been made and that some snapshot is in.</summary>
    public Task<IReadOnlyList<Repository>> ListInUseAsync(CancellationToken cancellationToken) =>
        QueryAsync(
            """
            WHERE is_ready = 1 AND EXISTS (
                SELECT 1 FROM snapshots s WHERE s.repository_id = repositories.id AND s.deleted_at IS NULL AND s.engine_snapshot_id IS NOT NULL)
            ORDER BY id
            """,
            new { },
            cancellationToken);

    /// <summary>Notes that the repository has been made.</summary>
    public Task SetReadyAsync(long id, CancellationToken cancellationToken) =>
        database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync("UPDATE repositories SET is_ready = 1 WHERE id = @id", new { id }, transaction), cancellationToken);

    /// <summary>How to reach it.</summary>
    public StorageSettings StorageOf(Repository repository) =>
        StorageSettingsStore.Parse(master.Unprotect(ContextOf(repository.UserId), repository.Storage));

    private static string ContextOf(UserId user) => $"user/{user}/repository";

    private Task<IReadOnlyList<Repository>> QueryAsync(string where, object parameters, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<Repository>>(
            async connection => [.. (await connection.QueryAsync<Row>($"{Select} {where}", parameters)).Select(row => row.ToRepository())], cancellationToken);

    private sealed class Row
    {
        public long Id { get; init; }

        public long User_Id { get; init; }

        public string Engine { get; init; } = "";

        public string Location { get; init; } = "";

        public string Storage { get; init; } = "";

        public long Is_Ready { get; init; }

        public long Created_At { get; init; }

        public Repository ToRepository() => new(Id, new UserId(User_Id), Engine, Location, Storage, Is_Ready == 1, Columns.Instant(Created_At));
    }
}
