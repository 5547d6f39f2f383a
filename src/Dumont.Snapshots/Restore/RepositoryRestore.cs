namespace Dumont.Snapshots;

/// <summary>Restores snapshots of a repository.</summary>
public static class RepositoryRestore
{
    /// <summary>Restores a snapshot, or what the options select of it.</summary>
    /// <param name="repository">Opened.</param>
    /// <param name="snapshot">Of it.</param>
    /// <param name="target">Directory to restore into; for a new tree one that is not there yet, or empty.</param>
    /// <param name="options">What and how.</param>
    /// <param name="cancellationToken">Gives up; the target is then as it was before.</param>
    /// <exception cref="SnapshotFormatException">The snapshot or a chunk of it is damaged; names the path.</exception>
    /// <exception cref="RestoreException">The target cannot be restored into, or its disk is full.</exception>
    /// <exception cref="PosixException">The kernel refused something; names the path.</exception>
    /// <exception cref="ObjectStoreException">The store failed.</exception>
    /// <exception cref="ArgumentException">A pattern of the options is none.</exception>
    public static async Task<RestoreResult> RunAsync(
        Repository repository, Snapshot snapshot, string target, RestoreOptions options, CancellationToken cancellationToken)
    {
        // Not what was known when it was opened: the snapshot may be younger than that.
        await repository.ReloadIndexAsync(cancellationToken);
        var manifest = await repository.ReadEntriesAsync(snapshot, cancellationToken);
        return await new RestoreTree(new RepositoryChunks(repository), options)
            .RunAsync(manifest, $"{repository.Id}/{snapshot.Id}", target, cancellationToken);
    }
}
