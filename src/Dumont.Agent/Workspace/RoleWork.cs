using Dumont.Agent.Machine;
using Dumont.Contracts;
using Dumont.Snapshots.Sync;

namespace Dumont.Agent.Workspace;

/// <summary>What runs while one role lasts: a sink, or a sending half, or neither, and the ending of user processes when that is ordered.</summary>
internal sealed class RoleWork : IAsyncDisposable
{
    // While a drain waits for the last acknowledgements: the switch-over waits with it.
    private static readonly TimeSpan DrainPollPeriod = TimeSpan.FromMilliseconds(10);

    private readonly SyncSink? _sink;
    private readonly WriterSync? _sync;
    private readonly MachineId? _peer;
    private readonly IUserProcesses _processes;
    private readonly AgentOptions _options;
    private readonly Action _changed;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop;
    private CancellationTokenSource? _drainStop;
    private Task _draining = Task.CompletedTask;
    private long _drainTicket;
    private TaskCompletionSource _firstStop = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _processesStopped;
    private volatile int _left;

    /// <summary>Takes over what serves the role; either may be null.</summary>
    public RoleWork(
        SyncSink? sink,
        WriterSync? sync,
        MachineId? peer,
        IUserProcesses processes,
        AgentOptions options,
        Action changed,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        _sink = sink;
        _sync = sync;
        _peer = peer;
        _processes = processes;
        _options = options;
        _changed = changed;
        _time = time;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    }

    /// <summary>Why the sync does not get on; null when it does.</summary>
    public string? Trouble => _left > 0 ? $"{_left} user processes cannot be ended" : _sync?.Trouble;

    private bool IsDrained => _drainStop is not null && _processesStopped && _sync is not null && _sync.IsCaughtUp(Interlocked.Read(ref _drainTicket));

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
        }
    }

    /// <summary>Waits until user processes were ended once since that was asked for, as far as they can be.</summary>
    public Task FirstStopAsync(CancellationToken cancellationToken) => _firstStop.Task.WaitAsync(cancellationToken);

    /// <summary>For the heartbeat; null when this machine neither sends nor receives.</summary>
    public AgentSyncReport? Report()
    {
        if ((_sync?.Status ?? _sink?.Status) is not { } status)
        {
            return null;
        }

        var peer = status.PeerMachineId > 0 ? new MachineId(status.PeerMachineId) : _peer;
        return new AgentSyncReport(
            status.Phase switch
            {
                SyncPhase.Disconnected => AgentSyncState.Connecting,
                SyncPhase.Initial => AgentSyncState.Initial,
                SyncPhase.Live => AgentSyncState.Live,
            },
            peer,
            status.SentSequence,
            status.AckedSequence,
            status.PendingChanges,
            status.OldestPending?.TotalSeconds,
            IsDrained,
            status.RoundsCompleted,
            status.FilesTotal,
            status.BytesTotal,
            status.LastSuccessAt);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _draining.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_sync is not null)
        {
            await _sync.DisposeAsync();
        }

        if (_sink is not null)
        {
            await _sink.StopAsync();
            _sink.Dispose();
        }

        _drainStop?.Dispose();
        _stop.Dispose();
    }

    private async Task DrainAsync(Task before, CancellationToken cancellationToken)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _processesStopped = false;
        using var timer = new PeriodicTimer(_options.StopPeriod, _time);
        do
        {
            _left = await _processes.StopAsync(cancellationToken);
            _firstStop.TrySetResult();
            if (_left == 0 && !_processesStopped)
            {
                // Compared once more after the last process is gone: what it wrote last may not have been noticed.
                Interlocked.Exchange(ref _drainTicket, _sync?.RequestRescan() ?? 0);
                _processesStopped = true;
                await ReportDrainedAsync(cancellationToken);
            }
        }
        while (await timer.WaitForNextTickAsync(cancellationToken));
    }

    // At once, not with the next heartbeat. A follower that is away must not keep new processes from being ended, so this has an end.
    private async Task ReportDrainedAsync(CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        while (_sync is not null && !IsDrained && _time.GetElapsedTime(started) < _options.StopPeriod)
        {
            await Task.Delay(DrainPollPeriod, _time, cancellationToken);
        }

        _changed();
    }
}
