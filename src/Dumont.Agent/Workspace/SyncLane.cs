using Dumont.Agent.Flush;
using Dumont.Contracts;
using Dumont.Snapshots;
using Dumont.Snapshots.Sync;

namespace Dumont.Agent.Workspace;

/// <summary>What a writer sends to one follower, and whether that has everything since user processes were ended.</summary>
internal sealed class SyncLane(WriterSync sync, MachineId peer, long check) : IAsyncDisposable
{
    private const long NoTicket = -1;

    private long _ticket = NoTicket;

    /// <summary>Why the sync does not get on; null when it does.</summary>
    public string? Trouble => sync.Trouble;

    /// <summary>Everything is acknowledged since <see cref="BeginDrain"/>.</summary>
    public bool IsDrained => Interlocked.Read(ref _ticket) is not NoTicket and var ticket && sync.IsCaughtUp(ticket);

    /// <summary>Replaces what is not sent.</summary>
    public void SetExcludes(PathFilter excludes) => sync.SetExcludes(excludes);

    /// <summary>The last user process is gone: compared once more, because what it wrote last may not have been noticed.</summary>
    public void BeginDrain() => Interlocked.Exchange(ref _ticket, sync.RequestRescan());

    /// <summary>User processes may run again.</summary>
    public void EndDrain() => Interlocked.Exchange(ref _ticket, NoTicket);

    /// <summary>Waits until the follower has <paramref name="subject"/>.</summary>
    public Task FlushAsync(FlushSubject subject, CancellationToken cancellationToken) => sync.FlushAsync(subject, cancellationToken);

    /// <summary>For the heartbeat.</summary>
    public AgentSyncReport Report() => ReportOf(sync.Status, peer, IsDrained, check);

    /// <inheritdoc />
    public ValueTask DisposeAsync() => sync.DisposeAsync();

    /// <summary>One side of a sync as the server is told of it.</summary>
    public static AgentSyncReport ReportOf(SyncStatus status, MachineId? peer, bool isDrained, long check) =>
        new(
            status.Phase switch
            {
                SyncPhase.Disconnected => AgentSyncState.Connecting,
                SyncPhase.Initial => AgentSyncState.Initial,
                SyncPhase.Live => AgentSyncState.Live,
            },
            status.PeerMachineId > 0 ? new MachineId(status.PeerMachineId) : peer,
            status.SentSequence,
            status.AckedSequence,
            status.PendingChanges,
            status.OldestPending?.TotalSeconds,
            isDrained,
            status.RoundsCompleted,
            status.FilesTotal,
            status.BytesTotal,
            status.LastSuccessAt,
            check,
            status.BytesPerSecond);
}
