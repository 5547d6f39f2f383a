namespace Dumont.Snapshots;

/// <summary>Writes indexes, and reads what they are made of from the packs themselves.</summary>
internal static class IndexObjects
{
    /// <summary>Stores an index.</summary>
    /// <returns>Its name.</returns>
    public static async Task<ContentHash> PutAsync(Repository repository, IndexObject index, CancellationToken cancellationToken)
    {
        var content = SealedObject.Seal(ObjectKind.Index, index.ToBody(), repository.Keys);
        var name = ContentHash.Of(content);
        await repository.Store.PutAsync(ObjectNames.Index(name), content, PutMode.CreateNew, cancellationToken);
        return name;
    }

    /// <summary>Reads what is in a pack from its own footer.</summary>
    /// <returns>Null when there is no such pack.</returns>
    /// <exception cref="SnapshotFormatException">Damaged.</exception>
    public static async Task<PackContent?> TryReadPackAsync(Repository repository, ContentHash pack, CancellationToken cancellationToken)
    {
        var name = ObjectNames.Pack(pack);
        if (await repository.Store.FindAsync(name, cancellationToken) is not { } stored)
        {
            return null;
        }

        if (stored.SizeBytes is < PackFormat.HeaderBytes + PackFormat.TrailerBytes or > PackFormat.MaximumBytes)
        {
            throw new SnapshotFormatException($"{name} has {stored.SizeBytes} bytes, which no pack has");
        }

        try
        {
            var trailer = await ReadAsync(repository, name, stored.SizeBytes - PackFormat.TrailerBytes, PackFormat.TrailerBytes, cancellationToken);
            var length = PackFormat.TailBytesOf(trailer, stored.SizeBytes, repository.IsEncrypted, name);
            var tail = await ReadAsync(repository, name, stored.SizeBytes - length, length, cancellationToken);
            return PackFormat.ReadTail(pack, tail, stored.SizeBytes, repository.Keys, name);
        }
        catch (ObjectStoreException e) when (e.Kind == ObjectStoreErrorKind.NotFound)
        {
            return null;
        }
    }

    private static async Task<byte[]> ReadAsync(Repository repository, string name, long offset, int length, CancellationToken cancellationToken)
    {
        var content = new byte[length];
        var read = await repository.Store.ReadAsync(name, offset, content, cancellationToken);
        return read == length ? content : throw new SnapshotFormatException($"{name} is shorter than its store says");
    }
}
