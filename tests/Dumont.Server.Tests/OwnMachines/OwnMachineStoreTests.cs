using Dapper;
using Dumont.Contracts;
using Dumont.Providers.Ssh;
using Dumont.Server.OwnMachines;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Tests.Platform.Store;

namespace Dumont.Server.Tests.OwnMachines;

public sealed class OwnMachineStoreTests
{
    private readonly ManualTimeProvider _time = new();

    public static TheoryData<Backend> Databases => Backends.All;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Insert_SameHostKeyOrName_IsRefusedToItsOwnerAlone(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var store = Store(test);
        var (ana, bo) = (new UserId(await test.AddUserAsync("ana@example.com")), new UserId(await test.AddUserAsync("bo@example.com")));

        var id = await store.InsertAsync(New(ana, "tower", "A"), Cancelled);
        Assert.Null(await store.InsertAsync(New(ana, "tower", "B"), Cancelled));
        Assert.Null(await store.InsertAsync(New(ana, "other", "A"), Cancelled));
        Assert.NotNull(await store.InsertAsync(New(bo, "tower", "A"), Cancelled));

        Assert.Equal(id, Assert.Single(await store.ListOfUserAsync(ana, Cancelled)).Id);
        Assert.Null(await store.FindAsync(bo, id!.Value, Cancelled));
        Assert.Equal(2, (await store.ListAsync(Cancelled)).Count);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Save_StaleVersion_ChangesNothing(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var store = Store(test);
        var ana = new UserId(await test.AddUserAsync("ana@example.com"));
        var machine = (await store.FindAsync((await store.InsertAsync(New(ana, "tower", "A"), Cancelled))!.Value, Cancelled))!;

        Assert.True(await store.SaveAsync(machine, machine.Document with { Detail = "first" }, [new NewEvent("own_machine.lost")], Cancelled));
        Assert.False(await store.SaveAsync(machine, machine.Document with { Detail = "late" }, [new NewEvent("own_machine.back")], Cancelled));

        Assert.Equal("first", (await store.FindAsync(machine.Id, Cancelled))!.Document.Detail);
        Assert.Equal(
            ["own_machine.joined", "own_machine.lost"],
            await test.Database.ReadAsync(async connection => (await connection.QueryAsync<string>("SELECT type FROM events ORDER BY id")).ToList(), Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Remove_WhileOurMachineIsOnIt_NeedsForceAndJoiningAgainKeepsTheNumber(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var store = Store(test);
        var ana = new UserId(await test.AddUserAsync("ana@example.com"));
        var id = (await store.InsertAsync(New(ana, "tower", "A"), Cancelled))!.Value;
        await AddMachineAsync(test, ana, id, "Ready");
        var machine = (await store.FindAsync(id, Cancelled))!;
        Assert.Equal(("dumont/s/1/1", false), (machine.Tenant!.Tag, machine.IsFree));

        Assert.False(await store.RemoveAsync(machine, evenClaimed: false, Cancelled));
        Assert.True(await store.RemoveAsync(machine, evenClaimed: true, Cancelled));
        Assert.False(await store.RemoveAsync(machine, evenClaimed: true, Cancelled));

        Assert.Empty(await store.ListOfUserAsync(ana, Cancelled));
        Assert.NotNull((await store.FindAsync(id, Cancelled))!.RemovedAt);
        Assert.Null((await store.FindAsync(id, Cancelled))!.PrivateKey);
        Assert.Equal(id, await store.InsertAsync(New(ana, "renamed", "A"), Cancelled));
        Assert.Equal("renamed", Assert.Single(await store.ListOfUserAsync(ana, Cancelled)).Name);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Claim_SeenLast_IsFreeOnceOurRecordIsClosedAndForeignOnceThereIsNone(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var store = Store(test);
        var ana = new UserId(await test.AddUserAsync("ana@example.com"));
        var id = (await store.InsertAsync(New(ana, "tower", "A", claim: "dumont/s/1/1"), Cancelled))!.Value;
        Assert.True((await store.FindAsync(id, Cancelled)) is { IsClaimedElsewhere: true, IsFree: false });

        await AddMachineAsync(test, ana, id, "Gone");

        Assert.True((await store.FindAsync(id, Cancelled)) is { IsClaimedElsewhere: false, IsFree: true });
    }

    private OwnMachineStore Store(TestDatabase test) =>
        new(test.Database, new EventStore(test.Database, _time), new WorkQueue(test.Database, _time), _time);

    private NewOwnMachine New(UserId user, string name, string key, string? claim = null) => new(
        user,
        name,
        new OwnMachineAddress("tower.lan", 22, "root", $"ssh-ed25519 {key}", "/var/lib/dumont-own", 22022),
        "ciphertext",
        OwnMachineUses.Both,
        "Lisbon, PT",
        new OwnMachineDocument { Capacity = new OwnMachineCapacity { CpuCores = 4 }, CheckedAt = _time.GetUtcNow(), ClaimTag = claim });

    private static Task AddMachineAsync(TestDatabase test, UserId user, long ownMachineId, string phase) =>
        test.Database.WriteAsync(
            async transaction =>
            {
                var connection = transaction.Connection!;
                var instance = await connection.ExecuteScalarAsync<long>(
                    """
                    INSERT INTO instances (user_id, label, desired, status, generation, gateway_port, version, created_at, document)
                    VALUES (@user, 'x', 'Running', 'Running', 1, 2222, 1, 0, '{}') RETURNING id
                    """,
                    new { user = user.Value },
                    transaction);
                await connection.ExecuteAsync(
                    """
                    INSERT INTO machines (instance_id, user_id, role, ordinal, tag, provider, account, offer_id, exclusive_offer, desired, phase, token_hash,
                        version, created_at, document)
                    VALUES (@instance, @user, 'Gpu', 1, 'dumont/s/1/1', 'ssh', @own, 'x', 1, 'Running', @phase, 't', 1, 0, '{}')
                    """,
                    new { instance, user = user.Value, own = ownMachineId, phase },
                    transaction);
            },
            Cancelled);
}
