using System.Collections.Concurrent;
using System.Data.Common;

namespace Dumont.Server.Platform.Store;

/// <summary>Rows of one table as records. A row that has not changed since it was last read is not read again beyond its key and version: reconcilers
/// look at the same few rows over and over, and making a record of a document costs more than finding its row.</summary>
/// <param name="read">Makes the record of a row: column 0 is its key, column 1 a version that every change of any column raises.</param>
internal sealed class KeptRows<T>(Func<DbDataReader, T> read)
    where T : class
{
    private const int RowsMax = 20_000;

    private readonly ConcurrentDictionary<long, (long Version, T Row)> _kept = new();

    /// <summary>The rows that <paramref name="sql"/> finds. Outside of transactions only: what one has not committed must not be kept.</summary>
    public async Task<IReadOnlyList<T>> QueryAsync(
        DbConnection connection, string sql, CancellationToken cancellationToken, params (string Name, object Value)[] parameters)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }

        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(RowOf(reader));
        }

        return rows;
    }

    private T RowOf(DbDataReader reader)
    {
        var (key, version) = (reader.GetInt64(0), reader.GetInt64(1));
        if (_kept.TryGetValue(key, out var kept) && kept.Version == version)
        {
            return kept.Row;
        }

        if (_kept.Count >= RowsMax)
        {
            _kept.Clear();
        }

        var row = read(reader);
        _kept[key] = (version, row);
        return row;
    }
}
