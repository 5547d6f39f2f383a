using Dumont.Agent.Flush;
using Dumont.Agent.Machine;
using Dumont.Contracts;
using Dumont.Snapshots;
using Dumont.Snapshots.Sync;

namespace Dumont.Agent.Workspace;

/// <summary>
/// Makes the machine what the newest order says, and says what it is. One task carries orders out, one after another; a newer order
/// replaces one that still waits.
/// </summary>
internal sealed class MachineRole(
    AgentConfig config,
    AgentOptions options,
    OrderStore store,
    SyncFence fence,
    SyncReceiver receiver,
    Func<SyncSender> newSender,
    IUserProcesses processes,
    AuthorizedKeysFile keys,
    AgentLog log,
    TimeProvider time) : IFlushGate, IDisposable
{
    private static readonly TimeSpan FlushRetryPause = TimeSpan.FromSeconds(1);
    private static readonly AgentOrder NoOrder = new(0, AgentRole.Idle, "/", null, false, []);

    private readonly SemaphoreSlim _changed = new(0, 1);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, TreeIndex> _indexes = new(StringComparer.Ordinal);
    private readonly BandwidthLimit _bandwidth = new(time);
    private AgentOrder _wanted = NoOrder;
    private volatile AgentOrder _order = NoOrder;
    private volatile RoleWork? _work;
    private volatile string? _trouble;
    private volatile string? _unsaved;
    private long _checkedBy;
    private long _promised;
    private TaskCompletionSource _carriedOut = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Called when the state changed enough for an early report.</summary>
    public event Action? StateChanged;

    /// <summary>The newest order, which may still wait to be carried out.</summary>
    public AgentOrder Wanted => Volatile.Read(ref _wanted);

    /// <summary>The order in force: carried out as far as it can be at once.</summary>
    public AgentOrder Order => _order;

    /// <summary>Highest generation seen, in an order or in a writer's greeting.</summary>
    public long Generation => Math.Max(fence.Generation, _order.Generation);

    /// <summary>What troubles the machine now, for the report.</summary>
    public string? Trouble => _unsaved ?? _trouble ?? _work?.Trouble;

    /// <summary>The sync as this side sees it.</summary>
    public AgentSyncReport? SyncReport => _work?.Sync;

    /// <summary>The sync with the machine that the instance is to move to.</summary>
    public AgentSyncReport? MigrationReport => _work?.Migration;

    /// <summary>Takes the order that was in force before the agent's start.</summary>
    public void Restore()
    {
        if (store.Find() is { } saved)
        {
            fence.Raise(saved.Generation);
            Want(saved);
        }
    }

    /// <summary>Takes an order of the server. One of a lower generation is ignored. When this returns the fence stands: nothing of a lower
    /// generation is written to this machine's workspace any more, whatever happens next.</summary>
    public void Accept(AgentOrder order)
    {
        lock (_lock)
        {
            if (order.Generation < _wanted.Generation || order.Generation < fence.Generation || !Path.IsPathFullyQualified(order.Workspace))
            {
                log.Warn("order.ignored", ("generation", order.Generation), ("seen", Generation), ("workspace", order.Workspace));
                return;
            }

            fence.Raise(order.Generation);
            if (!IsSame(order, _wanted))
            {
                try
                {
                    store.Save(order);
                    _unsaved = null;
                }
                catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
                {
                    // Obeyed all the same: a full disk must not keep a machine from being fenced. The server repeats it after a restart.
                    _unsaved = $"order not saved: {failed.Message}";
                    log.Warn("order.not_saved", ("reason", failed.Message));
                }
            }

            Want(order);
        }
    }

    /// <summary>Carries orders out until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await _changed.WaitAsync(cancellationToken);
                await CarryOutAsync(Volatile.Read(ref _wanted), cancellationToken);
            }
        }
        finally
        {
            receiver.Serve(null);
            await EndWorkAsync();
        }
    }

    /// <summary>Number of the promise that holds; null when none does.</summary>
    public long? Promised =>
        _order is { Role: AgentRole.Writer, Acknowledge: AgentAcknowledge.Sync, PromiseNumber: var number } && Interlocked.Read(ref _promised) == number ? number : null;

    /// <inheritdoc />
    public string Workspace => _order.Workspace;

    /// <inheritdoc />
    /// <remarks>On a machine that does not write, or not any more, nothing of the workspace passes.</remarks>
    public async Task PassAsync(FlushSubject subject, CancellationToken cancellationToken)
    {
        while (!subject.IsNone)
        {
            Task carriedOut;
            AgentOrder order;
            RoleWork? work;
            lock (_lock)
            {
                (carriedOut, order, work) = (_carriedOut.Task, _order, _work);
            }

            if (order is { Role: AgentRole.Writer, Acknowledge: not AgentAcknowledge.Sync })
            {
                return;
            }

            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var flush = order.Role == AgentRole.Writer && work is not null ? work.FlushAsync(subject, stop.Token) : Task.Delay(-1, stop.Token);
            await Task.WhenAny(flush, carriedOut);
            await stop.CancelAsync();
            if (flush.IsCompletedSuccessfully)
            {
                return;
            }

            cancellationToken.ThrowIfCancellationRequested();
            await flush.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (flush.Exception?.InnerException is IOException or UnauthorizedAccessException)
            {
                log.Warn("flush.failed", ("reason", flush.Exception.InnerException.Message));
            }

            // Tried again also without a new order: there may never be one.
            await Task.WhenAny(carriedOut, Task.Delay(FlushRetryPause, time, cancellationToken));
        }
    }

    /// <inheritdoc />
    public void Dispose() => _changed.Dispose();

    private void Want(AgentOrder order)
    {
        lock (_lock)
        {
            Volatile.Write(ref _wanted, order);
            if (_changed.CurrentCount == 0)
            {
                _changed.Release();
            }
        }
    }

    private async Task CarryOutAsync(AgentOrder order, CancellationToken cancellationToken)
    {
        var before = _order;
        _trouble = await TryAsync(order, "role", async () =>
        {
            _bandwidth.BytesPerSecond = order.SyncBytesPerSecond is > 0 and var rate ? rate : null;
            if (_work is null || !SameWork(order, before))
            {
                receiver.Serve(null);
                await EndWorkAsync();
                _work = BeginWork(order, cancellationToken);
                before = NoOrder;
            }
            else if (!SameExcludes(order, before))
            {
                _work.SetExcludes(ExcludesOf(order));
            }

            if (_work is not null && !SameMigration(order, before))
            {
                await _work.SetMigrationAsync(order.MigrationTarget is { } target ? () => BeginMigration(order, target) : null);
            }

            _work?.SetDrain(order.Role == AgentRole.Fenced || order.Drain);
            if (order.Role == AgentRole.Fenced && _work is not null)
            {
                // Reported as fenced only when that is true of the user's processes, too.
                await _work.FirstStopAsync(cancellationToken);
            }
        });

        // Last and apart: a home directory that cannot be written must not keep a machine in a role that it has lost.
        _trouble ??= await TryAsync(order, "keys", () =>
        {
            keys.Ensure(order.AuthorizedKeys, order.Acknowledge != AgentAcknowledge.Async);
            return Task.CompletedTask;
        });
        lock (_lock)
        {
            _order = order;
            _carriedOut.SetResult();
            _carriedOut = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        if (!IsSame(order, before))
        {
            if (order is { Role: AgentRole.Writer, Acknowledge: AgentAcknowledge.Sync } && Promised is null)
            {
                _ = PromiseAsync(order, cancellationToken);
            }

            log.Info("order.applied", ("generation", order.Generation), ("role", order.Role), ("drain", order.Drain));
            StateChanged?.Invoke();
        }
    }

    // From the order on every flush waits; with everything from before on the follower, too, the promise holds.
    private async Task PromiseAsync(AgentOrder order, CancellationToken cancellationToken)
    {
        await PassAsync(FlushSubject.All, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock)
        {
            if (cancellationToken.IsCancellationRequested || !SameWork(order, _order) || _order.Acknowledge != AgentAcknowledge.Sync
                || _order.PromiseNumber != order.PromiseNumber)
            {
                return;
            }

            Interlocked.Exchange(ref _promised, order.PromiseNumber);
        }

        StateChanged?.Invoke();
    }

    private async Task<string?> TryAsync(AgentOrder order, string part, Func<Task> work)
    {
        try
        {
            await work();
            return null;
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            log.Warn("order.failed", ("generation", order.Generation), ("part", part), ("reason", failed.Message));
            return $"order of generation {order.Generation}, {part}: {failed.Message}";
        }
    }

    private RoleWork? BeginWork(AgentOrder order, CancellationToken cancellationToken)
    {
        if (order.Role == AgentRole.Idle)
        {
            return null;
        }

        Directory.CreateDirectory(order.Workspace);
        if (!_indexes.TryGetValue(order.Workspace, out var index) || (order.Role == AgentRole.Follower && order.Check != _checkedBy))
        {
            // What is to be compared by content is read again, all of it.
            index = _indexes[order.Workspace] = new TreeIndex();
            _checkedBy = order.Check;
        }

        var changed = () => StateChanged?.Invoke();
        switch (order)
        {
            case { Role: AgentRole.Follower }:
                var sink = new SyncSink(order.Workspace, config.MachineId.Value, 0, fence, index, options.Sync, time);
                receiver.Serve(sink);
                return new RoleWork(sink, order.Check, null, processes, options, changed, time, cancellationToken);
            case { Role: AgentRole.Writer, SyncTarget: { } target }:
                var lane = new SyncLane(
                    new WriterSync(config.MachineId, order.Generation, order.Workspace, target, index, ExcludesOf(order), _bandwidth, newSender(), options, log, time),
                    target.MachineId,
                    check: 0);
                return new RoleWork(null, 0, lane, processes, options, changed, time, cancellationToken);
            default:
                return new RoleWork(null, 0, null, processes, options, changed, time, cancellationToken);
        }
    }

    // With an index of its own: two connections never share one, and a comparison by content begins with an empty one.
    private SyncLane BeginMigration(AgentOrder order, AgentSyncTarget target) =>
        new(
            new WriterSync(config.MachineId, order.Generation, order.Workspace, target, new TreeIndex(), PathFilter.None, _bandwidth, newSender(), options, log, time),
            target.MachineId,
            order.Check);

    private async Task EndWorkAsync()
    {
        var work = _work;
        _work = null;
        if (work is not null)
        {
            await work.DisposeAsync();
        }
    }

    private static bool SameWork(AgentOrder left, AgentOrder right) =>
        left.Role == right.Role && left.Generation == right.Generation && left.Workspace == right.Workspace && left.SyncTarget == right.SyncTarget
        && (left.Role != AgentRole.Follower || left.Check == right.Check);

    private static bool SameMigration(AgentOrder left, AgentOrder right) =>
        left.MigrationTarget == right.MigrationTarget && (left.MigrationTarget is null || left.Check == right.Check);

    // A pattern that this version does not know leaves out nothing: more on the standby is better than less.
    private PathFilter ExcludesOf(AgentOrder order)
    {
        var patterns = (order.SyncExcludes ?? []).ToLookup(PathFilter.IsPattern);
        if (patterns[false].Any())
        {
            log.Warn("order.excludes", ("unknown", string.Join(", ", patterns[false])));
        }

        return new PathFilter(patterns[true]);
    }

    private static bool SameExcludes(AgentOrder left, AgentOrder right) => (left.SyncExcludes ?? []).SequenceEqual(right.SyncExcludes ?? []);

    private static bool IsSame(AgentOrder left, AgentOrder right) =>
        SameWork(left, right) && SameMigration(left, right) && left.Drain == right.Drain && left.ReportInterval == right.ReportInterval
        && left.Acknowledge == right.Acknowledge && left.PromiseNumber == right.PromiseNumber && left.Hook == right.Hook
        && (left.Services ?? []).SequenceEqual(right.Services ?? []) && left.AuthorizedKeys.SequenceEqual(right.AuthorizedKeys)
        && SameExcludes(left, right) && left.SyncBytesPerSecond == right.SyncBytesPerSecond;
}
