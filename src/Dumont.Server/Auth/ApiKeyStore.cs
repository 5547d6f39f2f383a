using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Auth;

/// <summary>An API key as kept; of the key itself only the hash is.</summary>
internal sealed record ApiKey(
    long Id, string Name, string Prefix, IReadOnlyList<string> Scopes, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? LastUsedAt);

/// <summary>A key that was presented, with its user.</summary>
internal sealed record ApiKeyOwner(long KeyId, UserId UserId, string Email, string Role, IReadOnlyList<string> Scopes, DateTimeOffset? ExpiresAt);

/// <summary>The API keys of users.</summary>
internal sealed class ApiKeyStore(Database database, TimeProvider time)
{
    /// <summary>Stores a new key.</summary>
    public async Task<ApiKey> CreateAsync(
        UserId user, string name, string prefix, string hash, IReadOnlyList<string> scopes, DateTimeOffset? expiresAt, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var id = await database.WriteAsync(
            transaction => transaction.Connection!.ExecuteScalarAsync<long>(
                """
                INSERT INTO api_keys (user_id, name, prefix, hash, scopes, created_at, expires_at, last_used_at, revoked_at)
                VALUES (@user, @name, @prefix, @hash, @scopes, @now, @expires, NULL, NULL) RETURNING id
                """,
                new { user = user.Value, name, prefix, hash, scopes = string.Join(' ', scopes), now = Columns.Of(now), expires = Columns.Of(expiresAt) },
                transaction),
            cancellationToken);
        return new ApiKey(id, name, prefix, scopes, now, expiresAt, null);
    }

    /// <summary>The keys that are not revoked, newest first.</summary>
    public Task<IReadOnlyList<ApiKey>> ListAsync(UserId user, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<ApiKey>>(
            async connection => (await connection.QueryAsync<KeyRow>(
                """
                SELECT id AS Id, name AS Name, prefix AS Prefix, scopes AS Scopes, created_at AS CreatedAt, expires_at AS ExpiresAt,
                    last_used_at AS LastUsedAt
                FROM api_keys WHERE user_id = @user AND revoked_at IS NULL ORDER BY id DESC
                """,
                new { user = user.Value })).Select(row => new ApiKey(
                    row.Id,
                    row.Name,
                    row.Prefix,
                    row.Scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries),
                    Columns.Instant(row.CreatedAt),
                    Columns.Instant(row.ExpiresAt),
                    Columns.Instant(row.LastUsedAt))).ToList(),
            cancellationToken);

    /// <summary>Revokes a key of <paramref name="user"/>; the hash of what it was, or null when he has no such key.</summary>
    public Task<string?> RevokeAsync(UserId user, long id, CancellationToken cancellationToken) =>
        database.WriteAsync(
            transaction => transaction.Connection!.ExecuteScalarAsync<string?>(
                "UPDATE api_keys SET revoked_at = @now WHERE id = @id AND user_id = @user AND revoked_at IS NULL RETURNING hash",
                new { now = Columns.Of(time.GetUtcNow()), id, user = user.Value },
                transaction),
            cancellationToken);

    /// <summary>Whose key has <paramref name="hash"/>; null for none that is good now.</summary>
    public Task<ApiKeyOwner?> FindOwnerAsync(string hash, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async connection => (await connection.QueryAsync<OwnerRow>(
                """
                SELECT k.id AS KeyId, u.id AS UserId, u.email AS Email, u.role AS Role, k.scopes AS Scopes, k.expires_at AS ExpiresAt
                FROM api_keys k JOIN users u ON u.id = k.user_id
                WHERE k.hash = @hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > @now)
                """,
                new { hash, now = Columns.Of(time.GetUtcNow()) })).Select(row => new ApiKeyOwner(
                    row.KeyId,
                    new UserId(row.UserId),
                    row.Email,
                    row.Role,
                    row.Scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries),
                    Columns.Instant(row.ExpiresAt))).FirstOrDefault(),
            cancellationToken);

    /// <summary>Notes when keys were last used.</summary>
    public Task TouchAsync(IReadOnlyList<KeyValuePair<long, DateTimeOffset>> uses, CancellationToken cancellationToken) =>
        database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                "UPDATE api_keys SET last_used_at = @at WHERE id = @id",
                uses.Select(use => new { id = use.Key, at = Columns.Of(use.Value) }).ToList(),
                transaction),
            cancellationToken);

    private sealed record KeyRow(long Id, string Name, string Prefix, string Scopes, long CreatedAt, long? ExpiresAt, long? LastUsedAt);

    private sealed record OwnerRow(long KeyId, long UserId, string Email, string Role, string Scopes, long? ExpiresAt);
}
