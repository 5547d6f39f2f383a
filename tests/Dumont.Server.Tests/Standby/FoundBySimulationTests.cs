using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Settings;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Standby;

/// <summary>What the simulation found, one test each. A seed means another story as soon as a table or an option changes, so the story itself is told here.</summary>
public sealed class FoundBySimulationTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Destroy_IdBelongsToSomebodyElseByNow_TheirMachineIsLeftAlone()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var machine = await bench.MachineAsync(id);
        bench.Vast.Destroys.Enqueue(Script.AnswerLost);
        await bench.Get<InstanceService>().DeleteAsync(SpineBench.User, id, DeleteReason.UserRequest, destroyStandby: true, Cancel);
        await bench.RunUntilAsync(() => Task.FromResult(bench.Vast.Machines.Count == 0), TimeSpan.FromSeconds(30));
        bench.Vast.Machines[machine.ProviderMachineId!] = new ProviderMachine { Id = machine.ProviderMachineId!, State = ProviderMachineState.Running };

        await bench.RunUntilAsync(async () => (await bench.MachineAsync(id)).Phase == MachinePhase.Gone, TimeSpan.FromMinutes(3));
        Assert.Single(bench.Vast.Machines);
        Assert.Single(bench.Vast.Calls, call => call.StartsWith("destroy", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Start_AnswerLostAndPausedMeanwhile_IsStoppedAllTheSame()
    {
        await using var bench = await SpineBench.StartAsync();
        var (id, service) = (await bench.RunningAsync(), bench.Get<InstanceService>());
        await service.SetDesiredAsync(SpineBench.User, id, InstanceDesired.Paused, Cancel);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Paused, TimeSpan.FromMinutes(1));
        var gpu = (await bench.MachineAsync(id)).ProviderMachineId!;
        bench.Vast.Starts.Enqueue(Script.AnswerLost);
        await service.SetDesiredAsync(SpineBench.User, id, InstanceDesired.Running, Cancel);
        await bench.RunUntilAsync(() => Task.FromResult(bench.Vast.Machines[gpu].State == ProviderMachineState.Running), TimeSpan.FromMinutes(1));

        await service.SetDesiredAsync(SpineBench.User, id, InstanceDesired.Paused, Cancel);
        await bench.RunUntilAsync(
            async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Paused && bench.Vast.Machines[gpu].State == ProviderMachineState.Stopped,
            TimeSpan.FromMinutes(3));
    }

    [Fact]
    public async Task Watch_KeyOfAnotherAccount_AbsenceProvesNothing_UntilTheKeyIsBack()
    {
        await using var bench = await SpineBench.StartAsync();
        var secrets = bench.Get<SecretStore>();
        await secrets.SetAsync(SpineBench.User, SecretStore.VastApiKey, "the user's own", Cancel);
        var id = await bench.RunningAsync();
        var machine = await bench.MachineAsync(id);
        await secrets.SetAsync(SpineBench.User, SecretStore.VastApiKey, "somebody else's", Cancel);
        bench.Vast.Denied.Add(machine.ProviderMachineId!);
        await bench.RunAsync(TimeSpan.FromMinutes(5));
        Assert.Equal((MachinePhase.Ready, null), ((await bench.MachineAsync(id)).Phase, (await bench.MachineAsync(id)).Document.Failure));

        // The same denial under the key that rented it is proof.
        await secrets.SetAsync(SpineBench.User, SecretStore.VastApiKey, "the user's own", Cancel);
        await bench.RunUntilAsync(async () => (await bench.MachineAsync(id)).Phase == MachinePhase.Gone, TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task Watch_NewKeyOfTheSameAccount_IsAdoptedWhenItShowsTheMachine()
    {
        await using var bench = await SpineBench.StartAsync();
        var secrets = bench.Get<SecretStore>();
        await secrets.SetAsync(SpineBench.User, SecretStore.VastApiKey, "old", Cancel);
        var id = await bench.RunningAsync();
        var before = (await bench.MachineAsync(id)).Document.AccountMark;
        await secrets.SetAsync(SpineBench.User, SecretStore.VastApiKey, "new", Cancel);
        await bench.RunUntilAsync(async () => (await bench.MachineAsync(id)).Document.AccountMark != before, TimeSpan.FromMinutes(1));

        bench.Vast.Machines.Clear();
        await bench.RunUntilAsync(async () => (await bench.MachineAsync(id)).Phase == MachinePhase.Gone, TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task Resume_MachineDoesNotComeUp_TheStandbyTakesOver_AndAnotherGpuIsRented()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var first = await PauseAsync(bench, id);
        bench.Ssh.Silent.Add(first.Ssh!.Value.Host);
        bench.Agents.Silent.Add(first.Id);
        await bench.Get<InstanceService>().SetDesiredAsync(SpineBench.User, id, InstanceDesired.Running, Cancel);

        await bench.RunUntilAsync(
            async () => await bench.InstanceAsync(id) is { Status: InstanceStatus.Running } now && now.WriterMachineId != first.Id && !(await bench.AssociationAsync(id)).FailoverActive,
            TimeSpan.FromMinutes(15));
        Assert.Equal(MachineRole.Gpu, (await bench.WriterAsync(id)).Role);
    }

    [Fact]
    public async Task Resume_MachineDoesNotComeUp_IsAnError_AndAnotherResumeStartsItAgain()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var machine = await PauseAsync(bench, id);
        bench.Ssh.AllSilent = true;
        await bench.Get<InstanceService>().SetDesiredAsync(SpineBench.User, id, InstanceDesired.Running, Cancel);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Error, TimeSpan.FromMinutes(15));

        bench.Ssh.AllSilent = false;
        Assert.True(await bench.Get<InstanceService>().RetryAsync(await bench.InstanceAsync(id), Cancel));
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Running, TimeSpan.FromMinutes(2));
        Assert.Equal((machine.Id, null), ((await bench.WriterAsync(id)).Id, (await bench.WriterAsync(id)).Document.Failure));
        Assert.Equal(["create 1", "stop vast-1", "start vast-1", "stop vast-1", "start vast-1"], bench.Vast.Calls);
    }

    [Fact]
    public async Task Resume_MachineIsGone_SaysThatThereIsNothingToStart()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        bench.Vast.Machines.Clear();
        await bench.RunUntilAsync(async () => (await bench.WriterAsync(id)).Phase == MachinePhase.Gone, TimeSpan.FromMinutes(5));
        Assert.Equal(InstanceStatus.Error, (await bench.InstanceAsync(id)).Status);

        Assert.False(await bench.Get<InstanceService>().RetryAsync(await bench.InstanceAsync(id), Cancel));
    }

    [Fact]
    public async Task Pause_TakenBackAfterTheGpuWasLost_TheStandbyTakesOver()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var gpu = await bench.WriterAsync(id);
        bench.Agents.NeverDrained = true;
        await bench.Get<InstanceService>().SetDesiredAsync(SpineBench.User, id, InstanceDesired.Paused, Cancel);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Pausing, TimeSpan.FromSeconds(10));
        bench.Kill(gpu);
        bench.Vast.Set(gpu.ProviderMachineId!, ProviderMachineState.Offline);
        bench.Agents.NeverDrained = false;
        await bench.Get<InstanceService>().SetDesiredAsync(SpineBench.User, id, InstanceDesired.Running, Cancel);

        await bench.RunUntilAsync(
            async () => await bench.InstanceAsync(id) is { Status: InstanceStatus.Running } now && now.WriterMachineId != gpu.Id, TimeSpan.FromMinutes(3));
    }

    [Fact]
    public async Task Failover_StandbyWasGivenUpAndComesBack_AGpuIsFoundWithoutBeingAskedFor()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var gpu = await bench.WriterAsync(id);
        var offers = bench.Vast.Offers.ToList();
        bench.Vast.Offers.Clear();
        bench.Kill(gpu);
        var standby = await bench.StandbyAsync(id);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).WriterMachineId == standby.Id, TimeSpan.FromMinutes(1));
        bench.Kill(standby);
        await bench.RunUntilAsync(async () => !(await bench.AssociationAsync(id)).FailoverActive, TimeSpan.FromMinutes(2));
        Assert.Contains("standby.failed", await bench.EventsAsync(id));

        bench.Vast.Offers.AddRange(offers);
        bench.Agents.Silent.Remove(standby.Id);
        bench.Ssh.Silent.Remove(standby.Ssh!.Value.Host);
        await bench.RunUntilAsync(
            async () => (await bench.WriterAsync(id)).Role == MachineRole.Gpu && !(await bench.AssociationAsync(id)).FailoverActive, TimeSpan.FromMinutes(5));
        Assert.Contains("standby.returned", await bench.EventsAsync(id));
        Assert.NotEqual(gpu.Id, (await bench.WriterAsync(id)).Id);
    }

    [Fact]
    public async Task Failover_SyncIsSwitchedOff_TheWayBackIsSentAllTheSame()
    {
        // Else a GPU was rented for the time limit of a restore, given back, and another one rented, without end.
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        bench.Kill(await bench.WriterAsync(id));
        await bench.Get<AssociationStore>().SetSyncEnabledAsync(SpineBench.User, id, enabled: false, Cancel);

        await bench.RunUntilAsync(
            async () => (await bench.WriterAsync(id)).Role == MachineRole.Gpu && (await bench.InstanceAsync(id)).Generation > 1 && !(await bench.AssociationAsync(id)).FailoverActive,
            TimeSpan.FromMinutes(3));
        Assert.DoesNotContain("standby.gpu_dropped", await bench.EventsAsync(id));

        // What the switch is about stays as the user has it.
        await bench.RunAsync(TimeSpan.FromSeconds(30));
        Assert.Equal((false, AssociationState.Syncing), ((await bench.AssociationAsync(id)).SyncEnabled, (await bench.AssociationAsync(id)).Document.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Pause_WhileItRestsOnItsStandby_StopsEveryMachine_AndAResumeFindsAGpu(bool autoRecovery)
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync(autoRecovery);
        var (gpu, offers) = (await bench.WriterAsync(id), bench.Vast.Offers.ToList());
        bench.Vast.Offers.Clear();
        bench.Kill(gpu);
        var standby = await bench.StandbyAsync(id);
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).RestsOnStandby && (await bench.InstanceAsync(id)).WriterMachineId == standby.Id, TimeSpan.FromMinutes(1));

        // There are offers again, and none is bought for a paused instance.
        await PauseAsync(bench, id);
        bench.Vast.Offers.AddRange(offers);
        await bench.RunAsync(TimeSpan.FromMinutes(10));
        Assert.Equal(InstanceStatus.Paused, (await bench.InstanceAsync(id)).Status);
        Assert.Equal(
            "The instance pauses on its standby; a GPU is looked for when it is resumed.",
            (await bench.Get<StandbyViews>().FindAsync(SpineBench.User, id, Cancel))!.Message);
        Assert.All(bench.Vast.Machines.Values.Concat(bench.Gcp.Machines.Values), machine => Assert.Equal(ProviderMachineState.Stopped, machine.State));
        Assert.Single(bench.Vast.Calls, call => call.StartsWith("create", StringComparison.Ordinal));

        await bench.Get<FailoverSettings>().ChangeOfUserAsync(SpineBench.User, _ => new AutoStandbySettings { Enabled = true, AutoRecovery = true }, Cancel);
        await bench.Get<InstanceService>().SetDesiredAsync(SpineBench.User, id, InstanceDesired.Running, Cancel);
        await bench.RunUntilAsync(
            async () => await bench.InstanceAsync(id) is { Status: InstanceStatus.Running } now && now.WriterMachineId != standby.Id && !(await bench.AssociationAsync(id)).FailoverActive,
            TimeSpan.FromMinutes(5));
        Assert.DoesNotContain("standby.failed", await bench.EventsAsync(id));
        Assert.DoesNotContain(bench.Vast.Calls, call => call == $"start {gpu.ProviderMachineId}");
    }

    private static async Task<Machine> PauseAsync(SpineBench bench, InstanceId id)
    {
        var machine = await bench.WriterAsync(id);
        await bench.Get<InstanceService>().SetDesiredAsync(SpineBench.User, id, InstanceDesired.Paused, Cancel);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Paused, TimeSpan.FromMinutes(2));
        return machine;
    }
}
