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
        var objects = await ReadIndexesAsync(cancellationToken);
        var stored = await ReadStoredPacksAsync(cancellationToken);
        var listedPacks = RepositoryIndex.Join(objects, stored);
        _repository.UseIndex(listedPacks);
        await LearnMarkedAsync(listed, cancellationToken);
        var index = _repository.Index;
        var packs = index.Contents().Where(HasRightSize).ToList();
        var chosen = packs.Where(_ => _options.ReadDataPart >= 1 || _options.Sampling.NextDouble() < _options.ReadDataPart).ToHashSet();
        _progress.BytesTotal = chosen.Sum(pack => pack.SizeBytes);
        await Parallel.ForEachAsync(packs, Parallelism(cancellationToken), async (pack, token) => await VerifyPackAsync(pack, chosen.Contains(pack), token));
        await VerifyOthersAsync(cancellationToken);
        var affected = await VerifySnapshotsAsync(listed, damaged, cancellationToken);
        if (affected.Count > 0 || index != listedPacks)
        {
            ReportMissing(listedPacks);
        }

        var unlisted = stored.Present.Keys.Count(name => !index.HasPack(name));
        return new VerifyOutcome(
            [.. _damages.OrderBy(d => d.ObjectName, StringComparer.Ordinal)], affected, unlisted, listed.Count, index.Packs.Count, index.Chunks.Count, _bytesRead);
    }

    // What a snapshot needs may be only in packs that are marked, until the next prune has copied it out.
    private async Task LearnMarkedAsync(IReadOnlyList<Snapshot> snapshots, CancellationToken cancellationToken)
    {
        if (!await _repository.Store.ListAsync(ObjectNames.Pending, cancellationToken).AnyAsync(cancellationToken))
        {
            return;
        }

        foreach (var snapshot in snapshots)
        {
            try
            {
                await _repository.ReadEntriesAsync(snapshot, cancellationToken);
            }
            catch (Exception e) when (e is SnapshotFormatException or ObjectStoreException { Kind: ObjectStoreErrorKind.NotFound })
            {
                // Told when the snapshots are verified.
            }
        }
    }

    // A listing of a pack that is gone is damage only where something that is needed has no other place: a process that stood still may have listed the
    // pack after its deletion.
    private void ReportMissing(RepositoryIndex index)
    {
        foreach (var pack in index.Missing.Where(pack => pack.Chunks.Any(chunk => !index.Chunks.Contains(chunk.Id))))
        {
            Report(ObjectNames.Pack(pack.Name), $"{ObjectNames.Pack(pack.Name)} is missing");
        }
    }

    private ParallelOptions Parallelism(CancellationToken cancellationToken) => new()
    {
        MaxDegreeOfParallelism = _options.Workers > 0 ? _options.Workers : Environment.ProcessorCount,
        CancellationToken = cancellationToken,
    };

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

    private bool HasRightSize(PackContent pack)
    {
        var name = ObjectNames.Pack(pack.Name);
        if (!_repository.Index.Stored.Present.TryGetValue(pack.Name, out var stored) || stored.SizeBytes == pack.SizeBytes)
        {
            return true;
        }

        Report(name, $"{name} has {stored.SizeBytes} bytes instead of {pack.SizeBytes}");
        foreach (var chunk in pack.Chunks)
        {
            MarkBad(pack, chunk.Id);
        }

        return false;
    }

    // Elsewhere the chunk may be good.
    private void MarkBad(PackContent pack, ContentHash chunk)
    {
        if (_repository.Index.IsIn(pack.Name, chunk))
        {
            _badChunks[chunk] = true;
        }
    }

    private async Task VerifyPackAsync(PackContent pack, bool readData, CancellationToken cancellationToken)
    {
        var name = ObjectNames.Pack(pack.Name);
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

        if (readData)
        {
            await VerifyDataAsync(pack, name, cancellationToken);
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
                var frame = content.AsSpan(offset, entry.StoredBytes);
                var plain = chunk.AsSpan(0, entry.RawBytes);
                if (entry.Coding == ChunkCoding.Delta && !_repository.Index.IsIn(pack.Name, entry.Id))
                {
                    // Nobody reads it here: its baseline may be gone.
                    reader.OpenCoded(location, entry.Id, frame);
                }
                else if (!Opens(reader, location, entry.Id, frame, plain))
                {
                    throw new SnapshotFormatException($"chunk {entry.Id.ToString()[..16]} in {name} is not what its id says");
                }
            }
            catch (Exception e) when (e is SnapshotFormatException or ObjectStoreException { Kind: ObjectStoreErrorKind.NotFound })
            {
                // Not found: the pack of the baseline of a delta.
                Report(name, e.Message);
                MarkBad(pack, entry.Id);
            }

            offset += entry.StoredBytes;
        }

        _progress.AddBytes(pack.SizeBytes);
    }

    private static bool Opens(ChunkReader reader, in ChunkLocation location, ContentHash id, ReadOnlySpan<byte> frame, Span<byte> plain)
    {
        reader.Open(location, id, frame, plain);
        return reader.IsContentOf(id, plain);
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
        !extent.IsHole && (!_repository.TryLocate(extent.Chunk, out var location) || location.RawBytes != extent.LengthBytes || IsBad(extent.Chunk));

    // A delta is as bad as the worst of what it is made from.
    private bool IsBad(ContentHash chunk)
    {
        if (_badChunks.ContainsKey(chunk))
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
                _badChunks[chunk] = true;
                return true;
            }
        }

        return false;
    }
}
