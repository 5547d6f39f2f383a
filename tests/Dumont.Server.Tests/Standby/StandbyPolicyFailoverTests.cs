using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Spine;
using static Dumont.Server.Tests.Spine.Samples;
using static Dumont.Server.Tests.Standby.StandbySamples;

namespace Dumont.Server.Tests.Standby;

/// <summary>What is done from the promotion of a standby to the recovery of its GPU.</summary>
public sealed class StandbyPolicyFailoverTests
{
    [Fact]
    public void Promote_StandbyConfirms_SwitchesInThatGenerationOnly()
    {
        var view = Failover(FailoverPhase.GpuLost, pending: 2);

        Assert.Equal(StandbyStep.Observe, Decide(view));
        Assert.Equal(StandbyStep.Observe, Decide(view with { Standby = StandbySamples.Standby(Fresh, role: AgentRole.Writer, generation: 1) }));
        Assert.Equal(StandbyStep.Observe, Decide(view with { Standby = StandbySamples.Standby(Fresh, role: AgentRole.Follower, generation: 2) }));
        Assert.Equal(StandbyStep.SwitchToStandby, Decide(view with { Standby = StandbySamples.Standby(Fresh, role: AgentRole.Writer, generation: 2) }));
    }

    [Fact]
    public void Promote_NotConfirmedInTime_Fails()
    {
        var view = Failover(FailoverPhase.GpuLost, pending: 2);

        Assert.Equal(StandbyStep.Observe, StandbyPolicy.Decide(view, Now + Options.PromotionTimeout - TimeSpan.FromTicks(1), Options));
        Assert.Equal(StandbyStep.Fail, StandbyPolicy.Decide(view, Now + Options.PromotionTimeout, Options));
        Assert.Equal(StandbyStep.Fail, Decide(view with { Standby = StandbySamples.Standby(Fresh, MachinePhase.Releasing) }));
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
            StandbyStep.Fail, StandbyPolicy.Decide(view with { Standby = StandbySamples.Standby(Options.PartnerSilence, role: AgentRole.Writer) }, Now + Options.PartnerSilence, Options));
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
        var live = StandbySamples.Standby(Options.PartnerSilence, role: AgentRole.Writer, generation: 2, sync: Reports.Sync(new MachineId(3)));
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
        Assert.Equal(StandbyStep.Fail, Decide(view with { Standby = StandbySamples.Standby(Options.PartnerSilence) }));
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
                Standby = StandbySamples.Standby(Fresh, role: AgentRole.Writer, generation: 2, sync: Reports.Sync(new MachineId(peer), state, drained)),
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
        var silentStandby = StandbySamples.Standby(Options.PartnerSilence, role: AgentRole.Writer, generation: 2, sync: live);

        Assert.Equal(StandbyStep.DropCandidate, Decide(view with { Candidate = Candidate(Options.PartnerSilence) }));
        Assert.Equal(StandbyStep.PromoteCandidate, Decide(view with { Standby = silentStandby }));
        Assert.Equal(StandbyStep.Fail, Decide(view with { Standby = StandbySamples.Standby(Options.PartnerSilence, role: AgentRole.Writer, generation: 2) }));
        Assert.Equal(StandbyStep.Fail, Decide(view with { Standby = silentStandby, Candidate = Candidate(Options.PartnerSilence) }));
    }
}
