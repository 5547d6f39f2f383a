using Dumont.Agent.Flush;
using Dumont.Contracts;
using Dumont.Snapshots;
using Dumont.Snapshots.Sync;

namespace Dumont.Agent.Workspace;

/// <summary>The sending half of a pair: watcher, changes, source and connection, for one follower and one generation.</summary>
internal sealed class WriterSync : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly TreeChanges _changes;
    private readonly TreeWatcher _watcher;
    private readonly SyncSource _source;
    private readonly SyncSender _sender;
    private readonly Task _sending;

    /// <summary>Begins to watch and to connect.</summary>
    /// <exception cref="IOException">The workspace cannot be watched.</exception>
    public WriterSync(
        MachineId self,
        long generation,
        string workspace,
        AgentSyncTarget target,
        TreeIndex index,
        PathFilter excludes,
        BandwidthLimit bandwidth,
        SyncSender sender,
        AgentOptions options,
        AgentLog log,
        TimeProvider time)
    {
        _changes = new TreeChanges(time);
        _watcher = new TreeWatcher(workspace, _changes, log);
        _source = new SyncSource(workspace, new SyncIdentity(self.Value, 0, generation), _changes, index, options.Sync, time)
        {
            Excludes = excludes,
            Bandwidth = bandwidth,
        };
        _sender = sender;
        _sending = sender.RunAsync(_source, target, _stop.Token);
    }

    /// <summary>Figures of the source.</summary>
    public SyncStatus Status => _source.Status;

    /// <summary>Why there is no connection, or why a file cannot be sent.</summary>
    public string? Trouble => _sender.Trouble ?? _source.Trouble;

    /// <summary>Replaces what is not sent.</summary>
    public void SetExcludes(PathFilter excludes) => _source.Excludes = excludes;

    /// <summary>Asks for a comparison of the whole tree; the ticket is for <see cref="IsCaughtUp"/>.</summary>
    public long RequestRescan() => _changes.RequestRescan();

    /// <summary>Whether that comparison is done and the follower has acknowledged everything.</summary>
    public bool IsCaughtUp(long ticket) => _source.Status.Phase == SyncPhase.Live && _changes.IsCaughtUp(ticket);

    /// <summary>Waits until the follower has <paramref name="subject"/> as it is now.</summary>
    public async Task FlushAsync(FlushSubject subject, CancellationToken cancellationToken)
    {
        // What was renamed or made before is known then.
        var isComplete = _watcher.Drain();
        if (subject.IsAll || (!isComplete && subject.Paths.Any(IsDirectory)))
        {
            await _changes.FlushAllAsync(cancellationToken);
            return;
        }

        foreach (var path in subject.Paths)
        {
            await (IsDirectory(path) ? _changes.FlushDirectoryAsync(path, cancellationToken) : _changes.FlushFileAsync(path, cancellationToken));
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _watcher.Dispose();
        _changes.Dispose();
        _stop.Dispose();
    }

    private bool IsDirectory(TreePath path) => path.IsRoot || _watcher.Find(path) is { Kind: TreeEntryKind.Directory };
}
