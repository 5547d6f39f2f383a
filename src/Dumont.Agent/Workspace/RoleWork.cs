using Dumont.Agent.Flush;
using Dumont.Agent.Machine;
using Dumont.Contracts;
using Dumont.Snapshots;
using Dumont.Snapshots.Sync;

namespace Dumont.Agent.Workspace;

/// <summary>What runs while one role lasts: a sink, or a sending half, or neither, and the ending of user processes when that is ordered. A writer that is
/// to move sends to a second follower, which comes and goes while the first goes on.</summary>
internal sealed class RoleWork : IAsyncDisposable
{
    // While a drain waits for the last acknowledgements: the switch-over waits with it.
    private static readonly TimeSpan DrainPollPeriod = TimeSpan.FromMilliseconds(10);

    private readonly SyncSink? _sink;
    private readonly long _check;
    private readonly SyncLane? _sync;
    private readonly IUserProcesses _processes;
    private readonly AgentOptions _options;
    private readonly Action _changed;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop;
    private readonly Lock _drainLock = new();
    private CancellationTokenSource? _drainStop;
    private Task _draining = Task.CompletedTask;
    private TaskCompletionSource _firstStop = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile SyncLane? _migration;
    private bool _processesStopped;
    private volatile int _left;

    /// <summary>Takes over what serves the role; sink and sync may be null. The next connection of the sink is the comparison <paramref name="check"/>.</summary>
    public RoleWork(
        SyncSink? sink,
        long check,
        SyncLane? sync,
        IUserProcesses processes,
        AgentOptions options,
        Action changed,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        _sink = sink;
        _check = check;
        _sync = sync;
        _processes = processes;
        _options = options;
        _changed = changed;
        _time = time;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    }

    /// <summary>Why the sync does not get on; null when it does.</summary>
    public string? Trouble => _left > 0 ? $"{_left} user processes cannot be ended" : _migration?.Trouble ?? _sync?.Trouble ?? _sink?.Trouble;

    /// <summary>For the heartbeat; null when this machine neither sends nor receives.</summary>
    public AgentSyncReport? Sync => _sync?.Report() ?? (_sink is null ? null : SyncLane.ReportOf(_sink.Status, null, isDrained: false, _check));

    /// <summary>The same of the follower that the instance is to move to.</summary>
    public AgentSyncReport? Migration => _migration?.Report();

    /// <summary>Replaces what the follower is not sent. One that the instance is to move to is sent everything: nothing else will have it.</summary>
    public void SetExcludes(PathFilter excludes) => _sync?.SetExcludes(excludes);

    /// <summary>Replaces the follower that the instance is to move to; <paramref name="begin"/> is null when it is not to move any more.</summary>
    /// <exception cref="IOException">The workspace cannot be watched.</exception>
    public async Task SetMigrationAsync(Func<SyncLane>? begin)
    {
        var before = _migration;
        _migration = null;
        await (before?.DisposeAsync() ?? ValueTask.CompletedTask);
        var lane = begin?.Invoke();
        lock (_drainLock)
        {
            _migration = lane;
            if (_processesStopped)
            {
                lane?.BeginDrain();
            }
        }
    }

    /// <summary>Whether user processes are to be ended, now and for as long as this stays so.</summary>
    public void SetDrain(bool drain)
    {
        if (drain == _drainStop is not null)
        {
            return;
        }

        if (drain)
        {
            _drainStop = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            _firstStop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _draining = DrainAsync(_draining, _drainStop.Token);
        }
        else
        {
            _drainStop!.Cancel();
            _drainStop.Dispose();
            _drainStop = null;
            _left = 0;
            SetStopped(false);
        }
    }

    /// <summary>Waits until user processes were ended once since that was asked for, as far as they can be.</summary>
    public Task FirstStopAsync(CancellationToken cancellationToken) => _firstStop.Task.WaitAsync(cancellationToken);

    /// <summary>Waits until the follower has <paramref name="subject"/>; without a follower until cancelled.</summary>
    public Task FlushAsync(FlushSubject subject, CancellationToken cancellationToken) =>
        _sync?.FlushAsync(subject, cancellationToken) ?? Task.Delay(Timeout.Infinite, cancellationToken);

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _draining.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var lane in Lanes())
        {
            await lane.DisposeAsync();
        }

        if (_sink is not null)
        {
            await _sink.StopAsync();
            _sink.Dispose();
        }

        _drainStop?.Dispose();
        _stop.Dispose();
    }

    private IEnumerable<SyncLane> Lanes() => new[] { _sync, _migration }.OfType<SyncLane>();

    private async Task DrainAsync(Task before, CancellationToken cancellationToken)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var isFirst = true;
        using var timer = new PeriodicTimer(_options.StopPeriod, _time);
        do
        {
            _left = await _processes.StopAsync(cancellationToken);
            _firstStop.TrySetResult();
            if (_left == 0 && isFirst)
            {
                isFirst = false;
                cancellationToken.ThrowIfCancellationRequested();
                SetStopped(true);
                await ReportDrainedAsync(cancellationToken);
            }
        }
        while (await timer.WaitForNextTickAsync(cancellationToken));
    }

    private void SetStopped(bool stopped)
    {
        lock (_drainLock)
        {
            _processesStopped = stopped;
            foreach (var lane in Lanes())
            {
                if (stopped)
                {
                    lane.BeginDrain();
                }
                else
                {
                    lane.EndDrain();
                }
            }
        }
    }

    // At once, not with the next heartbeat. A follower that is away must not keep new processes from being ended, so this has an end.
    private async Task ReportDrainedAsync(CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        var told = 0;
        while (Lanes().Any(lane => !lane.IsDrained) && _time.GetElapsedTime(started) < _options.StopPeriod)
        {
            if (Lanes().Count(lane => lane.IsDrained) is > 0 and var drained && drained != told)
            {
                told = drained;
                _changed();
            }

            await Task.Delay(DrainPollPeriod, _time, cancellationToken);
        }

        _changed();
    }
}
