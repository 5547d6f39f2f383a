using System.Buffers;
using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Snapshots.Sync;

/// <summary>How the transfer of a large file's content ended.</summary>
/// <param name="Path">Which file.</param>
/// <param name="StageId">Stage that holds it on the sink; null when the sink has the content already, or on a retry.</param>
/// <param name="Stamp">Of the file before it was read.</param>
/// <param name="Chunks">What was read.</param>
/// <param name="SentBytes">Chunk bytes sent.</param>
/// <param name="IsStable">The stamp can be trusted at later comparisons.</param>
/// <param name="ChangedPause">The file changed while it was read, often enough that this version is good to be shown: look again after this.</param>
/// <param name="RetryAfter">Nothing to commit: look at the path again after this.</param>
/// <param name="Trouble">Why the file could not be read; null when it could.</param>
internal sealed record LargeFileResult(
    TreePath Path,
    uint? StageId,
    FileStamp Stamp,
    IReadOnlyList<FileChunk> Chunks,
    long SentBytes,
    bool IsStable,
    TimeSpan? ChangedPause,
    TimeSpan? RetryAfter,
    string? Trouble)
{
    /// <summary>Of what was read.</summary>
    public ContentHash Digest { get; } = FileContent.DigestOf(Chunks);

    /// <summary>Size of what was read.</summary>
    public long SizeBytes => Chunks.Count == 0 ? 0 : Chunks[^1].OffsetBytes + Chunks[^1].LengthBytes;
}

/// <summary>
/// Transfers the content of large files, a few at a time, beside the small changes: lists a file's chunks in groups, and sends those
/// that the sink says it lacks while the next group is being listed. What arrives is shown by a commit of the session.
/// </summary>
internal sealed class LargeFileSender(SyncConnection connection, TreeRoot root, SyncOptions options, TimeProvider time, Action finished)
    : IDisposable
{
    // Files at a time: hides the sink's answer, which waits for the batch before it, without making one file wait long for another.
    private const int Workers = 4;

    // Groups listed ahead of the one whose chunks are sent; hides the round trip.
    private const int GroupsAhead = 2;
    private static readonly TimeSpan PauseMinimum = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan UnreadablePause = TimeSpan.FromSeconds(5);

    private readonly Channel<(long Job, TreePath Path, ContentHash? LikelyDigest)> _jobs = Channel.CreateUnbounded<(long, TreePath, ContentHash?)>();
    private readonly ConcurrentQueue<LargeFileResult> _results = new();
    private readonly ConcurrentDictionary<uint, Channel<NeedMessage>> _answers = new();
    private readonly ConcurrentDictionary<TreePath, int> _unstableReads = new();
    private readonly SortedSet<long> _openJobs = [];

    // A stage is open until its commit or drop is sent; the sink counts them too.
    private readonly SemaphoreSlim _stages = new(SyncLimits.OpenStages, SyncLimits.OpenStages);
    private uint _lastStageId;

    /// <summary>Number of the last file asked for.</summary>
    public long LastJob { get; private set; }

    /// <summary>Number up to which all files are done with.</summary>
    public long LastFinishedJob
    {
        get
        {
            lock (_openJobs)
            {
                return _openJobs.Count == 0 ? LastJob : _openJobs.Min - 1;
            }
        }
    }

    /// <summary>Asks for a file. <paramref name="likelyDigest"/>: what the sink has there; it is checked first whether that is still right.</summary>
    public void Enqueue(TreePath path, ContentHash? likelyDigest)
    {
        lock (_openJobs)
        {
            _openJobs.Add(++LastJob);
        }

        _jobs.Writer.TryWrite((LastJob, path, likelyDigest));
    }

    /// <summary>Next finished file.</summary>
    public bool TryTake(out LargeFileResult result) => _results.TryDequeue(out result!);

    /// <summary>Whether <see cref="TryTake"/> has something.</summary>
    public bool HasFinished => !_results.IsEmpty;

    /// <summary>Brings an answer of the sink. One to a stage that was dropped meanwhile is of no use.</summary>
    public void Answer(NeedMessage need)
    {
        if (_answers.TryGetValue(need.StageId, out var answers))
        {
            answers.Writer.TryWrite(need);
        }
    }

    /// <summary>Forgets a transferred file.</summary>
    public async Task DropAsync(LargeFileResult result, CancellationToken cancellationToken)
    {
        if (result.StageId is { } stageId)
        {
            await DropAsync(stageId, cancellationToken);
        }
    }

    /// <summary>The commit of a transferred file was sent.</summary>
    public void Committed() => _stages.Release();

    /// <inheritdoc />
    public void Dispose() => _stages.Dispose();

    /// <summary>Works until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var workers = Enumerable.Range(0, Workers).Select(_ => WorkAsync(stop.Token)).ToList();

        // One that fails takes the connection down, and the others with it.
        var first = await Task.WhenAny(workers);
        await stop.CancelAsync();
        await Task.WhenAll(workers).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        await first;
    }

    private async Task WorkAsync(CancellationToken cancellationToken)
    {
        // Off the caller's thread: listing a file reads and hashes without a pause.
        await Task.Yield();
        await foreach (var (job, path, likelyDigest) in _jobs.Reader.ReadAllAsync(cancellationToken))
        {
            _results.Enqueue(await TransferAsync(path, likelyDigest, cancellationToken));
            lock (_openJobs)
            {
                _openJobs.Remove(job);
            }

            finished();
        }
    }

    private async Task<LargeFileResult> TransferAsync(TreePath path, ContentHash? likelyDigest, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        using var file = TryOpen(path, out var trouble);
        if (file is null)
        {
            return Retry(path, trouble is null ? TimeSpan.Zero : UnreadablePause, trouble);
        }

        var stamp = TreeRoot.StampOf(file);
        if (likelyDigest is { } likely)
        {
            var chunks = FileContent.ReadChunks(file, Chunker.ForSync, cancellationToken).ToArray();
            if (FileContent.DigestOf(chunks) == likely && TreeRoot.StampOf(file) == stamp)
            {
                return new LargeFileResult(path, null, stamp, chunks, 0, !stamp.IsRacy(time.GetUtcNow()), null, null, null);
            }
        }

        await _stages.WaitAsync(cancellationToken);
        using var transfer = new Transfer(Interlocked.Increment(ref _lastStageId), file, stamp);
        _answers[transfer.StageId] = transfer.Answers;
        try
        {
            if (await SendContentAsync(transfer, cancellationToken))
            {
                return await FinishAsync(path, stamp, transfer, started, cancellationToken);
            }

            await DropAsync(transfer.StageId, cancellationToken);
            return Retry(path, PauseMinimum);
        }
        finally
        {
            _answers.TryRemove(transfer.StageId, out _);
        }
    }

    private SafeFileHandle? TryOpen(TreePath path, out string? trouble)
    {
        trouble = null;
        try
        {
            return root.FindFile(path);
        }
        catch (PosixException unreadable)
        {
            trouble = $"{path}: {unreadable.Message}";
            return null;
        }
    }

    private async Task<LargeFileResult> FinishAsync(
        TreePath path, FileStamp stamp, Transfer transfer, long started, CancellationToken cancellationToken)
    {
        var took = time.GetElapsedTime(started);
        var pause = took > PauseMinimum ? took : PauseMinimum;
        var changed = TreeRoot.StampOf(transfer.File) != stamp || transfer.Chunks.Sum(chunk => (long)chunk.LengthBytes) != stamp.SizeBytes;
        if (changed && (_unstableReads[path] = _unstableReads.GetValueOrDefault(path) + 1) < options.UnstableReads)
        {
            await DropAsync(transfer.StageId, cancellationToken);
            return Retry(path, pause);
        }

        _unstableReads.TryRemove(path, out _);
        var stable = !changed && !stamp.IsRacy(time.GetUtcNow());
        return new LargeFileResult(path, transfer.StageId, stamp, transfer.Chunks, transfer.SentBytes, stable, changed ? pause : null, null, null);
    }

    // False when the file shrank below what was listed.
    private async Task<bool> SendContentAsync(Transfer transfer, CancellationToken cancellationToken)
    {
        var listed = 0;
        foreach (var chunk in FileContent.ReadChunks(transfer.File, Chunker.ForSync, cancellationToken))
        {
            transfer.Chunks.Add(chunk);
            if (transfer.Chunks.Count - listed < SyncLimits.ChunksPerStage)
            {
                continue;
            }

            await ListAsync(transfer, listed, cancellationToken);
            listed = transfer.Chunks.Count;
            if (transfer.Unanswered > GroupsAhead && !await SendNeededAsync(transfer, cancellationToken))
            {
                return false;
            }
        }

        if (listed == 0 || listed < transfer.Chunks.Count)
        {
            await ListAsync(transfer, listed, cancellationToken);
        }

        while (transfer.Unanswered > 0)
        {
            if (!await SendNeededAsync(transfer, cancellationToken))
            {
                return false;
            }
        }

        return true;
    }

    private async Task ListAsync(Transfer transfer, int first, CancellationToken cancellationToken)
    {
        var group = transfer.Chunks.Skip(first).Select(chunk => (chunk.Hash, chunk.LengthBytes)).ToArray();
        await connection.WriteAsync(new StageMessage(transfer.StageId, (uint)first, group), cancellationToken);
        await connection.FlushAsync(cancellationToken);
        transfer.Unanswered++;
    }

    private async Task<bool> SendNeededAsync(Transfer transfer, CancellationToken cancellationToken)
    {
        var need = await transfer.Answers.Reader.ReadAsync(cancellationToken);
        transfer.Unanswered--;
        if (need.FirstChunk + need.Count > transfer.Chunks.Count)
        {
            throw new SyncProtocolException("The sink needs chunks that were never listed.");
        }

        for (var i = 0; i < need.Count; i++)
        {
            if (need.IsNeeded(i) && !await SendChunkAsync(transfer, (int)need.FirstChunk + i, cancellationToken))
            {
                return false;
            }
        }

        await connection.FlushAsync(cancellationToken);
        return true;
    }

    private async Task<bool> SendChunkAsync(Transfer transfer, int number, CancellationToken cancellationToken)
    {
        var chunk = transfer.Chunks[number];
        if (transfer.Sent.TryGetValue(chunk.Hash, out var earlier) && transfer.Chunks[earlier].LengthBytes == chunk.LengthBytes)
        {
            await connection.WriteAsync(new RepeatMessage(transfer.StageId, (uint)number, (uint)earlier), cancellationToken);
            return true;
        }

        var content = transfer.Buffer.AsMemory(0, chunk.LengthBytes);
        if (FileContent.ReadFully(transfer.File, content.Span, chunk.OffsetBytes) < chunk.LengthBytes)
        {
            return false;
        }

        // The bytes may have changed since they were listed; both sides then go on with what they are now. A stamp that stands still saves
        // the second hashing; if it lies, the digest of the commit does not fit and the file is sent again.
        var hash = TreeRoot.StampOf(transfer.File) == transfer.Stamp ? chunk.Hash : ContentHash.Of(content.Span);
        transfer.Chunks[number] = chunk with { Hash = hash };
        transfer.Sent[hash] = number;
        transfer.SentBytes += content.Length;
        await connection.WriteAsync(new ChunkMessage(transfer.StageId, (uint)number, content), cancellationToken);
        return true;
    }

    private async Task DropAsync(uint stageId, CancellationToken cancellationToken)
    {
        await connection.WriteAsync(new DropMessage(stageId), cancellationToken);
        _stages.Release();
    }

    private static LargeFileResult Retry(TreePath path, TimeSpan after, string? trouble = null) =>
        new(path, null, default, [], 0, false, null, after, trouble);

    private sealed class Transfer(uint stageId, SafeFileHandle file, FileStamp stamp) : IDisposable
    {
        public FileStamp Stamp { get; } = stamp;

        public Channel<NeedMessage> Answers { get; } = Channel.CreateUnbounded<NeedMessage>();

        public byte[] Buffer { get; } = ArrayPool<byte>.Shared.Rent(SyncLimits.ChunkBytes);

        public uint StageId { get; } = stageId;

        public SafeFileHandle File { get; } = file;

        public List<FileChunk> Chunks { get; } = [];

        // Chunks that went over the wire, by content: a file of equal stretches sends each once.
        public Dictionary<ContentHash, int> Sent { get; } = [];

        public int Unanswered { get; set; }

        public long SentBytes { get; set; }

        public void Dispose() => ArrayPool<byte>.Shared.Return(Buffer);
    }
}
