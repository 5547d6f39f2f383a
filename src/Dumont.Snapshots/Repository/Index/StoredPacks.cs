namespace Dumont.Snapshots;

/// <summary>Which packs the store has, and which of them are marked: named by a pending record, for a prune to delete.</summary>
/// <param name="Present">By their names.</param>
/// <param name="Marked">Never relied on again, wherever an index lists them. Empty when only reading.</param>
/// <param name="Records">Object names of the pending records that say so.</param>
internal sealed record StoredPacks(
    IReadOnlyDictionary<ContentHash, StoredObject> Present, IReadOnlySet<ContentHash> Marked, IReadOnlySet<string> Records)
{
    /// <summary>Looks at the store. To be asked after the index was read: what is listed is there by then, unless it was deleted.</summary>
    /// <param name="repository">Whose packs.</param>
    /// <param name="isForReading">Marked packs are there until they are deleted, and good to be read.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="SnapshotFormatException">A pending record is damaged.</exception>
    public static async Task<StoredPacks> ReadAsync(Repository repository, bool isForReading, CancellationToken cancellationToken)
    {
        var marked = new HashSet<ContentHash>();
        var records = new HashSet<string>(StringComparer.Ordinal);
        if (!isForReading)
        {
            // The marks before the packs: a record goes only when its packs are gone.
            foreach (var (name, record) in await PendingRecords.ReadAllAsync(repository, cancellationToken))
            {
                records.Add(name);
                marked.UnionWith(record.PackNames);
            }
        }

        return new StoredPacks(await ListAsync(repository.Store, cancellationToken), marked, records);
    }

    /// <summary>The packs in a store.</summary>
    public static async Task<Dictionary<ContentHash, StoredObject>> ListAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        var present = new Dictionary<ContentHash, StoredObject>();
        await foreach (var stored in store.ListAsync(ObjectNames.Packs, cancellationToken))
        {
            if (ObjectNames.TryParseDigest(stored.Name, out var name) && stored.Name == ObjectNames.Pack(name))
            {
                present[name] = stored;
            }
        }

        return present;
    }
}
