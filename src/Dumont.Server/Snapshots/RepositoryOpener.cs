using System.Globalization;
using Dumont.Server.Machines;
using Dumont.Server.Platform;
using Dumont.Snapshots;
using Dumont.Snapshots.Engines;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Snapshots;

/// <summary>Reaches repositories where they are.</summary>
internal interface IRepositoryOpener
{
    /// <summary>The objects of a repository. Who gets them does not dispose of them.</summary>
    IObjectStore OpenObjects(Repository repository);

    /// <summary>Its engine, with the secret that opens it. What a prune frees stays for <paramref name="graceOfPrune"/>.</summary>
    /// <exception cref="SnapshotEngineException">The server has no such engine.</exception>
    ISnapshotEngine OpenEngine(Repository repository, string secret, TimeSpan graceOfPrune);
}

/// <summary>Folders of the server's disk and buckets. A repository's place is put together from ids and the user's own settings.</summary>
internal sealed class RepositoryOpener(
    RepositoryStore store,
    ServerIdentity identity,
    StoreFactory stores,
    TimeProvider time,
    IOptions<ServerOptions> server,
    IOptions<SnapshotsOptions> options) : IRepositoryOpener
{
    /// <inheritdoc />
    public IObjectStore OpenObjects(Repository repository)
    {
        var storage = store.StorageOf(repository);
        return storage.Provider == StorageSettings.Local ? stores.OpenFolder(FolderOf(repository)) : stores.OpenS3(storage, PrefixOf(repository, storage));
    }

    /// <inheritdoc />
    public ISnapshotEngine OpenEngine(Repository repository, string secret, TimeSpan graceOfPrune) =>
        repository.Engine switch
        {
            DumontEngine.Name => new DumontEngine(OpenObjects(repository), RepositorySecret.FromKey(Convert.FromHexString(secret)), graceOfPrune, time),
            ResticEngine.Name => new ResticEngine(options.Value.ResticProgram, ResticOf(repository, secret)),
            _ => throw new SnapshotEngineException(SnapshotFailure.NotInstalled, $"The engine {repository.Engine} is not supported by this server."),
        };

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
