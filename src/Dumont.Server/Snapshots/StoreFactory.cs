using Dumont.Snapshots;

namespace Dumont.Server.Snapshots;

/// <summary>Opens buckets.</summary>
internal sealed class StoreFactory
{
    /// <summary>The objects below <paramref name="prefix"/> of the bucket of <paramref name="storage"/>.</summary>
    public IObjectStore OpenS3(StorageSettings storage, string prefix) =>
        throw new ObjectStoreException(ObjectStoreErrorKind.Protocol, "S3 is not supported by this server.");
}
