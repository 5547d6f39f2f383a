using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Recovery;
using Dumont.Server.Snapshots;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Spine;
using static Dumont.Server.Tests.Spine.Samples;

namespace Dumont.Server.Tests.Recovery;

public sealed class RecoveryPolicyTests
{
    private static readonly RecoveryOptions Options = new() { Patience = TimeSpan.FromSeconds(30) };
    private static readonly StandbyOptions Standby = new();
    private static readonly FailoverRules Rules = new(FailoverStrategy.CpuStandby, AutoFailover: true, AutoRecovery: true, TimeSpan.FromSeconds(1), 3);
    private static readonly TimeSpan LongAgo = TimeSpan.FromMinutes(10);

    [Theory]
    [InlineData(32, false)]
    [InlineData(33, true)]
    public void Watching_SilentForThresholdAndPatience_Confirms(int seconds, bool confirms) =>
        Assert.Equal(confirms, Decide(Silent(TimeSpan.FromSeconds(seconds))) is RecoveryStep.Confirm);

    [Fact]
    public void Watching_ProviderHasItNoMore_NeedsNoPatience() =>
        Assert.IsType<RecoveryStep.Confirm>(Decide(View(writer: Observed(Machine(MachinePhase.Gone, failure: MachineFailure.Lost, used: true), null, TimeSpan.FromSeconds(3)))));

    [Fact]
    public void Watching_MachineIsHeard_Watches() => Assert.IsType<RecoveryStep.Watch>(Decide(Silent(TimeSpan.FromSeconds(1))));

    // Its disk is there, and more is on it than in any snapshot.
    [Theory]
    [InlineData(MachinePhase.Starting, null)]
    [InlineData(MachinePhase.Stopped, null)]
    [InlineData(MachinePhase.Starting, MachineFailure.BootTimeout)]
    [InlineData(MachinePhase.Ready, MachineFailure.PrepareFailed)]
    public void Watching_MachineThatOnlyDoesNotStart_IsNotGivenUp(object phase, object? failure) =>
        Assert.IsType<RecoveryStep.Watch>(Decide(View(writer: Observed(Machine((MachinePhase)phase, failure: (MachineFailure?)failure, used: true), null, LongAgo))));

    [Fact]
    public void Watching_NotWantedByTheUser_Rests()
    {
        Assert.IsType<RecoveryStep.Rest>(Decide(Silent(LongAgo) with { Rules = Rules with { AutoRecovery = false } }));
        Assert.IsType<RecoveryStep.Rest>(Decide(Silent(LongAgo) with { Rules = Rules with { Strategy = FailoverStrategy.Disabled } }));
        Assert.IsType<RecoveryStep.Rest>(Decide(Silent(LongAgo) with { Rules = Rules with { Acknowledge = Acknowledgement.Sync } }));
        Assert.IsType<RecoveryStep.Rest>(Decide(Silent(LongAgo) with { Instance = Instance(desired: InstanceDesired.Paused) }));
    }

    [Fact]
    public void Watching_DisabledStrategyAndOwnWish_Confirms() =>
        Assert.IsType<RecoveryStep.Confirm>(Decide(Silent(LongAgo) with { Rules = Rules with { Strategy = FailoverStrategy.Disabled, InsistsOnRecovery = true } }));

    [Fact]
    public void Watching_StandbyCouldTakeOver_LeavesItToThat() =>
        Assert.IsType<RecoveryStep.Watch>(Decide(Silent(LongAgo) with { Association = Association(), Standby = Follower(TimeSpan.Zero) }));

    [Fact]
    public void Watching_StandbyThatNeverHadEverything_IsNone()
    {
        var pair = Association(document: new AssociationDocument { State = AssociationState.Syncing });
        Assert.IsType<RecoveryStep.Confirm>(Decide(Silent(LongAgo) with { Association = pair, Standby = Follower(TimeSpan.Zero) }));
    }

    [Fact]
    public void Watching_StandbyLostAsWell_Confirms() =>
        Assert.IsType<RecoveryStep.Confirm>(Decide(Silent(LongAgo) with { Association = Association(), Standby = Follower(LongAgo) }));

    [Fact]
    public void Watching_FailoverRuns_LeavesItToThat()
    {
        var pair = Association(document: new AssociationDocument { State = AssociationState.FailoverActive, FailoverId = "fo-1", Phase = FailoverPhase.SearchingGpu });
        Assert.IsType<RecoveryStep.Watch>(Decide(Silent(LongAgo) with { Association = pair, Standby = Follower(LongAgo) }));
    }

    [Fact]
    public void Watching_FailedOnceForThisLoss_TriesAgainOnlyAfterASignOfLife()
    {
        var failed = Recovery(RecoveryPhase.Failed, RecoveryState.Ended) with { EndedAt = Now - TimeSpan.FromMinutes(5) };
        Assert.IsType<RecoveryStep.Watch>(Decide(Silent(LongAgo) with { Last = failed }));
        Assert.IsType<RecoveryStep.Confirm>(Decide(Silent(TimeSpan.FromMinutes(2)) with { Last = failed }));
    }

    [Fact]
    public void Searching_Fresh_Places() => Assert.IsType<RecoveryStep.Place>(Decide(Running(RecoveryPhase.Searching) with { Target = null }));

    [Fact]
    public void Searching_BeforeTheRetry_Waits() =>
        Assert.IsType<RecoveryStep.Observe>(Decide(Running(RecoveryPhase.Searching, document => document with { RetryAt = Now.AddSeconds(1) }) with { Target = null }));

    [Fact]
    public void Searching_TooManyMachines_FailsWithWhatTheLastOneSaid() =>
        Assert.Equal(
            new RecoveryStep.Abandon(RecoveryPhase.Failed, "It is damaged."),
            Decide(Running(RecoveryPhase.Searching, document => document with { Attempts = Options.MachineAttempts, Trouble = "It is damaged." }) with { Target = null }));

    [Fact]
    public void AnyPhase_MoveUnderWay_IsEndedFirst()
    {
        var move = Move();
        Assert.IsType<RecoveryStep.CancelMigration>(Decide(Running(RecoveryPhase.Searching) with { Migration = move }));
        Assert.IsType<RecoveryStep.Observe>(Decide(Running(RecoveryPhase.Searching) with { Migration = move with { Wish = MigrationWish.Cancel } }));
        var switching = move with { Document = move.Document with { Pending = new PendingWriter(new MachineId(9), 2) } };
        Assert.IsType<RecoveryStep.Observe>(Decide(Running(RecoveryPhase.Restoring) with { Migration = switching, Filling = Filling(OperationState.Done) }));
    }

    [Fact]
    public void Provisioning_TargetIsHeard_Fills() => Assert.IsType<RecoveryStep.Fill>(Decide(Running(RecoveryPhase.Provisioning)));

    [Fact]
    public void Provisioning_TargetFailed_LooksForAnother() =>
        Assert.IsType<RecoveryStep.DropTarget>(Decide(Running(RecoveryPhase.Provisioning) with { Target = Candidate(failure: MachineFailure.BootTimeout) }));

    [Fact]
    public void Restoring_NotDone_IsNeverPromoted()
    {
        Assert.IsType<RecoveryStep.Observe>(Decide(Running(RecoveryPhase.Restoring) with { Filling = Filling(OperationState.Pending) }));
        Assert.IsType<RecoveryStep.Observe>(Decide(Running(RecoveryPhase.Restoring) with { Filling = Filling(OperationState.Running) }));
        Assert.IsType<RecoveryStep.DropTarget>(Decide(Running(RecoveryPhase.Restoring) with { Filling = Filling(OperationState.Failed) }));
        Assert.IsType<RecoveryStep.Abandon>(Decide(Running(RecoveryPhase.Restoring) with { Filling = Filling(OperationState.Cancelled) }));
        Assert.IsType<RecoveryStep.Promote>(Decide(Running(RecoveryPhase.Restoring) with { Filling = Filling(OperationState.Done) }));
    }

    [Fact]
    public void Restoring_TargetLost_LooksForAnother() =>
        Assert.IsType<RecoveryStep.DropTarget>(Decide(Running(RecoveryPhase.Restoring) with { Target = Candidate(silence: LongAgo), Filling = Filling(OperationState.Done) }));

    // Whoever has more than the snapshot and comes back before the switch has his way.
    [Theory]
    [InlineData(RecoveryPhase.Searching)]
    [InlineData(RecoveryPhase.Provisioning)]
    [InlineData(RecoveryPhase.Restoring)]
    public void BeforeTheSwitch_SomebodyComesBack_EndsIt(object phase)
    {
        var running = Running((RecoveryPhase)phase) with { Filling = Filling(OperationState.Done) };
        Assert.Equal(RecoveryPhase.Cancelled, Assert.IsType<RecoveryStep.Abandon>(Decide(running with { Writer = Silent(TimeSpan.FromSeconds(1)).Writer })).Phase);
        Assert.Equal(
            RecoveryPhase.Cancelled,
            Assert.IsType<RecoveryStep.Abandon>(Decide(running with { Association = Association(), Standby = Follower(TimeSpan.Zero) })).Phase);
        Assert.IsType<RecoveryStep.Abandon>(Decide(running with { Instance = Instance(desired: InstanceDesired.Paused) }));
        Assert.IsType<RecoveryStep.Abandon>(Decide(running with { Instance = Instance(writer: 7) }));
    }

    [Fact]
    public void Switching_TargetWrites_Completes() =>
        Assert.IsType<RecoveryStep.Complete>(Decide(Switching() with { Target = Candidate(AgentRole.Writer, generation: 2) }));

    [Fact]
    public void Switching_TargetDoesNotWriteYet_Waits() => Assert.IsType<RecoveryStep.Observe>(Decide(Switching()));

    [Fact]
    public void Switching_LostMachineComesBack_IsTooLate() =>
        Assert.IsType<RecoveryStep.Observe>(Decide(Switching() with { Writer = Silent(TimeSpan.Zero).Writer }));

    [Fact]
    public void Switching_TargetLost_TakesTheWordBack() =>
        Assert.IsType<RecoveryStep.TakeBack>(Decide(Switching() with { Target = Candidate(silence: LongAgo) }));

    [Fact]
    public void Deleted_AnyPhase_EndsIt() =>
        Assert.IsType<RecoveryStep.Abandon>(Decide(Switching() with { Instance = Instance(desired: InstanceDesired.Deleted) }));

    private static RecoveryStep Decide(RecoveryView view) => RecoveryPolicy.Decide(view, Now, Standby, Options);

    private static RecoveryView View(Observed writer) => new(Instance(), Association: null, Rules, Last: null, writer, Standby: null, Target: null, Filling: null);

    private static RecoveryView Silent(TimeSpan silence) => View(Observed(Machine(used: true), Reports.Of(new MachineId(1), AgentRole.Writer, 1), silence));

    private static Observed Follower(TimeSpan silence) =>
        Observed(Machine(id: 2, role: MachineRole.Standby, used: true), Reports.Of(new MachineId(2), AgentRole.Follower, 1), silence);

    private static Observed Candidate(AgentRole role = AgentRole.Fenced, long generation = 1, TimeSpan silence = default, MachineFailure? failure = null) =>
        Observed(Machine(id: 3, failure: failure), Reports.Of(new MachineId(3), role, generation), silence);

    private static RecoveryView Running(RecoveryPhase phase, Func<RecoveryDocument, RecoveryDocument>? change = null)
    {
        var recovery = Recovery(phase, RecoveryState.Running);
        return Silent(LongAgo) with { Last = recovery with { Document = (change ?? (document => document))(recovery.Document) }, Target = Candidate() };
    }

    private static RecoveryView Switching() => Running(RecoveryPhase.Switching, document => document with { Pending = new PendingWriter(new MachineId(3), 2) });

    private static InstanceRecovery Recovery(RecoveryPhase phase, RecoveryState state) =>
        new(
            1,
            Id,
            new UserId(1),
            state,
            1,
            Now - LongAgo,
            null,
            new RecoveryDocument { LostMachineId = new MachineId(1), LostAt = Now - LongAgo, Phase = phase, PhaseSince = Now, SnapshotId = "snap-1", TargetMachineId = new MachineId(3) });

    private static InstanceMigration Move() =>
        new(
            4,
            Id,
            new UserId(1),
            MigrationState.Running,
            null,
            1,
            Now,
            null,
            new MigrationDocument
            {
                Goal = new MigrationGoal(WithGpu: true, "RTX 4090", 2, null, 100, KeepSource: false, null, null),
                SourceMachineId = new MachineId(1),
                TargetMachineId = new MachineId(9),
            });

    private static SnapshotOperation Filling(OperationState state) =>
        new(
            7, new UserId(1), OperationKind.Restore, state, 1, new SnapshotNumber(1), Id, new MachineId(3), CancelRequested: false, 1, Now, null, new OperationDocument { OnMachine = new MachineId(3) });
}
