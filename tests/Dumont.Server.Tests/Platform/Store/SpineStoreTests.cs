using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Security;
using Dumont.Server.Tests.Offers;
using Dumont.Server.Tests.Spine;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Tests.Platform.Store;

/// <summary>What the reconcilers lean on, on every database: guarded writes, uniqueness, all or nothing.</summary>
public sealed class SpineStoreTests
{
    private readonly ManualTimeProvider _time = new();

    public static TheoryData<Backend> Databases => Backends.All;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task InsertMachine_SameOfferAtTheSameTime_OneGetsIt(Backend backend)
    {
        await using var stores = await StoresAsync(backend);
        var instances = new List<InstanceId>();
        for (var i = 0; i < 8; i++)
        {
            instances.Add(await stores.InstanceAsync());
        }

        var placed = await Task.WhenAll(instances.Select(id => stores.Test.Database.WriteAsync(transaction => stores.Machines.InsertAsync(transaction, stores.Gpu(id)), Cancel)));
        Assert.Single(placed, id => id is not null);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task SaveMachine_ByAStaleHolder_IsRejectedAndLeavesNothing(Backend backend)
    {
        await using var stores = await StoresAsync(backend);
        var id = await stores.InstanceAsync();
        var machineId = (await stores.Test.Database.WriteAsync(transaction => stores.Machines.InsertAsync(transaction, stores.Gpu(id)), Cancel))!.Value;
        var machine = (await stores.Machines.FindAsync(machineId, Cancel))!;
        var stale = await stores.ClaimAsync(WorkKinds.Machine, machineId.Value);
        _time.Advance(TimeSpan.FromMinutes(2));
        var fresh = await stores.ClaimAsync(WorkKinds.Machine, machineId.Value);

        await Assert.ThrowsAsync<StaleWriteException>(
            () => stores.Machines.SaveAsync(machine, machine.Enter(MachinePhase.Asking, _time.GetUtcNow()), stale, Cancel));
        Assert.Equal((MachinePhase.Intended, 1), ((await stores.Machines.FindAsync(machineId, Cancel))!.Phase, (await stores.Machines.FindAsync(machineId, Cancel))!.Version));
        await stores.Machines.SaveAsync(machine, machine.Enter(MachinePhase.Asking, _time.GetUtcNow()), fresh, Cancel);
        await Assert.ThrowsAsync<StaleWriteException>(
            () => stores.Machines.SaveAsync(machine, machine.Enter(MachinePhase.Booting, _time.GetUtcNow()), fresh, Cancel));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task MoveWriter_TwoAtTheSameTime_OneGeneration(Backend backend)
    {
        await using var stores = await StoresAsync(backend);
        var id = await stores.InstanceAsync();
        var moves = await Task.WhenAll(Enumerable.Range(1, 6).Select(async writer =>
        {
            try
            {
                await stores.Test.Database.WriteAsync(transaction => stores.Instances.MoveWriterAsync(transaction, id, 0, 1, new MachineId(writer)), Cancel);
                return true;
            }
            catch (StaleWriteException)
            {
                return false;
            }
        }));

        Assert.Single(moves, moved => moved);
        Assert.Equal(1, (await stores.Instances.FindAsync(id, Cancel))!.Generation);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task CountForCreation_ManyAtTheSameTime_TheQuotaHolds(Backend backend)
    {
        await using var stores = await StoresAsync(backend);
        const int quota = 3;
        await Task.WhenAll(Enumerable.Range(0, 12).Select(i => stores.Test.Database.WriteAsync(
            async transaction =>
            {
                if (await InstanceStore.CountForCreationAsync(transaction, stores.User) < quota)
                {
                    await stores.Instances.InsertAsync(transaction, stores.User, null, 30_000 + i, Samples.Instance().Document);
                }
            },
            Cancel)));

        Assert.Equal(quota, (await stores.Instances.ListOfUserAsync(stores.User, Cancel)).Count);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Write_ThatThrows_LeavesNothing_AndTheSameStatementsWorkAgain(Backend backend)
    {
        await using var stores = await StoresAsync(backend);
        for (var round = 0; round < 3; round++)
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => stores.Test.Database.WriteAsync<InstanceId>(
                async transaction =>
                {
                    await stores.Instances.InsertAsync(transaction, stores.User, "lost", 40_000, Samples.Instance().Document);
                    throw new InvalidOperationException("on purpose");
                },
                Cancel));
            Assert.Empty(await stores.Instances.ListOfUserAsync(stores.User, Cancel));
        }
    }

    private async Task<Stores> StoresAsync(Backend backend)
    {
        var test = await Backends.OpenAsync(backend);
        return new Stores(test, new UserId(await test.AddUserAsync("ana@example.com")), _time, await IdentityAsync(test));
    }

    private static async Task<ServerIdentity> IdentityAsync(TestDatabase test)
    {
        var directory = Directory.CreateTempSubdirectory("dumont-identity-").FullName;
        try
        {
            var identity = new ServerIdentity(test.Database, MasterKey.OfDirectory(directory), Options.Create(new ServerOptions { DataDirectory = directory }));
            await identity.LoadAsync(Cancel);
            return identity;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private sealed class Stores(TestDatabase test, UserId user, ManualTimeProvider time, ServerIdentity identity) : IAsyncDisposable
    {
        private int _port = 25_000;

        public TestDatabase Test { get; } = test;

        public UserId User { get; } = user;

        public InstanceStore Instances { get; } = new(test.Database, time);

        public MachineStore Machines { get; } = new(test.Database, identity, time);

        public Task<InstanceId> InstanceAsync() =>
            Test.Database.WriteAsync(transaction => Instances.InsertAsync(transaction, User, null, ++_port, Samples.Instance().Document), Cancel);

        public NewMachine Gpu(InstanceId id) =>
            new(id, User, MachineRole.Gpu, "vast", 0, ExclusiveOffer: true, new MachineDocument { Offer = OfferSamples.Rtx4090(1), Spec = Samples.Spec });

        public async Task<Fence> ClaimAsync(string kind, long key)
        {
            using var queue = new WorkQueue(Test.Database, time);
            return (await queue.ClaimAsync("test", TimeSpan.FromMinutes(1), 100, Cancel)).Single(fence => fence.Kind == kind && fence.Key == key);
        }

        public ValueTask DisposeAsync() => Test.DisposeAsync();
    }
}
