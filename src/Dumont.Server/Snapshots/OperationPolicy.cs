using Dumont.Contracts;
using Dumont.Server.Instances;

namespace Dumont.Server.Snapshots;

/// <summary>The one next step of an operation that a machine does.</summary>
internal abstract record OperationStep
{
    private OperationStep()
    {
    }

    /// <summary>Look again shortly.</summary>
    public sealed record Wait : OperationStep;

    /// <summary>The instance is paused, or is to be: let it run for the time of the operation.</summary>
    public sealed record RunInstance : OperationStep;

    /// <summary>Tell the machine that writes to do it.</summary>
    public sealed record Order : OperationStep;

    /// <summary>It was told; the machine says how far it is.</summary>
    public sealed record Note(AgentWorkReport Report) : OperationStep;

    /// <summary>The machine has done it.</summary>
    public sealed record Complete(AgentWorkResult Result) : OperationStep;

    /// <summary>It will come to nothing.</summary>
    public sealed record Fail(string Failure, string Message) : OperationStep;

    /// <summary>The user does not want it any more.</summary>
    public sealed record Cancel : OperationStep;
}

/// <summary>What the policy looks at.</summary>
/// <param name="Operation">The operation.</param>
/// <param name="Instance">Its instance; null when there is none any more.</param>
/// <param name="WriterLinked">The agent of the machine that writes, or that is to be filled, has reported recently.</param>
/// <param name="WriterBusy">That machine has other work.</param>
/// <param name="Report">What that agent says of its work.</param>
/// <param name="MachineLost">The machine that is to be filled is no more.</param>
internal sealed record OperationView(
    SnapshotOperation Operation, Instance? Instance, bool WriterLinked, bool WriterBusy, AgentWorkReport? Report, bool MachineLost = false);

/// <summary>Decisions about one operation that a machine does. Pure.</summary>
internal static class OperationPolicy
{
    /// <summary>What to do now.</summary>
    public static OperationStep Decide(OperationView view, DateTimeOffset now)
    {
        var operation = view.Operation;
        if (operation.CancelRequested)
        {
            return new OperationStep.Cancel();
        }

        if (view.Instance is not { } instance || instance.Desired == InstanceDesired.Deleted)
        {
            return new OperationStep.Fail("instance_gone", "The instance was deleted before it was done.");
        }

        if (now >= operation.Document.Before)
        {
            return new OperationStep.Fail("timeout", "It took too long and was given up.");
        }

        if (operation.Document.OnMachine is { } filled)
        {
            return view.MachineLost ? new OperationStep.Fail("machine_lost", "The machine that was to be filled came to nothing.")
                : view.WriterLinked ? Work(view, filled)
                : new OperationStep.Wait();
        }

        if (instance.Status == InstanceStatus.Error)
        {
            return new OperationStep.Fail("instance_error", instance.Document.StatusMessage ?? "The instance is in error.");
        }

        if (instance.Wanted == InstanceDesired.Paused && operation.Kind == OperationKind.Snapshot)
        {
            return new OperationStep.RunInstance();
        }

        if (instance is { Status: InstanceStatus.Paused, Wanted: InstanceDesired.Paused })
        {
            return new OperationStep.Fail("paused", "The instance is paused.");
        }

        if (instance.Status != InstanceStatus.Running || instance.WriterMachineId is not { } writer || !view.WriterLinked)
        {
            return new OperationStep.Wait();
        }

        return Work(view, writer);
    }

    private static OperationStep Work(OperationView view, MachineId machine)
    {
        // After a failover the workspace is elsewhere: the new writer is told from the start.
        var operation = view.Operation;
        if (operation.State == OperationState.Pending || operation.MachineId != machine)
        {
            return view.WriterBusy ? new OperationStep.Wait() : new OperationStep.Order();
        }

        return view.Report is { } report && report.OperationId == operation.Id
            ? report switch
            {
                { State: AgentWorkState.Done, Result: { } result } => new OperationStep.Complete(result),
                { State: AgentWorkState.Failed } => new OperationStep.Fail(report.Failure ?? "other", report.Message ?? "The machine did not say why."),
                _ => new OperationStep.Note(report),
            }
            : new OperationStep.Wait();
    }

    /// <summary>What the user is told of a snapshot that was made.</summary>
    public static SnapshotStatus StatusOf(AgentWorkResult result) => result.Warnings.Count == 0 ? SnapshotStatus.Completed : SnapshotStatus.Partial;

    /// <summary>Whether progress is worth a write: a new phase, or a second later.</summary>
    public static bool IsWorthNoting(OperationDocument before, AgentWorkReport report, DateTimeOffset now) =>
        before.Progress is not { } known || known.Phase != report.Phase
        || (now - before.ProgressAt >= TimeSpan.FromSeconds(1) && known.BytesDone != report.BytesDone);
}
