using Dumont.Providers;
using Dumont.Server.Agents;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Standby;

/// <summary>When a GPU counts as lost, in virtual time. The names follow the failover guide.</summary>
public sealed class GpuFailureTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task GpuFailure_DetectionThreshold()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var gpu = await bench.WriterAsync(id);
        var heardAt = bench.Get<AgentHub>().Find(gpu.Id)!.LastSeenAt;
        bench.Kill(gpu);
        await bench.RunAsync(heardAt + TimeSpan.FromSeconds(2.9) - bench.Clock.GetUtcNow());
        Assert.False((await bench.AssociationAsync(id)).FailoverActive);

        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).FailoverActive, TimeSpan.FromSeconds(1));
        var failover = Assert.Single(await bench.FailoversAsync());
        Assert.Equal(heardAt, failover.LastHeardAt);
        Assert.InRange((failover.StartedAt - heardAt).TotalSeconds, 3, 4);
    }

    [Fact]
    public async Task GpuFailure_SilenceShorterThanTheThreshold_IsNoFailure()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var gpu = await bench.WriterAsync(id);
        for (var i = 0; i < 20; i++)
        {
            bench.Kill(gpu);
            await bench.RunAsync(TimeSpan.FromSeconds(2));
            bench.Agents.Silent.Clear();
            bench.Ssh.Silent.Clear();
            await bench.RunAsync(TimeSpan.FromSeconds(2));
        }

        Assert.Empty(await bench.FailoversAsync());
        Assert.Equal(1, (await bench.InstanceAsync(id)).Generation);
    }

    [Fact]
    public async Task GpuFailure_AgentIsSilentButSshAnswers_IsNoFailure_UnlessTheProviderSaysSo()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var gpu = await bench.WriterAsync(id);
        bench.Agents.Silent.Add(gpu.Id);
        await bench.RunAsync(TimeSpan.FromMinutes(2));
        Assert.Empty(await bench.FailoversAsync());

        bench.Vast.Set(gpu.ProviderMachineId!, ProviderMachineState.Offline);
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).FailoverActive, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task GpuFailure_StandbyNeverSynced_IsNotFailedOverTo()
    {
        await using var bench = await SpineBench.StartAsync();
        bench.Agents.SyncIsCut = true;
        await bench.Get<FailoverSettings>().ChangeOfUserAsync(SpineBench.User, _ => new AutoStandbySettings { Enabled = true }, Cancel);
        var id = await bench.RunningAsync();
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.State == AssociationState.Syncing, TimeSpan.FromMinutes(1));
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunAsync(TimeSpan.FromMinutes(2));

        Assert.Empty(await bench.FailoversAsync());
        Assert.Equal(1, (await bench.InstanceAsync(id)).Generation);
    }

    [Fact]
    public async Task GpuFailure_StandbyWasReplacedAndTheNewOneNeverSynced_IsNotFailedOverTo()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var first = await bench.StandbyAsync(id);
        bench.Agents.SyncIsCut = true;
        bench.Gcp.Machines.Clear();
        await bench.RunUntilAsync(
            async () => await bench.StandbyAsync(id) is { Phase: MachinePhase.Ready } standby && standby.Id != first.Id, TimeSpan.FromMinutes(5));
        await bench.RunAsync(TimeSpan.FromSeconds(10));
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(0, (await bench.AssociationAsync(id)).SyncCount);
        Assert.Empty(await bench.FailoversAsync());
    }

    [Fact]
    public async Task GpuFailure_Paused_IsNoFailure()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        await bench.Get<InstanceService>().SetDesiredAsync(SpineBench.User, id, InstanceDesired.Paused, Cancel);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Paused, TimeSpan.FromMinutes(2));
        await bench.RunAsync(TimeSpan.FromMinutes(5));
        await bench.Get<InstanceService>().SetDesiredAsync(SpineBench.User, id, InstanceDesired.Running, Cancel);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Running, TimeSpan.FromMinutes(2));
        await bench.RunAsync(TimeSpan.FromMinutes(1));

        Assert.Empty(await bench.FailoversAsync());
        Assert.Equal(2, bench.Vast.Machines.Count + bench.Gcp.Machines.Count);
    }

    [Fact]
    public async Task GpuFailure_AutoFailoverOff_OnlyShowsIt()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        await bench.Get<FailoverSettings>().ChangeOfUserAsync(SpineBench.User, _ => new AutoStandbySettings { Enabled = true, AutoFailover = false }, Cancel);
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunAsync(TimeSpan.FromMinutes(1));

        Assert.Empty(await bench.FailoversAsync());
    }
}
