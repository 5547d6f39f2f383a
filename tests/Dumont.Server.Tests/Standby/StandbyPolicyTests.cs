using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Spine;
using static Dumont.Server.Tests.Spine.Samples;
using static Dumont.Server.Tests.Standby.StandbySamples;

namespace Dumont.Server.Tests.Standby;

/// <summary>What is done about a pair in peace, and when it is given up.</summary>
public sealed class StandbyPolicyTests
{
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
            new FailoverRules(FailoverStrategy.Disabled, false, true, TimeSpan.FromSeconds(3), 6, InsistsOnRecovery: true),
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
        var standbySilent = silent with { Standby = StandbySamples.Standby(Options.PartnerSilence) };
        var standbyBooting = silent with { Standby = StandbySamples.Standby(Fresh, MachinePhase.Booting) };

        // Never heard of since this server started, however long ago that is.
        var standbyUnheard = silent with { Standby = Observed(Machine(id: 2, role: MachineRole.Standby), report: null, Fresh) };
        foreach (var view in new[] { neverSynced, standbySilent, standbyBooting, standbyUnheard })
        {
            Assert.Equal(StandbyStep.Observe, Decide(view));
            Assert.Equal(StandbyStep.Observe, Decide(view with { Association = view.Association with { FailoverRequested = "requested" } }));
        }

        Assert.Equal(StandbyStep.Confirm, Decide(silent with { Standby = StandbySamples.Standby(Options.PartnerSilence - TimeSpan.FromTicks(1)) }));
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
        Assert.Equal(StandbyStep.PlaceStandby, Decide(view with { Standby = StandbySamples.Standby(Fresh, MachinePhase.Releasing) }));
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
        Assert.Equal(AssociationState.Provisioning, StandbyPolicy.StateOf(view with { Standby = StandbySamples.Standby(Options.PartnerSilence) }, Options));
        Assert.Equal(AssociationState.Provisioning, StandbyPolicy.StateOf(view with { Standby = StandbySamples.Standby(Fresh, MachinePhase.Preparing) }, Options));
        Assert.Equal(AssociationState.Provisioning, StandbyPolicy.StateOf(view with { Standby = null }, Options));
    }
}
