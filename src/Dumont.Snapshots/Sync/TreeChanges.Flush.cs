namespace Dumont.Snapshots.Sync;

/// <content>Waiting until something is durable on the follower.</content>
public sealed partial class TreeChanges
{
    private readonly FlushWaits _flushes = new();
    private TaskCompletionSource _rescanned = NewSignal();

    private TaskCompletionSource? _urgent;
    private int _hurrying;

    // Of the one connection there is.
    private ulong _lastSent;
    private ulong _lastAcked;

    /// <summary>Waits until a file, as it is now, is durable on the follower, whether a change of it was noticed or not; or that it is not there any more.
    /// Cuts of the connection are waited out.</summary>
    public async Task FlushFileAsync(TreePath path, CancellationToken cancellationToken)
    {
        if (!path.IsRoot && !path.IsReserved)
        {
            await FlushAsync(() => [path], cancellationToken);
        }
    }

    /// <summary>Waits until a directory's own entry, and what was noticed below it, is durable on the follower: a directory that was moved into it has its
    /// content there too.</summary>
    public Task FlushDirectoryAsync(TreePath path, CancellationToken cancellationToken) => FlushAsync(
        () => [.. UnackedPaths().Where(unacked => unacked.IsWithin(path)), .. path.IsRoot || path.IsReserved ? (TreePath[])[] : [path]],
        cancellationToken);

    /// <summary>Waits until everything that is noticed by now, or found by a comparison of the whole tree that begins now, is durable on the follower.</summary>
    public async Task FlushAllAsync(CancellationToken cancellationToken)
    {
        Hurry(1);
        try
        {
            var ticket = RequestRescan();
            while (RescannedAfter(ticket) is { } rescanned)
            {
                await rescanned.WaitAsync(cancellationToken);
            }

            await FlushAsync(() => [.. UnackedPaths()], cancellationToken);
        }
        finally
        {
            Hurry(-1);
        }
    }

    /// <summary>Whether a comparison begun after the ticket was given has ended; what it found may still wait.</summary>
    public bool HasCompared(long ticket) => RescannedAfter(ticket) is null;

    /// <summary>Whether somebody waits for what is on its way.</summary>
    internal bool IsUrgent
    {
        get
        {
            lock (_lock)
            {
                return _hurrying > 0;
            }
        }
    }

    /// <summary>Lets changes gather for <paramref name="period"/>, or until somebody waits for them.</summary>
    internal async Task GatherAsync(TimeSpan period, CancellationToken cancellationToken)
    {
        Task urgent;
        lock (_lock)
        {
            if (_hurrying > 0)
            {
                return;
            }

            _urgent = NewSignal();
            urgent = _urgent.Task;
        }

        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(Task.Delay(period, time, enough.Token), urgent);
        await enough.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    // One more waits for what is on its way, or one fewer.
    private void Hurry(int change)
    {
        lock (_lock)
        {
            _hurrying += change;
            _urgent?.TrySetResult();
        }

        Wake();
    }

    // The end of the next comparison; null when the one of the ticket has ended.
    private Task? RescannedAfter(long ticket)
    {
        lock (_lock)
        {
            return _rescanDone >= ticket ? null : _rescanned.Task;
        }
    }

    private async Task FlushAsync(Func<IReadOnlyCollection<TreePath>> paths, CancellationToken cancellationToken)
    {
        FlushWait wait;
        lock (_lock)
        {
            wait = _flushes.Add(paths());
            foreach (var path in wait.Paths)
            {
                MarkDirty(path, time.GetTimestamp(), notBefore: 0);
            }
        }

        Hurry(1);
        try
        {
            await wait.Done.WaitAsync(cancellationToken);
        }
        finally
        {
            lock (_lock)
            {
                _flushes.Remove(wait);
            }

            Hurry(-1);
        }
    }

    // A mark, which is in flight under the root, belongs to no path.
    private IEnumerable<TreePath> UnackedPaths() =>
        _dirty.Keys.Concat(_working.Keys).Concat(_inFlight.Select(static change => change.Path)).Where(static path => !path.IsRoot);
}
