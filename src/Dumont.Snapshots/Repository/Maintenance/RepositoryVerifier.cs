using System.Collections.Concurrent;

namespace Dumont.Snapshots;

/// <summary>How thoroughly to verify.</summary>
public sealed record VerifyOptions
{
    /// <summary>Part of the packs whose content is read and checked, 0 to 1. 0: structure only; 1: every byte.</summary>
    public double ReadDataPart { get; init; }

    /// <summary>Chooses which packs, where not all are read.</summary>
    public Random Sampling { get; init; } = new(0);

    /// <summary>Threads that read; 0: one a core.</summary>
    public int Workers { get; init; }
}

/// <summary>Something that is wrong.</summary>
/// <param name="ObjectName">In which object of the store.</param>
/// <param name="Message">What.</param>
public sealed record Damage(string ObjectName, string Message);

/// <summary>What a verification found.</summary>
/// <param name="Damages">Everything that is wrong; empty: all is well.</param>
/// <param name="AffectedPaths">Files that cannot be restored whole, as <c>snapshot:path</c>.</param>
/// <param name="UnlistedPacks">Packs that no index lists: left over from a crash or being written right now. No damage.</param>
/// <param name="Snapshots">Checked.</param>
/// <param name="Packs">Checked.</param>
/// <param name="Chunks">Known.</param>
/// <param name="BytesRead">Of packs.</param>
public sealed record VerifyOutcome(
    IReadOnlyList<Damage> Damages,
    IReadOnlyList<string> AffectedPaths,
    int UnlistedPacks,
    int Snapshots,
    int Packs,
    int Chunks,
    long BytesRead)
{
    /// <summary>All is well.</summary>
    public bool IsSound => Damages.Count == 0;
}

/// <summary>How far a verification is.</summary>
public sealed class VerifyProgress
{
    private long _bytesDone;

    /// <summary>Bytes of packs that will be read; 0 until that is known.</summary>
    public long BytesTotal { get; internal set; }

    /// <summary>Of these, done.</summary>
    public long BytesDone => Volatile.Read(ref _bytesDone);

    internal void AddBytes(long count) => Interlocked.Add(ref _bytesDone, count);
}

/// <summary>Checks a repository: every object is what its name says, every pack is there and is what the index says, every snapshot finds all its
/// chunks; and, as far as asked, every stored byte still gives the chunk it is kept for. Goes on after damage and names all of it.</summary>
public sealed class RepositoryVerifier
{
    private readonly Repository _repository;
    private readonly VerifyOptions _options;
    private readonly VerifyProgress _progress;
    private readonly ConcurrentQueue<Damage> _damages = new();
    private readonly ConcurrentDictionary<ContentHash, bool> _badChunks = new();
    private long _bytesRead;

    private RepositoryVerifier(Repository repository, VerifyOptions options, VerifyProgress progress)
    {
        _repository = repository;
        _options = options;
        _progress = progress;
    }

    /// <summary>Verifies a repository that could be opened.</summary>
    /// <exception cref="ObjectStoreException">The store failed.</exception>
    public static Task<VerifyOutcome> VerifyAsync(
        Repository repository, VerifyOptions options, VerifyProgress progress, CancellationToken cancellationToken) =>
        new RepositoryVerifier(repository, options, progress).VerifyAsync(cancellationToken);

    private async Task<VerifyOutcome> VerifyAsync(CancellationToken cancellationToken)
    {
        // In this order: what a snapshot needs is in the index before the snapshot is there.
        var (listed, damaged) = await _repository.ReadSnapshotsAsync(cancellationToken);
        var index = await ReadIndexesAsync(cancellationToken);
        _repository.UseIndex(index);
        var sizes = await ReadPackSizesAsync(cancellationToken);
        var packs = index.Contents().Where(pack => HasRightSize(pack, sizes)).ToList();
        var chosen = packs.Where(_ => _options.ReadDataPart >= 1 || _options.Sampling.NextDouble() < _options.ReadDataPart).ToHashSet();
        _progress.BytesTotal = chosen.Sum(pack => pack.SizeBytes);
        await Parallel.ForEachAsync(packs, Parallelism(cancellationToken), async (pack, token) => await VerifyPackAsync(pack, chosen.Contains(pack), token));
        await VerifyOthersAsync(cancellationToken);
        var affected = await VerifySnapshotsAsync(listed, damaged, cancellationToken);
        var unlisted = sizes.Keys.Count(name => !index.HasPack(name));
        return new VerifyOutcome(
            [.. _damages.OrderBy(d => d.ObjectName, StringComparer.Ordinal)], affected, unlisted, listed.Count, index.Packs.Count, index.Chunks.Count, _bytesRead);
    }

    private ParallelOptions Parallelism(CancellationToken cancellationToken) => new()
    {
        MaxDegreeOfParallelism = _options.Workers > 0 ? _options.Workers : Environment.ProcessorCount,
        CancellationToken = cancellationToken,
    };

    private void Report(string name, string message) => _damages.Enqueue(new Damage(name, message));

    private async Task<RepositoryIndex> ReadIndexesAsync(CancellationToken cancellationToken)
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
            return RepositoryIndex.Join(objects);
        }
    }

    private async Task<Dictionary<ContentHash, long>> ReadPackSizesAsync(CancellationToken cancellationToken)
    {
        var sizes = new Dictionary<ContentHash, long>();
        await foreach (var stored in _repository.Store.ListAsync(ObjectNames.Packs, cancellationToken))
        {
            if (ObjectNames.TryParseDigest(stored.Name, out var name) && stored.Name == ObjectNames.Pack(name))
            {
                sizes[name] = stored.SizeBytes;
            }
            else
            {
                Report(stored.Name, $"{stored.Name} is no name of a pack");
            }
        }

        return sizes;
    }

    private bool HasRightSize(PackContent pack, Dictionary<ContentHash, long> sizes)
    {
        var name = ObjectNames.Pack(pack.Name);
        if (sizes.TryGetValue(pack.Name, out var size) && size == pack.SizeBytes)
        {
            return true;
        }

        Report(name, size == 0 ? $"{name} is missing" : $"{name} has {size} bytes instead of {pack.SizeBytes}");
        MarkBad(pack);
        return false;
    }

    private void MarkBad(PackContent pack)
    {
        foreach (var chunk in pack.Chunks)
        {
            _badChunks[chunk.Id] = true;
        }
    }

    private async Task VerifyPackAsync(PackContent pack, bool readData, CancellationToken cancellationToken)
    {
        var name = ObjectNames.Pack(pack.Name);
        try
        {
            await VerifyListAsync(pack, name, cancellationToken);
            if (readData)
            {
                await VerifyDataAsync(pack, name, cancellationToken);
            }
        }
        catch (ObjectStoreException e) when (e.Kind == ObjectStoreErrorKind.Corrupt)
        {
            // The store's own checksum says so: it does not have any more what it was given.
            Report(name, e.Message);
            MarkBad(pack);
        }
    }

    private async Task VerifyListAsync(PackContent pack, string name, CancellationToken cancellationToken)
    {
        try
        {
            var found = await IndexObjects.TryReadPackAsync(_repository, pack.Name, cancellationToken);
            if (found is null || !found.Chunks.SequenceEqual(pack.Chunks) || !found.Salt.AsSpan().SequenceEqual(pack.Salt))
            {
                Report(name, $"{name} holds other chunks than the index says");
            }
        }
        catch (SnapshotFormatException e)
        {
            Report(name, e.Message);
        }
    }

    private async Task VerifyDataAsync(PackContent pack, string name, CancellationToken cancellationToken)
    {
        var content = new byte[pack.SizeBytes];
        var read = await _repository.Store.ReadAsync(name, 0, content, cancellationToken);
        Interlocked.Add(ref _bytesRead, read);
        if (read != content.Length || !content.AsSpan().StartsWith(PackFormat.Magic))
        {
            Report(name, $"{name} does not begin like a pack, or is cut off");
        }

        using var reader = _repository.CreateChunkReader();
        var chunk = new byte[pack.Chunks.Count == 0 ? 0 : pack.Chunks.Max(entry => entry.RawBytes)];
        var offset = PackFormat.HeaderBytes;
        foreach (var entry in pack.Chunks)
        {
            var location = new ChunkLocation(
                _repository.Index.NumberOf(pack.Name), offset, entry.StoredBytes, entry.RawBytes, entry.Coding, entry.Parameter, entry.Checksum);
            try
            {
                var plain = chunk.AsSpan(0, entry.RawBytes);
                reader.Open(location, entry.Id, content.AsSpan(offset, entry.StoredBytes), plain);
                if (!reader.IsContentOf(entry.Id, plain))
                {
                    throw new SnapshotFormatException($"chunk {entry.Id.ToString()[..16]} in {name} is not what its id says");
                }
            }
            catch (Exception e) when (e is SnapshotFormatException or ObjectStoreException { Kind: ObjectStoreErrorKind.NotFound })
            {
                // Not found: the pack of the baseline of a delta.
                Report(name, e.Message);
                _badChunks[entry.Id] = true;
            }

            offset += entry.StoredBytes;
        }

        _progress.AddBytes(pack.SizeBytes);
    }

    // Keys, leases and pending records: small, and each must be what it claims to be.
    private async Task VerifyOthersAsync(CancellationToken cancellationToken)
    {
        await VerifyEachAsync(ObjectNames.Keys, (name, content) =>
        {
            KeyObjects.CheckName(name, content);
            return KeyObject.FromObject(content, name);
        }, cancellationToken);
        await VerifyEachAsync(ObjectNames.Pending, (name, content) => PendingRecords.Read(_repository, name, content), cancellationToken);
        await VerifyEachAsync(ObjectNames.Locks, (name, content) => LockRecord.FromObject(content, _repository.Keys, name), cancellationToken);
    }

    private async Task VerifyEachAsync(string prefix, Func<string, byte[], object> open, CancellationToken cancellationToken)
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

    private async Task<List<string>> VerifySnapshotsAsync(
        IReadOnlyList<Snapshot> snapshots, IReadOnlyList<SnapshotFormatException> damaged, CancellationToken cancellationToken)
    {
        foreach (var damage in damaged)
        {
            Report(ObjectNames.Snapshots, damage.Message);
        }

        var affected = new List<string>();
        foreach (var snapshot in snapshots)
        {
            var name = ObjectNames.Snapshot(snapshot.Digest);
            try
            {
                var manifest = await _repository.ReadManifestAsync(snapshot, cancellationToken);
                var missing = manifest.Entries.Where(entry => entry.Content.Any(IsLost)).Select(entry => $"{snapshot.ShortId}:{entry.Path}").ToList();
                affected.AddRange(missing);
                if (missing.Count > 0)
                {
                    Report(name, $"snapshot {snapshot.ShortId} cannot restore {missing.Count} files whole");
                }
            }
            catch (Exception e) when (e is SnapshotFormatException or ObjectStoreException { Kind: ObjectStoreErrorKind.NotFound })
            {
                Report(name, $"snapshot {snapshot.ShortId} cannot be listed: {e.Message}");
                affected.Add($"{snapshot.ShortId}:");
            }
        }

        return affected;
    }

    private bool IsLost(Extent extent) =>
        !extent.IsHole && (!_repository.TryLocate(extent.Chunk, out var location) || location.RawBytes != extent.LengthBytes || IsBad(extent.Chunk, depth: 0));

    // A delta is as bad as the worst of what it is made from. A chain that is too long is not readable either.
    private bool IsBad(ContentHash chunk, int depth)
    {
        if (depth > BaselineReader.MaximumDepth || _badChunks.ContainsKey(chunk) || !_repository.TryLocate(chunk, out _))
        {
            return true;
        }

        if (!_repository.Index.Baselines.TryGetValue(chunk, out var baseline))
        {
            return false;
        }

        for (var i = 0; i < baseline.Count; i++)
        {
            if (IsBad(baseline[i], depth + 1))
            {
                // Asked again for every file that has it.
                _badChunks[chunk] = true;
                return true;
            }
        }

        return false;
    }
}
