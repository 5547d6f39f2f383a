namespace Dumont.Snapshots.Sync;

/// <summary>A path on its way through the source.</summary>
/// <param name="Path">Where something changed.</param>
/// <param name="Since">When that was first noticed, as a timestamp of the clock given.</param>
internal readonly record struct DirtyPath(TreePath Path, long Since);

/// <summary>
/// What is known to differ between a tree and its follower, and since when. Whoever watches the tree calls <see cref="Mark"/>; a
/// <see cref="SyncSource"/> takes from it. It outlives connections, so the age of the oldest change is right across a cut.
/// <code>
///  Mark ──▶ dirty ──Take──▶ working ──Sent──▶ in flight ──Acked──▶ gone
///             ▲                │ Retry            │ connection lost
///             └────────────────┴──────────────────┘
/// </code>
/// </summary>
/// <remarks>Thread safe.</remarks>
public sealed partial class TreeChanges(TimeProvider time) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TreePath, (long Since, long NotBefore)> _dirty = [];
    private readonly Dictionary<TreePath, long> _working = [];
    private readonly Queue<(ulong Sequence, TreePath Path, long Since, int Bytes)> _inFlight = new();
    private readonly SemaphoreSlim _signal = new(0, 1);
    private long _rescanWanted = 1;
    private long _rescanDone;
    private long _bytesInFlight;

    /// <summary>Something at this path may have changed. A hint: it is compared with what the follower has before anything is sent.</summary>
    public void Mark(TreePath path)
    {
        if (path.IsReserved)
        {
            return;
        }

        lock (_lock)
        {
            MarkDirty(path, time.GetTimestamp(), notBefore: 0);
        }

        Wake();
    }

    /// <summary>Changes may have been missed anywhere: asks for a full comparison.</summary>
    /// <returns>A ticket for <see cref="IsCaughtUp"/>.</returns>
    public long RequestRescan()
    {
        lock (_lock)
        {
            _rescanWanted++;
            Wake();
            return _rescanWanted;
        }
    }

    /// <summary>Whether a comparison begun after the ticket was given has ended, and nothing found by it or since is waiting.</summary>
    public bool IsCaughtUp(long ticket)
    {
        lock (_lock)
        {
            return _rescanDone >= ticket && _dirty.Count == 0 && _working.Count == 0 && _inFlight.Count == 0;
        }
    }

    /// <inheritdoc />
    public void Dispose() => _signal.Dispose();

    /// <summary>Paths that differ or may differ.</summary>
    internal int PendingCount
    {
        get
        {
            lock (_lock)
            {
                return _dirty.Count + _working.Count + _inFlight.Count;
            }
        }
    }

    /// <summary>Nothing waits to be looked at or sent; some may wait for its acknowledgement.</summary>
    internal bool IsAllSent
    {
        get
        {
            lock (_lock)
            {
                return _dirty.Count == 0 && _working.Count == 0;
            }
        }
    }

    /// <summary>The ticket of the rescan that is wanted, or null.</summary>
    internal long? WantedRescan
    {
        get
        {
            lock (_lock)
            {
                return _rescanWanted > _rescanDone ? _rescanWanted : null;
            }
        }
    }

    /// <summary>Payload and count of what is sent and not acknowledged.</summary>
    internal (long Bytes, int Changes) InFlight
    {
        get
        {
            lock (_lock)
            {
                return (_bytesInFlight, _inFlight.Count);
            }
        }
    }

    /// <summary>Age of the oldest path that is not acknowledged; zero without one.</summary>
    internal TimeSpan OldestAge()
    {
        lock (_lock)
        {
            var oldest = long.MaxValue;
            foreach (var (since, _) in _dirty.Values)
            {
                oldest = Math.Min(oldest, since);
            }

            foreach (var since in _working.Values)
            {
                oldest = Math.Min(oldest, since);
            }

            foreach (var (_, _, since, _) in _inFlight)
            {
                oldest = Math.Min(oldest, since);
            }

            return oldest == long.MaxValue ? TimeSpan.Zero : time.GetElapsedTime(oldest);
        }
    }

    /// <summary>Waits until something may have to be done, or <paramref name="atMost"/>.</summary>
    internal async Task WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(atMost, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            await _signal.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Time to look around.
        }
    }

    /// <summary>Lets a waiting <see cref="WaitAsync"/> go on.</summary>
    internal void Wake()
    {
        lock (_signal)
        {
            if (_signal.CurrentCount == 0)
            {
                _signal.Release();
            }
        }
    }

    /// <summary>Hands out the paths that are due, parents before children. A path still being worked on stays behind.</summary>
    internal List<DirtyPath> Take()
    {
        var now = time.GetTimestamp();
        var taken = new List<DirtyPath>();
        lock (_lock)
        {
            foreach (var (path, (since, notBefore)) in _dirty)
            {
                if (notBefore <= now && !_working.ContainsKey(path))
                {
                    taken.Add(new DirtyPath(path, since));
                }
            }

            foreach (var path in taken)
            {
                _dirty.Remove(path.Path);
                _working[path.Path] = path.Since;
                _flushes.Taken(path.Path);
            }
        }

        taken.Sort(static (left, right) => left.Path.CompareTo(right.Path));
        return taken;
    }

    /// <summary>How long until the next path that was put off is due; null without one.</summary>
    internal TimeSpan? NextDue()
    {
        lock (_lock)
        {
            var next = long.MaxValue;
            foreach (var (path, (_, notBefore)) in _dirty)
            {
                next = _working.ContainsKey(path) ? next : Math.Min(next, notBefore);
            }

            var wait = next - time.GetTimestamp();
            return next == long.MaxValue ? null : TimeSpan.FromSeconds(Math.Max(0, (double)wait / time.TimestampFrequency));
        }
    }

    /// <summary>The path needed nothing.</summary>
    internal void Settle(TreePath path)
    {
        lock (_lock)
        {
            // The follower has it, or will have once it has applied what was sent before.
            _working.Remove(path);
            _flushes.Sent(path, _lastSent);
            _flushes.Acked(_lastAcked);
        }
    }

    /// <summary>The path could not be sent now, or has changed again while it was read: look again after <paramref name="pause"/>.</summary>
    internal void Retry(TreePath path, TimeSpan pause)
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            var since = _working.Remove(path, out var known) ? known : now;
            MarkDirty(path, since, now + (long)(pause.TotalSeconds * time.TimestampFrequency));
            _flushes.Retried(path);
        }

        Wake();
    }

    /// <summary>A change was sent. If it settles a path that was taken, that path is in flight now; else it is the change's own.</summary>
    internal void Sent(TreePath path, ulong sequence, int bytes, bool settles)
    {
        lock (_lock)
        {
            var since = time.GetTimestamp();
            if (settles && _working.Remove(path, out var known))
            {
                since = known;
                _flushes.Sent(path, sequence);
            }

            _inFlight.Enqueue((sequence, path, since, bytes));
            _bytesInFlight += bytes;
            _lastSent = sequence;
        }
    }

    /// <summary>Everything up to <paramref name="sequence"/> is durable on the other side.</summary>
    internal void Acked(ulong sequence)
    {
        lock (_lock)
        {
            while (_inFlight.TryPeek(out var first) && first.Sequence <= sequence)
            {
                _bytesInFlight -= first.Bytes;
                _inFlight.Dequeue();
            }

            _lastAcked = sequence;
            _flushes.Acked(sequence);
        }

        Wake();
    }

    /// <summary>A full comparison that began when <paramref name="ticket"/> was wanted has marked what it found.</summary>
    internal void Rescanned(long ticket)
    {
        lock (_lock)
        {
            _rescanDone = Math.Max(_rescanDone, ticket);
            _rescanned.SetResult();
            _rescanned = NewSignal();
        }
    }

    /// <summary>The connection is gone: whatever was not acknowledged is to be looked at again.</summary>
    internal void ConnectionLost()
    {
        lock (_lock)
        {
            foreach (var (path, since) in _working)
            {
                MarkDirty(path, since, notBefore: 0);
            }

            foreach (var (_, path, since, _) in _inFlight)
            {
                // A mark belongs to no path.
                if (!path.IsRoot)
                {
                    MarkDirty(path, since, notBefore: 0);
                }
            }

            foreach (var path in _flushes.Lost())
            {
                MarkDirty(path, time.GetTimestamp(), notBefore: 0);
            }

            _working.Clear();
            _inFlight.Clear();
            _bytesInFlight = 0;
            (_lastSent, _lastAcked) = (0, 0);
            _rescanWanted++;
        }
    }

    private void MarkDirty(TreePath path, long since, long notBefore)
    {
        var known = _dirty.GetValueOrDefault(path, (since, notBefore));
        _dirty[path] = (Math.Min(known.Item1, since), Math.Max(known.Item2, notBefore));
    }
}
