using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Dumont.Snapshots;

/// <summary>Stores finished packs while others are being filled. Memory is bounded: there are so many buffers, and who wants one waits.</summary>
internal sealed class PackSink : IAsyncDisposable
{
    private readonly Repository _repository;
    private readonly Channel<FinishedPack> _finished = Channel.CreateUnbounded<FinishedPack>();
    private readonly ConcurrentBag<PackMemory> _free = [];
    private readonly ConcurrentQueue<PackContent> _stored = new();
    private readonly SemaphoreSlim _available;
    private readonly CancellationTokenSource _failed = new();
    private readonly Task[] _uploads;

    /// <param name="repository">Where to.</param>
    /// <param name="writers">Threads that fill packs.</param>
    public PackSink(Repository repository, int writers)
    {
        _repository = repository;
        TargetBytes = repository.Store.Traits.PreferredPackBytes;
        var uploads = Math.Max(1, repository.Store.Traits.Concurrency);
        _available = new SemaphoreSlim(writers + uploads);
        _uploads = [.. Enumerable.Range(0, uploads).Select(_ => UploadAsync())];
    }

    /// <summary>Length at which a pack is full.</summary>
    public int TargetBytes { get; }

    /// <summary>A pack to be filled; waits while too many are on their way.</summary>
    /// <exception cref="OperationCanceledException">Cancelled, or a pack could not be stored: <see cref="CompleteAsync"/> says why.</exception>
    public PackBuilder Begin(CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _failed.Token);
        _available.Wait(either.Token);
        var memory = _free.TryTake(out var used) ? used : new PackMemory(PackBuilder.BufferBytes(TargetBytes));
        return new PackBuilder(memory, _repository.Keys, TargetBytes);
    }

    /// <summary>Hands a pack over. Only <see cref="CompleteAsync"/> tells whether it is stored.</summary>
    public void Submit(PackBuilder pack)
    {
        using (pack)
        {
            _finished.Writer.TryWrite(pack.Finish());
        }
    }

    /// <summary>Takes back a pack that will not be finished.</summary>
    public void Abandon(PackBuilder pack)
    {
        using (pack)
        {
            GiveBack(pack.Memory);
        }
    }

    /// <summary>Waits until every pack is durable.</summary>
    /// <exception cref="ObjectStoreException">One could not be stored.</exception>
    public async Task<IReadOnlyList<PackContent>> CompleteAsync()
    {
        _finished.Writer.TryComplete();
        await Task.WhenAll(_uploads);

        // What comes now, the index above all, needs memory of its own.
        DisposeFree();
        return [.. _stored];
    }

    public async ValueTask DisposeAsync()
    {
        _finished.Writer.TryComplete();
        await _failed.CancelAsync();
        await Task.WhenAll(_uploads).ContinueWith(static _ => { }, TaskScheduler.Default);
        while (_finished.Reader.TryRead(out var pack))
        {
            _free.Add(pack.Memory);
        }

        DisposeFree();
        _available.Dispose();
        _failed.Dispose();
    }

    private async Task UploadAsync()
    {
        try
        {
            await foreach (var pack in _finished.Reader.ReadAllAsync(_failed.Token))
            {
                // Of the same name can only be the same pack, stored by an attempt that lost its answer.
                try
                {
                    await _repository.Store.PutAsync(
                        ObjectNames.Pack(pack.Content.Name), pack.Memory.Frames.Memory[..(int)pack.Content.SizeBytes], PutMode.CreateNew, _failed.Token);
                    _stored.Enqueue(pack.Content);
                }
                finally
                {
                    GiveBack(pack.Memory);
                }
            }
        }
        catch
        {
            await _failed.CancelAsync();
            throw;
        }
    }

    private void DisposeFree()
    {
        while (_free.TryTake(out var memory))
        {
            memory.Dispose();
        }
    }

    private void GiveBack(PackMemory memory)
    {
        _free.Add(memory);
        _available.Release();
    }
}
