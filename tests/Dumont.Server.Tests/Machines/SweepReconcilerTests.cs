using Dumont.Contracts;
using Dumont.Server.Machines;
using Dumont.Server.Settings;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Machines;

public sealed class SweepReconcilerTests
{
    private static readonly TimeSpan Sweep = new MachinesOptions().SweepInterval;

    [Fact]
    public async Task Sweep_StrangerWithOurTag_IsDestroyedAtTheSecondSightNotTheFirst()
    {
        await using var bench = await SpineBench.StartAsync();
        bench.Vast.Add(OwnerTag.Of(bench.ServerName, new InstanceId(99), 1));
        await bench.RunAsync(Sweep - TimeSpan.FromSeconds(1));
        Assert.Empty(bench.Vast.Calls);

        await bench.RunAsync(TimeSpan.FromSeconds(2));
        Assert.Equal(["destroy vast-1"], bench.Vast.Calls);
        Assert.Empty(bench.Vast.Machines);
    }

    [Fact]
    public async Task Sweep_MachineOfOthers_IsNeverTouched()
    {
        await using var bench = await SpineBench.StartAsync();
        foreach (var tag in new[] { null, "", "my own machine", "dumont", "dumont/", "dumont/someoneelse/1/1", $"x dumont/{bench.ServerName}/1/1" })
        {
            bench.Vast.Add(tag);
            bench.Gcp.Add(tag);
        }

        await bench.RunAsync(TimeSpan.FromHours(1));
        Assert.Empty(bench.Vast.Calls);
        Assert.Empty(bench.Gcp.Calls);
    }

    [Fact]
    public async Task Sweep_StrangerThatGoesByItself_IsForgotten()
    {
        await using var bench = await SpineBench.StartAsync();
        var tag = OwnerTag.Of(bench.ServerName, new InstanceId(99), 1);
        var id = bench.Vast.Add(tag);
        await bench.RunAsync(TimeSpan.FromSeconds(1));
        bench.Vast.Unlisted.Add(id);
        await bench.RunAsync(Sweep);
        bench.Vast.Unlisted.Clear();
        await bench.RunAsync(Sweep);
        Assert.Empty(bench.Vast.Calls);

        await bench.RunAsync(Sweep);
        Assert.Equal([$"destroy {id}"], bench.Vast.Calls);
    }

    [Fact]
    public async Task Sweep_ProviderDoesNotAnswer_TouchesNothing()
    {
        await using var bench = await SpineBench.StartAsync();
        bench.Vast.Add(OwnerTag.Of(bench.ServerName, new InstanceId(99), 1));
        await bench.RunAsync(TimeSpan.FromSeconds(1));
        bench.Vast.IsDown = true;
        await bench.RunAsync(TimeSpan.FromHours(1));

        Assert.Empty(bench.Vast.Calls);
    }

    [Fact]
    public async Task Sweep_SameProviderAccountUnderTwoOfOurs_TheUsersMachineLivesOn()
    {
        // The operator's key is also the user's own: both accounts list the same machines.
        await using var bench = await SpineBench.StartAsync();
        await bench.Get<SecretStore>().SetAsync(SpineBench.User, SecretStore.VastApiKey, "server-vast", TestContext.Current.CancellationToken);
        var id = await bench.RunningAsync();
        Assert.Equal(1, (await bench.MachineAsync(id)).Account);
        await bench.RunAsync(10 * Sweep);

        Assert.Equal(["create 1"], bench.Vast.Calls);
        Assert.Equal(MachinePhase.Ready, (await bench.MachineAsync(id)).Phase);
    }

    [Fact]
    public async Task Sweep_SecondMachineOfOneTag_IsDestroyedAndTheRecordedOneKept()
    {
        await using var bench = await SpineBench.StartAsync();
        var machine = await bench.MachineAsync(await bench.RunningAsync());
        var twin = bench.Vast.Add(machine.Tag);
        await bench.RunAsync(3 * Sweep);

        Assert.Equal([machine.ProviderMachineId], bench.Vast.Machines.Keys);
        Assert.Equal(["create 1", $"destroy {twin}"], bench.Vast.Calls);
    }

    [Fact]
    public async Task Sweep_ListingLacksALiveMachine_ItIsOnlyLookedAt()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        bench.Vast.Unlisted.Add("vast-1");
        await bench.RunAsync(10 * Sweep);

        Assert.Equal(MachinePhase.Ready, (await bench.MachineAsync(id)).Phase);
        Assert.Equal(["create 1"], bench.Vast.Calls);
    }
}
