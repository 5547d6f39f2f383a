using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Agents;
using Dumont.Server.Machines;

namespace Dumont.Server.Tests.Spine;

/// <summary>The agents of all machines: each takes its order and reports once a second, as long as its machine runs and nobody silenced it.</summary>
internal sealed class ScriptedAgents(AgentHub hub, IAgentOrders orders, IAgentWorkSource work, TimeProvider time)
{
    private readonly Dictionary<MachineId, State> _states = [];

    /// <summary>Machines whose agents say nothing, and are told nothing.</summary>
    public HashSet<MachineId> Silent { get; } = [];

    /// <summary>Agents report but do not take roles.</summary>
    public bool IgnoreOrders { get; set; }

    /// <summary>Writers reach nobody.</summary>
    public bool SyncIsCut { get; set; }

    /// <summary>A drain never ends.</summary>
    public bool NeverDrained { get; set; }

    /// <summary>A machine that is being filled from a snapshot never comes to its end.</summary>
    public bool NeverFilled { get; set; }

    /// <summary>From the first connection to a follower that has everything.</summary>
    public TimeSpan FirstPass { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Generation → machines that were ordered to write in it.</summary>
    public Dictionary<long, HashSet<MachineId>> Writers { get; } = [];

    public AgentRole RoleOf(MachineId id) => _states[id].Role;

    public long GenerationOf(MachineId id) => _states[id].Generation;

    /// <summary>The engine's ids of the snapshots that a machine was filled from before it wrote.</summary>
    public IReadOnlyList<string> Filled(MachineId id) => _states[id].Filled;

    public async Task ReportAsync(Machine machine, ProviderMachineState? runs, CancellationToken cancellationToken)
    {
        if (machine.Phase != MachinePhase.Ready || runs != ProviderMachineState.Running || Silent.Contains(machine.Id))
        {
            return;
        }

        var state = _states.TryGetValue(machine.Id, out var known) ? known : _states[machine.Id] = new State();
        if (!IgnoreOrders && (await orders.ListAsync(machine.InstanceId, [machine], cancellationToken))[0] is { } order && order.Generation >= state.Generation)
        {
            Take(machine.Id, state, order);
        }

        var filling = state.Role == AgentRole.Fenced ? await work.FindAsync(machine, state.Role, cancellationToken) : null;
        await hub.AcceptAsync(machine, Report(machine.Id, state) with { Work = WorkOf(state, filling) }, cancellationToken);
    }

    // What it is told to do, it has done by the next report.
    private AgentWorkReport? WorkOf(State state, AgentWork? filling)
    {
        if (filling is null)
        {
            return null;
        }

        if (NeverFilled)
        {
            return new AgentWorkReport(filling.OperationId, AgentWorkState.Running, "transferring", 1, 2, 0, 1, null, null, null);
        }

        if (!state.Filled.Contains(filling.SnapshotId!))
        {
            state.Filled.Add(filling.SnapshotId!);
        }

        var result = new AgentWorkResult("", 1, 0, 0, 1, 0, 1, IsIncremental: false, []);
        return new AgentWorkReport(filling.OperationId, AgentWorkState.Done, "done", 1, 1, 1, 1, result, null, null);
    }

    private void Take(MachineId id, State state, AgentOrder order)
    {
        if (order.MigrationTarget?.MachineId != state.Next || (state.Next is not null && order.Check != state.Check))
        {
            (state.Next, state.NextConnectedAt) = (order.MigrationTarget?.MachineId, time.GetUtcNow());
        }

        (state.Generation, state.Role, state.Drain, state.Check) = (order.Generation, order.Role, order.Drain, order.Check);
        if (order.Role == AgentRole.Writer)
        {
            if (!Writers.TryGetValue(order.Generation, out var writers))
            {
                writers = Writers[order.Generation] = [];
            }

            writers.Add(id);
        }

        if (order.SyncTarget?.MachineId != state.Peer)
        {
            (state.Peer, state.ConnectedAt, state.Rounds) = (order.SyncTarget?.MachineId, time.GetUtcNow(), 0);
        }
    }

    private AgentReport Report(MachineId id, State state)
    {
        state.Sequence++;
        AgentSyncReport? sync = null;
        if (state is { Role: AgentRole.Writer, Peer: { } peer })
        {
            var live = !SyncIsCut && !Silent.Contains(peer) && time.GetUtcNow() - state.ConnectedAt >= FirstPass;
            state.Rounds += live ? 1 : 0;
            sync = new AgentSyncReport(
                live ? AgentSyncState.Live : AgentSyncState.Connecting,
                peer,
                SentSequence: state.Rounds,
                AckedSequence: state.Rounds,
                PendingChanges: 0,
                OldestUnackedSeconds: live ? 0.25 : null,
                Drained: live && state.Drain && !NeverDrained,
                RoundsCompleted: state.Rounds,
                FilesTotal: 1,
                BytesTotal: 1,
                LastSuccessAt: live ? time.GetUtcNow() : null);
        }

        if (state is { Role: AgentRole.Follower, Check: > 0 })
        {
            sync = Reports.Sync(null) with { Check = state.Check };
        }

        return Reports.Of(id, state.Role, state.Generation, sync) with { Sequence = state.Sequence, Migration = MigrationOf(state) };
    }

    private AgentSyncReport? MigrationOf(State state)
    {
        if (state is not { Role: AgentRole.Writer, Next: { } next })
        {
            return null;
        }

        var live = !SyncIsCut && !Silent.Contains(next) && time.GetUtcNow() - state.NextConnectedAt >= FirstPass;
        return Reports.Sync(next, live ? AgentSyncState.Live : AgentSyncState.Connecting, live && state.Drain && !NeverDrained) with
        {
            Check = state.Check,
            OldestUnackedSeconds = live ? 0.25 : null,
        };
    }

    private sealed class State
    {
        public long Sequence { get; set; }

        public long Generation { get; set; }

        public AgentRole Role { get; set; } = AgentRole.Idle;

        public bool Drain { get; set; }

        public MachineId? Peer { get; set; }

        public DateTimeOffset ConnectedAt { get; set; }

        public long Rounds { get; set; }

        public MachineId? Next { get; set; }

        public DateTimeOffset NextConnectedAt { get; set; }

        public long Check { get; set; }

        public List<string> Filled { get; } = [];
    }
}

/// <summary>Reports with the fields that matter.</summary>
internal static class Reports
{
    public static AgentReport Of(MachineId id, AgentRole role, long generation, AgentSyncReport? sync = null) =>
        new(id, 1, "boot-1", "0.1.0", generation, role, 10, new AgentMetrics(null, null, null, null, null, null, null, null, null, []), sync, null);

    public static AgentSyncReport Sync(MachineId? peer, AgentSyncState state = AgentSyncState.Live, bool drained = false, long rounds = 1) =>
        new(state, peer, 1, 1, 0, 0, drained, rounds, 1, 1, null);
}
