using System.Globalization;
using Dapper;

namespace Dumont.Server.Platform.Store;

/// <summary>Brings a database to the present form. Steps are embedded files <c>Migrations/NNNN_name.sql</c>, applied once, in order, each in one
/// transaction with its version stamp; a shipped step is never edited.</summary>
internal static class Schema
{
    /// <summary>Applies the steps that are missing.</summary>
    public static async Task EnsureAsync(Database database, CancellationToken cancellationToken)
    {
        await database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                "CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY, name TEXT NOT NULL)", transaction: transaction),
            cancellationToken);
        foreach (var (version, name, sql) in Steps())
        {
            await database.WriteAsync(
                async transaction =>
                {
                    var connection = transaction.Connection!;
                    var applied = await connection.ExecuteScalarAsync<long?>(
                        "SELECT version FROM schema_versions WHERE version = @version", new { version }, transaction);
                    if (applied is null)
                    {
                        await connection.ExecuteAsync(sql.Replace("{identity}", database.IdentityColumn, StringComparison.Ordinal), transaction: transaction);
                        await connection.ExecuteAsync(
                            "INSERT INTO schema_versions (version, name) VALUES (@version, @name)", new { version, name }, transaction);
                    }
                },
                cancellationToken);
        }
    }

    private static IEnumerable<(long Version, string Name, string Sql)> Steps()
    {
        var assembly = typeof(Schema).Assembly;
        const string marker = ".Migrations.";
        return
            from resource in assembly.GetManifestResourceNames()
            let at = resource.IndexOf(marker, StringComparison.Ordinal)
            where at >= 0 && resource.EndsWith(".sql", StringComparison.Ordinal)
            let name = resource[(at + marker.Length)..^".sql".Length]
            orderby name
            select (long.Parse(name[..4], CultureInfo.InvariantCulture), name, Read(resource));

        string Read(string resource)
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            return reader.ReadToEnd();
        }
    }
}
