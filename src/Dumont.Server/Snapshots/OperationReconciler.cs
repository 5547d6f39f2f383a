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
    VerificationStore verifications,
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
        var writer = (operation.Document.OnMachine ?? instance?.WriterMachineId) is { } machineId ? await machines.FindAsync(machineId, cancellationToken) : null;
        var other = writer is null ? null : await operations.FindOrderedAsync(writer.Id, cancellationToken);
        var isLinked = writer is not null && hub.Find(writer.Id) is { Connected: true } && hub.SilenceOf(writer.Id) < LinkedWithin;
        var view = new OperationView(
            operation,
            instance,
            isLinked,
            other is not null && other.Id != operation.Id,
            writer is null ? null : hub.Find(writer.Id)?.Report.Work,
            MachineLost: writer is null or { IsSpent: true });
        var step = OperationPolicy.Decide(view, time.GetUtcNow());
        switch (step)
        {
            case OperationStep.Wait:
                break;
            case OperationStep.RunInstance:
                await RunInstanceAsync(instance!);
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

        async Task RunInstanceAsync(Instance paused)
        {
            var snapshot = operation.SnapshotId is { } number ? await snapshots.FindAsync(number, cancellationToken) : null;
            await SaveAsync(
                operation,
                operation,
                async transaction =>
                {
                    if (await instances.RunForAsync(transaction, paused.Id, operation.Id))
                    {
                        await events.AppendAsync(transaction, operation.UserId, paused.Id, SnapshotEvents.RunsPaused(snapshot?.Name ?? ""));
                    }
                });
        }

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
            Damage = outcome.Verified?.Damage ?? [],
            BytesVerified = outcome.Verified?.BytesRead ?? 0,
            Failure = outcome.Failure,
            Message = outcome.Message,
        };
        var state = outcome.Failure is null ? OperationState.Done : OperationState.Failed;
        await operations.SaveAsync(
            operation,
            operation with { State = state, FinishedAt = time.GetUtcNow(), Document = document },
            fence,
            await AfterRepositoryWorkAsync(operation, outcome, cancellationToken),
            cancellationToken);
        repositoryWork.Forget(operation.Id);
        metrics.Ended(operation.Kind, state, null);
        if (outcome.Verified is { } verified)
        {
            metrics.Verified(verified.Damage.Count > 0, verified.BytesRead);
        }

        return Next.WhenWoken;
    }

    private async Task<Func<DbTransaction, Task>> AfterRepositoryWorkAsync(
        SnapshotOperation operation, RepositoryOutcome outcome, CancellationToken cancellationToken)
    {
        if (operation.Kind != OperationKind.Verify)
        {
            return transaction => events.AppendAsync(transaction, operation.UserId, null, HappenedTo(operation, outcome));
        }

        var known = await verifications.GetAsync(operation.RepositoryId, cancellationToken);
        var repository = await repositories.FindAsync(operation.RepositoryId, cancellationToken);
        var (now, interval) = (time.GetUtcNow(), options.Value.VerifyInterval);
        var after = outcome.Verified is { } verified
            ? VerificationPolicy.AfterCheck(known, operation.Document, operation.CreatedAt, verified, interval, now)
            : VerificationPolicy.AfterFailure(known, operation.Document, outcome.Message ?? "It came to nothing.", interval, now);
        return async transaction =>
        {
            await VerificationStore.SetAsync(transaction, operation.RepositoryId, after);
            if (VerificationPolicy.IsNews(known, after))
            {
                var damaged = SnapshotEvents.Damaged(repository?.Location ?? "", after.Damage.Count, after.DamagedSnapshots?.Count);
                await events.AppendAsync(transaction, operation.UserId, null, damaged);
            }

            // One a day that found nothing new is no news.
            if (!operation.Document.IsAutomatic || (outcome.Failure is not null && known.Error is null))
            {
                await events.AppendAsync(transaction, operation.UserId, null, HappenedTo(operation, outcome));
            }
        };
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
        var verification = operation.Kind == OperationKind.Verify ? await verifications.GetAsync(operation.RepositoryId, cancellationToken) : null;
        var now = time.GetUtcNow();
        await operations.SaveAsync(operation, operation with { State = state, FinishedAt = now, Document = document }, fence, AlsoAsync, cancellationToken);
        metrics.Ended(operation.Kind, state, document.DryRun ? null : document.Result);
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
                    snapshot.Document with { Result = document.Result, Error = document.Message, CompletedAt = now });
            }

            if (operation.InstanceId is { } id)
            {
                await instances.EndRunAsync(transaction, id, operation.Id);
            }

            if (verification is not null)
            {
                var after = VerificationPolicy.AfterCancel(verification, operation.Document, options.Value.VerifyInterval, now);
                await VerificationStore.SetAsync(transaction, operation.RepositoryId, after);
            }

            // A look changes nothing.
            if (!document.DryRun)
            {
                await events.AppendAsync(
                    transaction, operation.UserId, operation.InstanceId, HappenedTo(operation.Id, operation.Kind, state, snapshot?.Name ?? "", document));
            }
        }
    }

    private static NewEvent HappenedTo(long id, OperationKind kind, OperationState state, string name, OperationDocument document) =>
        (kind, state, document.Result) switch
        {
            (OperationKind.Snapshot, OperationState.Done, { } made) => SnapshotEvents.Created(name, made.BytesProcessed, made.BytesAdded),
            (OperationKind.Snapshot, _, _) => SnapshotEvents.Failed(name, document.Message),
            (_, OperationState.Done, { } restored) => SnapshotEvents.Restored(name, restored.FilesNew, restored.Removed?.Count),
            (OperationKind.Restore, _, _) => SnapshotEvents.RestoreFailed(name, document.Message),
            _ => SnapshotEvents.RepositoryFailed(id, document.Message),
        };

    private static NewEvent HappenedTo(SnapshotOperation operation, RepositoryOutcome outcome) =>
        outcome.Failure is not null ? SnapshotEvents.RepositoryFailed(operation.Id, outcome.Message)
        : operation.Kind == OperationKind.Verify ? SnapshotEvents.Verified(operation.Id, outcome.Verified?.Damage.Count ?? 0)
        : SnapshotEvents.Pruned(operation.Id, outcome.BytesFreed);
}
