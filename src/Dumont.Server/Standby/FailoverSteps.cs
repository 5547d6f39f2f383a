using System.Data.Common;
using System.Diagnostics;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Standby;

/// <summary>The steps of a failover, from the fencing of the lost writer to the new GPU machine, each recorded before it takes effect.</summary>
internal sealed class FailoverSteps(
    InstanceStore instances,
    AssociationStore associations,
    MachineStore machines,
    StandbyPlacement placement,
    FailoverRecorder failovers,
    PairRecorder pairs,
    EventStore events,
    TimeProvider time,
    IOptions<StandbyOptions> options)
{
    /// <summary>Takes a step that <see cref="StandbyPolicy"/> has decided on.</summary>
    public async Task<Next> TakeAsync(StandbyStep step, StandbyTick tick, CancellationToken cancellationToken)
    {
        switch (step)
        {
            case StandbyStep.DrainWriter:
                await EnsureDrainingAsync(tick, cancellationToken);
                return Next.After(TimeSpan.FromMilliseconds(200));
            case StandbyStep.BeginFailover:
                return await BeginAsync(tick, tick.View.Association.FailoverRequested ?? "gpu_failure", cancellationToken);
            case StandbyStep.BeginRecovery:
                return await BeginRecoveryAsync(tick, cancellationToken);
            case StandbyStep.SwitchToStandby:
                return await SwitchToStandbyAsync(tick, cancellationToken);
            case StandbyStep.PlaceCandidate:
                return await PlaceCandidateAsync(tick, cancellationToken);
            case StandbyStep.BeginRestore:
                await EnterAsync(tick, tick.Document, FailoverPhase.Restoring, StandbyEvents.Restoring(), null, cancellationToken);
                return Next.Now;
            case StandbyStep.DrainStandby:
                await EnsureDrainingAsync(tick, cancellationToken);
                return Next.After(TimeSpan.FromMilliseconds(100));
            case StandbyStep.PromoteCandidate:
                await pairs.SaveAsync(
                    tick,
                    tick.Document with { Pending = new PendingWriter(tick.View.Candidate!.Machine.Id, tick.View.Instance.Generation + 1) },
                    null,
                    also: null,
                    cancellationToken);
                return Next.Now;
            case StandbyStep.Complete:
                return await CompleteAsync(tick, cancellationToken);
            case StandbyStep.DropCandidate:
                return await DropCandidateAsync(tick, cancellationToken);
            case StandbyStep.Fail:
                return await FailAsync(tick, cancellationToken);
            default:
                throw new UnreachableException();
        }
    }

    /// <summary>Fences the writer and promotes the standby.</summary>
    public async Task<Next> BeginAsync(StandbyTick tick, string reason, CancellationToken cancellationToken)
    {
        var (view, now) = (tick.View, time.GetUtcNow());
        var failover = FailoverRecorder.Begin(view, reason, tick.Now, now);
        var document = tick.Document with
        {
            State = AssociationState.FailoverActive,
            GpuFailed = true,
            FailureReason = reason,
            FailedAt = now,
            FailoverId = failover.Id,
            Phase = FailoverPhase.GpuLost,
            PhaseSince = now,
            LostMachineId = view.Writer!.Machine.Id,
            Promise = PromisePolicy.AfterChange(tick.Document.Promise),
            CutSince = null,
            Pending = new PendingWriter(view.Standby!.Machine.Id, view.Instance.Generation + 1),
            Draining = false,
            RetryAt = null,
        };
        await associations.SaveAsync(
            view.Association,
            view.Association with { Document = document, FailoverRequested = null },
            tick.Fence,
            async transaction =>
            {
                await FailoverStore.SaveAsync(transaction, failover);
                await events.AppendAsync(transaction, view.Instance.UserId, view.Instance.Id, StandbyEvents.GpuLost(reason, failover.RpoSeconds));
            },
            cancellationToken);
        return Next.Now;
    }

    /// <summary>A standby that writes and was given up in an earlier failover is heard of again: what was broken off goes on where it was.</summary>
    private async Task<Next> BeginRecoveryAsync(StandbyTick tick, CancellationToken cancellationToken)
    {
        var (view, now) = (tick.View, time.GetUtcNow());
        var failover = FailoverRecorder.Begin(view, "standby_returned", tick.Now, now).Enter(FailoverPhase.SearchingGpu, now) with
        {
            LostMachineId = tick.Document.LostMachineId,
        };
        await pairs.SaveAsync(
            tick,
            tick.Document with
            {
                State = AssociationState.FailoverActive,
                Message = null,
                FailoverId = failover.Id,
                Phase = FailoverPhase.SearchingGpu,
                PhaseSince = now,
                Pending = null,
                CandidateMachineId = null,
                Draining = false,
                RetryAt = null,
            },
            StandbyEvents.Returned(),
            transaction => FailoverStore.SaveAsync(transaction, failover),
            cancellationToken);
        return Next.Now;
    }

    private async Task EnsureDrainingAsync(StandbyTick tick, CancellationToken cancellationToken)
    {
        if (!tick.Document.Draining)
        {
            await pairs.SaveAsync(tick, tick.Document with { Draining = true, PhaseSince = tick.Document.PhaseSince ?? tick.Now }, null, also: null, cancellationToken);
        }
    }

    private async Task<Next> SwitchToStandbyAsync(StandbyTick tick, CancellationToken cancellationToken)
    {
        var (instance, pending) = (tick.View.Instance, tick.Document.Pending!);
        await EnterAsync(
            tick,
            tick.Document with { Pending = null },
            FailoverPhase.FailoverToCpu,
            StandbyEvents.Promoted(),
            transaction => instances.MoveWriterAsync(transaction, instance.Id, instance.Generation, pending.Generation, pending.MachineId),
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> PlaceCandidateAsync(StandbyTick tick, CancellationToken cancellationToken)
    {
        if (tick.Document.Phase == FailoverPhase.FailoverToCpu)
        {
            await EnterAsync(tick, tick.Document, FailoverPhase.SearchingGpu, null, null, cancellationToken);
            return Next.Now;
        }

        var instance = tick.View.Instance;
        var all = await machines.ListAsync(instance.Id, cancellationToken);
        var choice = await placement.FindCandidatesAsync(instance, all, tick.Document.LostMachineId, cancellationToken);
        if (choice.Machines.Count == 0)
        {
            await pairs.SaveAsync(
                tick, tick.Document with { RetryAt = tick.Now + options.Value.RentRetry, Message = choice.Trouble }, null, also: null, cancellationToken);
            return Next.After(options.Value.RentRetry);
        }

        var failover = await failovers.FindAsync(tick.Document.FailoverId, cancellationToken);
        await associations.SaveWithCandidateAsync(
            tick.View.Association,
            tick.View.Association with
            {
                Document = tick.Document with
                {
                    State = AssociationState.Recovering,
                    Phase = FailoverPhase.Provisioning,
                    PhaseSince = tick.Now,
                    RetryAt = tick.Now + options.Value.RentRetry,
                    Message = null,
                },
            },
            tick.Fence,
            async transaction =>
            {
                foreach (var machine in choice.Machines)
                {
                    if (await machines.InsertAsync(transaction, machine) is { } placed)
                    {
                        await FailoverStore.SaveAsync(transaction, failover!.Enter(FailoverPhase.Provisioning, tick.Now) with { NewMachineId = placed });
                        await events.AppendAsync(transaction, instance.UserId, instance.Id, StandbyEvents.RentingGpu(machine.Document.Offer.Id));
                        return placed;
                    }
                }

                return null;
            },
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> CompleteAsync(StandbyTick tick, CancellationToken cancellationToken)
    {
        var (view, pending) = (tick.View, tick.Document.Pending!);
        var failover = await failovers.FindAsync(tick.Document.FailoverId, cancellationToken);
        var document = tick.Document with
        {
            State = AssociationState.Syncing,
            InStepAt = time.GetUtcNow(),
            GpuFailed = false,
            FailureReason = null,
            FailoverId = null,
            Phase = null,
            PhaseSince = null,
            Pending = null,
            CandidateMachineId = null,
            LostMachineId = null,
            Draining = false,
            RetryAt = null,
            Message = null,
        };
        await pairs.SaveAsync(
            tick,
            document,
            StandbyEvents.Recovered(),
            async transaction =>
            {
                await instances.MoveWriterAsync(transaction, view.Instance.Id, view.Instance.Generation, pending.Generation, pending.MachineId);
                await FailoverRecorder.EndAsync(transaction, failover, FailoverPhase.Complete, null, time.GetUtcNow());
                if (tick.Document.LostMachineId is { } lost)
                {
                    await machines.SetDesiredAsync(transaction, lost, MachineDesired.Gone);
                }
            },
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> DropCandidateAsync(StandbyTick tick, CancellationToken cancellationToken)
    {
        // A standby that was already fenced for the switch must be given the word back, in a generation above the one that never came to be.
        var pending = tick.Document.Pending is { } given && tick.View.Standby is { } standby ? new PendingWriter(standby.Machine.Id, given.Generation + 1) : null;
        await EnterAsync(
            tick,
            tick.Document with
            {
                CandidateMachineId = null,
                Draining = false,
                Pending = pending,
                RetryAt = tick.View.Candidate?.Machine.Document.Failure == MachineFailure.InsufficientCredit ? tick.Now + options.Value.CreditRetry : tick.Document.RetryAt,
            },
            pending is null ? FailoverPhase.SearchingGpu : FailoverPhase.GpuLost,
            tick.View.Instance.Desired == InstanceDesired.Paused ? StandbyEvents.GpuNotNeeded() : StandbyEvents.GpuDropped(),
            transaction => pairs.ReleaseAsync(transaction, tick.View.Candidate),
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> FailAsync(StandbyTick tick, CancellationToken cancellationToken)
    {
        // The lost GPU's disk may be the only copy now: it is kept, and starts again when its host does.
        const string why = "The standby was lost as well. Whichever of the two comes back serves again; both are kept, and billed, until the instance is deleted.";
        var failover = await failovers.FindAsync(tick.Document.FailoverId, cancellationToken);
        await pairs.SaveAsync(
            tick,
            tick.Document with
            {
                State = AssociationState.Error,
                Message = why,
                FailoverId = null,
                Phase = null,
                Pending = null,
                CandidateMachineId = null,
                Draining = false,
            },
            StandbyEvents.Failed(),
            async transaction =>
            {
                await pairs.ReleaseAsync(transaction, tick.View.Candidate);
                await FailoverRecorder.EndAsync(transaction, failover, FailoverPhase.Failed, why, tick.Now);

                // A generation that was given out is used up, whether or not its writer ever came to be.
                if (tick.Document.Pending is { } pending && tick.View.Instance is { WriterMachineId: { } writer, Generation: var generation })
                {
                    await instances.MoveWriterAsync(transaction, tick.View.Instance.Id, generation, pending.Generation + 1, writer);
                }

                await WorkQueue.WakeAsync(transaction, WorkKinds.Recovery, tick.View.Instance.Id.Value, tick.Now);
            },
            cancellationToken);
        return Next.After(options.Value.RentRetry);
    }

    private async Task EnterAsync(
        StandbyTick tick,
        AssociationDocument document,
        FailoverPhase phase,
        NewEvent? happened,
        Func<DbTransaction, Task>? also,
        CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var failover = await failovers.FindAsync(tick.Document.FailoverId, cancellationToken);
        await pairs.SaveAsync(
            tick,
            document with
            {
                Phase = phase,
                PhaseSince = now,
                State = phase is FailoverPhase.Provisioning or FailoverPhase.Restoring ? AssociationState.Recovering : AssociationState.FailoverActive,
            },
            happened,
            async transaction =>
            {
                if (failover is not null)
                {
                    await FailoverStore.SaveAsync(transaction, failover.Enter(phase, now));
                }

                if (also is not null)
                {
                    await also(transaction);
                }
            },
            cancellationToken);
    }
}
