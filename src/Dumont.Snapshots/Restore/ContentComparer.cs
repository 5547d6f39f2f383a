namespace Dumont.Snapshots;

/// <summary>Reads files and compares them with the hashes of their extents: what was there before, and what was just written.</summary>
internal sealed class ContentComparer(RestoreCounters counters)
{
    // A large file is compared by several workers, this much at a time.
    private const long PieceBytes = 64 << 20;

    /// <summary>Finds out what of the files that are to be replaced is in the target already. A file of which everything is, stays.</summary>
    public async Task FindEqualAsync(IReadOnlyList<RestoreItem> files, IReadOnlyList<RestoreWorker> workers, CancellationToken cancellationToken)
    {
        foreach (var file in files)
        {
            file.EqualExtents = new bool[file.Entry.Content.Count];
        }

        await ForEachPieceAsync(files, workers, (worker, piece) =>
        {
            var path = piece.Item.Entry.Path;
            var opened = worker.Target!.TryGet(path.Parent.Raw, out var parent)
                ? Posix.Open(parent, Posix.Terminated(path.RawName), Libc.O_RDONLY | Libc.O_NONBLOCK)
                : -1;
            if (opened < 0)
            {
                // Cannot be read, so it cannot be used: it is fetched anew.
                return;
            }

            try
            {
                Compare(worker, piece, opened, (extent, isEqual) => piece.Item.EqualExtents![extent] = isEqual);
            }
            finally
            {
                Posix.Close(opened);
            }
        }, cancellationToken);

        foreach (var file in files)
        {
            if (!file.EqualExtents!.Any(static equal => equal))
            {
                file.EqualExtents = null;
            }
        }
    }

    /// <summary>Reads back what lies in staging.</summary>
    /// <exception cref="SnapshotFormatException">Some file is not what its hashes say.</exception>
    public Task VerifyAsync(IReadOnlyList<RestoreItem> files, IReadOnlyList<RestoreWorker> workers, CancellationToken cancellationToken) =>
        ForEachPieceAsync(files, workers, (worker, piece) =>
        {
            if (!IsRight(worker, piece))
            {
                throw new SnapshotFormatException(
                    $"{RestoreWarnings.Escape(piece.Item.Entry.Path)}: what was written does not have the hash it should have; nothing was put in place");
            }
        }, cancellationToken);

    /// <summary>Finds those of the staged files of an earlier run that are not what their hashes say.</summary>
    public async Task<IReadOnlyCollection<RestoreItem>> FindWrongAsync(
        IReadOnlyList<RestoreItem> files, IReadOnlyList<RestoreWorker> workers, CancellationToken cancellationToken)
    {
        var wrong = new System.Collections.Concurrent.ConcurrentDictionary<RestoreItem, bool>();
        await ForEachPieceAsync(files, workers, (worker, piece) =>
        {
            if (!IsRight(worker, piece))
            {
                wrong.TryAdd(piece.Item, true);
            }
        }, cancellationToken);
        return [.. wrong.Keys];
    }

    private bool IsRight(RestoreWorker worker, Piece piece)
    {
        Span<byte> name = stackalloc byte[Posix.NameBytes];
        piece.Item.TerminateName(name);
        var file = Posix.Open(worker.Staged.Get(piece.Item.Directory.StagedPath), name, Libc.O_RDONLY | Libc.O_NONBLOCK);
        if (file < 0)
        {
            throw Posix.LastError($"read back {RestoreWarnings.Escape(piece.Item.Entry.Path)}");
        }

        try
        {
            var isRight = (long)Posix.Stat(file).Size == piece.Item.Entry.SizeBytes;
            Compare(worker, piece, file, (_, isEqual) => isRight &= isEqual);
            return isRight;
        }
        finally
        {
            Posix.Close(file);
        }
    }

    private void Compare(RestoreWorker worker, Piece piece, int file, Action<int, bool> tell)
    {
        var offset = piece.OffsetBytes;
        for (var i = piece.FirstExtent; i < piece.FirstExtent + piece.Extents; i++)
        {
            var extent = piece.Item.Entry.Content[i];
            if (extent.IsHole)
            {
                tell(i, true);
            }
            else
            {
                var room = worker.ChunkRoom((int)extent.LengthBytes);
                tell(i, Posix.Read(file, room, offset) == room.Length && worker.Opener.IsContentOf(extent.Chunk, room));
            }

            offset += extent.LengthBytes;
        }

        counters.AddBytes(offset - piece.OffsetBytes);
        counters.Report();
    }

    private static async Task ForEachPieceAsync(
        IReadOnlyList<RestoreItem> files, IReadOnlyList<RestoreWorker> workers, Action<RestoreWorker, Piece> action, CancellationToken cancellationToken)
    {
        var pieces = files.SelectMany(Pieces).ToList();
        var next = -1;
        await Task.WhenAll(workers.Select(worker => Task.Run(
            () =>
            {
                for (var i = Interlocked.Increment(ref next); i < pieces.Count; i = Interlocked.Increment(ref next))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    action(worker, pieces[i]);
                }
            },
            cancellationToken)));
    }

    private static IEnumerable<Piece> Pieces(RestoreItem item)
    {
        int first = 0, count = 0;
        long start = 0, offset = 0;
        foreach (var extent in item.Entry.Content)
        {
            offset += extent.LengthBytes;
            count++;
            if (offset - start >= PieceBytes)
            {
                yield return new Piece(item, first, count, start);
                (first, count, start) = (first + count, 0, offset);
            }
        }

        if (count > 0 || item.Entry.Content.Count == 0)
        {
            yield return new Piece(item, first, count, start);
        }
    }

    private readonly record struct Piece(RestoreItem Item, int FirstExtent, int Extents, long OffsetBytes);
}
