using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Standby;

/// <summary>Failover and recovery in virtual time. The names follow the failover guide.</summary>
public sealed class FailoverTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Failover_StateTransition()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunUntilAsync(async () => (await bench.FailoversAsync()) is [{ CompletedAt: not null }], TimeSpan.FromMinutes(2));

        var failover = Assert.Single(await bench.FailoversAsync());
        Assert.Equal(
            [
                FailoverPhase.Detecting, FailoverPhase.GpuLost, FailoverPhase.FailoverToCpu, FailoverPhase.SearchingGpu, FailoverPhase.Provisioning,
                FailoverPhase.Restoring, FailoverPhase.Complete,
            ],
            failover.Timeline.Select(mark => mark.Phase));
        Assert.Equal(failover.Timeline.Select(mark => mark.At).Order(), failover.Timeline.Select(mark => mark.At));
        Assert.Equal(
            ["standby.gpu_lost", "standby.promoted", "standby.renting_gpu", "standby.restoring", "standby.recovered"],
            (await bench.EventsAsync(id)).SkipWhile(type => type != "standby.gpu_lost").Where(type => type.StartsWith("standby.", StringComparison.Ordinal)));
        Assert.Equal(0.25, failover.RpoSeconds);
    }

    [Fact]
    public async Task Failover_SyncIsOff_TellsHowOldTheStandbysDataIs()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync(autoRecovery: false);
        await bench.RunAsync(TimeSpan.FromMinutes(10));
        await bench.Get<AssociationStore>().SetSyncEnabledAsync(SpineBench.User, id, enabled: false, Cancel);
        var off = bench.Clock.GetUtcNow();
        await bench.RunAsync(TimeSpan.FromMinutes(20));
        var shown = (await bench.Get<StandbyViews>().FindAsync(SpineBench.User, id, Cancel))!;
        Assert.False(shown.SyncEnabled);
        Assert.InRange(shown.RpoSeconds!.Value, (20 * 60) - 2, (20 * 60) + 2);

        var gpu = await bench.WriterAsync(id);
        bench.Kill(gpu);
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).FailoverActive, TimeSpan.FromSeconds(30));
        var failover = Assert.Single(await bench.FailoversAsync());
        Assert.InRange(failover.RpoSeconds!.Value, (failover.LastHeardAt - off).TotalSeconds, (failover.LastHeardAt - off).TotalSeconds + 2);
    }

    [Fact]
    public async Task AutoRecovery_FindGpu()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var lost = await bench.WriterAsync(id);
        var offers = bench.Vast.Offers.ToList();

        // At first nothing but the lost host is on the market.
        bench.Vast.Offers.RemoveAll(offer => offer.HostMachineId != lost.Document.Offer.HostMachineId);
        bench.Kill(lost);
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.Phase == FailoverPhase.SearchingGpu, TimeSpan.FromSeconds(30));
        await bench.RunAsync(TimeSpan.FromMinutes(1));
        Assert.Equal("No equivalent GPU is on the market.", (await bench.AssociationAsync(id)).Document.Message);
        Assert.Null((await bench.AssociationAsync(id)).Document.CandidateMachineId);

        bench.Vast.Offers.AddRange(offers.Where(offer => offer.HostMachineId != lost.Document.Offer.HostMachineId));
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.CandidateMachineId is not null, TimeSpan.FromMinutes(2));
        var candidate = (await bench.MachinesAsync(id)).Last(machine => machine.Role == MachineRole.Gpu);
        Assert.NotEqual(lost.Document.Offer.HostMachineId, candidate.Document.Offer.HostMachineId);
        Assert.Null((await bench.AssociationAsync(id)).Document.Message);
    }

    [Fact]
    public async Task AutoRecovery_AccountThatCouldNotPay_GetsTheSameOffersWhenItCan()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();

        // More often than there are offers.
        for (var i = 0; i < bench.Vast.Offers.Count + 3; i++)
        {
            bench.Vast.Creates.Enqueue(Script.NoCredit);
        }

        bench.Kill(await bench.WriterAsync(id));
        await bench.RunUntilAsync(
            async () => (await bench.MachinesAsync(id)).Count(machine => machine.Document.Failure == MachineFailure.InsufficientCredit) == 2, TimeSpan.FromMinutes(3));
        var tried = (await bench.MachinesAsync(id)).Count;
        await bench.RunAsync(TimeSpan.FromSeconds(50));
        Assert.Equal(tried, (await bench.MachinesAsync(id)).Count);

        await bench.RunUntilAsync(async () => (await bench.FailoversAsync()) is [{ CompletedAt: not null, Phase: FailoverPhase.Complete }], TimeSpan.FromMinutes(30));
    }

    [Fact]
    public async Task AutoRecovery_ProvisionGpu()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        bench.Vast.Creates.Enqueue(Script.OfferGone);
        bench.Vast.Creates.Enqueue(Script.AnswerLost);
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunUntilAsync(async () => (await bench.FailoversAsync()) is [{ CompletedAt: not null }], TimeSpan.FromMinutes(3));

        // The first came to nothing, the second was adopted by its tag.
        Assert.Contains("standby.gpu_dropped", await bench.EventsAsync(id));
        Assert.Equal(3, bench.Vast.Calls.Count(call => call.StartsWith("create", StringComparison.Ordinal)));
        Assert.Equal(FailoverPhase.Complete, (await bench.FailoversAsync())[0].Phase);
        Assert.Equal((await bench.WriterAsync(id)).Id, (await bench.FailoversAsync())[0].NewMachineId);
    }

    [Fact]
    public async Task AutoRecovery_WaitForSsh()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        bench.Ssh.Silent.Add("vast-2.example");
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.Phase == FailoverPhase.Provisioning, TimeSpan.FromSeconds(30));
        await bench.RunAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(
            (FailoverPhase.Provisioning, AssociationState.Recovering),
            ((await bench.AssociationAsync(id)).Document.Phase, (await bench.AssociationAsync(id)).Document.State));
        Assert.Equal(MachineRole.Standby, (await bench.WriterAsync(id)).Role);

        bench.Ssh.Silent.Remove("vast-2.example");
        await bench.RunUntilAsync(async () => (await bench.FailoversAsync()) is [{ CompletedAt: not null }], TimeSpan.FromMinutes(1));
        Assert.Equal("vast-2", (await bench.WriterAsync(id)).ProviderMachineId);
    }

    [Fact]
    public async Task AutoRecovery_FullCycle()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();

        // Three losses in a row; each time the pair is whole again.
        for (var round = 1; round <= 3; round++)
        {
            var lost = await bench.WriterAsync(id);
            bench.Kill(lost);
            await bench.RunUntilAsync(async () => (await bench.FailoversAsync()).Count(each => each.CompletedAt is not null) == round, TimeSpan.FromMinutes(3));
            await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.State == AssociationState.Ready, TimeSpan.FromMinutes(1));
            await bench.RunUntilAsync(
                async () => (await bench.MachinesAsync(id)).Single(machine => machine.Id == lost.Id).Phase == MachinePhase.Gone, TimeSpan.FromMinutes(3));

            Assert.Equal((1 + (2 * round), InstanceStatus.Running), ((await bench.InstanceAsync(id)).Generation, (await bench.InstanceAsync(id)).Status));
            Assert.Equal((1, 1), (bench.Vast.Machines.Count, bench.Gcp.Machines.Count));
        }

        Assert.All(bench.Agents.Writers, generation => Assert.Single(generation.Value));
    }

    [Fact]
    public async Task AutoRecovery_Off_StaysOnTheStandby()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync(autoRecovery: false);
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunAsync(TimeSpan.FromMinutes(5));

        Assert.Equal(MachineRole.Standby, (await bench.WriterAsync(id)).Role);
        Assert.Equal(["create 1"], bench.Vast.Calls);
        Assert.Equal(InstanceStatus.Running, (await bench.InstanceAsync(id)).Status);
    }

    [Fact]
    public async Task CompleteFailover_Flow()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var (gpu, standby) = (await bench.WriterAsync(id), await bench.StandbyAsync(id));
        var killedAt = bench.Clock.GetUtcNow();
        bench.Kill(gpu);

        await bench.RunUntilAsync(async () => (await bench.WriterAsync(id)).Id == standby.Id, TimeSpan.FromSeconds(10));
        Assert.True(bench.Clock.GetUtcNow() - killedAt <= TimeSpan.FromSeconds(8), "Users are served again within 5 s after detection.");
        Assert.Equal(2, (await bench.InstanceAsync(id)).Generation);

        // The lost machine is kept until a new one has taken over.
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.Phase == FailoverPhase.Restoring, TimeSpan.FromMinutes(1));
        Assert.Contains(gpu.ProviderMachineId!, bench.Vast.Machines.Keys);

        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Generation == 3, TimeSpan.FromMinutes(1));
        var writer = await bench.WriterAsync(id);
        Assert.Equal(MachineRole.Gpu, writer.Role);
        Assert.NotEqual(gpu.Id, writer.Id);

        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.State == AssociationState.Ready, TimeSpan.FromMinutes(1));
        var document = (await bench.AssociationAsync(id)).Document;
        Assert.Null(document.FailoverId);
        Assert.Null(document.Pending);
        Assert.False(document.GpuFailed);
        await bench.RunAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(AgentRole.Follower, bench.Agents.RoleOf(standby.Id));
        Assert.Equal([writer.ProviderMachineId], bench.Vast.Machines.Keys);
        Assert.True((await bench.FailoversAsync())[0].DataRestored);
    }

    [Fact]
    public async Task Failover_OldGpuComesBackMidway_IsFencedAndNeverWritesAgain()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync(autoRecovery: false);
        var gpu = await bench.WriterAsync(id);
        bench.Kill(gpu);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Generation == 2, TimeSpan.FromSeconds(30));
        bench.Agents.Silent.Clear();
        await bench.RunAsync(TimeSpan.FromMinutes(1));

        Assert.Equal((AgentRole.Fenced, 2), (bench.Agents.RoleOf(gpu.Id), bench.Agents.GenerationOf(gpu.Id)));
        Assert.Equal(MachineRole.Standby, (await bench.WriterAsync(id)).Role);
        Assert.All(bench.Agents.Writers, generation => Assert.Single(generation.Value));
    }

    [Fact]
    public async Task Failover_Requested_DrainsFirst_AndComesBack()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        await bench.Get<FailoverService>().RequestAsync(SpineBench.User, id, "rehearsal", isForced: false, Cancel);
        await bench.RunUntilAsync(async () => (await bench.FailoversAsync()) is [{ CompletedAt: not null }], TimeSpan.FromMinutes(2));

        Assert.Equal(("rehearsal", FailoverPhase.Complete), ((await bench.FailoversAsync())[0].Reason, (await bench.FailoversAsync())[0].Phase));
        Assert.Null((await bench.AssociationAsync(id)).FailoverRequested);
        Assert.Equal(3, (await bench.InstanceAsync(id)).Generation);
    }

    [Fact]
    public async Task Failover_StandbyNeverConfirms_Fails_AndTheGenerationIsUsedUp()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var gpu = await bench.WriterAsync(id);
        bench.Kill(gpu);
        bench.Agents.IgnoreOrders = true;
        await bench.RunUntilAsync(async () => (await bench.FailoversAsync()) is [{ CompletedAt: not null }], TimeSpan.FromMinutes(2));
        Assert.Equal(FailoverPhase.Failed, (await bench.FailoversAsync())[0].Phase);
        Assert.Equal((3, gpu.Id), ((await bench.InstanceAsync(id)).Generation, (await bench.InstanceAsync(id)).WriterMachineId!.Value));

        // The GPU comes back: the pair is whole again.
        bench.Agents.IgnoreOrders = false;
        bench.Agents.Silent.Clear();
        bench.Ssh.Silent.Clear();
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.State == AssociationState.Ready, TimeSpan.FromMinutes(1));
        Assert.Equal(AgentRole.Follower, bench.Agents.RoleOf((await bench.StandbyAsync(id)).Id));
        Assert.All(bench.Agents.Writers, generation => Assert.Single(generation.Value));
    }

    [Fact]
    public async Task Restore_CandidateDiesAfterItsPromotion_TheStandbyIsGivenTheWordBack()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var standby = await bench.StandbyAsync(id);
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunUntilAsync(
            async () => (await bench.AssociationAsync(id)).Document.Pending is { Generation: 3 }, TimeSpan.FromMinutes(2));
        var candidate = (await bench.MachinesAsync(id)).Last(machine => machine.Role == MachineRole.Gpu);
        bench.Kill(candidate);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Generation == 4, TimeSpan.FromMinutes(2));
        Assert.Equal(standby.Id, (await bench.WriterAsync(id)).Id);

        await bench.RunUntilAsync(async () => (await bench.FailoversAsync()) is [{ CompletedAt: not null }], TimeSpan.FromMinutes(2));
        Assert.Equal((5, MachineRole.Gpu), ((await bench.InstanceAsync(id)).Generation, (await bench.WriterAsync(id)).Role));
        Assert.All(bench.Agents.Writers, generation => Assert.Single(generation.Value));
        await bench.RunAsync(TimeSpan.FromMinutes(2));
        Assert.Single(bench.Vast.Machines);
    }

    [Fact]
    public async Task Restore_StandbyDrainsTooLong_UsersStayOnTheStandby()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        bench.Agents.NeverDrained = true;
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(MachineRole.Standby, (await bench.WriterAsync(id)).Role);
        Assert.True((await bench.AssociationAsync(id)).Document.Draining);

        bench.Agents.NeverDrained = false;
        await bench.RunUntilAsync(async () => (await bench.FailoversAsync()) is [{ CompletedAt: not null }], TimeSpan.FromMinutes(1));
    }
}
