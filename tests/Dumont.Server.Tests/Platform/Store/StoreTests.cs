using Dapper;
using Dumont.Contracts;
using Dumont.Server.Auth;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;
using Dumont.Server.Settings;

namespace Dumont.Server.Tests.Platform.Store;

/// <summary>The stores of users and settings, on every database.</summary>
public sealed class StoreTests
{
    private readonly ManualTimeProvider _time = new();

    public static TheoryData<Backend> Databases => Backends.All;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Schema_EnsuredAgainAndAtTheSameTime_ChangesNothing(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Schema.EnsureAsync(test.Database, Cancelled)));

        var steps = typeof(Schema).Assembly.GetManifestResourceNames().Count(name => name.Contains(".Migrations.", StringComparison.Ordinal));
        Assert.Equal(steps, await test.Database.ReadAsync(connection => connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM schema_versions"), Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Schema_WorkUnderWayBeforeARunHadItsPlace_GoesOnAfterIt(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var user = await test.AddUserAsync("ana@example.com");
        await RunAsync("DROP INDEX snapshot_operations_ordered");
        await RunAsync("ALTER TABLE instances DROP COLUMN runs_for");
        await RunAsync("DELETE FROM schema_versions WHERE version = 4");
        await RunAsync("INSERT INTO repositories (id, user_id, engine, location, storage, is_ready, created_at) VALUES (1, @user, 'dumont', 'local', '', 1, 0)");
        foreach (var (id, desired) in ((long, string)[])[(5, "Running"), (6, "Running"), (7, "Deleted")])
        {
            await RunAsync(
                """
                INSERT INTO instances (id, user_id, label, desired, status, generation, gateway_port, version, created_at, document)
                VALUES (@id, @user, '', @desired, 'Running', 1, 3000 + @id, 1, 0, '{}')
                """,
                id,
                desired);
        }

        // Two were given one machine; one had its instance run for it, one has ended, and one instance was deleted meanwhile.
        await OperationAsync(10, 5, 1, "Running", """{"source_path":"/workspace","pauses_again":true,"is_automatic":false}""");
        await OperationAsync(11, 5, 1, "Running", """{"pauses_again":false}""");
        await OperationAsync(12, 6, 2, "Running", "{}");
        await OperationAsync(13, 6, 2, "Done", """{"pauses_again":true}""");
        await OperationAsync(14, 7, 3, "Running", """{"pauses_again":true}""");
        await Schema.EnsureAsync(test.Database, Cancelled);

        Assert.Equal([(10, "Running", 1), (11, "Pending", null), (12, "Running", 2), (13, "Done", 2), (14, "Running", 3)], await test.Database.ReadAsync(
            async connection => (await connection.QueryAsync<(long, string, long?)>("SELECT id, state, machine_id FROM snapshot_operations ORDER BY id")).ToList(), Cancelled));
        Assert.Equal([(5, "Paused", 10), (6, "Running", null), (7, "Deleted", null)], await test.Database.ReadAsync(
            async connection => (await connection.QueryAsync<(long, string, long?)>("SELECT id, desired, runs_for FROM instances ORDER BY id")).ToList(), Cancelled));

        Task OperationAsync(long id, long instance, long machine, string state, string document) => test.Database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                """
                INSERT INTO snapshot_operations (id, user_id, kind, state, repository_id, instance_id, machine_id, cancel_requested, version, created_at, document)
                VALUES (@id, @user, 'Snapshot', @state, 1, @instance, @machine, 0, 1, 0, @document)
                """,
                new { id, user, instance, machine, state, document },
                transaction),
            Cancelled);

        Task RunAsync(string sql, long id = 0, string desired = "") =>
            test.Database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(sql, new { user, id, desired }, transaction), Cancelled);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Register_TwentyAtOnce_MakesOneUserAndOneAdministrator(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var store = new AuthStore(test.Database, _time);
        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(
            i => store.RegisterAsync($"user{i / 2}@example.com", null, null, null, "hash", open: true, Cancelled)));

        var users = results.OfType<RegisterResult.Registered>().Select(result => result.User).ToList();
        Assert.Equal(10, users.Count);
        Assert.Equal(10, results.OfType<RegisterResult.EmailTaken>().Count());
        Assert.Single(users, user => user.Role == "admin");
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Users_Registered_AreFoundByEachName(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var store = new AuthStore(test.Database, _time);
        var registered = Assert.IsType<RegisterResult.Registered>(
            await store.RegisterAsync("ana@example.com", null, "ana", "Ana", "hash", open: false, Cancelled));

        Assert.Equal(registered.User, await store.FindUserAsync("ana@example.com", Cancelled));
        Assert.Equal(registered.User, await store.FindUserAsync("ana", Cancelled));
        Assert.Equal(registered.User, await store.FindUserAsync(registered.User.Id, Cancelled));
        Assert.Null(await store.FindUserAsync("bob", Cancelled));
        Assert.IsType<RegisterResult.Closed>(await store.RegisterAsync("bob@example.com", null, null, null, "hash", open: false, Cancelled));
        Assert.IsType<RegisterResult.UsernameTaken>(await store.RegisterAsync("bob@example.com", "ana", null, null, "hash", open: true, Cancelled));
        var second = Assert.IsType<RegisterResult.Registered>(
            await store.RegisterAsync("bob@example.com", null, "ana", null, "hash", open: true, Cancelled));
        Assert.Null(second.User.Username);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Rotate_TwentyAtOnce_OneWinsAndTheSessionEnds(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var store = new AuthStore(test.Database, _time);
        var user = new UserId(await test.AddUserAsync("ana@example.com"));
        await store.OpenSessionAsync(user, new NewRefreshToken("s", "h0", _time.GetUtcNow().AddDays(1)), Cancelled);

        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(
            i => store.RotateAsync("h0", session => new NewRefreshToken(session, $"n{i}-{Guid.NewGuid()}", _time.GetUtcNow().AddDays(1)), Cancelled)));

        Assert.Single(results.OfType<RotateResult.Rotated>());
        Assert.NotEmpty(results.OfType<RotateResult.Reused>());
        Assert.Equal(["s"], await store.ListRevokedAsync(_time.GetUtcNow(), Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Prune_LongEnded_IsRemovedAndTheRestStays(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var store = new AuthStore(test.Database, _time);
        var user = new UserId(await test.AddUserAsync("ana@example.com"));
        await store.OpenSessionAsync(user, new NewRefreshToken("old", "h1", _time.GetUtcNow().AddHours(1)), Cancelled);
        await store.OpenSessionAsync(user, new NewRefreshToken("revoked", "h2", _time.GetUtcNow().AddDays(30)), Cancelled);
        await store.OpenSessionAsync(user, new NewRefreshToken("live", "h3", _time.GetUtcNow().AddDays(30)), Cancelled);
        await store.RevokeSessionAsync("revoked", Cancelled);
        _time.Advance(TimeSpan.FromDays(2));
        await store.PruneAsync(Cancelled);

        var left = await test.Database.ReadAsync(connection => connection.QueryAsync<string>("SELECT id FROM sessions"), Cancelled);
        Assert.Equal(["live"], left);
        Assert.Empty(await store.ListRevokedAsync(DateTimeOffset.UnixEpoch, Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task ApiKeys_Store_FindsGoodOnesOnly(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var store = new ApiKeyStore(test.Database, _time);
        var user = new UserId(await test.AddUserAsync("ana@example.com"));
        var key = await store.CreateAsync(user, "ci", "dumont_sk_x", "h", ["a", "b"], _time.GetUtcNow().AddDays(1), Cancelled);

        var owner = (await store.FindOwnerAsync("h", Cancelled))!;
        Assert.Equal((user, "ana@example.com", key.Id), (owner.UserId, owner.Email, owner.KeyId));
        Assert.Equal(["a", "b"], owner.Scopes);
        Assert.Null(await store.FindOwnerAsync("other", Cancelled));
        await store.TouchAsync([KeyValuePair.Create(key.Id, _time.GetUtcNow())], Cancelled);
        Assert.Equal(_time.GetUtcNow(), Assert.Single(await store.ListAsync(user, Cancelled)).LastUsedAt);
        Assert.Null(await store.RevokeAsync(new UserId(user.Value + 1), key.Id, Cancelled));
        Assert.Equal("h", await store.RevokeAsync(user, key.Id, Cancelled));
        Assert.Null(await store.FindOwnerAsync("h", Cancelled));
        Assert.Empty(await store.ListAsync(user, Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Secrets_Store_KeepsReplacesRemovesAndRefusesAMovedOne(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        using var folder = new TemporaryFolder();
        var store = new SecretStore(test.Database, MasterKey.OfDirectory(folder.Path), _time);
        var (ana, bob) = (new UserId(await test.AddUserAsync("ana@example.com")), new UserId(await test.AddUserAsync("bob@example.com")));
        await store.SetAsync(ana, "x", "first", Cancelled);
        await store.SetAsync(ana, "x", "second", Cancelled);
        await store.SetAsync(bob, "x", "other", Cancelled);

        var kept = (await store.FindAsync(ana, "x", Cancelled))!;
        Assert.Equal("second", store.Reveal(kept));
        Assert.Equal([ana, bob], (await store.ListAsync("x", Cancelled)).Select(secret => secret.User));
        Assert.Throws<System.Security.Cryptography.AuthenticationTagMismatchException>(() => store.Reveal(kept with { User = bob }));
        Assert.Throws<System.Security.Cryptography.AuthenticationTagMismatchException>(() => store.Reveal(kept with { Name = "y" }));
        await store.SetAsync(ana, "x", "", Cancelled);
        Assert.Null(await store.FindAsync(ana, "x", Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Settings_MergedAtTheSameTime_LoseNothing(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var store = new SettingsStore(test.Database);
        var user = new UserId(await test.AddUserAsync("ana@example.com"));
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => store.MergeAsync(
            user,
            new Dictionary<string, System.Text.Json.JsonElement> { [$"k{i}"] = System.Text.Json.JsonSerializer.SerializeToElement(i) },
            Cancelled)));

        Assert.Equal(10, (await store.GetAsync(user, Cancelled)).Count);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task SshKeys_Store_IsPerUserAndOnce(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var store = new SshKeyStore(test.Database, _time);
        var (ana, bob) = (new UserId(await test.AddUserAsync("ana@example.com")), new UserId(await test.AddUserAsync("bob@example.com")));
        var key = SshPublicKey.TryParse(Tests.Settings.SshPublicKeyTests.Ed25519)!;
        var added = await store.AddAsync(ana, "laptop", key, Cancelled);
        var again = await store.AddAsync(ana, "other", key, Cancelled);
        await store.AddAsync(bob, "bobs", key, Cancelled);

        Assert.Equal((true, false), (added!.Value.IsNew, again!.Value.IsNew));
        Assert.Equal("laptop", again.Value.Key.Name);
        Assert.False(await store.RemoveAsync(bob, added.Value.Key.Id, Cancelled));
        Assert.True(await store.RemoveAsync(ana, added.Value.Key.Id, Cancelled));
        Assert.Empty(await store.ListAsync(ana, Cancelled));
        Assert.Equal("bobs", Assert.Single(await store.ListAsync(bob, Cancelled)).Name);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Events_Log_IsPerUserAndInstanceNewestFirst(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var log = new EventStore(test.Database, _time);
        await test.Database.WriteAsync(
            async transaction =>
            {
                await log.AppendAsync(transaction, new UserId(1), new InstanceId(5), new NewEvent("instance.created", new { price = 0.4 }));
                await log.AppendAsync(transaction, new UserId(1), null, new NewEvent("user.login"));
                await log.AppendAsync(transaction, new UserId(2), new InstanceId(6), new NewEvent("instance.created"));
            },
            Cancelled);

        Assert.Equal(["user.login", "instance.created"], (await log.ListAsync(new UserId(1), null, 0, 10, Cancelled)).Select(entry => entry.Type));
        var entry = Assert.Single(await log.ListAsync(new UserId(1), new InstanceId(5), 0, 10, Cancelled));
        Assert.Equal(("""{"price":0.4}""", _time.GetUtcNow()), (entry.Document, entry.At));
        Assert.Empty(await log.ListAsync(new UserId(1), null, entry.Id + 1, 10, Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Write_Throws_LeavesNothing(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        await Assert.ThrowsAsync<InvalidOperationException>(() => test.Database.WriteAsync(
            async transaction =>
            {
                await transaction.Connection!.ExecuteAsync("INSERT INTO server_values (name, value) VALUES ('a', 'b')", transaction: transaction);
                throw new InvalidOperationException();
            },
            Cancelled));

        Assert.Equal(0, await test.Database.ReadAsync(connection => connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM server_values"), Cancelled));
    }

    [Fact]
    public void MasterKey_File_IsPrivateKeptAndNeverReplaced()
    {
        using var folder = new TemporaryFolder();
        var first = MasterKey.OfDirectory(folder.Path).Derive("x");
        var file = Path.Combine(folder.Path, "master.key");

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(first, MasterKey.OfDirectory(folder.Path).Derive("x"));
        Assert.NotEqual(first, MasterKey.OfDirectory(folder.Path).Derive("y"));
        File.WriteAllText(file, "damaged");
        Assert.Throws<InvalidOperationException>(() => MasterKey.OfDirectory(folder.Path));
    }

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("dumont-key-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
