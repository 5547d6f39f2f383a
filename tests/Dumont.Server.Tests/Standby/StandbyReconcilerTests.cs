using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Standby;

/// <summary>How a standby is had, kept and given up, in virtual time.</summary>
public sealed class StandbyReconcilerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task StandbyManager_CreateAssociation()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();

        var (association, standby) = (await bench.AssociationAsync(id), await bench.StandbyAsync(id));
        Assert.True(association.SyncCount > 0);
        Assert.False(association.Document.GpuFailed);
        Assert.Equal((MachineRole.Standby, MachinePhase.Ready, "gcp"), (standby.Role, standby.Phase, standby.Provider));

        // The GPU is in South Korea.
        Assert.Equal("asia-northeast3-a", standby.Document.Offer.Geolocation);
        Assert.Equal(AgentRole.Writer, bench.Agents.RoleOf((await bench.WriterAsync(id)).Id));
        Assert.Equal(AgentRole.Follower, bench.Agents.RoleOf(standby.Id));
    }

    [Fact]
    public async Task StandbyManager_MarkGpuFailed()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync(autoRecovery: false);
        var gpu = await bench.WriterAsync(id);
        bench.Kill(gpu);
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.GpuFailed, TimeSpan.FromSeconds(30));

        var document = (await bench.AssociationAsync(id)).Document;
        Assert.Equal(("gpu_failure", gpu.Id, AssociationState.FailoverActive), (document.FailureReason, document.LostMachineId!.Value, document.State));
        Assert.NotNull(document.FailedAt);
        Assert.Contains("standby.gpu_lost", await bench.EventsAsync(id));
    }

    [Fact]
    public async Task Release_InPeace_GivesTheStandbyBackAndTheGpuGoesOn()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        Assert.True(await bench.Get<AssociationStore>().ReleaseAsync(SpineBench.User, id, Cancel));
        await bench.RunUntilAsync(() => Task.FromResult(bench.Gcp.Machines.Count == 0), TimeSpan.FromMinutes(1));

        Assert.Equal(InstanceStatus.Running, (await bench.InstanceAsync(id)).Status);
        Assert.Equal(["create 1"], bench.Vast.Calls);
    }

    [Fact]
    public async Task Release_WhileTheInstanceRunsOnTheStandby_IsRefused()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync(autoRecovery: false);
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Generation == 2, TimeSpan.FromSeconds(30));

        Assert.False(await bench.Get<AssociationStore>().ReleaseAsync(SpineBench.User, id, Cancel));
        await bench.RunAsync(TimeSpan.FromMinutes(2));
        Assert.Single(bench.Gcp.Machines);
    }

    [Fact]
    public async Task Release_DuringThePromotion_EndsTheFailover_AndTheGpuWritesOn()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var gpu = await bench.WriterAsync(id);
        bench.Agents.IgnoreOrders = true;
        bench.Kill(gpu);
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).FailoverActive, TimeSpan.FromSeconds(30));
        Assert.True(await bench.Get<AssociationStore>().ReleaseAsync(SpineBench.User, id, Cancel));
        bench.Agents.IgnoreOrders = false;
        bench.Agents.Silent.Clear();
        await bench.RunAsync(TimeSpan.FromMinutes(2));

        Assert.Equal(FailoverPhase.Failed, Assert.Single(await bench.FailoversAsync()).Phase);
        Assert.Equal(AgentRole.Writer, bench.Agents.RoleOf(gpu.Id));
        Assert.Empty(bench.Gcp.Machines);
        Assert.Equal(InstanceStatus.Running, (await bench.InstanceAsync(id)).Status);
    }

    [Fact]
    public async Task Provision_AgainAfterARelease_BeginsAnew()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        await bench.Get<AssociationStore>().ReleaseAsync(SpineBench.User, id, Cancel);
        await bench.RunAsync(TimeSpan.FromMinutes(1));
        bench.Agents.SyncIsCut = true;
        await bench.Database.WriteAsync(
            transaction => bench.Get<AssociationStore>().EnsureAsync(transaction, id, SpineBench.User, "europe-west1-b"), Cancel);
        Assert.Equal(0, (await bench.AssociationAsync(id)).SyncCount);
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.State == AssociationState.Syncing, TimeSpan.FromMinutes(1));

        Assert.Equal("europe-west1-b", (await bench.StandbyAsync(id)).Document.Offer.Geolocation);
        bench.Agents.SyncIsCut = false;
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.State == AssociationState.Ready, TimeSpan.FromMinutes(1));
    }

    [Theory]
    [InlineData(DeleteReason.UserRequest, true, 0)]
    [InlineData(DeleteReason.UserRequest, false, 1)]
    [InlineData(DeleteReason.GpuFailure, true, 1)]
    [InlineData(DeleteReason.SpotInterruption, true, 1)]
    public async Task Delete_Reason_KeepsOrGivesBackTheStandby(object reason, bool destroyStandby, int standbys)
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        await bench.Get<InstanceService>().DeleteAsync(SpineBench.User, id, (DeleteReason)reason, destroyStandby, Cancel);
        await bench.RunUntilAsync(async () => (await bench.InstanceAsync(id)).Status == InstanceStatus.Deleted, TimeSpan.FromMinutes(3));
        await bench.RunAsync(TimeSpan.FromMinutes(3));

        Assert.Empty(bench.Vast.Machines);
        Assert.Equal(standbys, bench.Gcp.Machines.Count);
        if (standbys > 0)
        {
            Assert.Equal(AssociationState.Orphaned, (await bench.AssociationAsync(id)).Document.State);

            // Released later, it goes as well.
            Assert.True(await bench.Get<AssociationStore>().ReleaseAsync(SpineBench.User, id, Cancel));
            await bench.RunUntilAsync(() => Task.FromResult(bench.Gcp.Machines.Count == 0), TimeSpan.FromMinutes(1));
        }
    }

    [Fact]
    public async Task Delete_DuringAFailover_LeavesNothingAndNoFailoverOpen()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        bench.Kill(await bench.WriterAsync(id));
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.Phase == FailoverPhase.Provisioning, TimeSpan.FromMinutes(1));
        await bench.Get<InstanceService>().DeleteAsync(SpineBench.User, id, DeleteReason.UserRequest, destroyStandby: true, Cancel);
        await bench.RunAsync(TimeSpan.FromMinutes(4));

        Assert.Empty(bench.Vast.Machines);
        Assert.Empty(bench.Gcp.Machines);
        Assert.Equal(InstanceStatus.Deleted, (await bench.InstanceAsync(id)).Status);
        Assert.NotNull(Assert.Single(await bench.FailoversAsync()).CompletedAt);
    }

    [Fact]
    public async Task Standby_Preempted_IsStartedAgain()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        bench.Gcp.Set("gcp-1", ProviderMachineState.Interrupted);
        await bench.RunUntilAsync(() => Task.FromResult(bench.Gcp.Calls.Contains("start gcp-1")), TimeSpan.FromMinutes(1));
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.State == AssociationState.Ready, TimeSpan.FromMinutes(1));

        Assert.Equal(["gcp-1"], bench.Gcp.Machines.Keys);
    }

    [Fact]
    public async Task Standby_CannotBeHad_IsShownAndTriedAgain_WhileTheInstanceRuns()
    {
        await using var bench = await SpineBench.StartAsync();
        bench.Gcp.IsDown = true;
        await bench.Get<FailoverSettings>().ChangeOfUserAsync(SpineBench.User, _ => new AutoStandbySettings { Enabled = true }, Cancel);
        var id = await bench.RunningAsync();
        await bench.RunAsync(TimeSpan.FromMinutes(1));
        Assert.StartsWith("Google Cloud could not be asked", (await bench.AssociationAsync(id)).Document.Message, StringComparison.Ordinal);

        bench.Gcp.IsDown = false;
        await bench.RunUntilAsync(async () => (await bench.AssociationAsync(id)).Document.State == AssociationState.Ready, TimeSpan.FromMinutes(1));
        Assert.Null((await bench.AssociationAsync(id)).Document.Message);
    }

    [Fact]
    public async Task Save_LostFence_IsRejected()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.ProtectedAsync();
        var stale = await bench.ClaimAsync(WorkKinds.Standby, id.Value);
        await bench.ClaimAsync(WorkKinds.Standby, id.Value);
        var association = await bench.AssociationAsync(id);

        await Assert.ThrowsAsync<StaleWriteException>(
            () => bench.Get<AssociationStore>().SaveAsync(
                association, association with { Document = association.Document with { GpuFailed = true } }, stale, also: null, Cancel));
        Assert.False((await bench.AssociationAsync(id)).Document.GpuFailed);
    }

    [Fact]
    public async Task MoveWriter_OldGeneration_IsRejected()
    {
        await using var bench = await SpineBench.StartAsync();
        var id = await bench.RunningAsync();
        var writer = await bench.WriterAsync(id);
        Task Move(long from, long to) =>
            bench.Database.WriteAsync(transaction => bench.Get<InstanceStore>().MoveWriterAsync(transaction, id, from, to, writer.Id), Cancel);

        await Move(1, 2);
        await Assert.ThrowsAsync<StaleWriteException>(() => Move(1, 3));
        Assert.Equal(2, (await bench.InstanceAsync(id)).Generation);
    }
}
