using System.Collections.Concurrent;
using Dumont.Snapshots;

namespace Dumont.Server.Snapshots;

/// <summary>Opens folders and buckets, and keeps them open: connections and file handles are used again. Who gets a store does not dispose of it.</summary>
internal sealed class StoreFactory : IAsyncDisposable
{
    private const int StoresMax = 1000;
    private const string DefaultRegion = "us-east-1";

    private readonly ConcurrentDictionary<(string Place, string AccessKey, string SecretKey), IObjectStore> _open = new();

    /// <summary>The objects of a folder.</summary>
    public IObjectStore OpenFolder(string path) => Keep((path, "", ""), () => new DirectoryObjectStore(path));

    /// <summary>The objects below <paramref name="prefix"/> of the bucket of <paramref name="storage"/>.</summary>
    /// <exception cref="ObjectStoreException">The settings name no bucket that can be reached.</exception>
    public IObjectStore OpenS3(StorageSettings storage, string prefix) =>
        Keep(($"{storage.Endpoint}|{storage.Region}|{storage.Bucket}|{prefix}", storage.AccessKey, storage.SecretKey), () => Connect(storage, prefix));

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        foreach (var store in _open.Values)
        {
            await store.DisposeAsync();
        }
    }

    private IObjectStore Keep((string, string, string) key, Func<IObjectStore> open)
    {
        if (_open.TryGetValue(key, out var known))
        {
            return known;
        }

        if (_open.Count >= StoresMax)
        {
            // Those in use go on; they are collected when their users are done.
            _open.Clear();
        }

        return _open.GetOrAdd(key, _ => open());
    }

    private static S3ObjectStore Connect(StorageSettings storage, string prefix) =>
        new S3ObjectStore(new S3StoreOptions
        {
            Endpoint = new Uri(storage.Endpoint),
            Region = storage.Region.Length > 0 ? storage.Region : DefaultRegion,
            Bucket = storage.Bucket,
            Prefix = prefix,
            Credentials = new S3Credentials(storage.AccessKey, storage.SecretKey),
        });
}
