using System.Data.Common;
using System.Diagnostics;
using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Snapshots;

/// <summary>Brings one operation to its end: tells the machine that writes, or works in the repository itself, and records what came of it.</summary>
internal sealed class OperationReconciler(
    OperationStore operations,
    SnapshotStore snapshots,
    Repositories repositories,
    RepositoryWork repositoryWork,
    InstanceStore instances,
    MachineStore machines,
    AgentHub hub,
    EventStore events,
    OperationChanges changes,
    SnapshotMetrics metrics,
    TimeProvider time,
    IOptions<SnapshotsOptions> options) : IReconciler
{
    private static readonly TimeSpan LinkedWithin = TimeSpan.FromSeconds(5);

    /// <inheritdoc />
    public string Kind => WorkKinds.SnapshotOperation;

    /// <inheritdoc />
    public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
    {
        if (await operations.FindAsync(fence.Key, cancellationToken) is not { IsOver: false } operation)
        {
            return Next.WhenWoken;
        }

        var next = operation.Kind is OperationKind.Snapshot or OperationKind.Restore
            ? await ReconcileMachineWorkAsync(operation, fence, cancellationToken)
            : await ReconcileRepositoryWorkAsync(operation, fence, cancellationToken);
        changes.Publish(operation.Id);
        return next;
    }

    private async Task<Next> ReconcileMachineWorkAsync(SnapshotOperation operation, Fence fence, CancellationToken cancellationToken)
    {
        var instance = operation.InstanceId is { } id ? await instances.FindAsync(id, cancellationToken) : null;
        var writer = instance?.WriterMachineId is { } machineId ? await machines.FindAsync(machineId, cancellationToken) : null;
        var other = writer is null ? null : await operations.FindOrderedAsync(writer.Id, cancellationToken);
        var isLinked = writer is not null && hub.Find(writer.Id) is { Connected: true } && hub.SilenceOf(writer.Id) < LinkedWithin;
        var view = new OperationView(
            operation, instance, isLinked, other is not null && other.Id != operation.Id, writer is null ? null : hub.Find(writer.Id)?.Report.Work);
        var step = OperationPolicy.Decide(view, time.GetUtcNow());
        switch (step)
        {
            case OperationStep.Wait:
                break;
            case OperationStep.Resume:
                await SaveAsync(
                    operation,
                    operation with { Document = operation.Document with { PausesAgain = true } },
                    transaction => instances.SetDesiredAsync(transaction, operation.UserId, instance!.Id, InstanceDesired.Running));
                break;
            case OperationStep.Order:
                await OrderAsync();
                break;
            case OperationStep.Note(var report):
                await NoteAsync(report);
                break;
            default:
                await EndAsync(operation, fence, step, writer, cancellationToken);
                return Next.WhenWoken;
        }

        return Next.After(options.Value.WatchInterval);

        async Task OrderAsync()
        {
            if (await EnsureRepositoryAsync(operation, cancellationToken) is { } trouble)
            {
                await EndAsync(operation, fence, new OperationStep.Fail("store", trouble), writer, cancellationToken);
                return;
            }

            var document = operation.Document with { OrderedAt = time.GetUtcNow() };
            operation = await SaveAsync(operation, operation with { State = OperationState.Running, MachineId = writer!.Id, Document = document }, null);
            await hub.RefreshOrdersAsync(writer.InstanceId, [writer], cancellationToken);
        }

        async Task NoteAsync(AgentWorkReport report)
        {
            if (OperationPolicy.IsWorthNoting(operation.Document, report, time.GetUtcNow()))
            {
                var progress = new OperationProgress(report.Phase, report.BytesDone, report.BytesTotal, report.FilesDone, report.FilesTotal);
                await SaveAsync(
                    operation, operation with { Document = operation.Document with { Progress = progress, ProgressAt = time.GetUtcNow() } }, null);
            }
        }

        Task<SnapshotOperation> SaveAsync(SnapshotOperation before, SnapshotOperation after, Func<DbTransaction, Task>? also) =>
            operations.SaveAsync(before, after, fence, also, cancellationToken);
    }

    // Null when it is there.
    private async Task<string?> EnsureRepositoryAsync(SnapshotOperation operation, CancellationToken cancellationToken)
    {
        try
        {
            await repositories.EnsureReadyAsync(operation.RepositoryId, cancellationToken);
            return null;
        }
        catch (Exception failed) when (failed is Dumont.Snapshots.Engines.SnapshotEngineException or IOException)
        {
            return failed.Message;
        }
    }

    // Work of the server itself may take longer than a tick: it runs beside the reconciler, in this process, and begins again when the process dies.
    private async Task<Next> ReconcileRepositoryWorkAsync(SnapshotOperation operation, Fence fence, CancellationToken cancellationToken)
    {
        if (operation.CancelRequested)
        {
            repositoryWork.Cancel(operation.Id);
            await EndAsync(operation, fence, new OperationStep.Cancel(), null, cancellationToken);
            return Next.WhenWoken;
        }

        if (operation.State == OperationState.Pending)
        {
            operation = await operations.SaveAsync(operation, operation with { State = OperationState.Running }, fence, null, cancellationToken);
        }

        if (repositoryWork.Ensure(operation) is not { } outcome)
        {
            return Next.After(options.Value.WatchInterval);
        }

        var document = operation.Document with
        {
            BytesFreed = outcome.BytesFreed,
            Damage = outcome.Damage,
            Failure = outcome.Failure,
            Message = outcome.Message,
        };
        var state = outcome.Failure is null ? OperationState.Done : OperationState.Failed;
        await operations.SaveAsync(
            operation,
            operation with { State = state, FinishedAt = time.GetUtcNow(), Document = document },
            fence,
            transaction => events.AppendAsync(transaction, operation.UserId, null, HappenedTo(operation, outcome)),
            cancellationToken);
        repositoryWork.Forget(operation.Id);
        metrics.Ended(operation.Kind, state, null);
        return Next.WhenWoken;
    }

    private async Task EndAsync(SnapshotOperation operation, Fence fence, OperationStep step, Machine? writer, CancellationToken cancellationToken)
    {
        var (state, document) = step switch
        {
            OperationStep.Complete(var result) => (OperationState.Done, operation.Document with { Result = result, Progress = null }),
            OperationStep.Fail(var failure, var message) => (OperationState.Failed, operation.Document with { Failure = failure, Message = message }),
            OperationStep.Cancel => (OperationState.Cancelled, operation.Document with { Failure = "cancelled", Message = "It was cancelled." }),
            _ => throw new UnreachableException(),
        };
        var snapshot = operation.SnapshotId is { } number ? await snapshots.FindAsync(number, cancellationToken) : null;
        var now = time.GetUtcNow();
        await operations.SaveAsync(operation, operation with { State = state, FinishedAt = now, Document = document }, fence, AlsoAsync, cancellationToken);
        metrics.Ended(operation.Kind, state, document.Result);
        if (operation.Kind == OperationKind.Snapshot && snapshot is { IsSync: true } && document.Result is { } synced)
        {
            metrics.Synced(now - operation.CreatedAt, synced);
        }

        if (writer is not null)
        {
            // The order without the work, so that the machine forgets it.
            await hub.RefreshOrdersAsync(writer.InstanceId, [writer], cancellationToken);
        }

        async Task AlsoAsync(DbTransaction transaction)
        {
            if (operation.Kind == OperationKind.Snapshot && snapshot is not null)
            {
                await SnapshotStore.FinishAsync(
                    transaction,
                    snapshot.Id,
                    document.Result is { } made ? OperationPolicy.StatusOf(made) : SnapshotStatus.Failed,
                    document.Result?.SnapshotId,
                    snapshot.Document with { Result = document.Result, Error = document.Message, CompletedAt = time.GetUtcNow() });
            }

            if (operation is { Document.PausesAgain: true, InstanceId: { } id })
            {
                await instances.SetDesiredAsync(transaction, operation.UserId, id, InstanceDesired.Paused);
            }

            await events.AppendAsync(
                transaction, operation.UserId, operation.InstanceId, HappenedTo(operation.Kind, state, snapshot?.Name ?? "", document));
        }
    }

    private static NewEvent HappenedTo(OperationKind kind, OperationState state, string name, OperationDocument document) =>
        (kind, state, document.Result) switch
        {
            (OperationKind.Snapshot, OperationState.Done, { } made) => SnapshotEvents.Created(name, made.BytesProcessed, made.BytesAdded),
            (OperationKind.Snapshot, _, _) => SnapshotEvents.Failed(name, document.Message),
            (_, OperationState.Done, { } restored) => SnapshotEvents.Restored(name, restored.FilesNew),
            _ => SnapshotEvents.RestoreFailed(name, document.Message),
        };

    private static NewEvent HappenedTo(SnapshotOperation operation, RepositoryOutcome outcome) =>
        outcome.Failure is not null ? SnapshotEvents.RepositoryFailed(operation.Id, outcome.Message)
        : operation.Kind == OperationKind.Verify ? SnapshotEvents.Verified(operation.Id, outcome.Damage.Count)
        : SnapshotEvents.Pruned(operation.Id, outcome.BytesFreed);
}
