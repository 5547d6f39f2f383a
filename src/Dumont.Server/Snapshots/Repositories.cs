using System.Security.Cryptography;
using Dumont.Contracts;
using Dumont.Server.Settings;
using Dumont.Snapshots;
using Dumont.Snapshots.Engines;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Snapshots;

/// <summary>Which repository each user's snapshots are in, and what opens it.</summary>
internal sealed class Repositories(
    RepositoryStore store,
    StorageSettingsStore settings,
    SecretStore secrets,
    IRepositoryOpener opener,
    IOptions<SnapshotsOptions> options)
{
    private const int SecretBytes = 32;

    /// <summary>The repository that the user's next snapshot goes to.</summary>
    public async Task<Repository> EnsureOfUserAsync(UserId user, CancellationToken cancellationToken)
    {
        var storage = await settings.FindAsync(user, cancellationToken);
        return await store.EnsureAsync(user, storage.Engine ?? options.Value.DefaultEngine, storage, cancellationToken);
    }

    /// <summary>What the user's storage settings lack.</summary>
    public async Task<IReadOnlyList<string>> MissingAsync(UserId user, CancellationToken cancellationToken) =>
        StorageRules.Missing(await settings.FindAsync(user, cancellationToken));

    public Task<Repository?> FindAsync(long id, CancellationToken cancellationToken) => store.FindAsync(id, cancellationToken);

    /// <summary>What opens all repositories of a user: 64 hexadecimal digits, made at the first use.</summary>
    public Task<string> EnsureSecretAsync(UserId user, CancellationToken cancellationToken) =>
        secrets.EnsureAsync(user, SecretStore.SnapshotKey, () => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SecretBytes)), cancellationToken);

    /// <summary>Makes the repository unless it has been made.</summary>
    /// <exception cref="SnapshotEngineException">It could not be made.</exception>
    public async Task EnsureReadyAsync(long id, CancellationToken cancellationToken)
    {
        if (await store.FindAsync(id, cancellationToken) is { IsReady: false } repository)
        {
            await (await EngineOfAsync(repository, TimeSpan.Zero, cancellationToken)).EnsureRepositoryAsync(cancellationToken);
            await store.SetReadyAsync(id, cancellationToken);
        }
    }

    /// <summary>The objects of a repository. Who gets them does not dispose of them.</summary>
    public IObjectStore OpenObjects(Repository repository) => opener.OpenObjects(repository);

    /// <summary>The engine of a repository, as the server itself uses it. What a prune frees stays for <paramref name="graceOfPrune"/>, where the engine
    /// lets readers and prunes work at once.</summary>
    public async Task<ISnapshotEngine> EngineOfAsync(Repository repository, TimeSpan graceOfPrune, CancellationToken cancellationToken) =>
        opener.OpenEngine(repository, await EnsureSecretAsync(repository.UserId, cancellationToken), graceOfPrune);
}
