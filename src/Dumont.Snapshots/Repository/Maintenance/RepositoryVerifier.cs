using System.Collections.Concurrent;

namespace Dumont.Snapshots;

/// <summary>Checks a repository: every object is what its name says, every pack is there and is what the index says, every snapshot finds all its
/// chunks; and, as far as asked, every stored byte still gives the chunk it is kept for. Goes on after damage and names all of it.</summary>
/// <remarks>Takes no lease, so it keeps nobody waiting. What it misses because a prune took it meanwhile it looks for again before it says so.</remarks>
public sealed class RepositoryVerifier
{
    private readonly Repository _repository;

    // Of this look: everything but the packs is read again when the index has changed under it.
    private readonly ConcurrentQueue<Damage> _damages = new();
    private readonly HashSet<ContentHash> _cutOff = [];
    private readonly HashSet<ContentHash> _unreadable = [];
    private bool _relyOnWaiting;

    // For good: packs never change.
    private readonly PackVerifier _packs;

    private RepositoryVerifier(Repository repository, VerifyOptions options, VerifyProgress progress)
    {
        _repository = repository;
        _packs = new PackVerifier(repository, options, progress);
    }

    /// <summary>Verifies a repository that could be opened.</summary>
    /// <exception cref="ObjectStoreException">The store failed.</exception>
    public static Task<VerifyOutcome> VerifyAsync(
        Repository repository, VerifyOptions options, VerifyProgress progress, CancellationToken cancellationToken) =>
        new RepositoryVerifier(repository, options, progress).VerifyAsync(cancellationToken);

    private async Task<VerifyOutcome> VerifyAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var outcome = await LookAsync(cancellationToken);
            if (outcome.IsSound || attempt == Repository.IndexLoadTries || !await HasIndexChangedAsync(cancellationToken))
            {
                return outcome;
            }
        }
    }

    private async Task<VerifyOutcome> LookAsync(CancellationToken cancellationToken)
    {
        _damages.Clear();
        _cutOff.Clear();
        _unreadable.Clear();
        _relyOnWaiting = false;

        // In this order: what a snapshot needs is in the index before the snapshot is there.
        var (snapshots, damaged) = await _repository.ReadSnapshotsAsync(cancellationToken);
        var objects = await ReadIndexesAsync(cancellationToken);
        var stored = await ReadStoredPacksAsync(cancellationToken);
        var index = RepositoryIndex.Join(objects, stored);
        _repository.UseIndex(index);
        var marked = await ReadPendingAsync(cancellationToken);
        var waiting = await ReadWaitingAsync(index, marked, cancellationToken);
        _repository.UseIndex(index.With(waiting));
        var packs = index.Contents().Where(HasRightSize).Concat(waiting).ToList();
        await _packs.VerifyAsync(packs, waiting.Select(pack => pack.Name).ToHashSet(), cancellationToken);
        await VerifyOthersAsync(cancellationToken);
        var (paths, affected) = await VerifySnapshotsAsync(snapshots, damaged, index, cancellationToken);
        if (affected.Count > 0 || _relyOnWaiting)
        {
            ReportMissing(index);
        }

        return new VerifyOutcome(
            [.. _damages.Concat(_packs.DamagesOf(packs)).OrderBy(d => d.ObjectName, StringComparer.Ordinal)],
            paths,
            affected,
            stored.Present.Keys.Count(name => !index.HasPack(name) && !marked.Contains(name)),
            waiting.Count,
            snapshots.Count,
            index.Packs.Count,
            index.Chunks.Count,
            _packs.BytesRead);
    }

    // A listing of a pack that is gone is damage only where something that is needed has no other place in the index: a process that stood still may
    // have listed the pack after its deletion.
    private void ReportMissing(RepositoryIndex index)
    {
        foreach (var pack in index.Missing.Where(pack => pack.Chunks.Any(chunk => !index.Chunks.Contains(chunk.Id))))
        {
            Report(ObjectNames.Pack(pack.Name), $"{ObjectNames.Pack(pack.Name)} is missing");
        }
    }

    private async Task<bool> HasIndexChangedAsync(CancellationToken cancellationToken)
    {
        var known = _repository.Index.Objects.Concat(_repository.Index.Leftovers).Select(ObjectNames.Index).ToHashSet(StringComparer.Ordinal);
        var now = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var stored in _repository.Store.ListAsync(ObjectNames.Indexes, cancellationToken))
        {
            now.Add(stored.Name);
        }

        return !known.SetEquals(now);
    }

    private void Report(string name, string message) => _damages.Enqueue(new Damage(name, message));

    private async Task<IReadOnlyList<(ContentHash Name, IndexObject Index)>> ReadIndexesAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var objects = new List<(ContentHash Name, IndexObject Index)>();
            var broken = new List<Damage>();
            var vanished = new List<string>();
            await foreach (var (name, content) in _repository.ReadAllAsync(ObjectNames.Indexes, cancellationToken, vanished))
            {
                try
                {
                    objects.Add((Repository.CheckName(name, content), IndexObject.FromBody(SealedObject.Open(ObjectKind.Index, content, _repository.Keys, name), name)));
                }
                catch (SnapshotFormatException e)
                {
                    broken.Add(new Damage(name, e.Message));
                }
            }

            try
            {
                RepositoryIndex.CheckComplete(objects, vanished);
            }
            catch (ObjectStoreException) when (attempt < Repository.IndexLoadTries)
            {
                // A prune replaced it between the listing and the reading.
                continue;
            }

            broken.ForEach(_damages.Enqueue);
            return objects;
        }
    }

    private async Task<StoredPacks> ReadStoredPacksAsync(CancellationToken cancellationToken)
    {
        await foreach (var stored in _repository.Store.ListAsync(ObjectNames.Packs, cancellationToken))
        {
            if (!ObjectNames.TryParseDigest(stored.Name, out var name) || stored.Name != ObjectNames.Pack(name))
            {
                Report(stored.Name, $"{stored.Name} is no name of a pack");
            }
        }

        return await StoredPacks.ReadAsync(_repository, isForReading: true, cancellationToken);
    }

    // Packs that wait to be deleted: a reader may need one, and a writer or a prune may copy out of it. So they must be as good as any other.
    private async Task<HashSet<ContentHash>> ReadPendingAsync(CancellationToken cancellationToken)
    {
        var marked = new HashSet<ContentHash>();
        await VerifyEachAsync(ObjectNames.Pending, (name, content) =>
        {
            foreach (var text in PendingRecords.Read(_repository, name, content).Packs)
            {
                marked.Add(ObjectNames.TryParseDigest(text, out var pack) ? pack : throw new SnapshotFormatException($"{name} lists '{text}', which is no name of a pack"));
            }
        }, cancellationToken);
        return marked;
    }

    // One that is not there has been deleted: the record goes after its packs. That matters only to a snapshot that needs it, which then says so.
    private async Task<List<PackContent>> ReadWaitingAsync(RepositoryIndex index, HashSet<ContentHash> marked, CancellationToken cancellationToken)
    {
        var waiting = new List<PackContent>();
        foreach (var pack in marked.Where(pack => !index.HasPack(pack)))
        {
            try
            {
                if (await IndexObjects.TryReadPackAsync(_repository, pack, cancellationToken) is { } found)
                {
                    waiting.Add(found);
                }
            }
            catch (Exception e) when (PackVerifier.IsOfWhatIsStored(e))
            {
                Report(ObjectNames.Pack(pack), e.Message + " (it waits to be deleted)");
            }
        }

        return waiting;
    }

    private bool HasRightSize(PackContent pack)
    {
        var size = _repository.Index.Stored.Present[pack.Name].SizeBytes;
        if (size == pack.SizeBytes)
        {
            return true;
        }

        var name = ObjectNames.Pack(pack.Name);
        Report(name, $"{name} has {size} bytes instead of {pack.SizeBytes}");
        _cutOff.Add(pack.Name);
        return false;
    }

    // Keys and leases: small, and each must be what it claims to be.
    private async Task VerifyOthersAsync(CancellationToken cancellationToken)
    {
        await VerifyEachAsync(ObjectNames.Keys, (name, content) =>
        {
            KeyObjects.CheckName(name, content);
            KeyObject.FromObject(content, name);
        }, cancellationToken);
        await VerifyEachAsync(ObjectNames.Locks, (name, content) => LockRecord.FromObject(content, _repository.Keys, name), cancellationToken);
    }

    private async Task VerifyEachAsync(string prefix, Action<string, byte[]> open, CancellationToken cancellationToken)
    {
        await foreach (var (name, content) in _repository.ReadAllAsync(prefix, cancellationToken))
        {
            try
            {
                open(name, content);
            }
            catch (SnapshotFormatException e)
            {
                Report(name, e.Message);
            }
        }
    }

    private async Task<(List<string> Paths, List<string> Snapshots)> VerifySnapshotsAsync(
        IReadOnlyList<Snapshot> snapshots, IReadOnlyList<SnapshotFormatException> damaged, RepositoryIndex listed, CancellationToken cancellationToken)
    {
        foreach (var damage in damaged)
        {
            Report(ObjectNames.Snapshots, damage.Message);
        }

        var (paths, affected) = (new List<string>(), new List<string>());
        foreach (var snapshot in snapshots)
        {
            var (lost, message) = await FindLostAsync(snapshot, listed, cancellationToken);
            if (message is null || await _repository.Store.FindAsync(ObjectNames.Snapshot(snapshot.Digest), cancellationToken) is null)
            {
                // Whole, or forgotten meanwhile.
                continue;
            }

            Report(ObjectNames.Snapshot(snapshot.Digest), message);
            affected.Add(snapshot.Id);
            paths.AddRange(lost);
        }

        return (paths, affected);
    }

    private async Task<(IReadOnlyList<string> Paths, string? Message)> FindLostAsync(
        Snapshot snapshot, RepositoryIndex listed, CancellationToken cancellationToken)
    {
        try
        {
            var manifest = await _repository.ReadManifestAsync(snapshot, cancellationToken);
            var lost = new List<string>();
            foreach (var entry in manifest.Entries)
            {
                _relyOnWaiting |= entry.Content.Any(extent => !extent.IsHole && !listed.Chunks.Contains(extent.Chunk));
                if (entry.Content.Any(IsLost))
                {
                    lost.Add($"{snapshot.ShortId}:{entry.Path}");
                }
            }

            _relyOnWaiting |= snapshot.Record.Manifest.Any(chunk => ObjectNames.TryParseDigest(chunk.Id, out var id) && !listed.Chunks.Contains(id));
            return (lost, lost.Count > 0 ? $"snapshot {snapshot.ShortId} cannot restore {lost.Count} files whole" : null);
        }
        catch (Exception e) when (PackVerifier.IsOfWhatIsStored(e))
        {
            return ([$"{snapshot.ShortId}:"], $"snapshot {snapshot.ShortId} cannot be listed: {e.Message}");
        }
    }

    private bool IsLost(Extent extent) =>
        !extent.IsHole && (!_repository.TryLocate(extent.Chunk, out var location) || location.RawBytes != extent.LengthBytes || IsBad(extent.Chunk));

    // A delta is as bad as the worst of what it is made from.
    private bool IsBad(ContentHash chunk)
    {
        if (_unreadable.Contains(chunk) || !_repository.TryLocate(chunk, out var location))
        {
            return true;
        }

        var pack = _repository.Index.Packs[location.Pack].Name;
        if (_cutOff.Contains(pack) || _packs.IsBad(pack, chunk))
        {
            return true;
        }

        if (!_repository.Index.Deltas.TryGetValue(chunk, out var delta))
        {
            return false;
        }

        for (var i = 0; i < delta.Baseline.Count; i++)
        {
            if (IsBad(delta.Baseline[i]))
            {
                // Asked again for every file that has it.
                _unreadable.Add(chunk);
                return true;
            }
        }

        return false;
    }
}
