using System.Data.Common;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Dumont.Server.Snapshots;
using Dumont.Server.Tests.Spine;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Tests.Snapshots;

/// <summary>Two wishes about one snapshot at the same time: what is recorded last has seen what was recorded first.</summary>
public sealed class SnapshotServiceTests
{
    private static readonly UserId User = new(1);

    [Fact]
    public async Task Delete_ARestoreBeginsMeanwhile_IsRefused()
    {
        await using var spine = await SnapshotEndpointTests.StartAsync();
        var (_, snapshot) = await SnapshotAsync(spine);
        var (service, other) = ServiceOf(spine);
        SnapshotResult? restore = null;
        other.BeforeWrite = async () => restore = await spine.Server.Get<SnapshotService>().RestoreAsync(User, RestoreOf(snapshot), Line.Deadline());

        var deleted = await service.DeleteAsync(User, snapshot, Line.Deadline());
        var begun = Assert.IsType<SnapshotResult.Accepted>(restore);
        Assert.Equal(new SnapshotResult.InUse(begun.OperationId), deleted);
        Assert.NotNull(await spine.Server.Get<SnapshotStore>().FindOfUserAsync(User, snapshot, Line.Deadline()));
    }

    [Fact]
    public async Task Restore_TheSnapshotIsDeletedMeanwhile_IsRefused()
    {
        await using var spine = await SnapshotEndpointTests.StartAsync();
        var (_, snapshot) = await SnapshotAsync(spine);
        var (service, other) = ServiceOf(spine);
        other.BeforeWrite = () => spine.Server.Get<SnapshotService>().DeleteAsync(User, snapshot, Line.Deadline());

        Assert.IsType<SnapshotResult.UnknownSnapshot>(await service.RestoreAsync(User, RestoreOf(snapshot), Line.Deadline()));
        var operations = await spine.Server.Get<OperationStore>().ListOfUserAsync(User, 100, Line.Deadline());
        Assert.DoesNotContain(operations, each => each.Kind == OperationKind.Restore);
    }

    [Fact]
    public async Task RestoreToNew_TheSnapshotIsDeletedMeanwhile_RentsNothing()
    {
        await using var spine = await SnapshotEndpointTests.StartAsync();
        var (_, snapshot) = await SnapshotAsync(spine);
        var (service, other) = ServiceOf(spine);
        other.BeforeWrite = () => spine.Server.Get<SnapshotService>().DeleteAsync(User, snapshot, Line.Deadline());

        var refused = await service.RestoreAsync(User, new RestoreSnapshotRequest { SnapshotId = snapshot.ToString(), GpuName = "rtx4090" }, Line.Deadline());
        Assert.IsType<SnapshotResult.UnknownSnapshot>(refused);
        Assert.Single(await spine.Server.Get<InstanceStore>().ListOfUserAsync(User, Line.Deadline()));
    }

    private static RestoreSnapshotRequest RestoreOf(SnapshotNumber snapshot) => new() { SnapshotId = snapshot.ToString() };

    private static async Task<(InstanceId Instance, SnapshotNumber Snapshot)> SnapshotAsync(SpineServer spine)
    {
        var (id, text) = await SnapshotEndpointTests.SnapshotAsync(spine);
        return (id, Assert.IsType<SnapshotNumber>(SnapshotNumber.TryParse(text)));
    }

    // The server's own, but that somebody else comes first to the database.
    private static (SnapshotService Service, LateDatabase Other) ServiceOf(SpineServer spine)
    {
        var late = new LateDatabase(spine.Server.Get<Database>());
        var service = new SnapshotService(
            late,
            spine.Server.Get<SnapshotStore>(),
            spine.Server.Get<OperationStore>(),
            spine.Server.Get<VerificationStore>(),
            spine.Server.Get<Repositories>(),
            spine.Server.Get<InstanceStore>(),
            Microsoft.Extensions.DependencyInjection.ActivatorUtilities.CreateInstance<InstanceService>(spine.Server.Services, late),
            spine.Server.Get<EventStore>(),
            spine.Server.Get<WorkQueue>(),
            TimeProvider.System,
            spine.Server.Get<IOptions<SnapshotsOptions>>());
        return (service, late);
    }

    private sealed class LateDatabase(Database inner) : Database
    {
        public Func<Task>? BeforeWrite { get; set; }

        public override string IdentityColumn => inner.IdentityColumn;

        public override string SkipLocked => inner.SkipLocked;

        public override async Task<T> WriteAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellationToken)
        {
            if (BeforeWrite is { } first)
            {
                BeforeWrite = null;
                await first();
            }

            return await inner.WriteAsync(work, cancellationToken);
        }

        public override Task<T> ReadAsync<T>(Func<DbConnection, Task<T>> work, CancellationToken cancellationToken) => inner.ReadAsync(work, cancellationToken);

        public override bool IsUniqueViolation(DbException exception) => inner.IsUniqueViolation(exception);

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
