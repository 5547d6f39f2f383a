using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using static Dumont.Server.Tests.Spine.Samples;

namespace Dumont.Server.Tests.Instances;

public sealed class AgentOrderPolicyTests
{
    /// <summary>All instances, pairs and machines that the records can hold: GPU 1, standby 2, candidate 3.</summary>
    private static IEnumerable<(Instance Instance, Association? Association, Machine[] Machines)> AllStates() =>
        from desired in Enum.GetValues<InstanceDesired>()
        from generation in new long[] { 0, 1, 4 }
        from writer in new long?[] { null, 1, 2, 3 }
        where generation == 0 ? writer is null : writer is not null
        from association in Associations(generation)
        from gpu in Machines(1, MachineRole.Gpu)
        from standby in Machines(2, MachineRole.Standby)
        from candidate in Machines(3, MachineRole.Gpu)

            // A second GPU machine is placed only when the first is spent, or beside a writer.
        where generation > 0 || gpu.IsSpent || candidate.IsSpent
        select (Instance(desired: desired, generation: generation, writer: writer), association, new[] { gpu, standby, candidate });

    [Fact]
    public void RoleOf_AnyState_AtMostOneMachineWritesInAGeneration()
    {
        var states = 0;
        foreach (var (instance, association, machines) in AllStates())
        {
            states++;
            var orders = machines.Select(machine => AgentOrderPolicy.RoleOf(machine, instance, association)).ToList();
            Assert.True(
                orders.Count(order => order.Role == AgentRole.Writer) <= 1,
                $"{string.Join(' ', orders)} for {instance.Desired} gen {instance.Generation} writer {instance.WriterMachineId} {association}");
        }

        Assert.True(states > 10_000);
    }

    [Fact]
    public void RoleOf_AnyState_AWriterIsOneThatMayBe()
    {
        foreach (var (instance, association, machines) in AllStates())
        {
            foreach (var machine in machines)
            {
                var (role, generation) = AgentOrderPolicy.RoleOf(machine, instance, association);
                if (role == AgentRole.Writer)
                {
                    Assert.NotEqual(InstanceDesired.Deleted, instance.Desired);
                    Assert.NotEqual(MachineDesired.Gone, machine.Desired);
                    Assert.True(
                        machine.Id == instance.WriterMachineId || machine.Id == association?.Document.Pending?.MachineId || instance.Generation == 0);
                }

                Assert.True(generation >= Math.Max(1, instance.Generation));
            }
        }
    }

    [Fact]
    public void RoleOf_PromotionUnderWay_EveryoneElseIsFencedInTheNewGeneration()
    {
        foreach (var (instance, association, machines) in AllStates())
        {
            if (association is not { Released: false, Document.Pending: { } pending } || instance.Desired == InstanceDesired.Deleted)
            {
                continue;
            }

            foreach (var machine in machines.Where(machine => machine.Id != pending.MachineId))
            {
                Assert.Equal((AgentRole.Fenced, pending.Generation), AgentOrderPolicy.RoleOf(machine, instance, association));
            }
        }
    }

    [Fact]
    public void RoleOf_Moving_TheTargetFollowsTheSourceAndInTheSwitchIsTheOnlyWriter()
    {
        var (source, standby, target) = (Machine(id: 1), Machine(id: 2, role: MachineRole.Standby), Machine(id: 3));
        var copying = Moving(MigrationPhase.Copying, null);
        Assert.Equal((AgentRole.Writer, 1), AgentOrderPolicy.RoleOf(source, Instance(), Association(), copying));
        Assert.Equal((AgentRole.Follower, 1), AgentOrderPolicy.RoleOf(standby, Instance(), Association(), copying));
        Assert.Equal((AgentRole.Follower, 1), AgentOrderPolicy.RoleOf(target, Instance(), Association(), copying));

        var switching = Moving(MigrationPhase.Switching, new PendingWriter(target.Id, 2));
        Assert.Equal((AgentRole.Fenced, 2), AgentOrderPolicy.RoleOf(source, Instance(), Association(), switching));
        Assert.Equal((AgentRole.Fenced, 2), AgentOrderPolicy.RoleOf(standby, Instance(), Association(), switching));
        Assert.Equal((AgentRole.Writer, 2), AgentOrderPolicy.RoleOf(target, Instance(), Association(), switching));

        // Once the standby writes, nobody follows for the move; once it is over, neither.
        Assert.Equal(AgentRole.Fenced, AgentOrderPolicy.RoleOf(target, Instance(generation: 2, writer: 2), Association(), copying).Role);
        Assert.Equal(AgentRole.Fenced, AgentOrderPolicy.RoleOf(target, Instance(), Association(), copying with { State = MigrationState.Ended }).Role);
    }

    private static InstanceMigration Moving(MigrationPhase phase, PendingWriter? pending) =>
        new(
            1,
            Id,
            new UserId(1),
            MigrationState.Running,
            null,
            1,
            Now,
            null,
            new MigrationDocument
            {
                Goal = new MigrationGoal(true, "rtx4090", 2, null, 100, false, null, null),
                SourceMachineId = new MachineId(1),
                TargetMachineId = new MachineId(3),
                Phase = phase,
                Pending = pending,
            });

    [Fact]
    public void RoleOf_PromotedInVainAndToldToGo_IsFencedInTheGenerationItHasSeen()
    {
        // The candidate was promoted in generation 3 and never confirmed; the standby is given the word back in 4.
        var document = new AssociationDocument { Pending = new PendingWriter(new MachineId(2), 4) };
        var order = AgentOrderPolicy.RoleOf(Machine(desired: MachineDesired.Gone, id: 3), Instance(generation: 2, writer: 2), Association(document: document));

        Assert.Equal((AgentRole.Fenced, 4), order);
    }

    [Fact]
    public void RoleOf_FirstMachineSpent_OnlyItsSubstituteWrites()
    {
        var instance = Instance(InstanceStatus.Creating, generation: 0);

        Assert.Equal(AgentRole.Fenced, AgentOrderPolicy.RoleOf(Machine(MachinePhase.Releasing, failure: MachineFailure.PrepareFailed), instance, null).Role);
        Assert.Equal((AgentRole.Writer, 1), AgentOrderPolicy.RoleOf(Machine(id: 2), instance, null));
    }

    [Fact]
    public void RoleOf_PairInPeace_WriterAndFollower()
    {
        var (instance, association) = (Instance(), Association());

        Assert.Equal((AgentRole.Writer, 1), AgentOrderPolicy.RoleOf(Machine(), instance, association));
        Assert.Equal((AgentRole.Follower, 1), AgentOrderPolicy.RoleOf(Machine(id: 2, role: MachineRole.Standby), instance, association));
    }

    [Fact]
    public void RoleOf_StandbyWrites_LostGpuIsFencedAndCandidateFollows()
    {
        var instance = Instance(generation: 2, writer: 2);
        var association = Association(document: new AssociationDocument { CandidateMachineId = new MachineId(3) });

        Assert.Equal((AgentRole.Fenced, 2), AgentOrderPolicy.RoleOf(Machine(id: 1), instance, association));
        Assert.Equal((AgentRole.Writer, 2), AgentOrderPolicy.RoleOf(Machine(id: 2, role: MachineRole.Standby), instance, association));
        Assert.Equal((AgentRole.Follower, 2), AgentOrderPolicy.RoleOf(Machine(id: 3), instance, association));
    }

    [Fact]
    public void RoleOf_PairGivenUpDuringAPromotion_TheWriterWritesOn()
    {
        var document = new AssociationDocument { Pending = new PendingWriter(new MachineId(2), 2) };

        Assert.Equal((AgentRole.Writer, 1), AgentOrderPolicy.RoleOf(Machine(), Instance(), Association(document: document, released: true)));
    }

    [Fact]
    public void RoleOf_OrphanedStandby_KeepsWhatItHas()
    {
        var instance = Instance(desired: InstanceDesired.Deleted);
        var standby = Machine(id: 2, role: MachineRole.Standby);

        Assert.Equal(AgentRole.Follower, AgentOrderPolicy.RoleOf(standby, instance, Association()).Role);
        Assert.Equal(AgentRole.Fenced, AgentOrderPolicy.RoleOf(standby, instance, Association(released: true)).Role);
        Assert.Equal(AgentRole.Fenced, AgentOrderPolicy.RoleOf(Machine(), instance, Association()).Role);
    }

    private static IEnumerable<Association?> Associations(long generation) =>
        from released in (bool[])[false, true]
        from pending in new PendingWriter?[]
        {
            null, new(new MachineId(1), generation + 1), new(new MachineId(2), generation + 1), new(new MachineId(3), generation + 2),
        }
        where pending is null || generation > 0
        from candidate in new long?[] { null, 3 }
        select Association(
            released: released,
            document: new AssociationDocument { Pending = pending, CandidateMachineId = candidate is { } id ? new MachineId(id) : null });

    private static IEnumerable<Machine> Machines(long id, MachineRole role) =>
    [
        Machine(id: id, role: role),
        Machine(id: id, role: role, failure: MachineFailure.Lost, used: true),
        Machine(MachinePhase.Releasing, MachineDesired.Gone, id: id, role: role),
        Machine(MachinePhase.Stopped, MachineDesired.Stopped, id: id, role: role, used: true),
    ];
}
