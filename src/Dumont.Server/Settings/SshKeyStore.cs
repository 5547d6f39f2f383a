using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Settings;

/// <summary>The SSH keys that are let into a user's instances.</summary>
internal sealed class SshKeyStore(Database database, TimeProvider time)
{
    /// <summary>Keys of one user at most.</summary>
    public const int KeysMax = 100;

    private const string KeyColumns = "id AS Id, name AS Name, public_key AS PublicKey, fingerprint AS Fingerprint, created_at AS CreatedAt";

    /// <summary>Oldest first.</summary>
    public Task<IReadOnlyList<SshKeyResponse>> ListAsync(UserId user, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<SshKeyResponse>>(
            async connection => (await connection.QueryAsync<KeyRow>(
                $"SELECT {KeyColumns} FROM ssh_keys WHERE user_id = @user ORDER BY id", new { user = user.Value })).Select(KeyOf).ToList(),
            cancellationToken);

    /// <summary>Adds a key; one that is there already is answered as it is. Null when there are too many.</summary>
    public Task<(SshKeyResponse Key, bool IsNew)?> AddAsync(UserId user, string name, SshPublicKey key, CancellationToken cancellationToken) =>
        database.WriteAsync<(SshKeyResponse, bool)?>(
            async transaction =>
            {
                var connection = transaction.Connection!;
                var parameters = new { user = user.Value, name, key = key.Line, fingerprint = key.Fingerprint, now = Columns.Of(time.GetUtcNow()) };
                var inserted = await connection.ExecuteAsync(
                    """
                    INSERT INTO ssh_keys (user_id, name, public_key, fingerprint, created_at) VALUES (@user, @name, @key, @fingerprint, @now)
                    ON CONFLICT (user_id, fingerprint) DO NOTHING
                    """,
                    parameters,
                    transaction);
                var count = await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM ssh_keys WHERE user_id = @user", parameters, transaction);
                if (inserted == 1 && count > KeysMax)
                {
                    await connection.ExecuteAsync("DELETE FROM ssh_keys WHERE user_id = @user AND fingerprint = @fingerprint", parameters, transaction);
                    return null;
                }

                var row = await connection.QuerySingleAsync<KeyRow>(
                    $"SELECT {KeyColumns} FROM ssh_keys WHERE user_id = @user AND fingerprint = @fingerprint", parameters, transaction);
                return (KeyOf(row), inserted == 1);
            },
            cancellationToken);

    /// <summary>Removes a key; false when the user has none of that id.</summary>
    public Task<bool> RemoveAsync(UserId user, long id, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction => await transaction.Connection!.ExecuteAsync(
                "DELETE FROM ssh_keys WHERE id = @id AND user_id = @user", new { id, user = user.Value }, transaction) == 1,
            cancellationToken);

    private static SshKeyResponse KeyOf(KeyRow row) => new(row.Id, row.Name, row.PublicKey, row.Fingerprint, Columns.Instant(row.CreatedAt));

    private sealed record KeyRow(long Id, string Name, string PublicKey, string Fingerprint, long CreatedAt);
}
