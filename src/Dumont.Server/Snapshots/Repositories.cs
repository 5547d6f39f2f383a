using System.Globalization;
using System.Security.Cryptography;
using Dumont.Contracts;
using Dumont.Server.Machines;
using Dumont.Server.Platform;
using Dumont.Server.Settings;
using Dumont.Snapshots;
using Dumont.Snapshots.Engines;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Snapshots;

/// <summary>Where each user's snapshots are, and what opens them. A repository's place is put together from ids and the user's own settings.</summary>
internal sealed class Repositories(
    RepositoryStore store,
    StorageSettingsStore settings,
    SecretStore secrets,
    ServerIdentity identity,
    StoreFactory stores,
    TimeProvider time,
    IOptions<ServerOptions> server,
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
    public IObjectStore OpenObjects(Repository repository)
    {
        var storage = store.StorageOf(repository);
        return storage.Provider == StorageSettings.Local ? stores.OpenFolder(FolderOf(repository)) : stores.OpenS3(storage, PrefixOf(repository, storage));
    }

    /// <summary>The engine of a repository, as the server itself uses it. What a prune frees stays for <paramref name="graceOfPrune"/>, where the engine
    /// lets readers and prunes work at once.</summary>
    public async Task<ISnapshotEngine> EngineOfAsync(Repository repository, TimeSpan graceOfPrune, CancellationToken cancellationToken)
    {
        var secret = await EnsureSecretAsync(repository.UserId, cancellationToken);
        return repository.Engine switch
        {
            DumontEngine.Name => new DumontEngine(OpenObjects(repository), RepositorySecret.FromKey(Convert.FromHexString(secret)), graceOfPrune, time),
            ResticEngine.Name => new ResticEngine(options.Value.ResticProgram, ResticOf(repository, secret)),
            _ => throw new SnapshotEngineException(SnapshotFailure.NotInstalled, $"The engine {repository.Engine} is not supported by this server."),
        };
    }

    private ResticRepository ResticOf(Repository repository, string secret)
    {
        var storage = store.StorageOf(repository);
        var cache = Path.Combine(server.Value.DataDirectory, "restic-cache");
        if (storage.Provider == StorageSettings.Local)
        {
            var folder = FolderOf(repository);
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return new ResticRepository(folder, secret, new Dictionary<string, string>(), cache);
        }

        var place = $"s3:{storage.Endpoint.TrimEnd('/')}/{storage.Bucket}/{PrefixOf(repository, storage)}";
        var environment = new Dictionary<string, string>
        {
            ["AWS_ACCESS_KEY_ID"] = storage.AccessKey,
            ["AWS_SECRET_ACCESS_KEY"] = storage.SecretKey,
            ["AWS_DEFAULT_REGION"] = storage.Region.Length > 0 ? storage.Region : "us-east-1",
        };
        return new ResticRepository(place, secret, environment, cache);
    }

    private string FolderOf(Repository repository) =>
        Path.GetFullPath(Path.Combine(
            server.Value.DataDirectory,
            "repositories",
            repository.UserId.ToString(),
            repository.Id.ToString(CultureInfo.InvariantCulture)));

    // Two servers, or two users of one, may share a bucket.
    private string PrefixOf(Repository repository, StorageSettings storage) =>
        $"{storage.Prefix.Trim('/')}/{identity.ServerName}/{repository.UserId}/{repository.Id.ToString(CultureInfo.InvariantCulture)}".TrimStart('/');
}
