using System.Data.Common;
using System.Diagnostics;
using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Standby;

/// <summary>Keeps a standby behind an instance, and when the writer is lost, leads the instance over it to a new GPU machine.</summary>
internal sealed class StandbyReconciler(
    InstanceStore instances,
    AssociationStore associations,
    MachineStore machines,
    AgentHub hub,
    StandbyPlacement placement,
    LossConfirmation confirmation,
    FailoverRecorder failovers,
    AutoStandby autoStandby,
    InstanceChanges changes,
    EventStore events,
    TimeProvider time,
    IOptions<StandbyOptions> options) : IReconciler
{
    /// <summary>Counters of a pair that is well are written down this often.</summary>
    private static readonly TimeSpan RecordInterval = TimeSpan.FromSeconds(10);

    /// <inheritdoc />
    public string Kind => WorkKinds.Standby;

    /// <inheritdoc />
    public async Task<Next> ReconcileAsync(Fence fence, CancellationToken cancellationToken)
    {
        var id = new InstanceId(fence.Key);
        if (await associations.FindAsync(id, cancellationToken) is not { } association
            || await instances.FindAsync(id, cancellationToken) is not { } instance)
        {
            return Next.WhenWoken;
        }

        var view = await LoadAsync(instance, association, cancellationToken);
        var tick = new Tick(view, fence, time.GetUtcNow());
        var step = StandbyPolicy.Decide(view, tick.Now, options.Value);
        var next = await ActAsync(step, tick, cancellationToken);
        await hub.RefreshOrdersAsync(id, (await machines.ListAsync(id, cancellationToken)).Where(machine => !machine.IsFinal), cancellationToken);

        changes.Publish(id);
        return next;
    }

    private async Task<StandbyView> LoadAsync(Instance instance, Association association, CancellationToken cancellationToken)
    {
        var settings = await autoStandby.GetAsync(instance.UserId, cancellationToken);
        var all = await machines.ListAsync(instance.Id, cancellationToken);
        return new StandbyView(
            instance,
            association,
            settings.AutoFailover,
            settings.AutoRecovery,
            Observe(all, instance.WriterMachineId),
            Observe(all, association.StandbyMachineId),
            Observe(all, association.Document.CandidateMachineId));
    }

    private Observed? Observe(IReadOnlyList<Machine> all, MachineId? id) =>
        all.FirstOrDefault(machine => machine.Id == id) is { } machine ? new Observed(machine, hub.Find(machine.Id), hub.SilenceOf(machine.Id)) : null;

    private async Task<Next> ActAsync(StandbyStep step, Tick tick, CancellationToken cancellationToken)
    {
        switch (step)
        {
            case StandbyStep.Rest:
                return Next.WhenWoken;
            case StandbyStep.Observe:
                return await RecordAsync(tick, cancellationToken);
            case StandbyStep.ReleaseStandby:
                return await ReleaseStandbyAsync(tick, cancellationToken);
            case StandbyStep.KeepOrphan:
                return await KeepOrphanAsync(tick, cancellationToken);
            case StandbyStep.PlaceStandby:
                return await PlaceStandbyAsync(tick, cancellationToken);
            case StandbyStep.Confirm:
                return await ConfirmAsync(tick, cancellationToken);
            case StandbyStep.DrainWriter:
                await EnsureDrainingAsync(tick, cancellationToken);
                return Next.After(TimeSpan.FromMilliseconds(200));
            case StandbyStep.BeginFailover:
                return await BeginFailoverAsync(tick, tick.View.Association.FailoverRequested ?? "gpu_failure", cancellationToken);
            case StandbyStep.SwitchToStandby:
                return await SwitchToStandbyAsync(tick, cancellationToken);
            case StandbyStep.PlaceCandidate:
                return await PlaceCandidateAsync(tick, cancellationToken);
            case StandbyStep.BeginRestore:
                await EnterAsync(tick, tick.Document, FailoverPhase.Restoring, "standby.restoring", "The new GPU machine follows the standby.", null, cancellationToken);
                return Next.Now;
            case StandbyStep.DrainStandby:
                await EnsureDrainingAsync(tick, cancellationToken);
                return Next.After(TimeSpan.FromMilliseconds(100));
            case StandbyStep.PromoteCandidate:
                await SaveAsync(
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

    /// <summary>Notes state and counters, rarely enough, and says when to look again: before the writer could become suspect.</summary>
    private async Task<Next> RecordAsync(Tick tick, CancellationToken cancellationToken)
    {
        var (view, document) = (tick.View, CountSyncs(tick));
        if (!view.Association.FailoverActive && view.Instance.Generation > 0)
        {
            document = document with { State = StandbyPolicy.StateOf(view, options.Value), Draining = false, PhaseSince = null };
        }

        var due = document.LastSyncAt is { } at && (tick.Document.LastSyncAt is not { } recorded || at - recorded >= RecordInterval);
        if (document.State != tick.Document.State || document.Draining != tick.Document.Draining || due
            || (document.SyncCountNow > 0 && view.Association.SyncCount == 0))
        {
            await SaveAsync(tick, document, null, also: null, cancellationToken);
        }

        return Next.After(view.Association.FailoverActive ? TimeSpan.FromMilliseconds(200) : options.Value.HeartbeatInterval / 2);
    }

    private static AssociationDocument CountSyncs(Tick tick)
    {
        var document = tick.Document;
        if (tick.View.Writer?.Report is not { Sync: { } sync } report || sync.Peer != tick.View.Association.StandbyMachineId)
        {
            return document;
        }

        return report.BootId == document.CountedBootId
            ? document with { SyncCountNow = sync.RoundsCompleted, LastSyncAt = sync.LastSuccessAt ?? document.LastSyncAt }
            : document with
            {
                SyncCountBefore = document.SyncCountBefore + document.SyncCountNow,
                SyncCountNow = sync.RoundsCompleted,
                CountedBootId = report.BootId,
                LastSyncAt = sync.LastSuccessAt ?? document.LastSyncAt,
            };
    }

    private async Task<Next> ReleaseStandbyAsync(Tick tick, CancellationToken cancellationToken)
    {
        var running = await failovers.FindAsync(tick.Document.FailoverId, cancellationToken);
        await SaveAsync(
            tick,
            tick.Document with { FailoverId = null, Phase = null, PhaseSince = null, Pending = null, CandidateMachineId = null, Draining = false },
            null,
            async transaction =>
            {
                await ReleaseAsync(transaction, tick.View.Standby, tick.View.Candidate);
                await FailoverRecorder.EndAsync(transaction, running, FailoverPhase.Failed, "The standby was given up.", tick.Now);
            },
            cancellationToken);
        return Next.WhenWoken;
    }

    private async Task<Next> KeepOrphanAsync(Tick tick, CancellationToken cancellationToken)
    {
        var reason = await instances.FindDeleteReasonAsync(tick.View.Instance.Id, cancellationToken) ?? DeleteReason.UserRequest;
        var document = tick.Document with
        {
            State = AssociationState.Orphaned,
            GpuFailed = reason != DeleteReason.UserRequest,
            FailureReason = InstanceViews.Word(reason),
            FailedAt = tick.Now,
            FailoverId = null,
            Phase = null,
            Pending = null,
            CandidateMachineId = null,
        };
        var running = await failovers.FindAsync(tick.Document.FailoverId, cancellationToken);
        await SaveAsync(
            tick,
            document,
            ("standby.orphaned", "The GPU side is deleted; the standby is kept until it is released."),
            async transaction =>
            {
                await ReleaseAsync(transaction, tick.View.Candidate);
                await FailoverRecorder.EndAsync(transaction, running, FailoverPhase.Failed, "The instance was deleted.", tick.Now);
            },
            cancellationToken);
        return Next.WhenWoken;
    }

    private async Task<Next> PlaceStandbyAsync(Tick tick, CancellationToken cancellationToken)
    {
        var all = await machines.ListAsync(tick.View.Instance.Id, cancellationToken);
        var wish = await placement.FindStandbyAsync(tick.View.Instance, tick.View.Association, all, cancellationToken);
        var retry = tick.Document with { RetryAt = tick.Now + options.Value.RentRetry };
        if (wish.Machine is not { } machine)
        {
            await SaveAsync(tick, retry with { State = AssociationState.Error, Message = wish.Trouble }, null, also: null, cancellationToken);
            return Next.After(options.Value.RentRetry);
        }

        await associations.SaveWithMachineAsync(
            tick.View.Association,
            tick.View.Association with
            {
                // Nothing that an earlier standby had is on this one: it may take over only after a pass of its own.
                Document = retry with
                {
                    State = AssociationState.Provisioning,
                    Message = null,
                    SyncCountBefore = 0,
                    SyncCountNow = 0,
                    CountedBootId = null,
                    LastSyncAt = null,
                },
            },
            tick.Fence,
            transaction => machines.InsertAsync(transaction, machine),
            async transaction =>
            {
                if (tick.View.Standby?.Machine.Id != tick.View.Instance.WriterMachineId)
                {
                    await ReleaseAsync(transaction, tick.View.Standby);
                }

                await events.AppendAsync(
                    transaction, tick.View.Instance.UserId, tick.View.Instance.Id, "standby.renting", $"Rents a standby in {machine.Document.Offer.Geolocation}.");
            },
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> ConfirmAsync(Tick tick, CancellationToken cancellationToken)
    {
        var writer = tick.View.Writer!;
        if (!await confirmation.IsDeadAsync(writer.Machine, cancellationToken) || hub.SilenceOf(writer.Machine.Id) < options.Value.SuspectAfter)
        {
            return Next.After(options.Value.HeartbeatInterval);
        }

        return await BeginFailoverAsync(tick, "gpu_failure", cancellationToken);
    }

    private async Task EnsureDrainingAsync(Tick tick, CancellationToken cancellationToken)
    {
        if (!tick.Document.Draining)
        {
            await SaveAsync(tick, tick.Document with { Draining = true, PhaseSince = tick.Document.PhaseSince ?? tick.Now }, null, also: null, cancellationToken);
        }
    }

    private async Task<Next> BeginFailoverAsync(Tick tick, string reason, CancellationToken cancellationToken)
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
                await events.AppendAsync(
                    transaction, view.Instance.UserId, view.Instance.Id, "standby.gpu_lost", $"The GPU machine is lost ({reason}); the standby takes over.");
            },
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> SwitchToStandbyAsync(Tick tick, CancellationToken cancellationToken)
    {
        var (instance, pending) = (tick.View.Instance, tick.Document.Pending!);
        await EnterAsync(
            tick,
            tick.Document with { Pending = null },
            FailoverPhase.FailoverToCpu,
            "standby.promoted",
            "The standby has taken over; the SSH address is the same.",
            transaction => instances.MoveWriterAsync(transaction, instance.Id, instance.Generation, pending.Generation, pending.MachineId),
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> PlaceCandidateAsync(Tick tick, CancellationToken cancellationToken)
    {
        if (tick.Document.Phase == FailoverPhase.FailoverToCpu)
        {
            await EnterAsync(tick, tick.Document, FailoverPhase.SearchingGpu, null, "", null, cancellationToken);
            return Next.Now;
        }

        var instance = tick.View.Instance;
        var all = await machines.ListAsync(instance.Id, cancellationToken);
        var choice = await placement.FindCandidatesAsync(instance, all, tick.Document.LostMachineId, cancellationToken);
        if (choice.Machines.Count == 0)
        {
            await SaveAsync(
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
                        await events.AppendAsync(
                            transaction, instance.UserId, instance.Id, "standby.renting_gpu", $"Rents offer {machine.Document.Offer.Id} in place of the lost GPU.");
                        return placed;
                    }
                }

                return null;
            },
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> CompleteAsync(Tick tick, CancellationToken cancellationToken)
    {
        var (view, pending) = (tick.View, tick.Document.Pending!);
        var failover = await failovers.FindAsync(tick.Document.FailoverId, cancellationToken);
        var document = tick.Document with
        {
            State = AssociationState.Syncing,
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
        await SaveAsync(
            tick,
            document,
            ("standby.recovered", "A new GPU machine has taken over with the same workspace; what is left of the old one is given back."),
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

    private async Task<Next> DropCandidateAsync(Tick tick, CancellationToken cancellationToken)
    {
        // A standby that was already fenced for the switch must be given the word back, in a generation above the one that never came to be.
        var pending = tick.Document.Pending is { } given && tick.View.Standby is { } standby ? new PendingWriter(standby.Machine.Id, given.Generation + 1) : null;
        await EnterAsync(
            tick,
            tick.Document with { CandidateMachineId = null, Draining = false, Pending = pending },
            pending is null ? FailoverPhase.SearchingGpu : FailoverPhase.GpuLost,
            "standby.gpu_dropped",
            "The new GPU machine came to nothing; another one is looked for.",
            transaction => ReleaseAsync(transaction, tick.View.Candidate),
            cancellationToken);
        return Next.Now;
    }

    private async Task<Next> FailAsync(Tick tick, CancellationToken cancellationToken)
    {
        const string why = "The standby was lost as well.";
        var failover = await failovers.FindAsync(tick.Document.FailoverId, cancellationToken);
        await SaveAsync(
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
            ("standby.failed", why),
            async transaction =>
            {
                await ReleaseAsync(transaction, tick.View.Candidate);
                await FailoverRecorder.EndAsync(transaction, failover, FailoverPhase.Failed, why, tick.Now);

                // A generation that was given out is used up, whether or not its writer ever came to be.
                if (tick.Document.Pending is { } pending && tick.View.Instance is { WriterMachineId: { } writer, Generation: var generation })
                {
                    await instances.MoveWriterAsync(transaction, tick.View.Instance.Id, generation, pending.Generation + 1, writer);
                }
            },
            cancellationToken);
        return Next.After(options.Value.RentRetry);
    }

    private async Task EnterAsync(
        Tick tick,
        AssociationDocument document,
        FailoverPhase phase,
        string? eventType,
        string message,
        Func<DbTransaction, Task>? also,
        CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var failover = await failovers.FindAsync(tick.Document.FailoverId, cancellationToken);
        await SaveAsync(
            tick,
            document with
            {
                Phase = phase,
                PhaseSince = now,
                State = phase is FailoverPhase.Provisioning or FailoverPhase.Restoring ? AssociationState.Recovering : AssociationState.FailoverActive,
            },
            eventType is null ? null : (eventType, message),
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

    private Task<Association> SaveAsync(
        Tick tick, AssociationDocument document, (string Type, string Message)? happened, Func<DbTransaction, Task>? also, CancellationToken cancellationToken) =>
        associations.SaveAsync(
            tick.View.Association,
            tick.View.Association with { Document = document },
            tick.Fence,
            async transaction =>
            {
                if (also is not null)
                {
                    await also(transaction);
                }

                if (happened is var (type, message))
                {
                    await events.AppendAsync(transaction, tick.View.Instance.UserId, tick.View.Instance.Id, type, message);
                }
            },
            cancellationToken);

    private async Task ReleaseAsync(DbTransaction transaction, params Observed?[] which)
    {
        foreach (var observed in which.OfType<Observed>())
        {
            await machines.SetDesiredAsync(transaction, observed.Machine.Id, MachineDesired.Gone);
        }
    }

    /// <summary>What one tick works on.</summary>
    private sealed record Tick(StandbyView View, Fence Fence, DateTimeOffset Now)
    {
        public AssociationDocument Document => View.Association.Document;
    }
}
