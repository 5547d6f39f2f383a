using System.Security.Cryptography;
using System.Text;
using Dapper;
using Dumont.Server.Platform;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Machines;

/// <summary>Who this server is towards providers and machines: its name in owner tags and the SSH key with which it prepares machines. Both are made
/// once for a database and shared by its replicas.</summary>
internal sealed class ServerIdentity(Database database, MasterKey masterKey, IOptions<ServerOptions> options)
{
    private const string NameValue = "server_name";
    private const string PrivateKeyValue = "management_private_key";
    private const string PublicKeyValue = "management_public_key";

    private string? _serverName;
    private string? _publicKey;

    /// <summary>Ten lower-case letters and digits; part of every owner tag.</summary>
    public string ServerName => _serverName ?? throw new InvalidOperationException("The identity has not been loaded.");

    /// <summary>The key that is put on every machine, <c>ssh-ed25519 AAAA…</c>.</summary>
    public string ManagementPublicKey => _publicKey ?? throw new InvalidOperationException("The identity has not been loaded.");

    /// <summary>Private half on disk, mode 0600.</summary>
    public string ManagementKeyFile => Path.Combine(options.Value.DataDirectory, "ssh", "management_key");

    /// <summary>Loads the identity, making it at the first start.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        _serverName = await EnsureValueAsync(NameValue, () => Task.FromResult(RandomName()), cancellationToken);
        if (await FindValueAsync(PrivateKeyValue, cancellationToken) is null)
        {
            var pair = await SshKeyPair.GenerateAsync(cancellationToken);
            await database.WriteAsync(
                async transaction =>
                {
                    // Both halves or none; the replica that comes second reads the first one's.
                    var inserted = await InsertValueAsync(transaction, PrivateKeyValue, masterKey.Protect(PrivateKeyValue, pair.PrivateKey));
                    if (inserted)
                    {
                        await InsertValueAsync(transaction, PublicKeyValue, pair.PublicKey);
                    }
                },
                cancellationToken);
        }

        _publicKey = await FindValueAsync(PublicKeyValue, cancellationToken);
        var privateKey = masterKey.Unprotect(PrivateKeyValue, (await FindValueAsync(PrivateKeyValue, cancellationToken))!);
        Directory.CreateDirectory(Path.GetDirectoryName(ManagementKeyFile)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await SshKeyPair.WritePrivateFileAsync(ManagementKeyFile, privateKey, cancellationToken);
    }

    /// <summary>The secret with which the machine of this tag opens its agent link. Derived, so it needs no storing.</summary>
    public string MachineToken(string tag) => "dumont_mt_" + Convert.ToHexStringLower(HMACSHA256.HashData(masterKey.Derive("machine-token"), Encoding.UTF8.GetBytes(tag)));

    /// <summary>What is stored of <see cref="MachineToken"/>.</summary>
    public string MachineTokenHash(string tag) => HashToken(MachineToken(tag));

    /// <summary>SHA-256 in lower-case hexadecimal.</summary>
    public static string HashToken(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    private static string RandomName() => RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyz0123456789", 10);

    private async Task<string> EnsureValueAsync(string name, Func<Task<string>> make, CancellationToken cancellationToken)
    {
        if (await FindValueAsync(name, cancellationToken) is { } value)
        {
            return value;
        }

        var made = await make();
        await database.WriteAsync(transaction => InsertValueAsync(transaction, name, made), cancellationToken);
        return (await FindValueAsync(name, cancellationToken))!;
    }

    private Task<string?> FindValueAsync(string name, CancellationToken cancellationToken) =>
        database.ReadAsync(
            connection => connection.ExecuteScalarAsync<string?>("SELECT value FROM server_values WHERE name = @name", new { name }), cancellationToken);

    private static async Task<bool> InsertValueAsync(System.Data.Common.DbTransaction transaction, string name, string value) =>
        await transaction.Connection!.ExecuteAsync(
            "INSERT INTO server_values (name, value) VALUES (@name, @value) ON CONFLICT (name) DO NOTHING", new { name, value }, transaction) > 0;
}
