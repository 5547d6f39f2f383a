using System.Text.Json;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Settings;

/// <summary>The free-form settings of users.</summary>
internal sealed class SettingsStore(Database database)
{
    /// <summary>All values of a user.</summary>
    public Task<Dictionary<string, JsonElement>> GetAsync(UserId user, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async connection => Parse(await connection.ExecuteScalarAsync<string?>("SELECT settings FROM users WHERE id = @user", new { user = user.Value })),
            cancellationToken);

    /// <summary>Merges <paramref name="changes"/>; a null removes its key. False, and nothing is changed, when too much would be kept.</summary>
    public Task<bool> MergeAsync(UserId user, IReadOnlyDictionary<string, JsonElement> changes, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                var connection = transaction.Connection!;

                // An update that changes nothing, for its lock: a merge at the same time waits and then reads what this one wrote.
                var kept = Parse(await connection.ExecuteScalarAsync<string?>(
                    "UPDATE users SET settings = settings WHERE id = @user RETURNING settings", new { user = user.Value }, transaction));
                if (SettingsPolicy.Merge(kept, changes) is not { } merged)
                {
                    return false;
                }

                await connection.ExecuteAsync("UPDATE users SET settings = @merged WHERE id = @user", new { merged, user = user.Value }, transaction);
                return true;
            },
            cancellationToken);

    private static Dictionary<string, JsonElement> Parse(string? settings) =>
        settings is null ? [] : JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(settings) ?? [];
}
