using System.Collections.Concurrent;
using System.Reflection;

namespace Dumont.Snapshots;

/// <summary>Takes snapshots.</summary>
/// <remarks>
/// <code>
/// scan ──▶ jobs ──▶ worker: read, cut, hash, look up, encode, encrypt ──▶ pack ──▶ store     (a worker a core, packs on their way are bounded)
///                                                                  then: index ──▶ snapshot
/// </code>
/// Nothing is acknowledged before everything it needs is durable: packs, then the index, then the snapshot. A crash leaves packs that no index
/// knows, which a prune removes.
/// </remarks>
public static class SnapshotWriter
{
    private static readonly string Program = "dumont " + (typeof(SnapshotWriter).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "");

    /// <summary>Takes a snapshot.</summary>
    /// <param name="repository">Opened.</param>
    /// <param name="options">What and how.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancellationToken">Stops; nothing is acknowledged then.</param>
    /// <exception cref="RepositoryException">The source cannot be read at all, or the parent is unknown.</exception>
    /// <exception cref="ObjectStoreException">The store failed.</exception>
    /// <exception cref="SnapshotFormatException">The repository is damaged.</exception>
    public static async Task<SnapshotOutcome> WriteAsync(
        Repository repository, SnapshotOptions options, SnapshotProgress progress, TimeProvider time, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var startedAt = time.GetUtcNow();
        using var source = OpenSource(options.Source);
        var workers = options.Workers > 0 ? options.Workers : Environment.ProcessorCount;
        await using var scanner = new TreeScanner(source, options, workers, cancellationToken);
        await using var writerLock = await RepositoryLock.AcquireWriterAsync(repository, time, cancellationToken);

        // In this order: what a snapshot needs is in the index before the snapshot is there.
        var parent = await FindParentAsync(repository, options, source, cancellationToken);
        await repository.LoadIndexToWriteAsync(cancellationToken);
        var manifest = await TryReadManifestAsync(repository, parent, cancellationToken);
        var tree = await scanner.CompareAsync(manifest, repository.Index.Chunks);
        progress.BytesTotal = tree.Pending.Sum(file => file.SizeBytes);
        progress.FilesTotal = tree.Pending.Count;

        await using var sink = new PackSink(repository, workers);
        var claims = new ClaimedChunks();
        var earlier = manifest is null ? null : new Lazy<EarlierVersions>(() => new EarlierVersions(manifest));
        var run = new Run(repository, source, claims, sink, options.Compression, earlier, progress, time);
        await run.ReadAsync(tree.Pending, workers, cancellationToken);
        var listing = ManifestBuilder.Build(tree);
        var (chunks, packs) = manifest?.IsSame(listing.Span) == true
            ? (parent!.Record.Manifest, await sink.CompleteAsync())
            : await run.CompleteAsync(listing, cancellationToken);
        var statistics = run.StatisticsOf(tree, (long)time.GetElapsedTime(started).TotalMilliseconds);
        var record = new SnapshotRecord(
            startedAt, options.Hostname, options.SourceLabel ?? source.Location, options.Name, options.Tags, parent?.Id, Program, chunks, statistics);
        var snapshot = await CommitAsync(repository, record, packs, writerLock, cancellationToken);
        return new SnapshotOutcome(snapshot, [.. tree.Warnings, .. run.Warnings], run.HasLosses || tree.Warnings.Count > 0);
    }

    /// <summary>Whether a snapshot that somebody wrote, and perhaps did not live to acknowledge, is whole and stays so: it may be acknowledged
    /// then.</summary>
    /// <exception cref="ObjectStoreException">The store failed.</exception>
    public static async Task<bool> TryConfirmAsync(Repository repository, Snapshot snapshot, TimeProvider time, CancellationToken cancellationToken)
    {
        await using var writerLock = await RepositoryLock.AcquireWriterAsync(repository, time, cancellationToken);
        try
        {
            await SnapshotConfirmation.ConfirmAsync(repository, snapshot, seen: null, own: null, [], cancellationToken);
            return true;
        }
        catch (SnapshotFormatException)
        {
            return false;
        }
    }

    private static SourceTree OpenSource(string path)
    {
        try
        {
            return new SourceTree(path);
        }
        catch (PosixException e)
        {
            throw new RepositoryException(RepositoryErrorKind.NoSource, $"{path} cannot be kept: {e.Message}. Give a directory that can be read.");
        }
    }

    private static async Task<Snapshot?> FindParentAsync(
        Repository repository, SnapshotOptions options, SourceTree source, CancellationToken cancellationToken)
    {
        if (options.Parent is { } id)
        {
            return await repository.GetSnapshotAsync(id, cancellationToken);
        }

        var (snapshots, _) = await repository.ReadSnapshotsAsync(cancellationToken);
        var label = options.SourceLabel ?? source.Location;
        return snapshots.LastOrDefault(s => s.Hostname == options.Hostname && s.Source == label);
    }

    // A parent saves work and is not needed for anything: one that is damaged, or pruned meanwhile, only costs reading every file.
    private static async Task<Manifest?> TryReadManifestAsync(Repository repository, Snapshot? parent, CancellationToken cancellationToken)
    {
        try
        {
            return parent is null ? null : await repository.ReadManifestAsync(parent, cancellationToken);
        }
        catch (Exception e) when (e is SnapshotFormatException or ObjectStoreException { Kind: ObjectStoreErrorKind.NotFound })
        {
            return null;
        }
    }

    private static async Task<Snapshot> CommitAsync(
        Repository repository,
        SnapshotRecord record,
        IReadOnlyList<PackContent> packs,
        RepositoryLock writerLock,
        CancellationToken cancellationToken)
    {
        // Without the lease a prune may have taken the packs for leftovers, and there is nothing to publish any more.
        await writerLock.EnsureHeldAsync(cancellationToken);
        var seen = repository.Index;
        ContentHash? own = packs.Count == 0 ? null : await IndexObjects.PutAsync(repository, new IndexObject([], packs), cancellationToken);
        var content = record.ToObject(repository.Keys);
        var snapshot = new Snapshot(ContentHash.Of(content), record);
        await repository.Store.PutAsync(ObjectNames.Snapshot(snapshot.Digest), content, PutMode.CreateNew, cancellationToken);
        try
        {
            await SnapshotConfirmation.ConfirmAsync(repository, snapshot, seen, own, packs, cancellationToken);
            return snapshot;
        }
        catch (SnapshotFormatException)
        {
            await TakeBackAsync(repository, snapshot, cancellationToken);
            throw;
        }
    }

    private static async Task TakeBackAsync(Repository repository, Snapshot snapshot, CancellationToken cancellationToken)
    {
        try
        {
            await repository.Store.DeleteAsync(ObjectNames.Snapshot(snapshot.Digest), cancellationToken);
        }
        catch (ObjectStoreException)
        {
            // A machine may not delete anything. A prune names the snapshot then, and it can be forgotten.
        }
    }

    /// <summary>The threads of one snapshot and what they found.</summary>
    private sealed class Run(
        Repository repository,
        SourceTree source,
        ClaimedChunks claims,
        PackSink sink,
        ChunkCompression compression,
        Lazy<EarlierVersions>? earlier,
        SnapshotProgress progress,
        TimeProvider time)
    {
        private readonly ConcurrentQueue<string> _warnings = new();
        private readonly Lock _totals = new();
        private long _bytesRead;
        private long _bytesNew;
        private long _bytesStored;
        private long _chunksNew;
        private long _filesNew;
        private long _filesLost;
        private long _filesRead;

        public IReadOnlyCollection<string> Warnings => _warnings;

        public bool HasLosses => _filesLost > 0;

        public async Task ReadAsync(IReadOnlyList<PendingFile> files, int workers, CancellationToken cancellationToken)
        {
            if (files.Count == 0)
            {
                return;
            }

            var jobs = FileProgress.Plan(files);
            var next = -1;
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var threads = Enumerable.Range(0, Math.Min(workers, jobs.Count)).Select(_ => Task.Factory.StartNew(
                () => Work(jobs, ref next, stop), stop.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
            try
            {
                await Task.WhenAll(threads);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // Stopped because a pack could not be stored: that is the error to tell.
                await sink.CompleteAsync();
                throw;
            }

            foreach (var lost in files.Where(file => file.Row.Payload is null))
            {
                foreach (var other in lost.Row.OtherNames)
                {
                    other.Payload = null;
                    _warnings.Enqueue($"{FileReader.PrintablePath(other)}: another name of {FileReader.PrintablePath(lost.Row)}; it is not in the snapshot");
                }
            }

            _filesNew = files.Count(file => file.IsNew && file.Row.Payload is not null);
            _filesRead = files.Count(file => file.Row.Payload is not null);
            _filesLost = files.Count - _filesRead;
        }

        public async Task<(IReadOnlyList<ManifestChunk> Manifest, IReadOnlyList<PackContent> Packs)> CompleteAsync(
            ReadOnlyMemory<byte> manifest, CancellationToken cancellationToken)
        {
            try
            {
                var chunks = WriteManifest(manifest, cancellationToken);
                return (chunks, await sink.CompleteAsync());
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // Stopped because a pack could not be stored: that is the error to tell.
                await sink.CompleteAsync();
                throw;
            }
        }

        private List<ManifestChunk> WriteManifest(ReadOnlyMemory<byte> manifest, CancellationToken cancellationToken)
        {
            if (manifest.Length > Repository.MaximumObjectBytes)
            {
                throw new RepositoryException(
                    RepositoryErrorKind.NoSource, $"The list of the files would take {manifest.Length} bytes, more than a snapshot can have. Keep the tree in parts.");
            }

            using var writer = new ChunkWriter(repository, claims, sink, compression);
            var chunker = new Chunker(ChunkSizes.Small, repository.ChunkerSecret);
            var lengths = new int[256];
            var chunks = new List<ManifestChunk>();
            for (var rest = manifest.Span; !rest.IsEmpty;)
            {
                var count = chunker.Cut(rest, isEnd: true, lengths);
                foreach (var length in lengths.AsSpan(0, count))
                {
                    chunks.Add(new ManifestChunk(writer.Write(rest[..length], earlier: null, cancellationToken).ToString(), length));
                    rest = rest[length..];
                }
            }

            writer.Flush();
            Count(writer, bytesRead: 0);
            return chunks;
        }

        public SnapshotStatistics StatisticsOf(ScannedTree tree, long milliseconds) => new(
            tree.Files - _filesLost,
            tree.Directories.Count,
            tree.Bytes,
            _filesNew,
            _filesRead - _filesNew,
            tree.UnmodifiedFiles,
            _bytesRead,
            _bytesNew,
            _bytesStored,
            _chunksNew,
            tree.Warnings.Count + _warnings.Count,
            milliseconds);

        private void Work(IReadOnlyList<ReadJob> jobs, ref int next, CancellationTokenSource stop)
        {
            using var writer = new ChunkWriter(repository, claims, sink, compression);
            using var reader = new FileReader(source, writer, progress, repository.ChunkerSecret, earlier, time);
            try
            {
                for (var job = Interlocked.Increment(ref next); job < jobs.Count; job = Interlocked.Increment(ref next))
                {
                    foreach (var segment in jobs[job].Segments())
                    {
                        if (reader.Read(segment, stop.Token) is { } warning)
                        {
                            _warnings.Enqueue(warning);
                        }
                    }
                }

                writer.Flush();
                Count(writer, reader.BytesRead);
            }
            catch
            {
                stop.Cancel();
                throw;
            }
        }

        private void Count(ChunkWriter writer, long bytesRead)
        {
            lock (_totals)
            {
                _bytesRead += bytesRead;
                _bytesNew += writer.NewBytes;
                _bytesStored += writer.StoredBytes;
                _chunksNew += writer.NewChunks;
            }
        }
    }
}
