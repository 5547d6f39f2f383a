using System.Data.Common;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Snapshots;
using Dumont.Server.Standby;

namespace Dumont.Server.Recovery;

/// <summary>How a recovery begins, by itself or by hand: its row, its place in the history and its event in one transaction.</summary>
internal sealed class RecoveryBeginning(RecoveryStore recoveries, EventStore events, RecoveryMetrics metrics, TimeProvider time)
{
    /// <summary>Noted in the history where nobody has given a reason.</summary>
    public const string DefaultReason = "gpu_failure";

    /// <summary>Begins to bring <paramref name="snapshot"/> back.</summary>
    /// <returns>Its id in the history; null when another one is under way.</returns>
    public async Task<string?> BeginAsync(
        RecoveryView view, Snapshot snapshot, RecoveryGoal goal, string? reason, Fence? fence, Func<DbTransaction, Task>? also, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var document = DocumentOf(view, goal, fence is not null, now).Enter(RecoveryPhase.Searching, now) with
        {
            SnapshotId = $"{snapshot.Id}",
            SnapshotAt = RecoveryPoint.TakenAt(snapshot),
        };
        var failover = FailoverOf(view, document, reason ?? DefaultReason, now).Enter(FailoverPhase.SearchingGpu, now);
        var id = await recoveries.InsertAsync(
            view.Instance,
            RecoveryState.Running,
            document with { FailoverId = failover.Id },
            fence,
            async transaction =>
            {
                await FailoverStore.SaveAsync(transaction, failover);
                await events.AppendAsync(transaction, view.Instance.UserId, view.Instance.Id, RecoveryEvents.Begun($"{snapshot.Id}", document.RpoSeconds ?? 0));
                if (also is not null)
                {
                    await also(transaction);
                }
            },
            cancellationToken);
        return id is null ? null : failover.Id;
    }

    /// <summary>Notes that there is nothing to recover from, once for each loss. Nothing was tried: the history of failovers has no part in it.</summary>
    public async Task NoteMissingAsync(RecoveryView view, Fence fence, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var document = DocumentOf(view, new RecoveryGoal(), isAutomatic: true, now).Enter(RecoveryPhase.Failed, now) with { Error = RecoveryPoint.Missing };
        await recoveries.InsertAsync(
            view.Instance,
            RecoveryState.Ended,
            document,
            fence,
            transaction => events.AppendAsync(transaction, view.Instance.UserId, view.Instance.Id, RecoveryEvents.Failed(RecoveryPoint.Missing)),
            cancellationToken);
        metrics.Ended(document, now);
    }

    private static RecoveryDocument DocumentOf(RecoveryView view, RecoveryGoal goal, bool isAutomatic, DateTimeOffset now) =>
        new()
        {
            Goal = goal,
            IsAutomatic = isAutomatic,
            LostMachineId = view.Writer!.Machine.Id,
            LostAt = view.Writer.Sighting?.LastSeenAt ?? now,
        };

    private static Failover FailoverOf(RecoveryView view, RecoveryDocument document, string reason, DateTimeOffset now) =>
        new()
        {
            Id = $"fo-{Guid.CreateVersion7(now):N}",
            InstanceId = view.Instance.Id,
            UserId = view.Instance.UserId,
            Reason = reason,
            LastHeardAt = document.LostAt,
            StartedAt = now,
            Phase = FailoverPhase.GpuLost,
            Timeline = [new FailoverMark(FailoverPhase.Detecting, document.LostAt), new FailoverMark(FailoverPhase.GpuLost, now)],
            LostMachineId = document.LostMachineId,
            IsFromSnapshot = true,
            SnapshotId = document.SnapshotId,
            RpoSeconds = document.RpoSeconds,
        };
}
