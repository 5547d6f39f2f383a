using System.Net;
using System.Text.Json.Nodes;
using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Dumont.Server.Snapshots;
using Dumont.Server.Tests.Platform.Store;
using Dumont.Server.Tests.Spine;
using Dumont.Snapshots.Engines;
using Dumont.Snapshots.Tests;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Tests.Snapshots;

/// <summary>The checks of a real repository on the server's disk: by themselves, over HTTP and on the page.</summary>
public sealed class VerificationTests : IDisposable
{
    private readonly string _tree = Directory.CreateTempSubdirectory("dumont-tree-").FullName;

    public void Dispose() => Directory.Delete(_tree, recursive: true);

    [Fact]
    public async Task Damage_IsToldWithItsSnapshotsOnceAndGoesWithThem()
    {
        await using var spine = await StartAsync();
        var (snapshot, repository) = await SnapshotAsync(spine);
        var fresh = await FoundAsync(spine);
        Assert.Equal(("unchecked", 0), (fresh["status"]!.ToString(), fresh["damage"]!.AsArray().Count));
        Assert.NotNull(fresh["next_at"]);

        await CheckAsync(spine, repository);
        var sound = await FoundAsync(spine);
        Assert.Equal(("sound", 1), (sound["status"]!.ToString(), sound["share_read"]!.GetValue<double>()));
        Assert.NotNull(sound["all_read_at"]);
        Assert.True(sound["bytes_read"]!.GetValue<long>() > 200_000);

        StoredDamage.FlipInLargest(Path.Combine(spine.Server.Directory, "repositories"));
        await CheckAsync(spine, repository);
        await CheckAsync(spine, repository);
        var damaged = await FoundAsync(spine);
        Assert.Equal(("damaged", snapshot), (damaged["status"]!.ToString(), damaged["affected_ids"]![0]!.ToString()));
        Assert.Equal(VerificationViews.Remedy, damaged["remedy"]!.ToString());
        var (_, events) = await spine.SendAsync("GET", "/events?limit=100");
        Assert.Single(events!["events"]!.AsArray(), each => each!["type"]!.ToString() == "snapshot.damaged");

        // As the remedy says.
        Assert.Equal(HttpStatusCode.OK, (await spine.SendAsync("DELETE", $"/snapshots/{snapshot}")).Status);
        var (_, pruned) = await spine.SendAsync("POST", "/snapshots/prune", new { keep_last = 1 });
        Assert.True(pruned!["bytes_freed"]!.GetValue<long>() > 200_000);
        await CheckAsync(spine, repository);
        var healed = await FoundAsync(spine);
        Assert.Equal(("sound", null), (healed["status"]!.ToString(), healed["remedy"]));
    }

    [Fact]
    public async Task Page_TellsTroubleAndRemedyInTheReadersLanguage()
    {
        await using var spine = await StartAsync();
        var (_, repository) = await SnapshotAsync(spine);
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress, language: "pt-BR");
        var read = new Verification { Parts = 30, AllReadAt = TimeProvider.System.GetUtcNow(), Error = "There is no such repository." };
        await SetAsync(read with { Damage = ["packs/aa: broken"], DamagedSnapshots = [] });
        var unused = await user.GetAsync("/snapshots");
        Assert.Contains("Todo snapshot ainda pode ser restaurado.", unused.TextOf("#verification [role=alert]"), StringComparison.Ordinal);
        Assert.Contains("Não há esse repositório.", unused.TextOf("#verification table"), StringComparison.Ordinal);

        // Everything has been read, and the next round has not begun: no share that would say the contrary.
        Assert.DoesNotContain("0%", unused.TextOf("#verification table"), StringComparison.Ordinal);
        await SetAsync(read with { PartsDone = 3, Damage = ["a pack is broken"], DamagedSnapshots = null });
        using var other = await WebUser.SignedInAsync(spine.Server.BaseAddress, language: "en");
        var unknown = await other.GetAsync("/snapshots");
        Assert.Contains(VerificationViews.Remedy, unknown.TextOf("#verification [role=alert]"), StringComparison.Ordinal);
        Assert.Contains("10%", unknown.TextOf("#verification table"), StringComparison.Ordinal);

        Task SetAsync(Verification found) =>
            spine.Server.Get<Database>().WriteAsync(transaction => VerificationStore.SetAsync(transaction, repository.Id, found), Line.Deadline());
    }

    [Fact]
    public async Task Verify_TwoAtOnce_TheSecondIsToldOfTheFirst()
    {
        await using var spine = await StartAsync();
        var (_, repository) = await SnapshotAsync(spine);
        await spine.Server.Get<Database>().WriteAsync(
            transaction => Dapper.SqlMapper.ExecuteAsync(
                transaction.Connection!,
                """
                INSERT INTO snapshot_operations (id, user_id, kind, state, repository_id, cancel_requested, version, created_at, document)
                VALUES (900, @user, 'Verify', 'Running', @repository, 0, 1, 0, '{}')
                """,
                new { user = repository.UserId.Value, repository = repository.Id },
                transaction),
            Line.Deadline());
        var problem = await spine.RefusedAsync(409, "conflict", "POST", "/snapshots/verify");
        Assert.Contains("900", problem["error"]!.ToString(), StringComparison.Ordinal);
        Assert.Equal(900, (await FoundAsync(spine))["operation_id"]!.GetValue<long>());
    }

    [Fact]
    public async Task Turns_ComeByThemselvesWhereSomethingIsKeptAndNobodyElseWorks()
    {
        await using var spine = await StartAsync();
        var (snapshot, repository) = await SnapshotAsync(spine);
        var (time, operations) = (new ManualTimeProvider(), spine.Server.Get<OperationStore>());
        time.Advance(TimeProvider.System.GetUtcNow().AddHours(1) - time.GetUtcNow());
        var turns = new VerificationReconciler(
            spine.Server.Get<RepositoryStore>(),
            spine.Server.Get<VerificationStore>(),
            operations,
            spine.Server.Get<SnapshotService>(),
            time,
            Options.Create(new SnapshotsOptions()));
        await turns.ReconcileAsync(default, Line.Deadline());
        Assert.Equal(0, await CountAsync());

        time.Advance(TimeSpan.FromDays(1));
        await turns.ReconcileAsync(default, Line.Deadline());
        Assert.Equal(1, await CountAsync());
        var begun = (await operations.ListOfUserAsync(repository.UserId, 100, Line.Deadline())).Single(each => each.Kind == OperationKind.Verify);
        Assert.Equal((true, new VerifyPart(1, 30)), (begun.Document.IsAutomatic, Assert.Single(begun.Document.VerifyParts)));
        await UntilDoneAsync(spine, begun.Id);

        // Off, and nothing to check.
        time.Advance(TimeSpan.FromDays(3));
        var (set, off) = await spine.SendAsync("PUT", "/snapshots/verification", new { days = 0 });
        Assert.Equal((HttpStatusCode.OK, 0), (set, off!["days"]!.GetValue<int>()));
        await turns.ReconcileAsync(default, Line.Deadline());
        await spine.SendAsync("PUT", "/snapshots/verification", new { days = 10 });
        await spine.SendAsync("DELETE", $"/snapshots/{snapshot}");
        await turns.ReconcileAsync(default, Line.Deadline());
        Assert.Equal(1, await CountAsync());

        async Task<int> CountAsync() =>
            (await operations.ListOfUserAsync(repository.UserId, 100, Line.Deadline())).Count(each => each.Kind == OperationKind.Verify);
    }

    [Fact]
    public async Task Settings_WrongDays_AreNamed()
    {
        await using var spine = await StartAsync();
        await spine.RefusedFieldAsync("body", "days", "PUT", "/snapshots/verification", new { days = 181 });
        await spine.RefusedFieldAsync("body", "days", "PUT", "/snapshots/verification", new { days = -1 });
        await spine.RefusedFieldAsync("body", "days", "PUT", "/snapshots/verification", new { });
        Assert.Equal(HttpStatusCode.Unauthorized, (await spine.Server.Client.GetAsync("/api/v1/snapshots/verification", Line.Deadline())).StatusCode);
        var (_, none) = await spine.SendAsync("GET", "/snapshots/verification");
        Assert.Equal((30, 0), (none!["days"]!.GetValue<int>(), none["count"]!.GetValue<int>()));
    }

    public static TheoryData<Backend> Databases => Backends.All;

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Store_OnEveryDatabase_KeepsWhatWasFoundAndTheDays(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var ana = new UserId(await test.AddUserAsync("ana@example.com"));
        var (time, key) = (new ManualTimeProvider(), Dumont.Server.Platform.Security.MasterKey.OfDirectory(_tree));
        var repositories = new RepositoryStore(test.Database, key, time);
        var repository = await repositories.EnsureAsync(ana, "dumont", new StorageSettings(), Line.Deadline());
        using var queue = new WorkQueue(test.Database, time);
        var store = new VerificationStore(test.Database, queue, Options.Create(new SnapshotsOptions()));
        Assert.Equal((0, 30), ((await store.GetAsync(repository.Id, Line.Deadline())).Parts, await store.DaysOfAsync(ana, Line.Deadline())));
        foreach (var parts in (int[])[3, 4])
        {
            var found = new Verification { Parts = parts, DamagedParts = [new VerifyPart(1, 2)], DamagedSnapshots = null };
            await test.Database.WriteAsync(transaction => VerificationStore.SetAsync(transaction, repository.Id, found), Line.Deadline());
            var read = await store.GetAsync(repository.Id, Line.Deadline());
            Assert.Equal((parts, new VerifyPart(1, 2)), (read.Parts, read.DamagedParts[0]));
            Assert.Null(read.DamagedSnapshots);
        }

        await store.SetDaysAsync(ana, 0, Line.Deadline());
        await store.SetDaysAsync(ana, 9, Line.Deadline());
        Assert.Equal(9, await store.DaysOfAsync(ana, Line.Deadline()));
        Assert.Contains(await queue.ClaimAsync("me", TimeSpan.FromMinutes(1), 10, Line.Deadline()), each => each.Kind == WorkKinds.Verification);
        Assert.Empty(await repositories.ListInUseAsync(Line.Deadline()));
    }

    private static Task<SpineServer> StartAsync() => SpineServer.StartAsync("Snapshots:WatchInterval=00:00:00.050");

    // What a machine would have written, so that there is something to read.
    private async Task<(string Snapshot, Repository Repository)> SnapshotAsync(SpineServer spine)
    {
        var id = await spine.RunningAsync();
        var noise = new byte[300_000];
        new Random(5).NextBytes(noise);
        await File.WriteAllBytesAsync(Path.Combine(_tree, "noise"), noise, Line.Deadline());
        var (_, begun) = await spine.SendAsync("POST", "/snapshots?wait=false", new { instance_id = id.Value, name = "one" });
        var machine = (await spine.Server.Get<MachineStore>().ListAsync(id, Line.Deadline())).Single();
        var work = await SnapshotEndpointTests.WorkAsync(spine, machine);
        var repositories = spine.Server.Get<Repositories>();
        var repository = (await repositories.FindAsync(work.RepositoryId, Line.Deadline()))!;
        var engine = await repositories.EngineOfAsync(repository, TimeSpan.Zero, Line.Deadline());
        var made = await engine.SnapshotAsync(new SnapshotRequest(_tree, "instance", $"op-{work.OperationId}", Full: false, []), progress: null, Line.Deadline());
        var result = new AgentWorkResult(made.SnapshotId, 1, 0, 0, made.BytesProcessed, made.BytesAdded, 0.5, IsIncremental: false, []);
        var report = new AgentWorkReport(work.OperationId, AgentWorkState.Done, "done", 1, 1, 1, 1, result, null, null);
        await spine.Server.Get<AgentHub>().AcceptAsync(machine, Reports.Of(machine.Id, AgentRole.Writer, 1) with { Work = report }, Line.Deadline());
        await UntilDoneAsync(spine, work.OperationId);
        return (begun!["id"]!.ToString(), repository with { IsReady = true });
    }

    private static async Task CheckAsync(SpineServer spine, Repository repository)
    {
        var known = await spine.Server.Get<VerificationStore>().GetAsync(repository.Id, Line.Deadline());
        var parts = VerificationPolicy.PartsDue(known, days: 1, TimeSpan.FromDays(1), TimeProvider.System.GetUtcNow());
        var begun = await spine.Server.Get<SnapshotService>().VerifyPartsAsync(repository, parts, Line.Deadline());
        await UntilDoneAsync(spine, Assert.IsType<Dumont.Server.Snapshots.SnapshotResult.Accepted>(begun).OperationId);
    }

    private static Task<JsonNode> UntilDoneAsync(SpineServer spine, long operation) =>
        SnapshotEndpointTests.UntilAsync(spine, $"/snapshots/operations/{operation}", "done");

    private static async Task<JsonNode> FoundAsync(SpineServer spine) =>
        Assert.Single((await spine.SendAsync("GET", "/snapshots/verification")).Body!["repositories"]!.AsArray())!;
}
