using System.Data.Common;
using Dumont.Contracts;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Security;
using Dumont.Server.Settings;
using Dumont.Server.Snapshots;
using Dumont.Server.Tests.Platform.Store;

namespace Dumont.Server.Tests.Snapshots;

/// <summary>The feature's SQL on every database.</summary>
public sealed class SnapshotStoreTests : IDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("dumont-key-").FullName;

    public static TheoryData<Backend> Databases => Backends.All;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Repositories_SamePlace_IsOneAndKeysAreRenewed(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var (ana, bo) = (new UserId(await test.AddUserAsync("ana@example.com")), new UserId(await test.AddUserAsync("bo@example.com")));
        var store = new RepositoryStore(test.Database, MasterKey.OfDirectory(_folder), _time);
        var storage = new StorageSettings { Provider = "s3", Endpoint = "https://s3.example", Bucket = "snaps", AccessKey = "a", SecretKey = "old" };
        var first = await store.EnsureAsync(ana, "dumont", storage, Cancelled);
        var second = await store.EnsureAsync(ana, "dumont", storage with { SecretKey = "new" }, Cancelled);
        Assert.Equal(first.Id, second.Id);
        Assert.Equal("new", store.StorageOf((await store.FindAsync(first.Id, Cancelled))!).SecretKey);
        Assert.NotEqual(first.Id, (await store.EnsureAsync(ana, "restic", storage, Cancelled)).Id);
        Assert.NotEqual(first.Id, (await store.EnsureAsync(bo, "dumont", storage, Cancelled)).Id);
        await store.SetReadyAsync(first.Id, Cancelled);
        Assert.Equal([true, false], (await store.ListOfUserAsync(ana, Cancelled)).Select(each => each.IsReady));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Snapshots_OfAUser_AreItsAlone(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var (ana, bo) = (new UserId(await test.AddUserAsync("ana@example.com")), new UserId(await test.AddUserAsync("bo@example.com")));
        var repository = await RepositoryAsync(test, ana);
        var store = new SnapshotStore(test.Database, _time);
        var document = new SnapshotDocument { SourcePath = "/workspace", Engine = "dumont", Tags = ["a"] };
        var id = await test.Database.WriteAsync(
            transaction => store.InsertAsync(transaction, new NewSnapshot(ana, new InstanceId(5), repository.Id, "one", IsSync: false, document)), Cancelled);
        Assert.Null(await store.FindOfUserAsync(bo, id, Cancelled));
        Assert.False(await store.SetKeepForeverAsync(bo, id, keep: true, Cancelled));
        Assert.True(await store.SetKeepForeverAsync(ana, id, keep: true, Cancelled));
        await test.Database.WriteAsync(
            transaction => SnapshotStore.FinishAsync(transaction, id, SnapshotStatus.Completed, "engine-id", document), Cancelled);
        var found = Assert.Single(await store.ListOfUserAsync(ana, new InstanceId(5), Cancelled));
        Assert.Equal((id, true, "engine-id", "a"), (found.Id, found.KeepForever, found.EngineSnapshotId, found.Document.Tags[0]));
        Assert.Empty(await store.ListOfUserAsync(ana, new InstanceId(6), Cancelled));
        Assert.Equal(0, await test.Database.WriteAsync(transaction => store.DeleteAsync(transaction, bo, [id]), Cancelled));
        Assert.Equal(1, await test.Database.WriteAsync(transaction => store.DeleteAsync(transaction, ana, [id]), Cancelled));
        Assert.Null(await store.FindOfUserAsync(ana, id, Cancelled));
        Assert.NotNull(await store.FindAsync(id, Cancelled));
        Assert.Equal(["engine-id"], await store.ListDeletedAsync(repository.Id, Cancelled));
        Assert.Equal(0, await store.CountAsync(ana, Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Drop_KeptForEverOrBroughtBackSinceTheRulesWereApplied_Stays(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var ana = new UserId(await test.AddUserAsync("ana@example.com"));
        var repository = await RepositoryAsync(test, ana);
        var (store, operations) = (new SnapshotStore(test.Database, _time), new OperationStore(test.Database, _time));
        var ids = new List<SnapshotNumber>();
        for (var i = 0; i < 3; i++)
        {
            var snapshot = new NewSnapshot(ana, new InstanceId(5), repository.Id, "one", IsSync: false, new SnapshotDocument { SourcePath = "/workspace", Engine = "dumont" });
            ids.Add(await test.Database.WriteAsync(transaction => store.InsertAsync(transaction, snapshot), Cancelled));
        }

        await store.SetKeepForeverAsync(ana, ids[0], keep: true, Cancelled);
        var restore = new NewOperation(ana, OperationKind.Restore, repository.Id, ids[1], new InstanceId(5), new OperationDocument());
        await test.Database.WriteAsync(transaction => operations.InsertAsync(transaction, restore), Cancelled);
        Assert.Equal([ids[2]], await test.Database.WriteAsync(transaction => store.DropAsync(transaction, ana, ids), Cancelled));
        Assert.Equal([ids[1], ids[0]], (await store.ListOfUserAsync(ana, null, Cancelled)).Select(each => each.Id));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Drop_WhileARestoreIsBeingRecorded_WaitsAndLeavesItsSnapshot(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var ana = new UserId(await test.AddUserAsync("ana@example.com"));
        var repository = await RepositoryAsync(test, ana);
        var (store, operations) = (new SnapshotStore(test.Database, _time), new OperationStore(test.Database, _time));
        var snapshot = new NewSnapshot(ana, new InstanceId(5), repository.Id, "one", IsSync: false, new SnapshotDocument { SourcePath = "/workspace", Engine = "dumont" });
        var id = await test.Database.WriteAsync(transaction => store.InsertAsync(transaction, snapshot), Cancelled);
        var (held, mayEnd) = (new TaskCompletionSource(), new TaskCompletionSource());
        var restore = test.Database.WriteAsync(
            async transaction =>
            {
                Assert.True(await SnapshotStore.HoldAsync(transaction, id));
                held.SetResult();
                await mayEnd.Task;
                await operations.InsertAsync(transaction, new NewOperation(ana, OperationKind.Restore, repository.Id, id, new InstanceId(5), new OperationDocument()));
            },
            Cancelled);
        await held.Task;
        var drop = test.Database.WriteAsync(transaction => store.DropAsync(transaction, ana, [id]), Cancelled);
        mayEnd.SetResult();
        await restore;
        Assert.Empty(await drop);
        Assert.NotNull(await store.FindOfUserAsync(ana, id, Cancelled));
        await test.Database.WriteAsync(
            async transaction => Assert.NotNull(await OperationStore.FindLiveOfSnapshotAsync(transaction, id)), Cancelled);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Operations_OnePruneAtATimeAndStaleWritesAreRefused(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var ana = new UserId(await test.AddUserAsync("ana@example.com"));
        var repository = await RepositoryAsync(test, ana);
        var store = new OperationStore(test.Database, _time);
        var id = await InsertAsync();
        var twice = await Assert.ThrowsAnyAsync<DbException>(InsertAsync);
        Assert.True(test.Database.IsUniqueViolation(twice));

        using var queue = new WorkQueue(test.Database, _time);
        var fence = Assert.Single(await queue.ClaimAsync("me", TimeSpan.FromMinutes(1), 10, Cancelled));
        Assert.Equal((WorkKinds.SnapshotOperation, id), (fence.Kind, fence.Key));
        var operation = (await store.FindOfUserAsync(ana, id, Cancelled))!;
        var running = await store.SaveAsync(operation, operation with { State = OperationState.Running, MachineId = new MachineId(9) }, fence, null, Cancelled);
        await Assert.ThrowsAsync<StaleWriteException>(() => store.SaveAsync(operation, operation, fence, null, Cancelled));
        await Assert.ThrowsAsync<StaleWriteException>(() => store.SaveAsync(running, running, fence with { Token = fence.Token - 1 }, null, Cancelled));
        Assert.Equal(id, (await store.FindOrderedAsync(new MachineId(9), Cancelled))!.Id);
        Assert.True(await store.RequestCancelAsync(ana, id, Cancelled));
        var cancelled = (await store.FindAsync(id, Cancelled))!;
        await store.SaveAsync(cancelled, cancelled with { State = OperationState.Cancelled, FinishedAt = _time.GetUtcNow() }, fence, null, Cancelled);
        Assert.False(await store.RequestCancelAsync(ana, id, Cancelled));
        Assert.Empty(await store.ListLiveAsync(repository.Id, Cancelled));
        Assert.Single(await store.ListPrunesAsync(ana, _time.GetUtcNow().AddDays(-1), Cancelled));
        Assert.NotEqual(id, await InsertAsync());

        Task<long> InsertAsync() => test.Database.WriteAsync(
            transaction => store.InsertAsync(transaction, new NewOperation(ana, OperationKind.Prune, repository.Id, null, null, new OperationDocument())), Cancelled);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task RulesSchedulesAndKeys_AreKept(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var ana = new UserId(await test.AddUserAsync("ana@example.com"));
        var rules = new RetentionStore(test.Database, _time);
        await rules.SetAsync(ana, null, new RetentionRules { KeepDaily = 7 }, Cancelled);
        await rules.SetAsync(ana, new InstanceId(5), new RetentionRules { KeepDaily = 3, IsAutomatic = true }, Cancelled);
        Assert.Equal((7, 3, 7), ((await rules.GetAsync(ana, null, Cancelled)).KeepDaily, (await rules.GetAsync(ana, new InstanceId(5), Cancelled)).KeepDaily, (await rules.GetAsync(ana, new InstanceId(6), Cancelled)).KeepDaily));
        Assert.True(await rules.IsAutomaticAsync(ana, Cancelled));

        var schedules = new ScheduleStore(test.Database, _time);
        await schedules.SetAsync(ana, new InstanceId(5), new ScheduleRule { EveryMinutes = 60 }, Cancelled);
        using var queue = new WorkQueue(test.Database, _time);
        var fence = (await queue.ClaimAsync("me", TimeSpan.FromMinutes(1), 10, Cancelled)).Single(each => each.Kind == WorkKinds.SnapshotSchedule);
        var schedule = (await schedules.FindAsync(new InstanceId(5), Cancelled))!;
        Assert.Equal(_time.GetUtcNow().AddHours(1), schedule.NextAt);
        await schedules.PassTurnAsync(schedule, schedule.NextAt.AddHours(1), fence, Cancelled);
        await Assert.ThrowsAsync<StaleWriteException>(() => schedules.PassTurnAsync(schedule, schedule.NextAt.AddHours(1), fence, Cancelled));

        // A turn that is not to be had takes its snapshot with it.
        var turn = (await schedules.FindAsync(new InstanceId(5), Cancelled))!;
        Task<bool> TakeAsync(SnapshotSchedule of, long operation) => test.Database.WriteAsync(
            async transaction =>
            {
                await ScheduleStore.TakeTurnAsync(transaction, of, of.NextAt.AddHours(1), operation, fence);
                return true;
            },
            Cancelled);
        Assert.True(await TakeAsync(turn, 41));
        await Assert.ThrowsAsync<StaleWriteException>(() => TakeAsync(turn, 42));
        Assert.Equal((turn.NextAt.AddHours(1), 41), ((await schedules.FindAsync(new InstanceId(5), Cancelled))!.NextAt, (await schedules.FindAsync(new InstanceId(5), Cancelled))!.LastOperationId));
        await schedules.RemoveAsync(new InstanceId(5), Cancelled);
        Assert.Null(await schedules.FindAsync(new InstanceId(5), Cancelled));

        var secrets = new SecretStore(test.Database, MasterKey.OfDirectory(_folder), _time);
        var made = await secrets.EnsureAsync(ana, SecretStore.SnapshotKey, () => "first", Cancelled);
        Assert.Equal(("first", "first"), (made, await secrets.EnsureAsync(ana, SecretStore.SnapshotKey, () => "second", Cancelled)));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Task<Repository> RepositoryAsync(TestDatabase test, UserId user) =>
        new RepositoryStore(test.Database, MasterKey.OfDirectory(_folder), _time).EnsureAsync(user, "dumont", new StorageSettings(), Cancelled);
}
