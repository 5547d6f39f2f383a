using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;

namespace Dumont.Server.Machines;

/// <summary>The keys that belong to an instance and follow it from machine to machine: its SSH host key, so that <c>known_hosts</c> never complains, and
/// the key with which its machines sync to one another.</summary>
internal sealed record InstanceKeys(SshKeyPair Host, SshKeyPair Sync);

/// <summary>The instance_keys table; private halves encrypted.</summary>
internal sealed class InstanceKeyStore(Database database, MasterKey masterKey)
{
    /// <summary>The keys of an instance, made when first asked for.</summary>
    public async Task<InstanceKeys> EnsureAsync(InstanceId id, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, cancellationToken) is { } keys)
        {
            return keys;
        }

        var host = await SshKeyPair.GenerateAsync(cancellationToken);
        var sync = await SshKeyPair.GenerateAsync(cancellationToken);
        await database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                """
                INSERT INTO instance_keys (instance_id, host_key, host_public_key, sync_key, sync_public_key)
                VALUES (@id, @host, @hostPublic, @sync, @syncPublic) ON CONFLICT (instance_id) DO NOTHING
                """,
                new
                {
                    id = id.Value,
                    host = masterKey.Protect(HostContext(id), host.PrivateKey),
                    hostPublic = host.PublicKey,
                    sync = masterKey.Protect(SyncContext(id), sync.PrivateKey),
                    syncPublic = sync.PublicKey,
                },
                transaction),
            cancellationToken);

        // Somebody else may have been faster; the stored pair is the one.
        return (await FindAsync(id, cancellationToken))!;
    }

    /// <summary>Public host key, <c>ssh-ed25519 AAAA…</c>; null before the first machine is prepared.</summary>
    public Task<string?> FindHostPublicKeyAsync(InstanceId id, CancellationToken cancellationToken) =>
        database.ReadAsync(
            connection => connection.ExecuteScalarAsync<string?>("SELECT host_public_key FROM instance_keys WHERE instance_id = @id", new { id = id.Value }),
            cancellationToken);

    /// <summary>The same of all the user's instances that have one.</summary>
    public Task<IReadOnlyDictionary<InstanceId, string>> ListHostPublicKeysAsync(UserId userId, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyDictionary<InstanceId, string>>(
            async connection => (await connection.QueryAsync<(long Id, string Key)>(
                """
                SELECT k.instance_id, k.host_public_key FROM instance_keys k JOIN instances i ON i.id = k.instance_id
                WHERE i.user_id = @user AND i.deleted_at IS NULL
                """,
                new { user = userId.Value })).ToDictionary(row => new InstanceId(row.Id), row => row.Key),
            cancellationToken);

    private async Task<InstanceKeys?> FindAsync(InstanceId id, CancellationToken cancellationToken)
    {
        var row = await database.ReadAsync(
            connection => connection.QuerySingleOrDefaultAsync<Row>(
                "SELECT host_key, host_public_key, sync_key, sync_public_key FROM instance_keys WHERE instance_id = @id", new { id = id.Value }),
            cancellationToken);
        return row is null
            ? null
            : new InstanceKeys(
                new SshKeyPair(masterKey.Unprotect(HostContext(id), row.Host_Key), row.Host_Public_Key),
                new SshKeyPair(masterKey.Unprotect(SyncContext(id), row.Sync_Key), row.Sync_Public_Key));
    }

    private static string HostContext(InstanceId id) => $"instance/{id}/host_key";

    private static string SyncContext(InstanceId id) => $"instance/{id}/sync_key";

    private sealed record Row(string Host_Key, string Host_Public_Key, string Sync_Key, string Sync_Public_Key);
}
