using Dumont.Providers;
using Dumont.Server.Machines;

namespace Dumont.Server.Instances;

/// <summary>The one next step for an instance.</summary>
internal enum InstanceStep
{
    /// <summary>All is as it should be.</summary>
    Rest,

    /// <summary>Look again shortly: something is on its way.</summary>
    Wait,

    /// <summary>The first machine is ready and its agent writes: generation 1 begins.</summary>
    BeginWriting,

    /// <summary>Rent another offer in place of one that came to nothing.</summary>
    Substitute,

    /// <summary>The creation has failed for good: give everything back and say why.</summary>
    FailCreation,

    /// <summary>The writer runs: say so.</summary>
    ShowRunning,

    /// <summary>The writer is lost and no standby will take over: say so.</summary>
    ShowLost,

    /// <summary>Let the standby catch up, then stop.</summary>
    Drain,

    /// <summary>Stop every machine.</summary>
    StopMachines,

    /// <summary>All machines are stopped: say so.</summary>
    ShowPaused,

    /// <summary>Start what was stopped.</summary>
    StartMachines,

    /// <summary>Give every machine back.</summary>
    ReleaseMachines,

    /// <summary>All machines are gone: close.</summary>
    ShowDeleted,
}

/// <summary>What the policy looks at.</summary>
/// <param name="Instance">The instance.</param>
/// <param name="Machines">Its GPU machines and standby, oldest first, final ones included.</param>
/// <param name="StandbyMachineId">The machine of its association, which is not the instance's to release.</param>
/// <param name="KeepsStandby">Whether the standby outlives a deletion.</param>
/// <param name="WriterLinked">The writer's agent, or that of the first machine, has reported recently.</param>
/// <param name="WriterWrites">That agent reports the role writer in the generation it should have.</param>
/// <param name="WriterDrained">That agent reports that the standby has everything.</param>
/// <param name="HasSync">Changes can be drained: a writer sends to a standby.</param>
/// <param name="FailoverActive">The standby feature is replacing the writer.</param>
/// <param name="StandbyTakesOver">A standby that has the workspace will replace a lost writer without being asked.</param>
internal sealed record InstanceView(
    Instance Instance,
    IReadOnlyList<Machine> Machines,
    Dumont.Contracts.MachineId? StandbyMachineId,
    bool KeepsStandby,
    bool WriterLinked,
    bool WriterWrites,
    bool WriterDrained,
    bool HasSync,
    bool FailoverActive,
    bool StandbyTakesOver)
{
    /// <summary>The standby writes, and no GPU machine is being brought to its state.</summary>
    public bool RestsOnStandby { get; init; }

    /// <summary>The GPU machine that the standby has taken over from; null when none is kept.</summary>
    public Dumont.Contracts.MachineId? LostMachineId { get; init; }

    /// <summary>The machine that it was moved from, when it is kept; null when none is.</summary>
    public Dumont.Contracts.MachineId? KeptMachineId { get; init; }

    /// <summary>The writer is fenced for a move or a recovery, and the machine that is to write has not said so yet.</summary>
    public bool IsSwitching { get; init; }

    /// <summary>The writer is lost, and a new machine is being brought to the state of a snapshot.</summary>
    public bool IsRecovering { get; init; }

    /// <summary>What the user is told of the loss; null where nothing is known beyond what the machine's record says.</summary>
    public string? LossMessage { get; init; }

    /// <summary>Machines that the instance needs in order to run: not those of which the disk alone is kept, the one that was lost and the one that it was
    /// moved from.</summary>
    public IEnumerable<Machine> Needed => Machines.Where(machine => (!RestsOnStandby || machine.Id != LostMachineId) && machine.Id != KeptMachineId);

    /// <summary>The machine that writes; null before the first one does.</summary>
    public Machine? Writer => Machines.FirstOrDefault(machine => machine.Id == Instance.WriterMachineId);

    /// <summary>GPU machines that can still be used.</summary>
    public IEnumerable<Machine> UsableGpus => Machines.Where(machine => machine.Role == MachineRole.Gpu && !machine.IsSpent);

    /// <summary>Machines that the instance must see off.</summary>
    public IEnumerable<Machine> Own => Machines.Where(machine => machine.Id != StandbyMachineId || !KeepsStandby);
}

/// <summary>Decisions about one instance, apart from failover. Pure.</summary>
internal static class InstancePolicy
{
    /// <summary>What to do now.</summary>
    public static InstanceStep Decide(InstanceView view, DateTimeOffset now, InstancesOptions options) =>
        view.Instance.Wanted switch
        {
            InstanceDesired.Deleted => Delete(view),
            _ when view.Instance.Status == InstanceStatus.Error && view.Instance.Generation == 0 => InstanceStep.Rest,
            _ when view.Instance.Generation == 0 => Create(view, now, options),
            InstanceDesired.Paused => Pause(view, now, options),
            _ => Run(view),
        };

    private static InstanceStep Create(InstanceView view, DateTimeOffset now, InstancesOptions options)
    {
        if (now >= view.Instance.Document.CreateBefore)
        {
            return InstanceStep.FailCreation;
        }

        if (view.UsableGpus.FirstOrDefault() is { } machine)
        {
            return machine.Phase == MachinePhase.Ready && view.WriterWrites ? InstanceStep.BeginWriting : InstanceStep.Wait;
        }

        var gpus = view.Machines.Where(machine => machine.Role == MachineRole.Gpu).ToList();
        var noCredit = gpus.LastOrDefault()?.Document.Failure == MachineFailure.InsufficientCredit;
        return noCredit || gpus.Count >= options.OfferAttempts ? InstanceStep.FailCreation : InstanceStep.Substitute;
    }

    private static InstanceStep Run(InstanceView view) =>
        view.Writer switch
        {
            { IsSpent: false, Desired: MachineDesired.Stopped } when view.RestsOnStandby => InstanceStep.StartMachines,
            { IsSpent: false } when view is { RestsOnStandby: true, WriterLinked: false, Instance.Status: not InstanceStatus.Running } => InstanceStep.Wait,
            _ when view.FailoverActive => InstanceStep.ShowRunning,
            _ when view.IsSwitching => InstanceStep.Wait,
            _ when view.IsRecovering => InstanceStep.ShowLost,
            null => InstanceStep.ShowLost,
            { IsBeingRetried: true } => InstanceStep.Wait,
            { IsSpent: true } => view.StandbyTakesOver ? InstanceStep.Wait : InstanceStep.ShowLost,
            { Desired: MachineDesired.Stopped } => InstanceStep.StartMachines,
            { Phase: MachinePhase.Ready } when view.WriterLinked => InstanceStep.ShowRunning,
            { Phase: MachinePhase.Ready, Document.ProviderState: ProviderMachineState.Offline or ProviderMachineState.Interrupted or ProviderMachineState.Stopped } =>
                view.StandbyTakesOver ? InstanceStep.Wait : InstanceStep.ShowLost,
            { Phase: MachinePhase.Ready } when view.LossMessage is not null => InstanceStep.ShowLost,
            { Phase: MachinePhase.Ready } when view.Instance.Status == InstanceStatus.Running => InstanceStep.Rest,
            _ => InstanceStep.Wait,
        };

    private static InstanceStep Pause(InstanceView view, DateTimeOffset now, InstancesOptions options)
    {
        // A failover that rests has no need of its machines; one that is under way comes to rest first. A recovery gives its machine back by itself.
        if (view is { FailoverActive: true, RestsOnStandby: false } or { IsSwitching: true } or { IsRecovering: true })
        {
            return InstanceStep.Wait;
        }

        if (view.Writer is null or { IsSpent: true, CanBeRetried: false })
        {
            return InstanceStep.ShowLost;
        }

        var live = view.Machines.Where(machine => !machine.IsSpent || machine == view.Writer).ToList();
        if (live.All(machine => machine.Phase == MachinePhase.Stopped))
        {
            return InstanceStep.ShowPaused;
        }

        if (view.Writer.Desired == MachineDesired.Stopped)
        {
            return live.Any(machine => machine.Desired != MachineDesired.Stopped) ? InstanceStep.StopMachines : InstanceStep.Wait;
        }

        var mayDrain = view is { HasSync: true, WriterLinked: true, WriterDrained: false };
        return mayDrain && (view.Instance.Status != InstanceStatus.Pausing || now - view.Instance.Document.StatusSince < options.PauseDrainLimit)
            ? InstanceStep.Drain
            : InstanceStep.StopMachines;
    }

    private static InstanceStep Delete(InstanceView view) =>
        view.Own.Any(machine => machine.Desired != MachineDesired.Gone && !machine.IsFinal) ? InstanceStep.ReleaseMachines
            : view.Own.All(machine => machine.IsFinal) ? InstanceStep.ShowDeleted
            : InstanceStep.Wait;
}
