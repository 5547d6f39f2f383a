using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Migration;
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
