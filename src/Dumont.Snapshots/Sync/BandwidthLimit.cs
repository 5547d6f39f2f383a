namespace Dumont.Snapshots.Sync;

/// <summary>How much may be sent: a bucket into which bytes drip at the rate allowed and out of which every sender takes what it sends. Shared by all
/// connections of a machine. A new rate holds at once, for those that wait, too.</summary>
/// <remarks>Thread safe.</remarks>
public sealed class BandwidthLimit(TimeProvider time)
{
    // What goes at once. Small, so that what is urgent does not wait long behind what is large.
    internal const int SliceBytes = 16 << 10;

    // What gathers while nothing is sent.
    private const double BurstSeconds = 0.1;

    private readonly Lock _lock = new();
    private long? _bytesPerSecond;
    private double _bytes;
    private long _countedAt;
    private TaskCompletionSource _changed = NewSignal();

    /// <summary>Bytes a second; null for no limit.</summary>
    public long? BytesPerSecond
    {
        get
        {
            lock (_lock)
            {
                return _bytesPerSecond;
            }
        }

        set
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value ?? 1, nameof(value));
            lock (_lock)
            {
                if (value == _bytesPerSecond)
                {
                    return;
                }

                Count();
                _bytesPerSecond = value;
                _changed.SetResult();
                _changed = NewSignal();
            }
        }
    }

    /// <summary>Waits until something may be sent.</summary>
    /// <returns>How many bytes: all that are wanted, or the first of them.</returns>
    internal async ValueTask<int> TakeAsync(int wanted, CancellationToken cancellationToken)
    {
        while (true)
        {
            TimeSpan wait;
            Task changed;
            lock (_lock)
            {
                if (_bytesPerSecond is not { } rate)
                {
                    return wanted;
                }

                Count();
                if (_bytes >= 0)
                {
                    // Into debt: the next one waits for it, and the sum stays right.
                    var taken = Math.Min(wanted, SliceBytes);
                    _bytes -= taken;
                    return taken;
                }

                // At least what a timer can tell.
                wait = TimeSpan.FromSeconds(Math.Max(-_bytes / rate, 0.001));
                changed = _changed.Task;
            }

            using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            await Task.WhenAny(Task.Delay(wait, time, enough.Token), changed);
            await enough.CancelAsync();
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    // What has dripped in since it was counted last.
    private void Count()
    {
        var now = time.GetTimestamp();
        var rate = _bytesPerSecond ?? 0;
        _bytes = Math.Min(_bytes + (rate * time.GetElapsedTime(_countedAt, now).TotalSeconds), rate * BurstSeconds);
        _countedAt = now;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
