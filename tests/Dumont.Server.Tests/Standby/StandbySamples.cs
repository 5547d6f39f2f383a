using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Spine;
using static Dumont.Server.Tests.Spine.Samples;

namespace Dumont.Server.Tests.Standby;

/// <summary>Pairs as a decision sees them.</summary>
internal static class StandbySamples
{
    public static readonly StandbyOptions Options = new();

    public static readonly FailoverRules Rules = FailoverRules.Of(new AutoStandbySettings(), own: null, new DetectionOptions());

    public static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    public static StandbyStep Decide(StandbyView view) => StandbyPolicy.Decide(view, Now, Options);

    public static StandbyView With(StandbyView view, Func<AssociationDocument, AssociationDocument> change) =>
        view with { Association = view.Association with { Document = change(view.Document) } };

    public static StandbyView Pair(TimeSpan silence) =>
        new(
            Instance(),
            Association(),
            Rules,
            Writer(silence, sync: Reports.Sync(new MachineId(2))),
            Standby(Fresh),
            Candidate: null);

    public static StandbyView Failover(FailoverPhase phase, long? pending = null, long pendingMachine = 2)
    {
        var document = new AssociationDocument
        {
            State = AssociationState.FailoverActive,
            SyncCountNow = 3,
            FailoverId = "fo-1",
            Phase = phase,
            PhaseSince = Now,
            LostMachineId = new MachineId(1),
            Pending = pending is { } generation ? new PendingWriter(new MachineId(pendingMachine), generation) : null,
        };
        var switched = phase != FailoverPhase.GpuLost;
        var standby = switched ? Standby(Fresh, role: AgentRole.Writer, generation: 2) : Standby(Fresh);
        return new StandbyView(
            Instance(generation: switched ? 2 : 1, writer: switched ? 2 : 1),
            Association(document: document),
            Rules,
            switched ? standby : Writer(TimeSpan.FromSeconds(5)),
            standby,
            Candidate: null);
    }

    public static Observed Writer(TimeSpan silence, Machine? machine = null, AgentSyncReport? sync = null) =>
        Observed(machine ?? Machine(used: true), Reports.Of(new MachineId(1), AgentRole.Writer, 1, sync), silence);

    public static Observed Standby(
        TimeSpan silence, MachinePhase phase = MachinePhase.Ready, AgentRole role = AgentRole.Follower, long generation = 1, AgentSyncReport? sync = null) =>
        Observed(Machine(phase, id: 2, role: MachineRole.Standby, used: true), Reports.Of(new MachineId(2), role, generation, sync), silence);

    public static Observed Candidate(TimeSpan silence, AgentRole role = AgentRole.Follower, long generation = 2) =>
        Observed(Machine(id: 3, used: true), Reports.Of(new MachineId(3), role, generation), silence);
}
