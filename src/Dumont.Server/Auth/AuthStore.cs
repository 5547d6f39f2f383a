using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Auth;

/// <summary>A user as kept.</summary>
internal sealed record User(UserId Id, string Email, string? Username, string? Name, string PasswordHash, string Role, string Settings);

/// <summary>A session's new refresh token, to be stored by its hash.</summary>
internal sealed record NewRefreshToken(string SessionId, string Hash, DateTimeOffset ExpiresAt);

/// <summary>A browser's session and whose it is.</summary>
internal sealed record CookieSession(string SessionId, UserId UserId, string Email, string Role, DateTimeOffset ExpiresAt);

/// <summary>How the making of a user ended.</summary>
internal abstract record RegisterResult
{
    private RegisterResult()
    {
    }

    /// <summary>Made.</summary>
    public sealed record Registered(User User) : RegisterResult;

    /// <summary>The address has a user already.</summary>
    public sealed record EmailTaken : RegisterResult;

    /// <summary>Another user has the name.</summary>
    public sealed record UsernameTaken : RegisterResult;

    /// <summary>The operator makes the users.</summary>
    public sealed record Closed : RegisterResult;
}

/// <summary>How a refresh ended.</summary>
internal abstract record RotateResult
{
    private RotateResult()
    {
    }

    /// <summary>The new token is stored.</summary>
    public sealed record Rotated(User User) : RotateResult;

    /// <summary>The token was used before: the session, whose name this is, is revoked.</summary>
    public sealed record Reused(string SessionId) : RotateResult;

    /// <summary>Unknown, expired or revoked.</summary>
    public sealed record Refused : RotateResult;
}

/// <summary>Users, sessions and their refresh tokens.</summary>
internal sealed class AuthStore(Database database, TimeProvider time)
{
    private const string UserColumns = "id AS Id, email AS Email, username AS Username, name AS Name, password_hash AS PasswordHash, role AS Role, settings AS Settings";

    /// <summary>How secrets of high entropy are kept.</summary>
    public static string HashOf(string secret) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    /// <summary>Makes a user; the first one administers the server. <paramref name="suggested"/> is taken as user name when it is free.</summary>
    public async Task<RegisterResult> RegisterAsync(
        string email, string? username, string? suggested, string? name, string passwordHash, bool open, CancellationToken cancellationToken)
    {
        try
        {
            return await database.WriteAsync(
                async transaction =>
                {
                    var connection = transaction.Connection!;

                    // One registration at a time: two first users would both administer.
                    await connection.ExecuteAsync(
                        "INSERT INTO server_values (name, value) VALUES ('registration', '') ON CONFLICT (name) DO UPDATE SET value = ''",
                        transaction: transaction);
                    var isFirst = await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM users", transaction: transaction) == 0;
                    if (!open && !isFirst)
                    {
                        return new RegisterResult.Closed();
                    }

                    if (await ExistsAsync(transaction, "email", email))
                    {
                        return new RegisterResult.EmailTaken();
                    }

                    if (username is not null && await ExistsAsync(transaction, "username", username))
                    {
                        return (RegisterResult)new RegisterResult.UsernameTaken();
                    }

                    username ??= suggested is not null && !await ExistsAsync(transaction, "username", suggested) ? suggested : null;
                    var role = isFirst ? "admin" : "user";
                    var id = await connection.ExecuteScalarAsync<long>(
                        """
                        INSERT INTO users (email, username, name, password_hash, role, settings, created_at)
                        VALUES (@email, @username, @name, @passwordHash, @role, '{}', @now) RETURNING id
                        """,
                        new { email, username, name, passwordHash, role, now = Columns.Of(time.GetUtcNow()) },
                        transaction);
                    return new RegisterResult.Registered(new User(new UserId(id), email, username, name, passwordHash, role, "{}"));
                },
                cancellationToken);
        }
        catch (DbException exception) when (database.IsUniqueViolation(exception))
        {
            return new RegisterResult.EmailTaken();
        }
    }

    /// <summary>By address or by user name, both in lower case.</summary>
    public Task<User?> FindUserAsync(string identifier, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async connection => (await connection.QueryAsync<UserRow>(
                $"SELECT {UserColumns} FROM users WHERE {(identifier.Contains('@') ? "email" : "username")} = @identifier", new { identifier }))
                .Select(UserOf).FirstOrDefault(),
            cancellationToken);

    /// <summary>By id.</summary>
    public Task<User?> FindUserAsync(UserId id, CancellationToken cancellationToken) =>
        database.ReadAsync(connection => FindUserAsync(connection, null, id.Value), cancellationToken);

    /// <summary>Whether anybody has an account.</summary>
    public Task<bool> AnyUserAsync(CancellationToken cancellationToken) =>
        database.ReadAsync(async connection => await connection.ExecuteScalarAsync<long?>("SELECT 1 FROM users LIMIT 1") is not null, cancellationToken);

    /// <summary>The session that the secret with <paramref name="hash"/> belongs to; null for none that is good now.</summary>
    public Task<CookieSession?> FindSessionAsync(string hash, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async connection => (await connection.QueryAsync<SessionRow>(
                """
                SELECT s.id AS SessionId, u.id AS UserId, u.email AS Email, u.role AS Role, t.expires_at AS ExpiresAt
                FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id JOIN users u ON u.id = s.user_id
                WHERE t.hash = @hash AND t.used_at IS NULL AND t.expires_at > @now AND s.revoked_at IS NULL
                """,
                new { hash, now = Columns.Of(time.GetUtcNow()) }))
                .Select(row => new CookieSession(row.SessionId, new UserId(row.UserId), row.Email, row.Role, Columns.Instant(row.ExpiresAt)))
                .FirstOrDefault(),
            cancellationToken);

    /// <summary>Lets a session in use last longer.</summary>
    public Task ProlongSessionAsync(string sessionId, string hash, DateTimeOffset until, CancellationToken cancellationToken) =>
        database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                """
                UPDATE refresh_tokens SET expires_at = @until WHERE hash = @hash;
                UPDATE sessions SET expires_at = @until WHERE id = @sessionId AND revoked_at IS NULL
                """,
                new { until = Columns.Of(until), hash, sessionId },
                transaction),
            cancellationToken);

    /// <summary>Opens a session with its first refresh token.</summary>
    public Task OpenSessionAsync(UserId user, NewRefreshToken token, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                await transaction.Connection!.ExecuteAsync(
                    "INSERT INTO sessions (id, user_id, created_at, expires_at, revoked_at) VALUES (@id, @user, @now, @expires, NULL)",
                    new { id = token.SessionId, user = user.Value, now = Columns.Of(time.GetUtcNow()), expires = Columns.Of(token.ExpiresAt) },
                    transaction);
                await InsertTokenAsync(transaction, token);
            },
            cancellationToken);

    /// <summary>Uses up the refresh token with <paramref name="hash"/> and stores the one that <paramref name="next"/> makes for its session. Of two
    /// calls at the same time one wins; the other is a reuse.</summary>
    public Task<RotateResult> RotateAsync(string hash, Func<string, NewRefreshToken> next, CancellationToken cancellationToken)
    {
        var now = Columns.Of(time.GetUtcNow());
        return database.WriteAsync(
            async transaction =>
            {
                var connection = transaction.Connection!;
                var row = (await connection.QueryAsync<TokenRow>(
                    """
                    SELECT t.session_id AS SessionId, s.user_id AS UserId, t.expires_at AS ExpiresAt, t.used_at AS UsedAt, s.revoked_at AS RevokedAt
                    FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id WHERE t.hash = @hash
                    """,
                    new { hash },
                    transaction)).FirstOrDefault();
                if (row is null || row.RevokedAt is not null || row.ExpiresAt <= now)
                {
                    return new RotateResult.Refused();
                }

                var used = await connection.ExecuteAsync(
                    "UPDATE refresh_tokens SET used_at = @now WHERE hash = @hash AND used_at IS NULL", new { now, hash }, transaction);
                if (used == 0)
                {
                    await RevokeAsync(transaction, row.SessionId, now);
                    return new RotateResult.Reused(row.SessionId);
                }

                var token = next(row.SessionId);
                await InsertTokenAsync(transaction, token);
                await connection.ExecuteAsync(
                    "UPDATE sessions SET expires_at = @expires WHERE id = @id",
                    new { expires = Columns.Of(token.ExpiresAt), id = token.SessionId },
                    transaction);
                return (RotateResult)new RotateResult.Rotated((await FindUserAsync(connection, transaction, row.UserId))!);
            },
            cancellationToken);
    }

    /// <summary>Ends a session.</summary>
    public Task RevokeSessionAsync(string sessionId, CancellationToken cancellationToken) =>
        database.WriteAsync(transaction => RevokeAsync(transaction, sessionId, Columns.Of(time.GetUtcNow())), cancellationToken);

    /// <summary>Sessions that were revoked at or after <paramref name="since"/>.</summary>
    public Task<IReadOnlyList<string>> ListRevokedAsync(DateTimeOffset since, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<string>>(
            async connection => (await connection.QueryAsync<string>(
                "SELECT id FROM sessions WHERE revoked_at >= @since", new { since = Columns.Of(since) })).AsList(),
            cancellationToken);

    /// <summary>Removes sessions and tokens that have ended for longer than a day.</summary>
    public Task PruneAsync(CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                var before = new { before = Columns.Of(time.GetUtcNow() - TimeSpan.FromDays(1)) };
                var connection = transaction.Connection!;
                await connection.ExecuteAsync(
                    """
                    DELETE FROM refresh_tokens WHERE expires_at < @before
                        OR session_id IN (SELECT id FROM sessions WHERE expires_at < @before OR revoked_at < @before)
                    """,
                    before,
                    transaction);
                await connection.ExecuteAsync(
                    """
                    DELETE FROM sessions WHERE (expires_at < @before OR revoked_at < @before)
                        AND NOT EXISTS (SELECT 1 FROM refresh_tokens WHERE session_id = sessions.id)
                    """,
                    before,
                    transaction);
            },
            cancellationToken);

    private static async Task<bool> ExistsAsync(DbTransaction transaction, string column, string value) =>
        await transaction.Connection!.ExecuteScalarAsync<long>($"SELECT COUNT(*) FROM users WHERE {column} = @value", new { value }, transaction) > 0;

    private static async Task<User?> FindUserAsync(DbConnection connection, DbTransaction? transaction, long id) =>
        (await connection.QueryAsync<UserRow>($"SELECT {UserColumns} FROM users WHERE id = @id", new { id }, transaction)).Select(UserOf).FirstOrDefault();

    private static Task<int> RevokeAsync(DbTransaction transaction, string sessionId, long now) =>
        transaction.Connection!.ExecuteAsync(
            "UPDATE sessions SET revoked_at = @now WHERE id = @sessionId AND revoked_at IS NULL", new { now, sessionId }, transaction);

    private static Task<int> InsertTokenAsync(DbTransaction transaction, NewRefreshToken token) =>
        transaction.Connection!.ExecuteAsync(
            "INSERT INTO refresh_tokens (hash, session_id, expires_at, used_at) VALUES (@Hash, @SessionId, @expires, NULL)",
            new { token.Hash, token.SessionId, expires = Columns.Of(token.ExpiresAt) },
            transaction);

    private static User UserOf(UserRow row) => new(new UserId(row.Id), row.Email, row.Username, row.Name, row.PasswordHash, row.Role, row.Settings);

    private sealed record UserRow(long Id, string Email, string? Username, string? Name, string PasswordHash, string Role, string Settings);

    private sealed record SessionRow(string SessionId, long UserId, string Email, string Role, long ExpiresAt);

    private sealed record TokenRow(string SessionId, long UserId, long ExpiresAt, long? UsedAt, long? RevokedAt);
}
