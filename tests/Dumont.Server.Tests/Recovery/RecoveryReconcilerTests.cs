using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Web;
using Dumont.Server.Recovery;
using Dumont.Server.Snapshots;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Recovery;

public sealed class RecoveryReconcilerTests
{
    private const string Patience = "Recovery:Patience=00:00:05";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task MachineDies_SnapshotButNoStandby_ANewOneIsFilledBeforeItWrites()
    {
        await using var bench = await StartAsync();
        var id = await bench.RunningAsync();
        var before = await bench.InstanceAsync(id);
        var snapshot = await KeepAsync(bench, id);
        await bench.RunAsync(TimeSpan.FromMinutes(2));
        var lost = await bench.WriterAsync(id);
        bench.Kill(lost);
        await UntilOverAsync(bench, id);

        var (after, target) = (await bench.InstanceAsync(id), await bench.WriterAsync(id));
        Assert.Equal((2, before.GatewayPort, before.Label), (after.Generation, after.GatewayPort, after.Label));
        Assert.NotEqual(lost.Document.Offer.HostMachineId, target.Document.Offer.HostMachineId);
        Assert.All(bench.Agents.Writers, each => Assert.Single(each.Value));
        Assert.Equal([EngineIdOf(snapshot)], bench.Agents.Filled(target.Id));
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Running, Limit);
        await bench.RunUntilAsync(async () => (await MachineAsync(bench, id, lost.Id)).Phase == MachinePhase.Gone, Limit);

        var failover = Assert.Single(await bench.FailoversAsync());
        Assert.Equal((FailoverPhase.Complete, true, $"{snapshot}", true), (failover.Phase, failover.IsFromSnapshot, failover.SnapshotId, failover.DataRestored));
        Assert.InRange(failover.RpoSeconds!.Value, 115, 130);
        Assert.InRange(failover.RtoSeconds!.Value, 8, 60);
        Assert.Equal(
            ["recovery.begun", "recovery.renting", "recovery.restoring", "recovery.switching", "recovery.completed"],
            (await bench.EventsAsync(id)).Where(type => type.StartsWith("recovery", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task MachineDies_NoSnapshot_SaysWhatIsMissingOnceAndRentsNothing()
    {
        await using var bench = await StartAsync();
        var id = await bench.RunningAsync();
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Error, Limit);
        Assert.Equal(RecoveryPoint.Missing, (await bench.InstanceAsync(id)).Document.StatusMessage);
        await bench.RunAsync(TimeSpan.FromMinutes(5));
        Assert.Single(await bench.MachinesAsync(id));
        Assert.Single(await bench.EventsAsync(id), type => type == "recovery.failed");

        var (_, problem) = await bench.Get<RecoveryService>().RecoverAsync(SpineBench.User, id, new RecoverInstanceRequest(), Cancel);
        Assert.Equal(Problems.RecoveryNoSnapshot, problem!.Kind);
    }

    [Fact]
    public async Task MachineComesBack_WhileItsSuccessorIsFilled_WritesOnAndTheSuccessorIsGivenBack()
    {
        await using var bench = await StartAsync();
        var id = await bench.RunningAsync();
        await KeepAsync(bench, id);
        var lost = await bench.WriterAsync(id);
        bench.Agents.NeverFilled = true;
        bench.Kill(lost);
        await bench.RunUntilAsync(async () => (await RecoveryAsync(bench, id))?.Document.Phase == RecoveryPhase.Restoring, Limit);
        var target = (await RecoveryAsync(bench, id))!.Document.TargetMachineId!.Value;
        bench.Agents.Silent.Clear();
        bench.Ssh.Silent.Clear();
        await bench.RunUntilAsync(async () => (await RecoveryAsync(bench, id))!.Document.Phase == RecoveryPhase.Cancelled, Limit);

        var instance = await bench.InstanceAsync(id);
        Assert.Equal((1, lost.Id), (instance.Generation, instance.WriterMachineId!.Value));
        await bench.RunUntilAsync(async () => (await MachineAsync(bench, id, target)).Phase == MachinePhase.Gone, Limit);
        Assert.Equal(MachineDesired.Running, (await MachineAsync(bench, id, lost.Id)).Desired);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Running, Limit);
    }

    [Fact]
    public async Task SuccessorLostInTheSwitch_ItsGenerationIsUsedUpAndAnotherOneIsFilled()
    {
        await using var bench = await StartAsync("Standby:PartnerSilence=00:00:05", "Standby:PromotionTimeout=00:00:10");
        var id = await bench.RunningAsync();
        await KeepAsync(bench, id);
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunUntilAsync(async () => await RecoveryAsync(bench, id) is { IsSwitching: true }, Limit);
        var first = await MachineAsync(bench, id, (await RecoveryAsync(bench, id))!.Document.TargetMachineId!.Value);
        bench.Kill(first);
        await UntilOverAsync(bench, id);

        Assert.NotEqual(first.Id, (await bench.WriterAsync(id)).Id);
        Assert.Equal(4, (await bench.InstanceAsync(id)).Generation);
        Assert.All(bench.Agents.Writers, each => Assert.Single(each.Value));
        Assert.Equal(MachineDesired.Gone, (await MachineAsync(bench, id, first.Id)).Desired);
    }

    [Theory]
    [InlineData(Script.AnswerLost)]
    [InlineData(Script.HidesMachine)]
    [InlineData(Script.LeavesMachine)]
    public async Task AnswerOfTheProviderIsLost_NoMachineIsLeftOver(object answer)
    {
        await using var bench = await StartAsync();
        var id = await bench.RunningAsync();
        await KeepAsync(bench, id);
        bench.Vast.Creates.Enqueue((Script)answer);
        bench.Kill(await bench.WriterAsync(id));
        await UntilOverAsync(bench, id);
        var writer = await bench.WriterAsync(id);
        await bench.RunUntilAsync(() => Task.FromResult(bench.Vast.Machines.Keys.SequenceEqual([writer.ProviderMachineId!])), Limit);
    }

    [Fact]
    public async Task StandbyIsLostAsWell_FallsBackToTheSnapshotAndGivesBothBack()
    {
        await using var bench = await StartAsync();
        var id = await bench.ProtectedAsync();
        await KeepAsync(bench, id);
        var (lost, standby) = (await bench.WriterAsync(id), await bench.StandbyAsync(id));
        bench.Kill(lost);
        bench.Kill(standby);
        await UntilOverAsync(bench, id);

        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.State == AssociationState.Ready, Limit);
        Assert.NotEqual(standby.Id, (await bench.AssociationAsync(id)).StandbyMachineId);
        Assert.False((await bench.AssociationAsync(id)).Document.GpuFailed);
        foreach (var gone in (MachineId[])[lost.Id, standby.Id])
        {
            await bench.RunUntilAsync(async () => (await MachineAsync(bench, id, gone)).Phase == MachinePhase.Gone, Limit);
        }

        Assert.All(bench.Agents.Writers, each => Assert.Single(each.Value));
    }

    [Fact]
    public async Task FailoverThatLostItsStandby_FallsBackToTheSnapshot()
    {
        await using var bench = await StartAsync();
        bench.Vast.Offers.RemoveRange(1, 5);
        var id = await bench.ProtectedAsync();
        await KeepAsync(bench, id);
        var (lost, standby) = (await bench.WriterAsync(id), await bench.StandbyAsync(id));
        bench.Kill(lost);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).WriterMachineId == standby.Id, Limit);
        bench.Kill(standby);
        bench.Vast.Offers.Add(Offers.OfferSamples.Rtx4090(9));
        await UntilOverAsync(bench, id);

        Assert.Equal("9", (await bench.WriterAsync(id)).Document.Offer.Id);
        Assert.All(bench.Agents.Writers, each => Assert.Single(each.Value));
        await bench.RunUntilAsync(async () => (await MachineAsync(bench, id, lost.Id)).Phase == MachinePhase.Gone, Limit);
    }

    [Fact]
    public async Task Recover_MachineIsThere_IsRefused()
    {
        await using var bench = await StartAsync();
        var id = await bench.RunningAsync();
        await KeepAsync(bench, id);
        var (_, problem) = await bench.Get<RecoveryService>().RecoverAsync(SpineBench.User, id, new RecoverInstanceRequest(), Cancel);
        Assert.Equal(409, problem!.Kind.Status);
        Assert.Null(await RecoveryAsync(bench, id));
    }

    [Fact]
    public async Task Recover_SilentButTheSecondPathAnswers_IsRefused()
    {
        await using var bench = await StartAsync();
        var id = await ByHandAsync(bench);
        await KeepAsync(bench, id);
        bench.Agents.Silent.Add((await bench.WriterAsync(id)).Id);
        await bench.RunAsync(TimeSpan.FromSeconds(20));
        var (_, problem) = await bench.Get<RecoveryService>().RecoverAsync(SpineBench.User, id, new RecoverInstanceRequest(), Cancel);
        Assert.Contains("nothing proves", problem!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Recover_ByHand_TakesTheNamedSnapshotAndASecondRequestIsRefusedWithItsId()
    {
        await using var bench = await StartAsync();
        var id = await ByHandAsync(bench);
        var (older, _) = (await KeepAsync(bench, id), await KeepAsync(bench, id));
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunAsync(TimeSpan.FromMinutes(1));
        Assert.Null(await RecoveryAsync(bench, id));

        var service = bench.Get<RecoveryService>();
        var (begun, _) = await service.RecoverAsync(SpineBench.User, id, new RecoverInstanceRequest { SnapshotId = $"{older}" }, Cancel);
        var (_, second) = await service.RecoverAsync(SpineBench.User, id, new RecoverInstanceRequest(), Cancel);
        Assert.Equal(Problems.FailoverRunning, second!.Kind);
        Assert.Contains(begun!.FailoverId, second.Detail, StringComparison.Ordinal);
        await UntilOverAsync(bench, id);
        Assert.Equal([EngineIdOf(older)], bench.Agents.Filled((await bench.WriterAsync(id)).Id));
        Assert.Equal("requested", Assert.Single(await bench.FailoversAsync()).Reason);
    }

    [Fact]
    public async Task Readiness_SaysHowOldTheLastSnapshotIs()
    {
        await using var bench = await StartAsync();
        var id = await bench.RunningAsync();
        var readiness = await bench.Get<FailoverService>().FindReadinessAsync(SpineBench.User, id, Cancel);
        Assert.Null(readiness!.Cold!.SnapshotId);
        var snapshot = await KeepAsync(bench, id);
        await bench.RunAsync(TimeSpan.FromMinutes(12));
        var cold = (await bench.Get<FailoverService>().FindReadinessAsync(SpineBench.User, id, Cancel))!.Cold!;
        Assert.Equal(($"{snapshot}", true), (cold.SnapshotId, cold.IsAutomatic));
        Assert.Contains("12 min old", cold.Message, StringComparison.Ordinal);
    }

    private static Task<SpineBench> StartAsync(params string[] settings) => SpineBench.StartAsync([Patience, .. settings]);

    private static async Task<InstanceId> ByHandAsync(SpineBench bench)
    {
        var id = await bench.RunningAsync();
        await bench.Get<FailoverSettings>().ChangeOwnAsync(SpineBench.User, id, before => before with { AutoRecovery = false }, Cancel);
        return id;
    }

    // As if the machine that writes had made it just now.
    private static async Task<SnapshotNumber> KeepAsync(SpineBench bench, InstanceId id)
    {
        var repository = await bench.Get<Repositories>().EnsureOfUserAsync(SpineBench.User, Cancel);
        var document = new SnapshotDocument { SourcePath = "/workspace", Engine = repository.Engine, CompletedAt = bench.Clock.GetUtcNow() };
        return await bench.Database.WriteAsync(
            async transaction =>
            {
                var number = await bench.Get<SnapshotStore>().InsertAsync(transaction, new NewSnapshot(SpineBench.User, id, repository.Id, "kept", IsSync: false, document));
                await SnapshotStore.FinishAsync(transaction, number, SnapshotStatus.Completed, EngineIdOf(number), document);
                return number;
            },
            Cancel);
    }

    private static string EngineIdOf(SnapshotNumber number) => $"engine-{number.Value}";

    private static Task<InstanceRecovery?> RecoveryAsync(SpineBench bench, InstanceId id) => bench.Get<RecoveryStore>().FindLastAsync(id, Cancel);

    private static async Task<Machine> MachineAsync(SpineBench bench, InstanceId id, MachineId machine) =>
        (await bench.MachinesAsync(id)).Single(each => each.Id == machine);

    private static Task UntilOverAsync(SpineBench bench, InstanceId id) =>
        bench.RunUntilAsync(async () => await RecoveryAsync(bench, id) is { Document.Phase: RecoveryPhase.Complete }, Limit);
}
