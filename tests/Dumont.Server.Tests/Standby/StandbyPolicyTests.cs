using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Spine;
using static Dumont.Server.Tests.Spine.Samples;

namespace Dumont.Server.Tests.Standby;

public sealed class StandbyPolicyTests
{
    private static readonly StandbyOptions Options = new();

    private static readonly FailoverRules Rules = FailoverRules.Of(new AutoStandbySettings(), own: null, new DetectionOptions());

    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    [Fact]
    public void Watch_Silence_TheSecondPathIsAskedFromHalfOfTheThresholdNotBefore()
    {
        Assert.Equal(TimeSpan.FromSeconds(3), Rules.SuspectAfter);
        Assert.Equal(TimeSpan.FromSeconds(1.5), Rules.AskAfter);
        Assert.Equal(StandbyStep.Observe, Decide(Pair(Rules.AskAfter - TimeSpan.FromTicks(1))));
        Assert.Equal(StandbyStep.Confirm, Decide(Pair(Rules.AskAfter)));
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 3)]
    [InlineData(0.1, 100)]
    public void Watch_ThresholdOfTheInstance_IsIntervalTimesCount(double seconds, int count)
    {
        var rules = Rules with { HealthCheckInterval = TimeSpan.FromSeconds(seconds), FailoverThreshold = count };
        var silence = TimeSpan.FromSeconds(seconds) * count / 2;
        Assert.Equal(silence * 2, rules.SuspectAfter);

        Assert.Equal(StandbyStep.Observe, Decide(Pair(silence - TimeSpan.FromTicks(1)) with { Rules = rules }));
        Assert.Equal(StandbyStep.Confirm, Decide(Pair(silence) with { Rules = rules }));
    }

    [Theory]
    [InlineData(0.2, 0.2, 0.1)]
    [InlineData(1, 1, 0.5)]
    [InlineData(30, 1, 5)]
    public void Rules_Interval_SaysHowOftenAgentsReportAndHowOftenIsLooked(double seconds, double reports, double looks)
    {
        var rules = Rules with { HealthCheckInterval = TimeSpan.FromSeconds(seconds) };

        Assert.Equal((TimeSpan.FromSeconds(reports), TimeSpan.FromSeconds(looks)), (rules.ReportInterval, rules.LookInterval));
    }

    [Fact]
    public void Rules_OwnSettings_StandOverTheUsersAndThoseOverTheServers()
    {
        var server = new DetectionOptions { HeartbeatInterval = TimeSpan.FromSeconds(2), FailoverThreshold = 4 };
        var user = new AutoStandbySettings { AutoRecovery = false, FailoverThreshold = 5 };

        Assert.Equal(new FailoverRules(FailoverStrategy.CpuStandby, true, false, TimeSpan.FromSeconds(2), 5), FailoverRules.Of(user, own: null, server));
        Assert.Equal(
            new FailoverRules(FailoverStrategy.Disabled, false, true, TimeSpan.FromSeconds(3), 6),
            FailoverRules.Of(
                user,
                new FailoverWishes
                {
                    Strategy = FailoverStrategy.Disabled,
                    AutoFailover = false,
                    AutoRecovery = true,
                    HealthCheckInterval = TimeSpan.FromSeconds(3),
                    FailoverThreshold = 6,
                },
                server));
    }

    [Fact]
    public void Strategy_Disabled_NeitherSwitchesNorLooksForAGpuByItself()
    {
        var disabled = Rules with { Strategy = FailoverStrategy.Disabled };

        Assert.Equal(StandbyStep.Observe, Decide(Pair(TimeSpan.FromHours(1)) with { Rules = disabled }));
        Assert.Equal(StandbyStep.Observe, Decide(Failover(FailoverPhase.SearchingGpu) with { Rules = disabled }));
    }

    [Fact]
    public void Watch_SilentButTheStandbyCannotTakeOver_OnlyLooks()
    {
        var silent = Pair(TimeSpan.FromMinutes(5));
        var neverSynced = silent with { Association = silent.Association with { Document = new AssociationDocument { State = AssociationState.Syncing } } };
        var standbySilent = silent with { Standby = Standby(Options.PartnerSilence) };
        var standbyBooting = silent with { Standby = Standby(Fresh, MachinePhase.Booting) };

        // Never heard of since this server started, however long ago that is.
        var standbyUnheard = silent with { Standby = Observed(Machine(id: 2, role: MachineRole.Standby), report: null, Fresh) };
        foreach (var view in new[] { neverSynced, standbySilent, standbyBooting, standbyUnheard })
        {
            Assert.Equal(StandbyStep.Observe, Decide(view));
            Assert.Equal(StandbyStep.Observe, Decide(view with { Association = view.Association with { FailoverRequested = "requested" } }));
        }

        Assert.Equal(StandbyStep.Confirm, Decide(silent with { Standby = Standby(Options.PartnerSilence - TimeSpan.FromTicks(1)) }));
    }

    [Fact]
    public void Watch_ServerHasJustStarted_SilenceCountsFromTheStart()
    {
        // No sighting yet: the hub counts from when it began to listen.
        var view = Pair(Fresh) with { Writer = Observed(Machine(used: true), report: null, TimeSpan.FromSeconds(1)) };

        Assert.Equal(StandbyStep.Observe, Decide(view));
    }

    [Fact]
    public void Watch_SilentBecausePaused_IsNoFailure()
    {
        var view = Pair(TimeSpan.FromHours(1));

        Assert.Equal(StandbyStep.Observe, Decide(view with { Instance = Instance(desired: InstanceDesired.Paused) }));
    }

    [Theory]
    [InlineData("Stopping")]
    [InlineData("Stopped")]
    [InlineData("Starting")]
    [InlineData("Preparing")]
    public void Watch_SilentBecauseItStopsOrStarts_IsNoFailure(string phase)
    {
        var view = Pair(TimeSpan.FromHours(1));

        Assert.Equal(
            StandbyStep.Observe,
            Decide(view with { Writer = Observed(Machine(Enum.Parse<MachinePhase>(phase), used: true), null, TimeSpan.FromHours(1)) }));
    }

    [Fact]
    public void Watch_WriterFailedToStartAgain_IsAFailure()
    {
        var view = Pair(TimeSpan.FromHours(1));

        Assert.Equal(
            StandbyStep.Confirm,
            Decide(view with
            {
                Instance = Instance(InstanceStatus.Resuming),
                Writer = Observed(Machine(MachinePhase.Starting, failure: MachineFailure.BootTimeout, used: true), null, TimeSpan.FromHours(1)),
            }));
    }

    [Fact]
    public void Watch_WriterToldToStop_IsNoFailure()
    {
        var view = Pair(TimeSpan.FromHours(1));

        Assert.Equal(StandbyStep.Observe, Decide(view with { Writer = Observed(Machine(desired: MachineDesired.Stopped), null, TimeSpan.FromHours(1)) }));
    }

    [Fact]
    public void Watch_AutoFailoverOff_OnlyLooks() => Assert.Equal(StandbyStep.Observe, Decide(Pair(TimeSpan.FromHours(1)) with { Rules = Rules with { AutoFailover = false } }));

    [Fact]
    public void Watch_NotCreatedYet_OnlyLooks() =>
        Assert.Equal(StandbyStep.Observe, Decide(Pair(TimeSpan.FromHours(1)) with { Instance = Instance(InstanceStatus.Creating, generation: 0), Writer = null }));

    [Fact]
    public void Watch_ProviderSaysLost_IsConfirmedThoughTheAgentWasJustHeard()
    {
        var view = Pair(Fresh);

        Assert.Equal(StandbyStep.Confirm, Decide(view with { Writer = Writer(Fresh, Machine(failure: MachineFailure.Lost, used: true)) }));
    }

    [Fact]
    public void Watch_NoStandby_RentsOne_NotMoreOftenThanTheRetry()
    {
        var view = Pair(Fresh) with { Standby = null };
        StandbyView RetryAt(DateTimeOffset at) =>
            view with { Association = view.Association with { Document = view.Document with { RetryAt = at } } };

        Assert.Equal(StandbyStep.PlaceStandby, Decide(view));
        Assert.Equal(StandbyStep.Observe, Decide(RetryAt(Now + TimeSpan.FromTicks(1))));
        Assert.Equal(StandbyStep.PlaceStandby, Decide(RetryAt(Now)));
        Assert.Equal(StandbyStep.PlaceStandby, Decide(view with { Standby = Standby(Fresh, MachinePhase.Releasing) }));
    }

    [Fact]
    public void Watch_Requested_DrainsTheWriterFirst_ButNotForEver()
    {
        var view = Pair(Fresh);
        view = view with { Association = view.Association with { FailoverRequested = "requested" } };
        StandbyView Draining(DateTimeOffset since) =>
            view with { Association = view.Association with { Document = view.Document with { Draining = true, PhaseSince = since } } };

        Assert.Equal(StandbyStep.DrainWriter, Decide(view));
        Assert.Equal(StandbyStep.DrainWriter, Decide(Draining(Now - Options.DrainTimeout + TimeSpan.FromTicks(1))));
        Assert.Equal(StandbyStep.BeginFailover, Decide(Draining(Now - Options.DrainTimeout)));

        // Drained, or silent and so not going to be.
        Assert.Equal(StandbyStep.BeginFailover, Decide(view with { Writer = Writer(Fresh, sync: Reports.Sync(new MachineId(2), drained: true)) }));
        Assert.Equal(StandbyStep.BeginFailover, Decide(view with { Writer = Writer(Rules.SuspectAfter) }));
    }

    [Fact]
    public void Promote_StandbyConfirms_SwitchesInThatGenerationOnly()
    {
        var view = Failover(FailoverPhase.GpuLost, pending: 2);

        Assert.Equal(StandbyStep.Observe, Decide(view));
        Assert.Equal(StandbyStep.Observe, Decide(view with { Standby = Standby(Fresh, role: AgentRole.Writer, generation: 1) }));
        Assert.Equal(StandbyStep.Observe, Decide(view with { Standby = Standby(Fresh, role: AgentRole.Follower, generation: 2) }));
        Assert.Equal(StandbyStep.SwitchToStandby, Decide(view with { Standby = Standby(Fresh, role: AgentRole.Writer, generation: 2) }));
    }

    [Fact]
    public void Promote_NotConfirmedInTime_Fails()
    {
        var view = Failover(FailoverPhase.GpuLost, pending: 2);

        Assert.Equal(StandbyStep.Observe, StandbyPolicy.Decide(view, Now + Options.PromotionTimeout - TimeSpan.FromTicks(1), Options));
        Assert.Equal(StandbyStep.Fail, StandbyPolicy.Decide(view, Now + Options.PromotionTimeout, Options));
        Assert.Equal(StandbyStep.Fail, Decide(view with { Standby = Standby(Fresh, MachinePhase.Releasing) }));
    }

    [Theory]
    [InlineData("FailoverToCpu")]
    [InlineData("SearchingGpu")]
    public void Search_StandbyServes_PlacesACandidate(string phase)
    {
        var view = Failover(Enum.Parse<FailoverPhase>(phase));

        Assert.Equal(StandbyStep.PlaceCandidate, Decide(view));
        Assert.Equal(StandbyStep.Observe, Decide(view with { Rules = Rules with { AutoRecovery = false } }));
        Assert.Equal(StandbyStep.Observe, Decide(With(view, document => document with { RetryAt = Now + TimeSpan.FromTicks(1) })));
        Assert.Equal(
            StandbyStep.Fail, StandbyPolicy.Decide(view with { Standby = Standby(Options.PartnerSilence, role: AgentRole.Writer) }, Now + Options.PartnerSilence, Options));
    }

    [Fact]
    public void Search_PausedMeanwhile_RentsNoGpu()
    {
        var view = Failover(FailoverPhase.SearchingGpu);
        var paused = view with { Instance = view.Instance with { Desired = InstanceDesired.Paused } };

        Assert.Equal(StandbyStep.Observe, Decide(paused));

        // Not for a snapshot of the paused instance either: the standby has what is to be kept.
        Assert.Equal(StandbyStep.Observe, Decide(paused with { Instance = paused.Instance with { RunsFor = 7 } }));
    }

    [Theory]
    [InlineData(MachinePhase.Stopping, MachineDesired.Stopped)]
    [InlineData(MachinePhase.Stopped, MachineDesired.Stopped)]
    [InlineData(MachinePhase.Stopped, MachineDesired.Running)]
    [InlineData(MachinePhase.Starting, MachineDesired.Running)]
    [InlineData(MachinePhase.Preparing, MachineDesired.Running)]
    internal void Search_StandbyIsStoppedOrStarts_SilenceMeansNothing(MachinePhase phase, MachineDesired desired)
    {
        var view = Failover(FailoverPhase.SearchingGpu);
        StandbyView With(Machine machine) => view with { Standby = Observed(machine, null, TimeSpan.FromHours(1)) };

        Assert.Equal(StandbyStep.Observe, Decide(With(Machine(phase, desired, id: 2, role: MachineRole.Standby, used: true))));
        Assert.Equal(StandbyStep.Fail, Decide(With(Machine(phase, desired, id: 2, role: MachineRole.Standby, used: true, failure: MachineFailure.BootTimeout))));
    }

    [Fact]
    public void Search_StandbyWasStartedAgain_HasAWhileToBeHeard()
    {
        var view = Failover(FailoverPhase.SearchingGpu) with
        {
            Standby = Observed(Machine(id: 2, role: MachineRole.Standby, used: true), null, TimeSpan.FromHours(1)),
        };

        Assert.Equal(StandbyStep.Observe, StandbyPolicy.Decide(view, Now + Options.PartnerSilence - TimeSpan.FromTicks(1), Options));
        Assert.Equal(StandbyStep.Fail, StandbyPolicy.Decide(view, Now + Options.PartnerSilence, Options));
    }

    [Fact]
    public void Recover_PausedMeanwhile_TheNewGpuIsGivenBack_UnlessItWritesAlready()
    {
        StandbyView Paused(StandbyView view) => view with { Instance = view.Instance with { Desired = InstanceDesired.Paused } };
        var provisioning = Failover(FailoverPhase.Provisioning) with { Candidate = Candidate(Fresh) };
        var restoring = Failover(FailoverPhase.Restoring) with { Candidate = Candidate(Fresh) };
        var promoted = Failover(FailoverPhase.Restoring, pending: 3, pendingMachine: 3) with { Candidate = Candidate(Fresh) };

        Assert.Equal(StandbyStep.DropCandidate, Decide(Paused(provisioning)));
        Assert.Equal(StandbyStep.DropCandidate, Decide(Paused(restoring)));
        Assert.Equal(StandbyStep.Observe, Decide(Paused(promoted)));
        Assert.Equal(StandbyStep.Complete, Decide(Paused(promoted with { Candidate = Candidate(Fresh, AgentRole.Writer, 3) })));

        // The candidate may hold what is nowhere else.
        var live = Standby(Options.PartnerSilence, role: AgentRole.Writer, generation: 2, sync: Reports.Sync(new MachineId(3)));
        Assert.Equal(StandbyStep.PromoteCandidate, Decide(Paused(restoring with { Standby = live })));
    }

    [Fact]
    public void Restore_LongerThanTheLimit_TriesAnotherMachine()
    {
        var view = Failover(FailoverPhase.Restoring);

        Assert.Equal(StandbyStep.DropCandidate, StandbyPolicy.Decide(view, Now + Options.RestoreTimeout, Options));
    }

    [Fact]
    public void Provision_Candidate_IsAwaitedThenRestored()
    {
        var view = Failover(FailoverPhase.Provisioning);
        StandbyView With(Machine machine, TimeSpan silence, bool heard) =>
            view with { Candidate = Observed(machine, heard ? Reports.Of(machine.Id, AgentRole.Follower, 2) : null, silence) };

        Assert.Equal(StandbyStep.Observe, Decide(With(Machine(MachinePhase.Booting, id: 3), Fresh, heard: false)));
        Assert.Equal(StandbyStep.Observe, Decide(With(Machine(id: 3, used: true), Fresh, heard: false)));
        Assert.Equal(StandbyStep.BeginRestore, Decide(With(Machine(id: 3, used: true), Fresh, heard: true)));
        Assert.Equal(StandbyStep.DropCandidate, Decide(With(Machine(MachinePhase.Failed, id: 3), Fresh, heard: false)));
        Assert.Equal(StandbyStep.DropCandidate, Decide(view with { Candidate = null }));
        Assert.Equal(StandbyStep.Fail, Decide(view with { Standby = Standby(Options.PartnerSilence) }));
    }

    [Fact]
    public void Provision_PreparedButNeverHeard_IsDroppedAtTheLimit()
    {
        var view = Failover(FailoverPhase.Provisioning) with { Candidate = Observed(Machine(id: 3, used: true), null, Fresh) };

        Assert.Equal(StandbyStep.Observe, StandbyPolicy.Decide(view, Now + Options.PromotionTimeout - TimeSpan.FromTicks(1), Options));
        Assert.Equal(StandbyStep.DropCandidate, StandbyPolicy.Decide(view, Now + Options.PromotionTimeout, Options));
    }

    [Fact]
    public void Provision_AskedForAndNeverResolved_IsDroppedAtTheLimit()
    {
        var view = Failover(FailoverPhase.Provisioning) with { Candidate = Observed(Machine(MachinePhase.Asking, id: 3), null, Fresh) };

        Assert.Equal(StandbyStep.Observe, StandbyPolicy.Decide(view, Now + Options.RestoreTimeout - TimeSpan.FromTicks(1), Options));
        Assert.Equal(StandbyStep.DropCandidate, StandbyPolicy.Decide(view, Now + Options.RestoreTimeout, Options));
    }

    [Fact]
    public void Restore_Candidate_FollowsCatchesUpAndDrainsBeforeItIsPromoted()
    {
        var following = Failover(FailoverPhase.Restoring) with { Candidate = Candidate(Fresh) };
        StandbyView Syncing(AgentSyncState state, long peer, bool drained = false) =>
            following with
            {
                Standby = Standby(Fresh, role: AgentRole.Writer, generation: 2, sync: Reports.Sync(new MachineId(peer), state, drained)),
            };

        // Follow, catch up, drain, and only then promote.
        Assert.Equal(StandbyStep.Observe, Decide(following));
        Assert.Equal(StandbyStep.Observe, Decide(Syncing(AgentSyncState.Connecting, 3)));
        Assert.Equal(StandbyStep.Observe, Decide(Syncing(AgentSyncState.Initial, 3)));
        Assert.Equal(StandbyStep.Observe, Decide(Syncing(AgentSyncState.Live, 9)));
        Assert.Equal(StandbyStep.DrainStandby, Decide(Syncing(AgentSyncState.Live, 3)));
        Assert.Equal(StandbyStep.DrainStandby, Decide(Syncing(AgentSyncState.Live, 3, drained: true)));
        Assert.Equal(StandbyStep.Observe, Decide(With(Syncing(AgentSyncState.Live, 3), document => document with { Draining = true })));
        Assert.Equal(
            StandbyStep.PromoteCandidate, Decide(With(Syncing(AgentSyncState.Live, 3, drained: true), document => document with { Draining = true })));
    }

    [Fact]
    public void Restore_Promoted_CompletesWhenTheCandidateWrites()
    {
        var view = Failover(FailoverPhase.Restoring, pending: 3, pendingMachine: 3) with { Candidate = Candidate(Fresh) };

        Assert.Equal(StandbyStep.Observe, Decide(view));
        Assert.Equal(StandbyStep.Complete, Decide(view with { Candidate = Candidate(Fresh, AgentRole.Writer, 3) }));
        Assert.Equal(StandbyStep.Observe, Decide(view with { Candidate = Candidate(Fresh, AgentRole.Writer, 2) }));
        Assert.Equal(StandbyStep.DropCandidate, Decide(view with { Candidate = Candidate(Options.PartnerSilence) }));
    }

    [Fact]
    public void Restore_OneSideIsLost_TheOtherIsKept()
    {
        var view = Failover(FailoverPhase.Restoring) with { Candidate = Candidate(Fresh) };
        var live = Reports.Sync(new MachineId(3));
        var silentStandby = Standby(Options.PartnerSilence, role: AgentRole.Writer, generation: 2, sync: live);

        Assert.Equal(StandbyStep.DropCandidate, Decide(view with { Candidate = Candidate(Options.PartnerSilence) }));
        Assert.Equal(StandbyStep.PromoteCandidate, Decide(view with { Standby = silentStandby }));
        Assert.Equal(StandbyStep.Fail, Decide(view with { Standby = Standby(Options.PartnerSilence, role: AgentRole.Writer, generation: 2) }));
        Assert.Equal(StandbyStep.Fail, Decide(view with { Standby = silentStandby, Candidate = Candidate(Options.PartnerSilence) }));
    }

    [Fact]
    public void Decide_Released_GivesBackAndEndsTheFailover()
    {
        var view = Pair(TimeSpan.FromHours(1));
        view = view with { Association = view.Association with { Released = true } };
        var released = view with { Standby = Observed(Machine(MachinePhase.Releasing, MachineDesired.Gone, id: 2), null, Fresh) };

        Assert.Equal(StandbyStep.ReleaseStandby, Decide(view));
        Assert.Equal(StandbyStep.Rest, Decide(released));
        Assert.Equal(StandbyStep.ReleaseStandby, Decide(With(released, document => document with { FailoverId = "fo-1" })));
        Assert.Equal(StandbyStep.ReleaseStandby, Decide(released with { Candidate = Candidate(Fresh) }));
    }

    [Fact]
    public void Decide_InstanceDeleted_KeepsTheOrphanOnce()
    {
        foreach (var view in new[] { Pair(TimeSpan.FromHours(1)), Failover(FailoverPhase.GpuLost, 2), Failover(FailoverPhase.Restoring) })
        {
            var deleted = view with { Instance = Instance(InstanceStatus.Deleting, InstanceDesired.Deleted) };

            Assert.Equal(StandbyStep.KeepOrphan, Decide(deleted));
            Assert.Equal(StandbyStep.Rest, Decide(With(deleted, document => document with { State = AssociationState.Orphaned })));
        }
    }

    [Fact]
    public void StateOf_Pair_IsReadyOnlyWhenThisStandbyHasEverything()
    {
        var view = Pair(Fresh);

        Assert.Equal(AssociationState.Ready, StandbyPolicy.StateOf(view, Options));
        Assert.Equal(AssociationState.Syncing, StandbyPolicy.StateOf(view with { Writer = Writer(Fresh) }, Options));
        Assert.Equal(
            AssociationState.Syncing, StandbyPolicy.StateOf(view with { Writer = Writer(Fresh, sync: Reports.Sync(new MachineId(9))) }, Options));
        Assert.Equal(
            AssociationState.Syncing,
            StandbyPolicy.StateOf(view with { Writer = Writer(Fresh, sync: Reports.Sync(new MachineId(2), AgentSyncState.Initial)) }, Options));
        Assert.Equal(
            AssociationState.Syncing, StandbyPolicy.StateOf(view with { Association = view.Association with { SyncEnabled = false } }, Options));
        Assert.Equal(AssociationState.Provisioning, StandbyPolicy.StateOf(view with { Standby = Standby(Options.PartnerSilence) }, Options));
        Assert.Equal(AssociationState.Provisioning, StandbyPolicy.StateOf(view with { Standby = Standby(Fresh, MachinePhase.Preparing) }, Options));
        Assert.Equal(AssociationState.Provisioning, StandbyPolicy.StateOf(view with { Standby = null }, Options));
    }

    private static StandbyStep Decide(StandbyView view) => StandbyPolicy.Decide(view, Now, Options);

    private static StandbyView With(StandbyView view, Func<AssociationDocument, AssociationDocument> change) =>
        view with { Association = view.Association with { Document = change(view.Document) } };

    private static StandbyView Pair(TimeSpan silence) =>
        new(
            Instance(),
            Association(),
            Rules,
            Writer(silence, sync: Reports.Sync(new MachineId(2))),
            Standby(Fresh),
            Candidate: null);

    private static StandbyView Failover(FailoverPhase phase, long? pending = null, long pendingMachine = 2)
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

    private static Observed Writer(TimeSpan silence, Machine? machine = null, AgentSyncReport? sync = null) =>
        Observed(machine ?? Machine(used: true), Reports.Of(new MachineId(1), AgentRole.Writer, 1, sync), silence);

    private static Observed Standby(
        TimeSpan silence, MachinePhase phase = MachinePhase.Ready, AgentRole role = AgentRole.Follower, long generation = 1, AgentSyncReport? sync = null) =>
        Observed(Machine(phase, id: 2, role: MachineRole.Standby, used: true), Reports.Of(new MachineId(2), role, generation, sync), silence);

    private static Observed Candidate(TimeSpan silence, AgentRole role = AgentRole.Follower, long generation = 2) =>
        Observed(Machine(id: 3, used: true), Reports.Of(new MachineId(3), role, generation), silence);
}
