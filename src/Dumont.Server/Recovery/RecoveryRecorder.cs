using System.Data.Common;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Standby;

namespace Dumont.Server.Recovery;

/// <summary>What one tick works on.</summary>
internal sealed record RecoveryTick(RecoveryView View, IReadOnlyList<Machine> Machines, Fence Fence, DateTimeOffset Now)
{
    /// <summary>Of the recovery that is under way.</summary>
    public RecoveryDocument Document => View.Running!.Document;
}

/// <summary>Writes down how a recovery goes on, with its event and its place in the history of failovers, in one guarded transaction.</summary>
internal sealed class RecoveryRecorder(RecoveryStore recoveries, FailoverRecorder failovers, EventStore events, TimeProvider time)
{
    /// <summary>Replaces the document. A phase that is entered is entered in the history as well.</summary>
    /// <exception cref="StaleWriteException">The fence was lost or the row has changed.</exception>
    public async Task SaveAsync(
        RecoveryTick tick, RecoveryDocument document, NewEvent? happened, Func<DbTransaction, Task>? also, CancellationToken cancellationToken)
    {
        var (running, failover) = (tick.View.Running!, await failovers.FindAsync(tick.Document.FailoverId, cancellationToken));
        await recoveries.SaveAsync(
            running, running with { Document = document }, tick.Fence, transaction => AlsoAsync(transaction, tick, document, failover, happened, also), cancellationToken);
    }

    /// <summary>Rents: the intent and the record of it are one transaction. When <paramref name="place"/> places nothing, only the attempt is noted.</summary>
    /// <exception cref="StaleWriteException">The fence was lost or the row has changed.</exception>
    public async Task PlaceAsync(
        RecoveryTick tick, Func<DbTransaction, Task<(RecoveryDocument Document, NewEvent? Happened)>> place, CancellationToken cancellationToken)
    {
        var failover = await failovers.FindAsync(tick.Document.FailoverId, cancellationToken);
        await recoveries.SaveAsync(
            tick.View.Running!,
            async transaction =>
            {
                var (document, happened) = await place(transaction);
                await AlsoAsync(transaction, tick, document, failover, happened, also: null);
                return document;
            },
            tick.Fence,
            cancellationToken);
    }

    /// <summary>Ends it.</summary>
    /// <exception cref="StaleWriteException">The fence was lost or the row has changed.</exception>
    public async Task EndAsync(RecoveryTick tick, RecoveryDocument document, NewEvent happened, Func<DbTransaction, Task> also, CancellationToken cancellationToken)
    {
        var (running, now) = (tick.View.Running!, time.GetUtcNow());
        var failover = await failovers.FindAsync(tick.Document.FailoverId, cancellationToken);
        await recoveries.SaveAsync(
            running,
            running with { State = RecoveryState.Ended, EndedAt = now, Document = document },
            tick.Fence,
            async transaction =>
            {
                await also(transaction);
                await FailoverRecorder.EndAsync(
                    transaction, failover, document.Phase == RecoveryPhase.Complete ? FailoverPhase.Complete : FailoverPhase.Failed, document.Error, now);
                await events.AppendAsync(transaction, tick.View.Instance.UserId, tick.View.Instance.Id, happened);
            },
            cancellationToken);
    }

    private async Task AlsoAsync(
        DbTransaction transaction, RecoveryTick tick, RecoveryDocument document, Failover? failover, NewEvent? happened, Func<DbTransaction, Task>? also)
    {
        if (also is not null)
        {
            await also(transaction);
        }

        if (failover is not null && PhaseOf(document.Phase) is { } phase && (phase != failover.Phase || document.TargetMachineId != failover.NewMachineId))
        {
            var entered = phase == failover.Phase ? failover : failover.Enter(phase, tick.Now);
            await FailoverStore.SaveAsync(transaction, entered with { NewMachineId = document.TargetMachineId });
        }

        if (happened is not null)
        {
            await events.AppendAsync(transaction, tick.View.Instance.UserId, tick.View.Instance.Id, happened);
        }
    }

    // The switch is the end of the restore: it takes a moment, and there is no phase for it in the history.
    private static FailoverPhase? PhaseOf(RecoveryPhase phase) =>
        phase switch
        {
            RecoveryPhase.Searching => FailoverPhase.SearchingGpu,
            RecoveryPhase.Provisioning => FailoverPhase.Provisioning,
            RecoveryPhase.Restoring or RecoveryPhase.Switching => FailoverPhase.Restoring,
            _ => null,
        };
}
