using Dapper;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Providers.Ssh;
using Dumont.Server.Platform;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;
using Microsoft.Extensions.Options;

namespace Dumont.Server.OwnMachines;

/// <summary>The way to own machines: the keys that let us in, kept encrypted, and clients made with them.</summary>
internal sealed class OwnMachineAccess(Database database, MasterKey master, IOptions<ServerOptions> options, TimeProvider time)
{
    // Files of one connection; the folder is emptied of what a killed server left.
    private readonly Lazy<string> _workFolder = new(() => PrepareFolder(Path.Combine(options.Value.DataDirectory, "ssh", "own")));

    /// <summary>The user's own machine key, made when first asked for; its private half encrypted.</summary>
    public async Task<(string PrivateKey, string PublicKey)> EnsureKeyAsync(UserId user, CancellationToken cancellationToken)
    {
        if (await FindKeyAsync(user, cancellationToken) is not { } kept)
        {
            var pair = await SshKeyPair.GenerateAsync(cancellationToken);
            await database.WriteAsync(
                transaction => transaction.Connection!.ExecuteAsync(
                    """
                    INSERT INTO own_machine_keys (user_id, private_key, public_key) VALUES (@user, @privateKey, @publicKey) ON CONFLICT (user_id) DO NOTHING
                    """,
                    new { user = user.Value, privateKey = Protect(user, pair.PrivateKey), publicKey = pair.PublicKey },
                    transaction),
                cancellationToken);

            // Somebody else may have been faster; the stored pair is the one.
            kept = (await FindKeyAsync(user, cancellationToken))!.Value;
        }

        return kept;
    }

    /// <summary>Encrypts a private key for keeping.</summary>
    public string Protect(UserId user, string privateKey) => master.Protect(ContextOf(user), privateKey);

    /// <summary>A link with the key that was given for the machine, else with the user's.</summary>
    public async Task<OwnMachineLink> OpenAsync(UserId user, OwnMachineAddress address, string? privateKey, CancellationToken cancellationToken)
    {
        var kept = privateKey ?? (await EnsureKeyAsync(user, cancellationToken)).PrivateKey;
        return new OwnMachineLink(address, new Secret(master.Unprotect(ContextOf(user), kept)), _workFolder.Value, time);
    }

    /// <summary>The machine as a provider. One that was removed has nothing any more, by the word of its owner.</summary>
    public async Task<IComputeProvider> ConnectAsync(OwnMachine machine, CancellationToken cancellationToken) =>
        machine.RemovedAt is null
            ? new SshProvider(
                await OpenAsync(machine.UserId, machine.Address, machine.PrivateKey, cancellationToken),
                machine.Address,
                new SshOptions(machine.Id, machine.Location, machine.Document.Reliability))
            : new RemovedSshProvider();

    private Task<(string PrivateKey, string PublicKey)?> FindKeyAsync(UserId user, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async connection => (await connection.QueryAsync<(string PrivateKey, string PublicKey)>(
                "SELECT private_key, public_key FROM own_machine_keys WHERE user_id = @user", new { user = user.Value }))
                .Select(row => ((string, string)?)row).SingleOrDefault(),
            cancellationToken);

    private static string ContextOf(UserId user) => $"user/{user}/own_machine_key";

    private static string PrepareFolder(string folder)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (var left in Directory.EnumerateDirectories(folder))
        {
            Directory.Delete(left, recursive: true);
        }

        return folder;
    }
}
