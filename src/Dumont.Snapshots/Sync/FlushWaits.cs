namespace Dumont.Snapshots.Sync;

/// <summary>
/// Who waits for which paths to be durable on the follower. A path counts only as read after the wait began: whatever was on its way before
/// may hold what the file was before.
/// <code>
///  waiting ──Taken──▶ working ──Sent, Settled──▶ until acknowledged ──Acked──▶ done
///     ▲                 │ Retried                  │ connection lost
///     └─────────────────┴──────────────────────────┘
/// </code>
/// </summary>
/// <remarks>Not thread safe: <see cref="TreeChanges"/> holds its lock.</remarks>
internal sealed class FlushWaits
{
    private readonly List<FlushWait> _waits = [];

    /// <summary>Begins to wait; the caller marks the paths.</summary>
    public FlushWait Add(IEnumerable<TreePath> paths)
    {
        var wait = new FlushWait(paths);
        if (!wait.CompleteIfDone())
        {
            _waits.Add(wait);
        }

        return wait;
    }

    /// <summary>Nobody waits for this any more.</summary>
    public void Remove(FlushWait wait) => _waits.Remove(wait);

    /// <summary>The path is being looked at.</summary>
    public void Taken(TreePath path) => Move(path, FlushState.Waiting, FlushState.Working, 0);

    /// <summary>What was found at the path is in the change of this number, or in one before it.</summary>
    public void Sent(TreePath path, ulong sequence) => Move(path, FlushState.Working, FlushState.Sent, sequence);

    /// <summary>The path has to be looked at again.</summary>
    public void Retried(TreePath path) => Move(path, FlushState.Working, FlushState.Waiting, 0);

    /// <summary>Everything up to <paramref name="sequence"/> is durable on the other side.</summary>
    public void Acked(ulong sequence)
    {
        foreach (var wait in _waits)
        {
            wait.Acked(sequence);
        }

        _waits.RemoveAll(static wait => wait.CompleteIfDone());
    }

    /// <summary>The connection is gone: what was not acknowledged has to be sent again.</summary>
    /// <returns>The paths to look at.</returns>
    public IReadOnlyCollection<TreePath> Lost()
    {
        foreach (var wait in _waits)
        {
            wait.Lost();
        }

        return [.. _waits.SelectMany(static wait => wait.Paths)];
    }

    private void Move(TreePath path, FlushState from, FlushState to, ulong sequence)
    {
        foreach (var wait in _waits)
        {
            wait.Move(path, from, to, sequence);
        }
    }
}

/// <summary>Where a path that is waited for is.</summary>
internal enum FlushState
{
    /// <summary>Not looked at since the wait began.</summary>
    Waiting,

    /// <summary>Being looked at.</summary>
    Working,

    /// <summary>Sent, not acknowledged.</summary>
    Sent,
}

/// <summary>One wait for some paths.</summary>
internal sealed class FlushWait
{
    // Continuations run elsewhere: who completes this holds a lock.
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Dictionary<TreePath, (FlushState State, ulong Sequence)> _paths;

    public FlushWait(IEnumerable<TreePath> paths) =>
        _paths = paths.Distinct().ToDictionary(static path => path, static _ => (FlushState.Waiting, 0UL));

    /// <summary>Ends when all of it is durable on the follower.</summary>
    public Task Done => _done.Task;

    /// <summary>Paths that are not durable yet.</summary>
    public IReadOnlyCollection<TreePath> Paths => _paths.Keys;

    public void Move(TreePath path, FlushState from, FlushState to, ulong sequence)
    {
        if (_paths.TryGetValue(path, out var known) && known.State == from)
        {
            _paths[path] = (to, sequence);
        }
    }

    public void Acked(ulong sequence)
    {
        foreach (var (path, known) in _paths)
        {
            if (known.State == FlushState.Sent && known.Sequence <= sequence)
            {
                // Removing what the enumeration stands on is allowed.
                _paths.Remove(path);
            }
        }
    }

    public void Lost()
    {
        foreach (var path in _paths.Keys)
        {
            _paths[path] = (FlushState.Waiting, 0);
        }
    }

    public bool CompleteIfDone() => _paths.Count == 0 && _done.TrySetResult();
}
