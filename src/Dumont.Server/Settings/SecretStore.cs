using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Settings;

/// <summary>A secret as kept.</summary>
internal sealed record KeptSecret(UserId User, string Name, string Ciphertext);

/// <summary>The secrets of users, encrypted. Whose and which one it is, is part of the encryption.</summary>
internal sealed class SecretStore(Database database, MasterKey master, TimeProvider time)
{
    public const string VastApiKey = "vast_api_key";
    public const string GcpCredentials = "gcp_credentials";
    public const string CloudStorage = "cloud_storage";
    public const string SnapshotKey = "snapshot_key";

    /// <summary>One secret of one user.</summary>
    public Task<KeptSecret?> FindAsync(UserId user, string name, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async connection => await connection.ExecuteScalarAsync<string?>(
                "SELECT ciphertext FROM user_secrets WHERE user_id = @user AND name = @name", new { user = user.Value, name }) is { } ciphertext
                ? new KeptSecret(user, name, ciphertext)
                : null,
            cancellationToken);

    /// <summary>The secrets called <paramref name="name"/> of all users.</summary>
    public Task<IReadOnlyList<KeptSecret>> ListAsync(string name, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<KeptSecret>>(
            async connection => (await connection.QueryAsync<(long User, string Ciphertext)>(
                "SELECT user_id, ciphertext FROM user_secrets WHERE name = @name ORDER BY user_id", new { name }))
                .Select(row => new KeptSecret(new UserId(row.User), name, row.Ciphertext)).ToList(),
            cancellationToken);

    /// <summary>The secret itself.</summary>
    public string Reveal(KeptSecret secret) => master.Unprotect(ContextOf(secret.User, secret.Name), secret.Ciphertext);

    /// <summary>Keeps a secret; an empty one is removed.</summary>
    public Task SetAsync(UserId user, string name, string secret, CancellationToken cancellationToken)
    {
        var parameters = new
        {
            user = user.Value,
            name,
            ciphertext = master.Protect(ContextOf(user, name), secret),
            now = Columns.Of(time.GetUtcNow()),
        };
        var sql = secret.Length == 0
            ? "DELETE FROM user_secrets WHERE user_id = @user AND name = @name"
            : """
              INSERT INTO user_secrets (user_id, name, ciphertext, updated_at) VALUES (@user, @name, @ciphertext, @now)
              ON CONFLICT (user_id, name) DO UPDATE SET ciphertext = @ciphertext, updated_at = @now
              """;
        return database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(sql, parameters, transaction), cancellationToken);
    }

    /// <summary>The secret called <paramref name="name"/>, which is made of <paramref name="make"/> when there is none. All callers get the same one.</summary>
    public async Task<string> EnsureAsync(UserId user, string name, Func<string> make, CancellationToken cancellationToken)
    {
        if (await FindAsync(user, name, cancellationToken) is { } known)
        {
            return Reveal(known);
        }

        var ciphertext = master.Protect(ContextOf(user, name), make());
        await database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                "INSERT INTO user_secrets (user_id, name, ciphertext, updated_at) VALUES (@user, @name, @ciphertext, @now) ON CONFLICT (user_id, name) DO NOTHING",
                new { user = user.Value, name, ciphertext, now = Columns.Of(time.GetUtcNow()) },
                transaction),
            cancellationToken);
        return Reveal((await FindAsync(user, name, cancellationToken))!);
    }

    private static string ContextOf(UserId user, string name) => $"user/{user}/{name}";
}
