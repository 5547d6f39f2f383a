namespace Dumont.Snapshots;

/// <summary>
/// Fetches chunks and writes them. Each worker takes whole packs and does everything with a chunk itself (read, check, decode, write), so
/// that it stays in the processor's cache and nothing is handed over. Workers begin at different ends of the packs: two that write
/// into one large file would wait for each other.
/// </summary>
internal sealed class RestoreExecutor(IChunkSource source, RestoreFiles files, RestoreCounters counters)
{
    // Ranges of a worker that are under way at once; with a store on a disk of this machine one is best.
    private const int AheadMax = 4;

    /// <summary>Writes everything that the plan says.</summary>
    /// <param name="plan">What to fetch.</param>
    /// <param name="withoutFetch">Files that need nothing fetched.</param>
    /// <param name="workers">One each.</param>
    /// <param name="cancellationToken">Checked for every range.</param>
    /// <exception cref="IOException">The first failure of any worker; the others have ended.</exception>
    public async Task RunAsync(
        ReadPlan plan, IReadOnlyList<RestoreItem> withoutFetch, IReadOnlyList<RestoreWorker> workers, CancellationToken cancellationToken)
    {
        foreach (var item in withoutFetch)
        {
            files.WriteWithout(workers[0], item);
        }

        var queue = new PackQueue(plan.Packs.Count, workers.Count);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var running = workers.Select((worker, i) => Task.Run(
            async () =>
            {
                try
                {
                    await WorkAsync(plan, queue, i, workers.Count, worker, stop.Token);
                }
                catch
                {
                    await stop.CancelAsync();
                    throw;
                }
            },
            CancellationToken.None)).ToList();
        var all = Task.WhenAll(running);
        try
        {
            await all;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The failure that stopped the others says more than their being stopped.
        }

        var failure = running.Select(task => task.Exception?.InnerException).FirstOrDefault(e => e is not (null or OperationCanceledException));
        if (failure is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }

        cancellationToken.ThrowIfCancellationRequested();
        counters.Report();
    }

    private async Task WorkAsync(ReadPlan plan, PackQueue queue, int number, int workers, RestoreWorker worker, CancellationToken cancellationToken)
    {
        var ahead = Math.Clamp(source.Concurrency / workers, 1, AheadMax);
        var underWay = new Queue<(ReadRange Range, PageBuffer Buffer, Task<int> Read)>();
        var ranges = Ranges(plan, queue, number).GetEnumerator();
        try
        {
            var more = true;
            while (true)
            {
                while (more && underWay.Count < ahead && (more = ranges.MoveNext()))
                {
                    var range = ranges.Current;
                    var buffer = worker.Rent();
                    underWay.Enqueue((range, buffer, ReadAsync(range, buffer, cancellationToken)));
                }

                if (underWay.Count == 0)
                {
                    worker.Run.End(files, worker);
                    return;
                }

                cancellationToken.ThrowIfCancellationRequested();
                var (next, filled, read) = underWay.Peek();
                var length = await read;
                underWay.Dequeue();
                counters.AddFetched(length);
                Process(plan, next, filled.GetSpan()[..length], worker);
                worker.Return(filled);
                counters.Report();
            }
        }
        finally
        {
            ranges.Dispose();

            // Whoever still reads must not find its memory gone.
            foreach (var (_, buffer, read) in underWay)
            {
                await ((Task)read).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                worker.Return(buffer);
            }
        }
    }

    private async Task<int> ReadAsync(ReadRange range, PageBuffer buffer, CancellationToken cancellationToken) =>
        await source.ReadAsync(range.Pack, range.OffsetBytes, buffer.Memory[..range.LengthBytes], cancellationToken);

    private void Process(ReadPlan plan, ReadRange range, ReadOnlySpan<byte> bytes, RestoreWorker worker)
    {
        foreach (var chunk in plan.Chunks.AsSpan(range.FirstChunk, range.ChunkCount))
        {
            var places = plan.Places.AsSpan(chunk.FirstPlace, chunk.PlaceCount);
            var start = chunk.Location.OffsetBytes - range.OffsetBytes;
            if (start + chunk.Location.StoredBytes > bytes.Length)
            {
                throw Damaged(places[0], $"{source.PackName(range.Pack)} ends before chunk {chunk.Id}");
            }

            var frame = bytes.Slice(start, chunk.Location.StoredBytes);
            var isZero = chunk.Location.Coding == ChunkCoding.Zero;
            if (places.Length == 1 && !isZero && files.IsDirect(places[0].Item))
            {
                // Decoded to where it is written from, behind what comes before it in the file.
                Open(worker, chunk, places[0], frame, worker.Run.Room(files, worker, places[0], chunk.Location.RawBytes));
                worker.Run.Add(chunk.Location.RawBytes);
                continue;
            }

            var content = worker.ChunkRoom(chunk.Location.RawBytes);
            Open(worker, chunk, places[0], frame, content);
            foreach (var place in places)
            {
                if (!isZero && files.IsDirect(place.Item))
                {
                    content.CopyTo(worker.Run.Room(files, worker, place, content.Length));
                    worker.Run.Add(content.Length);
                }
                else
                {
                    files.Write(worker, place.Item, place.OffsetBytes, content, isZero);
                }
            }
        }
    }

    private static void Open(RestoreWorker worker, in PlannedChunk chunk, ChunkPlace place, ReadOnlySpan<byte> frame, Span<byte> destination)
    {
        try
        {
            worker.Opener.Open(chunk.Location, chunk.Id, frame, destination);
        }
        catch (SnapshotFormatException e)
        {
            throw Damaged(place, e.Message);
        }
    }

    private static SnapshotFormatException Damaged(ChunkPlace place, string why) =>
        new($"{RestoreWarnings.Escape(place.Item.Entry.Path)}: {why}; exclude the file, or repair the repository");

    private static IEnumerable<ReadRange> Ranges(ReadPlan plan, PackQueue queue, int worker)
    {
        while (queue.TryTake(worker, out var pack))
        {
            var (first, count) = plan.Packs[pack].GetOffsetAndLength(plan.Ranges.Count);
            for (var i = first; i < first + count; i++)
            {
                yield return plan.Ranges[i];
            }
        }
    }

    // Gives each worker a stretch of neighbouring packs, from its own end; who is done takes from the end of the longest that is left.
    private sealed class PackQueue
    {
        private readonly Lock _lock = new();
        private readonly (int Next, int End)[] _stretches;

        public PackQueue(int packs, int workers)
        {
            _stretches = new (int, int)[workers];
            for (var i = 0; i < workers; i++)
            {
                _stretches[i] = ((int)((long)packs * i / workers), (int)((long)packs * (i + 1) / workers));
            }
        }

        public bool TryTake(int worker, out int pack)
        {
            lock (_lock)
            {
                ref var own = ref _stretches[worker];
                if (own.Next < own.End)
                {
                    pack = own.Next++;
                    return true;
                }

                var longest = 0;
                for (var i = 1; i < _stretches.Length; i++)
                {
                    if (_stretches[i].End - _stretches[i].Next > _stretches[longest].End - _stretches[longest].Next)
                    {
                        longest = i;
                    }
                }

                ref var other = ref _stretches[longest];
                pack = other.End - 1;
                if (other.Next >= other.End)
                {
                    return false;
                }

                other.End--;
                return true;
            }
        }
    }
}
