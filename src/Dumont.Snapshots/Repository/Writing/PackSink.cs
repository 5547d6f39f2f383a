using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Dumont.Snapshots;

/// <summary>Stores packs while they and others are being filled. Memory is bounded: there are so many buffers, and who wants one waits.</summary>
internal sealed class PackSink : IAsyncDisposable
{
    private readonly Repository _repository;
    private readonly int _pieceBytes;
    private readonly Channel<PackPiece> _ready = Channel.CreateUnbounded<PackPiece>();
    private readonly ConcurrentBag<PageBuffer> _free = [];
    private readonly ConcurrentBag<List<ChunkEntry>> _freeEntries = [];
    private readonly ConcurrentDictionary<PackUpload, bool> _begun = new();
    private readonly ConcurrentQueue<PackContent> _stored = new();
    private readonly SemaphoreSlim _available;
    private readonly CancellationTokenSource _failed = new();
    private readonly Task[] _uploads;

    /// <param name="repository">Where to.</param>
    /// <param name="writers">Threads that fill packs.</param>
    public PackSink(Repository repository, int writers)
    {
        _repository = repository;
        var traits = repository.Store.Traits;
        TargetBytes = traits.PreferredPackBytes;
        _pieceBytes = traits.PieceBytes > 0 ? traits.PieceBytes : TargetBytes;
        var uploads = Math.Max(1, traits.PieceBytes > 0 ? traits.PiecesAtOnce : traits.Concurrency);
        _available = new SemaphoreSlim(writers + uploads);
        _uploads = [.. Enumerable.Range(0, uploads).Select(_ => UploadAsync())];
    }

    /// <summary>Length at which a pack is full.</summary>
    public int TargetBytes { get; }

    /// <summary>A pack to be filled; waits while too much is on its way.</summary>
    /// <exception cref="OperationCanceledException">Cancelled, or a pack could not be stored: <see cref="CompleteAsync"/> says why.</exception>
    public PackBuilder Begin(CancellationToken cancellationToken)
    {
        var buffer = TakeBuffer(cancellationToken);
        var upload = new PackUpload(_repository.Store.BeginUpload(TargetBytes));
        _begun[upload] = true;
        return new PackBuilder(upload, buffer, _freeEntries.TryTake(out var used) ? used : [], _repository.Keys, TargetBytes, _pieceBytes);
    }

    /// <summary>Hands over what is ready of a pack that is not full yet, if it is worth it; waits while too much is on its way.</summary>
    /// <exception cref="OperationCanceledException">As above.</exception>
    public void Advance(PackBuilder pack, CancellationToken cancellationToken)
    {
        if (pack.HasPiece)
        {
            // First given, then taken: threads that keep one buffer and wait for another could wait for each other.
            pack.Upload.Expect();
            _ready.Writer.TryWrite(pack.TakePiece());
            pack.Continue(TakeBuffer(cancellationToken));
        }
    }

    /// <summary>Hands over a pack. Only <see cref="CompleteAsync"/> tells whether it is stored.</summary>
    public void Submit(PackBuilder pack)
    {
        using (pack)
        {
            _ready.Writer.TryWrite(pack.Finish());
            _freeEntries.Add(pack.Entries);
        }
    }

    /// <summary>Takes back a pack that will not be finished.</summary>
    public void Abandon(PackBuilder pack)
    {
        using (pack)
        {
            if (pack.GiveUp() is { } buffer)
            {
                GiveBack(buffer);
            }
        }
    }

    /// <summary>Waits until every pack is durable.</summary>
    /// <exception cref="ObjectStoreException">One could not be stored.</exception>
    public async Task<IReadOnlyList<PackContent>> CompleteAsync()
    {
        _ready.Writer.TryComplete();
        await Task.WhenAll(_uploads);

        // What comes now, the index above all, needs memory of its own.
        DisposeFree();
        return [.. _stored];
    }

    public async ValueTask DisposeAsync()
    {
        _ready.Writer.TryComplete();
        await _failed.CancelAsync();
        await Task.WhenAll(_uploads).ContinueWith(static _ => { }, TaskScheduler.Default);
        while (_ready.Reader.TryRead(out var piece))
        {
            _free.Add(piece.Memory);
        }

        foreach (var upload in _begun.Keys)
        {
            await upload.AbandonAsync();
            if (upload.Last is { } last)
            {
                _free.Add(last.Memory);
            }
        }

        DisposeFree();
        _available.Dispose();
        _failed.Dispose();
    }

    private async Task UploadAsync()
    {
        try
        {
            await foreach (var piece in _ready.Reader.ReadAllAsync(_failed.Token))
            {
                var last = piece.Content is null ? await WriteAsync(piece) : piece.Pack.Keep(piece);
                if (last is not null)
                {
                    await CompletePackAsync(last);
                }
            }
        }
        catch
        {
            await _failed.CancelAsync();
            throw;
        }
    }

    private async Task<PackPiece?> WriteAsync(PackPiece piece)
    {
        try
        {
            return await piece.Pack.WriteAsync(piece, _failed.Token);
        }
        finally
        {
            GiveBack(piece.Memory);
        }
    }

    private async Task CompletePackAsync(PackPiece last)
    {
        try
        {
            await last.Pack.CompleteAsync(last, _failed.Token);
            _begun.TryRemove(last.Pack, out _);
            _stored.Enqueue(last.Content!);
        }
        finally
        {
            GiveBack(last.Memory);
        }
    }

    private PageBuffer TakeBuffer(CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _failed.Token);
        _available.Wait(either.Token);
        return _free.TryTake(out var used) ? used : new PageBuffer(PackBuilder.BufferBytes(_pieceBytes, TargetBytes));
    }

    private void DisposeFree()
    {
        while (_free.TryTake(out var buffer))
        {
            ((IDisposable)buffer).Dispose();
        }
    }

    private void GiveBack(PageBuffer buffer)
    {
        _free.Add(buffer);
        _available.Release();
    }
}
