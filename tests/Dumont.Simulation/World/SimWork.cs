using Dumont.Contracts;
using Dumont.Simulation.Engine;
using Dumont.Simulation.Faults;

namespace Dumont.Simulation.World;

/// <summary>What a machine's work needs of the world.</summary>
/// <param name="Repository">Where snapshots are.</param>
/// <param name="IsReachable">Whether the server, through which the repository is reached, answers.</param>
/// <param name="Draw">The fault that strikes a step of the work, if one does.</param>
/// <param name="Strike">Does to the machine what such a fault says.</param>
internal sealed record WorkPlace(SimRepository Repository, Func<bool> IsReachable, Func<string, Fault?> Draw, Action<Fault, SimMachine> Strike);

/// <summary>The ordered work of one agent. In memory: a new process knows nothing of it.</summary>
internal sealed class SimWork(SimAgent agent, WorkPlace place, Scheduler scheduler, Random random)
{
    private const int StoreAttempts = 4;

    private IReadOnlyList<string> _known = [];
    private long? _operation;
    private int _turn;

    /// <summary>What stands in the agent's reports; null without any.</summary>
    public AgentWorkReport? Report { get; private set; }

    /// <summary>The last restore that was brought to its end in this workspace, and what came back.</summary>
    public (long Operation, long Content) Restored { get; private set; }

    /// <summary>Takes what the newest order says.</summary>
    public void Accept(AgentWork? work)
    {
        if (work?.OperationId == _operation)
        {
            return;
        }

        Forget();
        if (work is not null)
        {
            (_operation, Report) = (work.OperationId, Begun(work.OperationId, "starting"));
            Later(0.2, 1, () => Transfer(work));
        }
    }

    /// <summary>The process ends.</summary>
    public void Forget()
    {
        _turn++;
        (_operation, Report) = (null, null);
    }

    private void Transfer(AgentWork work)
    {
        Report = Begun(work.OperationId, "transferring");
        var (content, at) = (agent.Content, scheduler.Elapsed);
        _known = work.Kind == AgentWorkKind.Snapshot && place.IsReachable() ? place.Repository.BeginWriting(this, work.HostName) : [];
        var slow = random.Next(10) == 0 ? 10 : 0;
        Later(0.3, 4 + slow, () => Finish(work, content, at, StoreAttempts));
        Draw("work");
    }

    private void Finish(AgentWork work, long content, TimeSpan at, int attempts)
    {
        if (!place.IsReachable() || agent.Machine.IsCutUp || agent.Machine.IsCutDown)
        {
            if (attempts > 0)
            {
                Later(1, 3, () => Finish(work, content, at, attempts - 1));
                return;
            }

            Fail(work, "store", "The server does not answer.");
        }
        else if (place.Draw(work.Kind == AgentWorkKind.Snapshot ? "put" : "store") is { } fault)
        {
            Fail(work, "store", fault.Name);
        }
        else if (work.Kind == AgentWorkKind.Snapshot && _known.Count > 0 && !place.Repository.HoldsLease(this))
        {
            Fail(work, "store", "The lease ran out.");
        }
        else if (work.Kind == AgentWorkKind.Snapshot)
        {
            End(work, place.Repository.Put(this, $"op-{work.OperationId}", work.HostName, content, at, _known).Id);
        }
        else if (place.Repository.Find(work.SnapshotId) is { } snapshot)
        {
            Restored = (work.OperationId, snapshot.Content);
            agent.Hold(snapshot.Content);
            End(work, "");
        }
        else
        {
            Fail(work, "not_found", $"There is no snapshot {work.SnapshotId}.");
        }
    }

    private void End(AgentWork work, string snapshotId)
    {
        Report = Begun(work.OperationId, "done") with
        {
            State = AgentWorkState.Done,
            Result = new AgentWorkResult(snapshotId, 1, 0, 0, 1000, 100, 1, IsIncremental: false, []),
        };
        if (!Draw("work done"))
        {
            agent.ReportSoon();
        }
    }

    private void Fail(AgentWork work, string failure, string message)
    {
        Report = Begun(work.OperationId, "failed") with { State = AgentWorkState.Failed, Failure = failure, Message = message };
        agent.ReportSoon();
    }

    private bool Draw(string step)
    {
        if (place.Draw(step) is not { } fault)
        {
            return false;
        }

        place.Strike(fault, agent.Machine);
        return true;
    }

    private void Later(double least, double most, Action step)
    {
        var turn = _turn;
        After(TimeSpan.FromSeconds(least + (random.NextDouble() * (most - least))));

        void After(TimeSpan delay) => scheduler.After(delay, () =>
        {
            if (turn != _turn || agent.Machine is not { Exists: true, IsUp: true, HostIsDead: false } machine)
            {
                return;
            }

            if (machine.FrozenUntil > scheduler.Elapsed)
            {
                After(machine.FrozenUntil - scheduler.Elapsed);
                return;
            }

            step();
        });
    }

    private static AgentWorkReport Begun(long operation, string phase) => new(operation, AgentWorkState.Running, phase, 0, 0, 0, 0, null, null, null);
}
