using Dapper;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Tests.Platform.Store;

public sealed class KeptRowsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Query_VersionUnchanged_GivesTheSameRecordWithoutReadingIt()
    {
        await using var database = await OpenAsync();
        var reads = 0;
        var rows = Kept(() => reads++);

        var (first, second) = (await QueryAsync(database, rows), await QueryAsync(database, rows));

        Assert.Same(first, second);
        Assert.Equal(1, reads);
    }

    [Fact]
    public async Task Query_VersionRaised_ReadsTheRowAgain()
    {
        await using var database = await OpenAsync();
        var rows = Kept(() => { });
        await QueryAsync(database, rows);

        await database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync("UPDATE things SET word = 'new', version = 2", transaction: transaction), Cancel);

        Assert.Equal("new", (await QueryAsync(database, rows)).Word);
    }

    [Fact]
    public async Task Write_Throws_LeavesNothingAndTheNextTransactionBegins()
    {
        await using var database = await OpenAsync();

        await Assert.ThrowsAsync<InvalidOperationException>(() => database.WriteAsync(
            async transaction =>
            {
                await transaction.Connection!.ExecuteAsync("UPDATE things SET word = 'lost', version = 2", transaction: transaction);
                throw new InvalidOperationException();
            },
            Cancel));
        await database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync("UPDATE things SET version = version + 1", transaction: transaction), Cancel);

        Assert.Equal(new Thing(2, "old"), await QueryAsync(database, Kept(() => { })));
    }

    private static async Task<SqliteDatabase> OpenAsync()
    {
        var database = SqliteDatabase.InMemory();
        await database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                "CREATE TABLE things (id BIGINT, version BIGINT, word TEXT); INSERT INTO things VALUES (7, 1, 'old')", transaction: transaction),
            Cancel);
        return database;
    }

    private static KeptRows<Thing> Kept(Action onRead) =>
        new(reader =>
        {
            onRead();
            return new Thing(reader.GetInt64(1), reader.GetString(2));
        });

    private static async Task<Thing> QueryAsync(SqliteDatabase database, KeptRows<Thing> rows) =>
        Assert.Single(await database.ReadAsync(
            connection => rows.QueryAsync(connection, "SELECT id, version, word FROM things WHERE id = @id", Cancel, ("@id", 7L)), Cancel));

    private sealed record Thing(long Version, string Word);
}
