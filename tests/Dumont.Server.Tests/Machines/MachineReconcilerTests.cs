using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Machines;

public sealed class MachineReconcilerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Create_NothingGoesWrong_OneMachineIsReadyAndRuns()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();

        var machine = await bench.MachineAsync(id);
        Assert.Equal((MachinePhase.Ready, "vast-1"), (machine.Phase, machine.ProviderMachineId));
        Assert.Equal(["create 1"], bench.Vast.Calls);
        Assert.Equal(["vast-1.example"], bench.Ssh.Prepared);
        Assert.Equal("ssh-ed25519 vast-1.example", machine.Document.BootHostKey);
        Assert.Equal((1, machine.Id), ((await bench.InstanceAsync(id)).Generation, (await bench.InstanceAsync(id)).WriterMachineId!.Value));
        Assert.Equal(["instance.created", "instance.running"], await bench.EventsAsync(id));
    }

    [Fact]
    public async Task Create_ProviderIsAsked_OnlyAfterTheIntentIsRecorded()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.CreateAsync();

        var machine = await bench.MachineAsync(id);
        Assert.Equal((MachinePhase.Intended, OwnerTag.Of(bench.ServerName, id, 1)), (machine.Phase, machine.Tag));
        Assert.Empty(bench.Vast.Calls);
    }

    [Fact]
    public async Task Create_AnswerLostAfterTheEffect_IsFoundByTagAndAdopted()
    {
        await using var bench = await SpineBench.StartAsync();
        bench.Vast.Creates.Enqueue(Script.AnswerLost);
        var id = await bench.RunningAsync();
        await bench.RunAsync(TimeSpan.FromMinutes(3));

        Assert.Equal("vast-1", (await bench.MachineAsync(id)).ProviderMachineId);
        Assert.Equal(["create 1"], bench.Vast.Calls);
        Assert.Single(bench.Vast.Machines);
    }

    [Theory]
    [InlineData(Script.LeavesMachine)]
    [InlineData(Script.HidesMachine)]
    public async Task Create_RefusedButLeftAMachine_ItIsReleasedAndAnotherRented(object script)
    {
        await using var bench = await SpineBench.StartAsync();
        bench.Vast.Creates.Enqueue((Script)script);
        var id = await bench.RunningAsync();
        await bench.RunUntilAsync(async () => (await bench.MachinesAsync(id))[0].Phase == MachinePhase.Gone, TimeSpan.FromMinutes(2));

        Assert.Contains("destroy vast-1", bench.Vast.Calls);
        Assert.Equal(["vast-2"], bench.Vast.Machines.Keys);
        Assert.Equal("vast-2", (await bench.WriterAsync(id)).ProviderMachineId);
        Assert.Contains("instance.substitute", await bench.EventsAsync(id));
    }

    [Fact]
    public async Task Create_ListingLiesAfterALostAnswer_IsReplaced_AndTheFirstIsReleasedWhenItTurnsUp()
    {
        await using var bench = await SpineBench.StartAsync();
        bench.Vast.Creates.Enqueue(Script.AnswerLost);
        bench.Vast.ListingLag = TimeSpan.FromSeconds(120);
        var id = await bench.RunningAsync();

        var machines = await bench.MachinesAsync(id);
        Assert.Equal([(MachinePhase.Failed, MachineFailure.Abandoned), (MachinePhase.Ready, null)], machines.Select(each => (each.Phase, each.Document.Failure)));
        Assert.Equal(2, bench.Vast.Machines.Count);

        await bench.RunUntilAsync(async () => (await bench.MachinesAsync(id))[0].Phase == MachinePhase.Gone, TimeSpan.FromMinutes(5));
        Assert.Equal(["vast-2"], bench.Vast.Machines.Keys);
        Assert.Equal(bench.Vast.Made.Distinct(), bench.Vast.Made);
        Assert.Equal(InstanceStatus.Running, (await bench.InstanceAsync(id)).Status);
    }

    [Fact]
    public async Task Create_CallNeverArrives_IsReplacedAndNothingIsLeft()
    {
        await using var bench = await SpineBench.StartAsync();
        bench.Vast.Creates.Enqueue(Script.CallLost);
        var id = await bench.RunningAsync();

        Assert.Equal([MachinePhase.Failed, MachinePhase.Ready], (await bench.MachinesAsync(id)).Select(machine => machine.Phase));
        Assert.Single(bench.Vast.Machines);
    }

    [Fact]
    public async Task Create_SameOfferTwice_TheSecondRentsTheEquivalent()
    {
        await using var bench = await SpineBench.StartAsync();
        var ids = await Task.WhenAll(bench.CreateAsync(1), bench.CreateAsync(1));

        var offers = new List<string>();
        foreach (var id in ids)
        {
            offers.Add((await bench.MachineAsync(id)).Document.Offer.Id);
        }

        Assert.Contains("1", offers);
        Assert.Equal(2, offers.Distinct().Count());

        await bench.RunAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(2, bench.Vast.Machines.Count);
        Assert.Equal(2, bench.Vast.Calls.Count);
    }

    [Fact]
    public async Task Create_EveryOfferIsGone_FailsWithTheReason_AndBillsNothing()
    {
        await using var bench = await SpineBench.StartAsync("Instances:OfferAttempts=3");
        bench.Vast.GoneOffers.UnionWith(["1", "2", "3", "4", "5", "6"]);
        var id = await bench.CreateAsync();
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Error, TimeSpan.FromMinutes(5));

        Assert.Equal(3, bench.Vast.Calls.Distinct().Count());
        Assert.Equal(3, bench.Vast.Calls.Count);
        Assert.Empty(bench.Vast.Machines);
        Assert.Equal("The offer is taken or has expired.", (await bench.InstanceAsync(id)).Document.StatusMessage);
    }

    [Fact]
    public async Task Create_NoCredit_FailsAtOnce()
    {
        await using var bench = await SpineBench.StartAsync();
        bench.Vast.Creates.Enqueue(Script.NoCredit);
        var id = await bench.CreateAsync();
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Error, TimeSpan.FromSeconds(30));

        Assert.Equal(["create 1"], bench.Vast.Calls);
    }

    [Fact]
    public async Task Create_BootsForEver_IsGivenUpAndAnotherHostTried()
    {
        await using var bench = await SpineBench.StartAsync("Machines:BootTimeout=00:01:00");
        bench.Ssh.Silent.Add("vast-1.example");
        var id = await bench.CreateAsync();
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Running, TimeSpan.FromMinutes(3));

        Assert.Equal(MachineFailure.BootTimeout, (await bench.MachinesAsync(id))[0].Document.Failure);
        await bench.RunAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(["vast-2"], bench.Vast.Machines.Keys);
    }

    [Fact]
    public async Task Create_CannotBePrepared_IsGivenUpAfterTheAttempts()
    {
        await using var bench = await SpineBench.StartAsync("Machines:PrepareAttempts=2");
        bench.Ssh.Broken.Add("vast-1.example");
        var id = await bench.RunningAsync();

        var first = (await bench.MachinesAsync(id))[0];
        Assert.Equal((MachineFailure.PrepareFailed, 2), (first.Document.Failure, first.Document.PrepareAttempts));
    }

    [Fact]
    public async Task Destroy_Deleted_IsGoneOnlyOnProof()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        await DeleteAsync(bench, id);
        await bench.RunUntilAsync(() => Task.FromResult(bench.Vast.Machines.Count == 0), TimeSpan.FromSeconds(5));

        // The provider has let it go; we count on until it has been absent for long enough.
        await bench.RunAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(MachinePhase.Releasing, (await bench.MachineAsync(id)).Phase);
        Assert.Equal(InstanceStatus.Deleting, (await bench.InstanceAsync(id)).Status);
        await bench.RunAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(MachinePhase.Gone, (await bench.MachineAsync(id)).Phase);
        Assert.Equal(InstanceStatus.Deleted, (await bench.InstanceAsync(id)).Status);
        Assert.Single(bench.Vast.Calls, "destroy vast-1");
    }

    [Theory]
    [InlineData(Script.AnswerLost, 1)]
    [InlineData(Script.CallLost, 2)]
    [InlineData(Script.Refused, 2)]
    [InlineData(Script.Denied, 2)]
    public async Task Destroy_CallGoesWrong_IsRepeatedUntilTheMachineIsGone(object script, int calls)
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        bench.Vast.Destroys.Enqueue((Script)script);
        await DeleteAsync(bench, id);
        await bench.RunUntilAsync(async () => (await bench.MachineAsync(id)).Phase == MachinePhase.Gone, TimeSpan.FromMinutes(3));

        Assert.Empty(bench.Vast.Machines);
        Assert.Equal(calls, bench.Vast.Calls.Count(call => call == "destroy vast-1"));
    }

    [Fact]
    public async Task Destroy_ProviderDeniesAMachineThatIsThere_TheSweepFindsAndReleasesIt()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        bench.Vast.Destroys.Enqueue(Script.Denied);
        bench.Vast.Denied.Add("vast-1");
        bench.Vast.Unlisted.Add("vast-1");
        await DeleteAsync(bench, id);
        await bench.RunUntilAsync(async () => (await bench.MachineAsync(id)).Phase == MachinePhase.Gone, TimeSpan.FromMinutes(2));
        Assert.Single(bench.Vast.Machines);

        // It comes to light.
        bench.Vast.Denied.Clear();
        bench.Vast.Unlisted.Clear();
        await bench.RunUntilAsync(() => Task.FromResult(bench.Vast.Machines.Count == 0), TimeSpan.FromMinutes(2));
        await bench.RunUntilAsync(async () => (await bench.MachineAsync(id)).Phase == MachinePhase.Gone, TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task Watch_ProviderUnknownForLong_NothingIsDestroyed()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        bench.Vast.IsDown = true;
        await bench.RunAsync(TimeSpan.FromMinutes(20));
        bench.Vast.IsDown = false;
        await bench.RunAsync(TimeSpan.FromMinutes(5));

        Assert.Equal(["create 1"], bench.Vast.Calls);
        Assert.Equal(MachinePhase.Ready, (await bench.MachineAsync(id)).Phase);
        Assert.Equal(InstanceStatus.Running, (await bench.InstanceAsync(id)).Status);
    }

    [Fact]
    public async Task Watch_ProviderHasLostIt_IsLostAfterTwoReadings()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        bench.Vast.Machines.Clear();
        await bench.RunAsync(TimeSpan.FromSeconds(20));
        Assert.Null((await bench.MachineAsync(id)).Document.Failure);

        await bench.RunUntilAsync(async () => (await bench.MachineAsync(id)).Document.Failure == MachineFailure.Lost, TimeSpan.FromMinutes(2));
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Error, TimeSpan.FromMinutes(1));
        await bench.RunUntilAsync(async () => (await bench.MachineAsync(id)).Phase == MachinePhase.Gone, TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task PauseResume_Machine_StopsKeepsItsDiskAndStartsAgain()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        await WantAsync(bench, id, InstanceDesired.Paused);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Paused, TimeSpan.FromMinutes(1));
        Assert.Equal(ProviderMachineState.Stopped, bench.Vast.Machines["vast-1"].State);

        await bench.RunAsync(TimeSpan.FromMinutes(5));
        await WantAsync(bench, id, InstanceDesired.Running);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Running, TimeSpan.FromMinutes(1));
        Assert.Equal(["create 1", "stop vast-1", "start vast-1"], bench.Vast.Calls);
        Assert.Equal(1, (await bench.InstanceAsync(id)).Generation);
    }

    [Fact]
    public async Task Resume_StartIsRefusedAtFirst_IsTriedAgain()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        await WantAsync(bench, id, InstanceDesired.Paused);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Paused, TimeSpan.FromMinutes(1));
        bench.Vast.Starts.Enqueue(Script.Refused);
        bench.Vast.Starts.Enqueue(Script.CallLost);
        await WantAsync(bench, id, InstanceDesired.Running);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Running, TimeSpan.FromMinutes(2));

        Assert.Equal(3, bench.Vast.Calls.Count(call => call == "start vast-1"));
    }

    [Theory]
    [InlineData(ProviderMachineState.Loading)]
    [InlineData(ProviderMachineState.Offline)]
    [InlineData(ProviderMachineState.Failed)]
    public async Task Resume_MachineDoesNotComeBack_TheWorkspaceIsKeptUntilTheUserDeletes(ProviderMachineState state)
    {
        await using var bench = await SpineBench.StartAsync("Machines:BootTimeout=00:01:00");
        var id = await bench.RunningAsync();
        await WantAsync(bench, id, InstanceDesired.Paused);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Paused, TimeSpan.FromMinutes(1));
        bench.Vast.BootState = state;
        await WantAsync(bench, id, InstanceDesired.Running);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Error, TimeSpan.FromMinutes(3));
        await bench.RunAsync(TimeSpan.FromMinutes(10));
        Assert.Contains("vast-1", bench.Vast.Machines.Keys);
        Assert.DoesNotContain("destroy vast-1", bench.Vast.Calls);

        await DeleteAsync(bench, id);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Deleted, TimeSpan.FromMinutes(3));
        Assert.Empty(bench.Vast.Machines);
    }

    [Fact]
    public async Task Delete_WhileTheAnswerOfCreateIsMissing_LeavesNothing()
    {
        await using var bench = await SpineBench.StartAsync();
        bench.Vast.Creates.Enqueue(Script.AnswerLost);
        bench.Vast.ListingLag = TimeSpan.FromSeconds(90);
        var id = await bench.CreateAsync();
        await bench.RunUntilAsync(() => Task.FromResult(bench.Vast.Machines.Count == 1), TimeSpan.FromSeconds(5));
        await DeleteAsync(bench, id);
        await bench.RunUntilAsync(() => Task.FromResult(bench.Vast.Machines.Count == 0), TimeSpan.FromMinutes(4));
        await bench.RunAsync(TimeSpan.FromMinutes(2));

        Assert.Equal(["create 1"], bench.Vast.Calls.Where(call => call.StartsWith("create", StringComparison.Ordinal)));
        Assert.All(await bench.MachinesAsync(id), machine => Assert.Equal(MachinePhase.Gone, machine.Phase));
    }

    [Fact]
    public async Task Delete_BeforeTheProviderWasAsked_AsksNever()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.CreateAsync();
        var machine = await bench.MachineAsync(id);
        await bench.Database.WriteAsync(
            transaction => bench.Get<MachineStore>().SetDesiredAsync(transaction, machine.Id, MachineDesired.Gone), Cancel);
        await DeleteAsync(bench, id);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Deleted, TimeSpan.FromSeconds(10));

        Assert.Empty(bench.Vast.Calls);
    }

    [Fact]
    public async Task Save_LostFence_IsRejectedAndChangesNothing()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var machine = await bench.MachineAsync(id);
        var stale = await bench.ClaimAsync(WorkKinds.Machine, machine.Id.Value);
        var newer = await bench.ClaimAsync(WorkKinds.Machine, machine.Id.Value);
        var after = machine.Enter(MachinePhase.Releasing, bench.Clock.GetUtcNow());

        await Assert.ThrowsAsync<StaleWriteException>(() => bench.Get<MachineStore>().SaveAsync(machine, after, stale, Cancel));
        Assert.Equal(MachinePhase.Ready, (await bench.MachineAsync(id)).Phase);

        await bench.Get<MachineStore>().SaveAsync(machine, after, newer, Cancel);
        Assert.Equal(MachinePhase.Releasing, (await bench.MachineAsync(id)).Phase);
    }

    [Fact]
    public async Task Save_RowHasChanged_IsRejected()
    {
        await using var bench = await SpineBench.StartAsync();
        var machine = await bench.MachineAsync(await bench.RunningAsync());
        var fence = await bench.ClaimAsync(WorkKinds.Machine, machine.Id.Value);
        await bench.Database.WriteAsync(transaction => bench.Get<MachineStore>().SetDesiredAsync(transaction, machine.Id, MachineDesired.Gone), Cancel);

        await Assert.ThrowsAsync<StaleWriteException>(
            () => bench.Get<MachineStore>().SaveAsync(machine, machine.Enter(MachinePhase.Stopped, bench.Clock.GetUtcNow()), fence, Cancel));
    }

    [Fact]
    public async Task SetDesired_Gone_IsForEver()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var machine = await bench.MachineAsync(id);
        foreach (var desired in new[] { MachineDesired.Gone, MachineDesired.Running, MachineDesired.Stopped })
        {
            await bench.Database.WriteAsync(transaction => bench.Get<MachineStore>().SetDesiredAsync(transaction, machine.Id, desired), Cancel);
        }

        Assert.Equal(MachineDesired.Gone, (await bench.MachineAsync(id)).Desired);
    }

    private static Task<bool> DeleteAsync(SpineBench bench, InstanceId id) =>
        bench.Get<InstanceService>().DeleteAsync(SpineBench.User, id, DeleteReason.UserRequest, destroyStandby: true, Cancel);

    private static Task<bool> WantAsync(SpineBench bench, InstanceId id, InstanceDesired desired) =>
        bench.Get<InstanceService>().SetDesiredAsync(SpineBench.User, id, desired, Cancel);
}
