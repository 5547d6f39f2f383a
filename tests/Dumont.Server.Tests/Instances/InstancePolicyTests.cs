using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using static Dumont.Server.Tests.Spine.Samples;

namespace Dumont.Server.Tests.Instances;

public sealed class InstancePolicyTests
{
    private static readonly InstancesOptions Options = new() { OfferAttempts = 3 };

    [Fact]
    public void Create_MachineOnItsWay_Waits()
    {
        foreach (var phase in new[] { MachinePhase.Intended, MachinePhase.Asking, MachinePhase.Booting, MachinePhase.Preparing })
        {
            Assert.Equal(InstanceStep.Wait, Decide(View(New(), Machine(phase))));
        }
    }

    [Fact]
    public void Create_Ready_BeginsOnlyWhenTheAgentWrites()
    {
        Assert.Equal(InstanceStep.Wait, Decide(View(New(), Machine()) with { WriterWrites = false }));
        Assert.Equal(InstanceStep.BeginWriting, Decide(View(New(), Machine())));
    }

    [Fact]
    public void Create_MachineCameToNothing_SubstitutesUntilTheAttemptsAreSpent()
    {
        var spent = Enumerable.Range(1, 3).Select(id => Machine(MachinePhase.Failed, id: id, failure: MachineFailure.OfferGone)).ToArray();

        Assert.Equal(InstanceStep.Substitute, Decide(View(New(), spent[..1])));
        Assert.Equal(InstanceStep.Substitute, Decide(View(New(), spent[..2])));
        Assert.Equal(InstanceStep.FailCreation, Decide(View(New(), spent)));
    }

    [Fact]
    public void Create_StandbyMachines_AreNotCountedAsAttempts()
    {
        var standbys = Enumerable.Range(2, 3).Select(id => Machine(MachinePhase.Failed, id: id, role: MachineRole.Standby, failure: MachineFailure.Rejected));

        Assert.Equal(
            InstanceStep.Substitute, Decide(View(New(), [Machine(MachinePhase.Failed, failure: MachineFailure.OfferGone), .. standbys])));
    }

    [Fact]
    public void Create_NoCredit_FailsAtOnce() =>
        Assert.Equal(InstanceStep.FailCreation, Decide(View(New(), Machine(MachinePhase.Failed, failure: MachineFailure.InsufficientCredit))));

    [Fact]
    public void Create_Overdue_FailsAtTheLimitNotBefore()
    {
        var view = View(New(), Machine(MachinePhase.Booting));
        var limit = view.Instance.Document.CreateBefore;

        Assert.Equal(InstanceStep.Wait, InstancePolicy.Decide(view, limit - TimeSpan.FromTicks(1), Options));
        Assert.Equal(InstanceStep.FailCreation, InstancePolicy.Decide(view, limit, Options));
    }

    [Fact]
    public void Create_Failed_StaysFailed() =>
        Assert.Equal(InstanceStep.Rest, Decide(View(Instance(InstanceStatus.Error, generation: 0), Machine(MachinePhase.Failed))));

    [Fact]
    public void Run_Linked_IsShownRunning() => Assert.Equal(InstanceStep.ShowRunning, Decide(View(Instance(), Machine(used: true))));

    [Fact]
    public void Run_SilentFor5Seconds_IsNotShownLost() =>
        Assert.Equal(InstanceStep.Rest, Decide(View(Instance(), Machine(used: true)) with { WriterLinked = false }));

    [Theory]
    [InlineData(ProviderMachineState.Offline)]
    [InlineData(ProviderMachineState.Interrupted)]
    [InlineData(ProviderMachineState.Stopped)]
    public void Run_SilentAndTheProviderSaysDead_IsShownLost(ProviderMachineState state)
    {
        var machine = Machine(used: true);
        machine = machine with { Document = machine.Document with { ProviderState = state } };

        Assert.Equal(InstanceStep.ShowLost, Decide(View(Instance(), machine) with { WriterLinked = false }));
        Assert.Equal(InstanceStep.ShowRunning, Decide(View(Instance(), machine)));
    }

    [Fact]
    public void Run_WriterSpent_IsShownLost_UnlessAFailoverIsUnderWay()
    {
        var view = View(Instance(), Machine(failure: MachineFailure.Lost, used: true));

        Assert.Equal(InstanceStep.ShowLost, Decide(view));
        Assert.Equal(InstanceStep.ShowRunning, Decide(view with { FailoverActive = true }));
    }

    [Fact]
    public void Resume_MachinesStillToldToStop_AreStarted() =>
        Assert.Equal(
            InstanceStep.StartMachines, Decide(View(Instance(InstanceStatus.Paused), Machine(MachinePhase.Stopped, MachineDesired.Stopped, used: true))));

    [Fact]
    public void Resume_MachineOnItsWay_Waits() =>
        Assert.Equal(
            InstanceStep.Wait,
            Decide(View(Instance(InstanceStatus.Resuming), Machine(MachinePhase.Starting, used: true)) with { WriterLinked = false }));

    [Theory]
    [InlineData(false, "ShowLost")]
    [InlineData(true, "Wait")]
    public void Run_WriterLost_AlarmsOnlyWhereNoStandbyTakesOver(bool takesOver, string expected)
    {
        var offline = Machine(used: true);
        offline = offline with { Document = offline.Document with { ProviderState = ProviderMachineState.Offline } };

        Assert.Equal(expected, Decide(View(Instance(), offline) with { WriterLinked = false, StandbyTakesOver = takesOver }).ToString());
        Assert.Equal(expected, Decide(View(Instance(), Machine(failure: MachineFailure.Lost, used: true)) with { StandbyTakesOver = takesOver }).ToString());
    }

    [Fact]
    public void Pause_WithSync_DrainsFirst_ButNotForEver()
    {
        var view = View(Instance(InstanceStatus.Pausing, InstanceDesired.Paused), Machine(used: true)) with { HasSync = true };

        Assert.Equal(InstanceStep.Drain, Decide(view));
        Assert.Equal(InstanceStep.Drain, InstancePolicy.Decide(view, Now + Options.PauseDrainLimit - TimeSpan.FromTicks(1), Options));
        Assert.Equal(InstanceStep.StopMachines, InstancePolicy.Decide(view, Now + Options.PauseDrainLimit, Options));
        Assert.Equal(InstanceStep.StopMachines, Decide(view with { WriterDrained = true }));
    }

    [Fact]
    public void Pause_LimitCountsFromPausing_NotFromTheStateBefore()
    {
        // Ran for a day before it was told to pause.
        var view = View(Instance(InstanceStatus.Running, InstanceDesired.Paused), Machine(used: true)) with { HasSync = true };

        Assert.Equal(InstanceStep.Drain, InstancePolicy.Decide(view, Now + TimeSpan.FromDays(1), Options));
    }

    [Fact]
    public void Pause_WithoutSyncOrLink_StopsAtOnce()
    {
        var view = View(Instance(InstanceStatus.Running, InstanceDesired.Paused), Machine(used: true));

        Assert.Equal(InstanceStep.StopMachines, Decide(view));
        Assert.Equal(InstanceStep.StopMachines, Decide(view with { HasSync = true, WriterLinked = false }));
    }

    [Fact]
    public void Pause_MachinesToldToStop_WaitsForAllOfThem()
    {
        var instance = Instance(InstanceStatus.Pausing, InstanceDesired.Paused);
        var stopped = Machine(MachinePhase.Stopped, MachineDesired.Stopped, used: true);
        Machine Standby(MachinePhase phase, MachineDesired desired) => Machine(phase, desired, id: 2, role: MachineRole.Standby, used: true);

        Assert.Equal(InstanceStep.Wait, Decide(View(instance, stopped, Standby(MachinePhase.Stopping, MachineDesired.Stopped))));
        Assert.Equal(InstanceStep.StopMachines, Decide(View(instance, stopped, Standby(MachinePhase.Ready, MachineDesired.Running))));
        Assert.Equal(InstanceStep.ShowPaused, Decide(View(instance, stopped, Standby(MachinePhase.Stopped, MachineDesired.Stopped))));
        Assert.Equal(InstanceStep.ShowPaused, Decide(View(instance, stopped, Standby(MachinePhase.Gone, MachineDesired.Gone))));
    }

    [Fact]
    public void Pause_DuringAFailover_Waits() =>
        Assert.Equal(InstanceStep.Wait, Decide(View(Instance(desired: InstanceDesired.Paused), Machine(used: true)) with { FailoverActive = true }));

    [Fact]
    public void Pause_OnTheStandby_StopsItAndTheGpuThatWasLost()
    {
        var instance = Instance(desired: InstanceDesired.Paused, generation: 2, writer: 2);
        InstanceView OnStandby(Instance what, MachinePhase phase, MachineDesired desired) =>
            View(what, Machine(phase, desired, used: true), Machine(phase, desired, id: 2, role: MachineRole.Standby, used: true)) with
            {
                FailoverActive = true,
                RestsOnStandby = true,
                LostMachineId = new MachineId(1),
            };

        Assert.Equal(InstanceStep.StopMachines, Decide(OnStandby(instance, MachinePhase.Ready, MachineDesired.Running)));
        Assert.Equal(InstanceStep.Wait, Decide(OnStandby(instance, MachinePhase.Stopping, MachineDesired.Stopped)));
        Assert.Equal(InstanceStep.ShowPaused, Decide(OnStandby(instance, MachinePhase.Stopped, MachineDesired.Stopped)));

        // Resumed, the standby alone is started; it is shown running when it is heard.
        var resumed = OnStandby(instance with { Desired = InstanceDesired.Running, Status = InstanceStatus.Resuming }, MachinePhase.Stopped, MachineDesired.Stopped);
        Assert.Equal(InstanceStep.StartMachines, Decide(resumed));
        Assert.Equal([new MachineId(2)], resumed.Needed.Select(machine => machine.Id));
        resumed = OnStandby(resumed.Instance, MachinePhase.Ready, MachineDesired.Running);
        Assert.Equal(InstanceStep.Wait, Decide(resumed with { WriterLinked = false }));
        Assert.Equal(InstanceStep.ShowRunning, Decide(resumed));
    }

    [Fact]
    public void Pause_WhileItRunsForASnapshot_WaitsForItsEnd()
    {
        var instance = Instance(InstanceStatus.Paused, InstanceDesired.Paused) with { RunsFor = 7 };
        var stopped = Machine(MachinePhase.Stopped, MachineDesired.Stopped, used: true);

        Assert.Equal(InstanceStep.StartMachines, Decide(View(instance, stopped)));
        Assert.Equal(InstanceStep.ShowRunning, Decide(View(instance, Machine(used: true))));
        Assert.Equal(InstanceStep.StopMachines, Decide(View(instance with { RunsFor = null, Status = InstanceStatus.Running }, Machine(used: true))));

        // Resumed meanwhile, it goes on; deleted, it goes.
        Assert.Equal(InstanceStep.ShowRunning, Decide(View(instance with { RunsFor = null, Desired = InstanceDesired.Running }, Machine(used: true))));
        Assert.Equal(InstanceStep.ReleaseMachines, Decide(View(instance with { Desired = InstanceDesired.Deleted }, Machine(used: true))));
    }

    [Fact]
    public void Pause_WriterLost_IsShown() =>
        Assert.Equal(
            InstanceStep.ShowLost,
            Decide(View(Instance(desired: InstanceDesired.Paused), Machine(MachinePhase.Releasing, failure: MachineFailure.Lost, used: true))));

    [Fact]
    public void Pause_WriterFailedButIsStillThere_IsStopped() =>
        Assert.Equal(
            InstanceStep.StopMachines,
            Decide(View(Instance(desired: InstanceDesired.Paused), Machine(failure: MachineFailure.BootTimeout, used: true))));

    [Fact]
    public void Delete_AnyStatusAndGeneration_GivesBackThenCloses()
    {
        foreach (var status in Enum.GetValues<InstanceStatus>())
        {
            foreach (var generation in new long[] { 0, 1, 3 })
            {
                var instance = Instance(status, InstanceDesired.Deleted, generation);

                Assert.Equal(InstanceStep.ReleaseMachines, Decide(View(instance, Machine(used: true))));
                Assert.Equal(InstanceStep.Wait, Decide(View(instance, Machine(MachinePhase.Releasing, MachineDesired.Gone))));
                Assert.Equal(InstanceStep.ShowDeleted, Decide(View(instance, Machine(MachinePhase.Gone, MachineDesired.Gone))));
                Assert.Equal(InstanceStep.ShowDeleted, Decide(View(instance, Machine(MachinePhase.Failed))));
            }
        }
    }

    [Fact]
    public void Delete_KeepingTheStandby_ReleasesEverythingElse()
    {
        var instance = Instance(InstanceStatus.Deleting, InstanceDesired.Deleted);
        var standby = Machine(id: 2, role: MachineRole.Standby, used: true);
        var gone = Machine(MachinePhase.Gone, MachineDesired.Gone);

        Assert.Equal(InstanceStep.ShowDeleted, Decide(View(instance, gone, standby) with { KeepsStandby = true }));
        Assert.Equal(InstanceStep.ReleaseMachines, Decide(View(instance, gone, standby) with { KeepsStandby = false }));
        Assert.DoesNotContain(standby, (View(instance, gone, standby) with { KeepsStandby = true }).Own);

        // Only the present standby is kept, not one that it replaced.
        var older = Machine(id: 3, role: MachineRole.Standby, used: true);
        Assert.Equal(InstanceStep.ReleaseMachines, Decide(View(instance, gone, standby, older) with { KeepsStandby = true }));
    }

    private static Instance New() => Instance(InstanceStatus.Creating, generation: 0);

    private static InstanceStep Decide(InstanceView view) => InstancePolicy.Decide(view, Now, Options);

    private static InstanceView View(Instance instance, params Machine[] machines) =>
        new(
            instance,
            machines,
            new MachineId(2),
            KeepsStandby: false,
            WriterLinked: true,
            WriterWrites: true,
            WriterDrained: false,
            HasSync: false,
            FailoverActive: false,
            StandbyTakesOver: false);
}
