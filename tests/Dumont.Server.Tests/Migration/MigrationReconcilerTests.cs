using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Migration;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Migration;

public sealed class MigrationReconcilerTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Migrate_GpuToGpu_MovesTheWriterInTheNextGenerationAndReleasesTheSource()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var source = await bench.WriterAsync(id);

        await BeginAsync(bench, id, new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090" });
        await UntilOverAsync(bench, id);

        var (instance, target) = (await bench.InstanceAsync(id), await bench.WriterAsync(id));
        Assert.Equal(MigrationPhase.Complete, (await bench.MigrationAsync(id)).Document.Phase);
        Assert.NotEqual(source.Id, target.Id);
        Assert.Equal((2, target.Document.Offer.Id), (instance.Generation, instance.Document.WantedOffer.Id));
        Assert.All(bench.Agents.Writers.Where(each => each.Key > 1), each => Assert.Single(each.Value));
        await bench.RunUntilAsync(async () => (await bench.MachinesAsync(id)).Single(machine => machine.Id == source.Id).Phase == MachinePhase.Gone, Limit);
        Assert.Equal(
            ["migration.asked", "migration.renting", "migration.copying", "migration.verifying", "migration.switching", "migration.completed"],
            (await bench.EventsAsync(id)).Where(type => type.StartsWith("migration", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Migrate_ToCpuAndKeepingTheSource_StopsItAndLeavesItOutOfPauseAndResume()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var source = await bench.WriterAsync(id);

        await BeginAsync(bench, id, new MigrateRequest { TargetType = "cpu", AutoDestroySource = false });
        await UntilOverAsync(bench, id);
        Assert.Equal(MigrationState.Kept, (await bench.MigrationAsync(id)).State);
        Assert.Equal("gcp", (await bench.WriterAsync(id)).Provider);
        await PhaseAsync(bench, id, source, MachinePhase.Stopped);

        await bench.Get<InstanceService>().SetDesiredAsync(SpineBench.User, id, InstanceDesired.Paused, Cancel);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Paused, Limit);
        await bench.Get<InstanceService>().SetDesiredAsync(SpineBench.User, id, InstanceDesired.Running, Cancel);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Running, Limit);
        await PhaseAsync(bench, id, source, MachinePhase.Stopped);

        var number = (await bench.MigrationAsync(id)).Id;
        Assert.Null(await bench.Get<MigrationService>().ReleaseSourceAsync(SpineBench.User, number, Cancel));
        await PhaseAsync(bench, id, source, MachinePhase.Gone);
        Assert.Equal(MigrationState.Ended, (await bench.MigrationAsync(id)).State);
    }

    [Fact]
    public async Task Migrate_TargetLostInTheSwitch_GivesTheSourceTheWordBackAboveIt()
    {
        await using var bench = await SpineBench.StartAsync("Migration:TargetSilence=00:00:05", "Migration:PromotionTimeout=00:00:10");
        var id = await bench.RunningAsync();
        var source = await bench.WriterAsync(id);
        await BeginAsync(bench, id, new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090" });
        await bench.RunUntilAsync(async () => (await bench.MigrationAsync(id)).Document.Phase == MigrationPhase.Draining, Limit);
        var targetId = (await bench.MigrationAsync(id)).Document.TargetMachineId;
        var target = (await bench.MachinesAsync(id)).Single(machine => machine.Id == targetId);
        await bench.RunUntilAsync(async () => (await bench.MigrationAsync(id)).IsSwitching, Limit);
        bench.Kill(target);

        await UntilOverAsync(bench, id);
        var instance = await bench.InstanceAsync(id);
        Assert.Equal((MigrationPhase.Failed, source.Id, 3), ((await bench.MigrationAsync(id)).Document.Phase, instance.WriterMachineId!.Value, instance.Generation));
        await bench.RunUntilAsync(() => Task.FromResult(bench.Agents.RoleOf(source.Id) == AgentRole.Writer && bench.Agents.GenerationOf(source.Id) == 3), Limit);
        Assert.Equal(MachineDesired.Gone, (await bench.MachinesAsync(id)).Single(machine => machine.Id == target.Id).Desired);
    }

    [Fact]
    public async Task Migrate_WriterDiesMeanwhile_TheFailoverWinsAndTheTargetIsReleased()
    {
        await using var bench = await SpineBench.StartAsync();
        bench.Agents.FirstPass = TimeSpan.FromSeconds(10);
        var id = await bench.ProtectedAsync(autoRecovery: false);
        var standby = await bench.StandbyAsync(id);
        await BeginAsync(bench, id, new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090" });
        await bench.RunUntilAsync(async () => (await bench.MigrationAsync(id)).Document.Phase == MigrationPhase.Copying, Limit);
        var target = (await bench.MigrationAsync(id)).Document.TargetMachineId;
        bench.Kill(await bench.WriterAsync(id));

        await UntilOverAsync(bench, id);
        Assert.Equal(MigrationPhase.Failed, (await bench.MigrationAsync(id)).Document.Phase);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).WriterMachineId == standby.Id, Limit);
        Assert.Equal(MachineDesired.Gone, (await bench.MachinesAsync(id)).Single(machine => machine.Id == target).Desired);
    }

    [Fact]
    public async Task Migrate_WithAStandby_ItFollowsTheNewWriter()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var standby = await bench.StandbyAsync(id);
        await BeginAsync(bench, id, new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090" });
        await UntilOverAsync(bench, id);
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.State == AssociationState.Ready, Limit);
        Assert.Equal((AgentRole.Follower, 2), (bench.Agents.RoleOf(standby.Id), bench.Agents.GenerationOf(standby.Id)));
        Assert.Equal(standby.Id, (await bench.AssociationAsync(id)).StandbyMachineId);
    }

    [Fact]
    public async Task Migrate_AccountCannotPay_FailsAtOnceAndSaysSo()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        bench.Vast.Creates.Enqueue(Script.NoCredit);
        await BeginAsync(bench, id, new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090" });
        await UntilOverAsync(bench, id);

        var migration = await bench.MigrationAsync(id);
        Assert.Equal((MigrationPhase.Failed, 1), (migration.Document.Phase, migration.Document.Attempts));
        Assert.Equal("The provider account has not enough credit.", migration.Document.Error);
    }

    [Fact]
    public async Task Migrate_TargetIsNeverHeardOf_GoesToAnotherOffer()
    {
        await using var bench = await SpineBench.StartAsync("Migration:HearTimeout=00:01:00");
        var id = await bench.RunningAsync();
        await BeginAsync(bench, id, new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090" });
        await bench.RunUntilAsync(async () => (await bench.MigrationAsync(id)).Document.TargetMachineId is not null, Limit);
        var silent = (await bench.MigrationAsync(id)).Document.TargetMachineId!.Value;
        bench.Agents.Silent.Add(silent);

        await UntilOverAsync(bench, id);
        var (all, target) = (await bench.MachinesAsync(id), await bench.WriterAsync(id));
        Assert.Equal(MigrationPhase.Complete, (await bench.MigrationAsync(id)).Document.Phase);
        Assert.NotEqual(all.Single(machine => machine.Id == silent).Document.Offer.Id, target.Document.Offer.Id);
        Assert.Equal(2, (await bench.MigrationAsync(id)).Document.Attempts);
    }

    [Fact]
    public async Task Cancel_OfAMoveThatSwitchesMeanwhile_IsNotRecorded()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var number = await BeginAsync(bench, id, new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090" });
        await bench.RunUntilAsync(async () => (await bench.MigrationAsync(id)).Document.Phase == MigrationPhase.Draining, Limit);
        var seen = await bench.MigrationAsync(id);
        await bench.RunUntilAsync(async () => (await bench.MigrationAsync(id)).IsSwitching, Limit);

        Assert.False(await bench.Get<MigrationStore>().SetWishAsync(seen, MigrationWish.Cancel, Cancel));
        Assert.Equal(409, (await bench.Get<MigrationService>().CancelAsync(SpineBench.User, number, Cancel))!.Kind.Status);
        Assert.Null((await bench.MigrationAsync(id)).Wish);
    }

    [Fact]
    public async Task FailoverRequest_WhileAMoveRuns_IsRefusedWithItsNumberAndTheMoveGoesOn()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var number = await BeginAsync(bench, id, new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090" });
        await bench.RunUntilAsync(async () => (await bench.MigrationAsync(id)).Document.Phase == MigrationPhase.Copying, Limit);

        var service = bench.Get<FailoverService>();
        var asked = await service.RequestAsync(SpineBench.User, id, "requested", isForced: true, Cancel);
        Assert.Equal(new FailoverRequest.Moving(number), asked);
        var refusal = (await FailoverEndpoints.RefusalOfAsync(asked, id, service, Cancel))!;
        Assert.Equal(409, refusal.Kind.Status);
        Assert.Contains($"Migration {number} is running", refusal.Detail, StringComparison.Ordinal);

        await UntilOverAsync(bench, id);
        Assert.Equal(MigrationPhase.Complete, (await bench.MigrationAsync(id)).Document.Phase);
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.State == AssociationState.Ready, Limit);
        Assert.IsType<FailoverRequest.Recorded>(await service.RequestAsync(SpineBench.User, id, "later", isForced: false, Cancel));
    }

    [Fact]
    public async Task Begin_WhenAFailoverWasAskedFor_IsRefused()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        Assert.IsType<FailoverRequest.Recorded>(await bench.Get<FailoverService>().RequestAsync(SpineBench.User, id, "one", isForced: false, Cancel));
        var (_, _, problem) = await bench.Get<MigrationService>().BeginAsync(SpineBench.User, id, new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090" }, Cancel);
        Assert.Equal(409, problem!.Kind.Status);
        Assert.Empty(await bench.Get<MigrationStore>().ListAsync(SpineBench.User, id, Cancel));
    }

    [Fact]
    public async Task Begin_Any_MakesAFailoverThatWasDecidedBeforeItStale()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var seen = await bench.AssociationAsync(id);
        await BeginAsync(bench, id, new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090" });
        Assert.False(await bench.Get<AssociationStore>().RequestFailoverAsync(seen, "late", Cancel));
    }

    [Fact]
    public async Task Estimate_DiskBeyondTheStandbys_SaysThatTheStandbyStaysSmall()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var standby = await bench.StandbyAsync(id);
        var request = new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090" };
        Assert.Empty((await EstimateAsync(request)).Warnings);
        var warning = Assert.Single((await EstimateAsync(request with { DiskSize = 400 })).Warnings);
        Assert.Contains(FormattableString.Invariant($"{standby.Document.Spec.DiskGb:0} GB, and the new machine has 400 GB"), warning, StringComparison.Ordinal);
        Assert.StartsWith("A reserva continua", SentenceTexts.Of(warning, Language.Portuguese), StringComparison.Ordinal);

        async Task<MigrationEstimateResponse> EstimateAsync(MigrateRequest asked) =>
            (await bench.Get<MigrationService>().EstimateAsync(SpineBench.User, id, asked, Cancel)).Estimate!;
    }

    [Fact]
    public async Task Begin_WhileOneRuns_IsAConflictThatNamesIt()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var request = new MigrateRequest { TargetType = "gpu", GpuName = "rtx4090" };
        var number = await BeginAsync(bench, id, request);
        var (_, _, problem) = await bench.Get<MigrationService>().BeginAsync(SpineBench.User, id, request, Cancel);
        Assert.Equal(409, problem!.Kind.Status);
        Assert.Contains($"Migration {number} is running", problem.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Estimate_Any_ChangesNothing()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var (estimate, problem) = await bench.Get<MigrationService>().EstimateAsync(SpineBench.User, id, new MigrateRequest { TargetType = "cpu" }, Cancel);
        Assert.Null(problem);
        Assert.True(estimate!.Available);
        Assert.Equal("cpu", estimate.Target!.Type);
        Assert.Empty(await bench.Get<MigrationStore>().ListAsync(SpineBench.User, id, Cancel));
        await bench.RunAsync(TimeSpan.FromSeconds(10));
        Assert.Single(await bench.MachinesAsync(id));
    }

    private static async Task<long> BeginAsync(SpineBench bench, InstanceId id, MigrateRequest request)
    {
        var (number, _, problem) = await bench.Get<MigrationService>().BeginAsync(SpineBench.User, id, request, Cancel);
        Assert.True(problem is null, problem?.Detail);
        return number!.Value;
    }

    private static Task UntilOverAsync(SpineBench bench, InstanceId id) =>
        bench.RunUntilAsync(async () => (await bench.MigrationAsync(id)).State != MigrationState.Running, TimeSpan.FromMinutes(5));

    private static Task PhaseAsync(SpineBench bench, InstanceId id, Machine machine, MachinePhase phase) =>
        bench.RunUntilAsync(async () => (await bench.MachinesAsync(id)).Single(each => each.Id == machine.Id).Phase == phase, Limit);
}
