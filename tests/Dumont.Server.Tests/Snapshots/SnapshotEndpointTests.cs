using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Store;
using Dumont.Server.Snapshots;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Snapshots;

/// <summary>Routes over HTTP, with an agent that says what a test wants of its work.</summary>
public sealed class SnapshotEndpointTests
{
    internal static readonly AgentWorkResult Made = new(new string('a', 64), 3, 1, 2, 1000, 100, 0.5, IsIncremental: true, []);

    private static readonly string[] Nightly = ["nightly"];

    [Fact]
    public async Task Create_RunningInstance_IsMadeListedAndRead()
    {
        await using var spine = await StartAsync();
        var id = await spine.RunningAsync();
        var (status, begun) = await spine.SendAsync("POST", "/snapshots?wait=false", new { instance_id = id.Value, name = " backup-v1 ", tags = Nightly });
        Assert.Equal((HttpStatusCode.Accepted, "creating", "backup-v1"), (status, Text(begun, "status"), Text(begun, "name")));
        await DoWorkAsync(spine, id, Made);

        var made = await UntilAsync(spine, $"/snapshots/{Text(begun, "id")}", "completed");
        Assert.Equal((6, 1000, 100, 10.0), (made["total_files_processed"]!.GetValue<long>(), made["size_bytes"]!.GetValue<long>(), made["data_added"]!.GetValue<long>(), made["ratio"]!.GetValue<double>()));
        Assert.Equal("aaaaaaaa", Text(made, "short_id"));
        foreach (var (query, count) in new[] { ("", 1), ("?tag=nightly", 1), ("?tag=other", 0), ($"?instance_id={id}", 1), ("?instance_id=999", 0), ("?limit=1&offset=1", 0) })
        {
            var (_, list) = await spine.SendAsync("GET", "/snapshots" + query);
            Assert.Equal((count, count), (list!["count"]!.GetValue<int>(), list["snapshots"]!.AsArray().Count));
        }
    }

    [Fact]
    public async Task Create_WrongFields_AreNamed()
    {
        await using var spine = await StartAsync();
        await spine.RefusedFieldAsync("body", "instance_id", "POST", "/snapshots", new { name = "x" });
        await spine.RefusedFieldAsync("body", "tags", "POST", "/snapshots", new { instance_id = 1, tags = Words(new string('t', 10_000)) });
        await spine.RefusedFieldAsync("body", "name", "POST", "/snapshots", new { instance_id = 1, name = new string('n', 101) });
        await spine.RefusedFieldAsync("body", "source_path", "POST", "/snapshots", new { instance_id = 1, source_path = "/workspace/../etc" });
        await spine.RefusedFieldAsync("body", "paths", "POST", "/snapshots", new { instance_id = 1, paths = Words("/etc") });
        await spine.RefusedFieldAsync("body", "type", "POST", "/snapshots", new { instance_id = 1, type = "half" });
        await spine.RefusedFieldAsync("query", "limit", "GET", "/snapshots?limit=0");
        await spine.RefusedAsync(404, "not-found", "POST", "/snapshots", new { instance_id = 999 });
    }

    [Fact]
    public async Task UnknownIds_Are404Everywhere()
    {
        await using var spine = await StartAsync();
        foreach (var id in (string[])["snap-77", "77", "latest", "snap-0", "..%2f", "snap-99999999999999999999"])
        {
            await spine.RefusedAsync(404, "not-found", "GET", $"/snapshots/{id}");
            await spine.RefusedAsync(404, "not-found", "DELETE", $"/snapshots/{id}");
            await spine.RefusedAsync(404, "not-found", "POST", $"/snapshots/{id}/keep-forever", new { keep_forever = true });
        }

        await spine.RefusedAsync(404, "not-found", "POST", "/snapshots/restore", new { snapshot_id = "snap-77", gpu_name = "rtx4090" });
        await spine.RefusedAsync(404, "not-found", "GET", "/snapshots/operations/77");
        await spine.RefusedAsync(404, "not-found", "POST", "/instances/999/sync");
        await spine.RefusedAsync(404, "not-found", "GET", "/instances/999/sync/status");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await spine.SendAsync("DELETE", "/snapshots/")).Status);
    }

    [Fact]
    public async Task Restore_WrongFields_AreNamed()
    {
        await using var spine = await StartAsync();
        await spine.RefusedFieldAsync("body", "snapshot_id", "POST", "/snapshots/restore", new { gpu_name = "rtx4090" });
        await spine.RefusedFieldAsync("body", "target_path", "POST", "/snapshots/restore", new { snapshot_id = "snap-1", target_path = "/etc" });
        await spine.RefusedFieldAsync("body", "target_path", "POST", "/snapshots/restore", new { snapshot_id = "snap-1", target_path = "/workspace/../root" });
        await spine.RefusedFieldAsync("body", "include", "POST", "/snapshots/restore", new { snapshot_id = "snap-1", include = Words("../../etc/passwd") });
        await spine.RefusedFieldAsync("body", "gpu_name", "POST", "/snapshots/restore", new { snapshot_id = "snap-1", gpu_name = "a100", instance_id = 1 });
    }

    [Fact]
    public async Task Restore_MachineSaysThatAPathIsMissing_Is404()
    {
        await using var spine = await StartAsync();
        var (id, snapshot) = await SnapshotAsync(spine);
        var (status, begun) = await spine.SendAsync("POST", "/snapshots/restore?wait=false", new { snapshot_id = snapshot, include = Words("no/such") });
        Assert.Equal(HttpStatusCode.Accepted, status);
        await ReportAsync(spine, id, operation => new AgentWorkReport(operation, AgentWorkState.Failed, "failed", 0, 0, 0, 0, null, "not_found", "The snapshot has no no/such."));
        var ended = await UntilAsync(spine, $"/snapshots/operations/{begun!["operation_id"]}", "failed");
        Assert.Equal("The snapshot has no no/such.", Text(ended, "error"));
    }

    [Fact]
    public async Task Restore_ToGpu_RentsAnInstanceForItInOneStep()
    {
        await using var spine = await StartAsync();
        var (id, snapshot) = await SnapshotAsync(spine);
        var (status, begun) = await spine.SendAsync("POST", "/snapshots/restore?wait=false", new { snapshot_id = snapshot, gpu_name = "rtx4090" });
        Assert.Equal(HttpStatusCode.Accepted, status);
        var created = begun!["new_instance_id"]!.GetValue<long>();
        Assert.NotEqual(id.Value, created);
        Assert.Equal("/workspace", Text(begun, "target_path"));
        Assert.Equal(HttpStatusCode.OK, (await spine.SendAsync("GET", $"/instances/{created}")).Status);
        await spine.RefusedAsync(400, "no-matching-offer", "POST", "/snapshots/restore", new { snapshot_id = snapshot, gpu_name = "rtx9999" });
    }

    [Fact]
    public async Task Restore_WithDeletion_IsLookedAtFirstAndThenOrdered()
    {
        await using var spine = await StartAsync();
        var (id, snapshot) = await SnapshotAsync(spine);
        await spine.RefusedFieldAsync("body", "delete", "POST", "/snapshots/restore", new { snapshot_id = snapshot, gpu_name = "rtx4090", delete = true });
        await spine.RefusedFieldAsync("body", "dry_run", "POST", "/snapshots/restore", new { snapshot_id = snapshot, gpu_name = "rtx4090", dry_run = true });

        var removed = new AgentRemoval(3, 700, ["old.bin", "tmp"]);
        var (_, look) = await spine.SendAsync("POST", "/snapshots/restore?wait=false", new { snapshot_id = snapshot, delete = true, dry_run = true });
        var machine = (await spine.Server.Get<MachineStore>().ListAsync(id, Line.Deadline())).Single();
        var work = await WorkAsync(spine, machine);
        Assert.Equal((AgentWorkKind.Preview, true), (work.Kind, work.Delete));
        await DoWorkAsync(spine, id, Made with { Removed = removed });
        var would = await UntilAsync(spine, $"/snapshots/operations/{look!["operation_id"]}", "done");
        Assert.Equal((true, 3, 700, 0), (would["dry_run"]!.GetValue<bool>(), would["removed_count"]!.GetValue<long>(), would["removed_bytes"]!.GetValue<long>(), would["files_restored"]!.GetValue<long>()));
        Assert.Equal(["old.bin", "tmp"], would["removed_paths"]!.AsArray().Select(each => each!.ToString()));

        var (_, begun) = await spine.SendAsync("POST", "/snapshots/restore?wait=false", new { snapshot_id = snapshot, delete = true });
        work = await WorkAsync(spine, machine);
        Assert.Equal((AgentWorkKind.Restore, true), (work.Kind, work.Delete));
        await DoWorkAsync(spine, id, Made with { Removed = removed });
        var done = await UntilAsync(spine, $"/snapshots/operations/{begun!["operation_id"]}", "done");
        Assert.Equal((false, 3, 3), (done["dry_run"]!.GetValue<bool>(), done["removed_count"]!.GetValue<long>(), done["files_restored"]!.GetValue<long>()));
        Assert.Equal(["snapshot.restored_exactly"], await RestoresAsync());

        // One that was to remove nothing says nothing of it.
        (_, begun) = await spine.SendAsync("POST", "/snapshots/restore?wait=false", new { snapshot_id = snapshot });
        Assert.False((await WorkAsync(spine, machine)).Delete);
        await DoWorkAsync(spine, id, Made);
        done = await UntilAsync(spine, $"/snapshots/operations/{begun!["operation_id"]}", "done");
        Assert.Equal((0, 0), (done["removed_count"]!.GetValue<long>(), done["removed_paths"]!.AsArray().Count));
        Assert.Equal(["snapshot.restored", "snapshot.restored_exactly"], (await RestoresAsync()).Order(StringComparer.Ordinal));

        async Task<IEnumerable<string>> RestoresAsync() =>
            (await spine.SendAsync("GET", "/events?limit=100")).Body!["events"]!.AsArray().Select(each => Text(each, "type")).Where(type => type.StartsWith("snapshot.restore", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Sync_TooSoon_IsRefusedUnlessForced()
    {
        await using var spine = await StartAsync();
        var id = await spine.RunningAsync();
        var (_, begun) = await spine.SendAsync("POST", $"/instances/{id}/sync?wait=false");
        await spine.RefusedAsync(409, "conflict", "POST", $"/instances/{id}/sync?force=true");
        await DoWorkAsync(spine, id, Made);
        await UntilAsync(spine, $"/snapshots/{Text(begun, "snapshot_id")}", "completed");
        await spine.RefusedAsync(429, "too-many-requests", "POST", $"/instances/{id}/sync");
        var (_, status) = await spine.SendAsync("GET", $"/instances/{id}/sync/status");
        Assert.Equal((1, true, "synced", Text(begun, "snapshot_id")), (status!["sync_count"]!.GetValue<int>(), status["synced"]!.GetValue<bool>(), Text(status, "sync_status"), Text(status, "last_snapshot_id")));
        Assert.Equal("100 B", Text(status["last_stats"]!, "data_added"));
        Assert.Equal(HttpStatusCode.Accepted, (await spine.SendAsync("POST", $"/instances/{id}/sync?force=true&wait=false")).Status);
        await spine.RefusedFieldAsync("query", "source_path", "POST", $"/instances/{id}/sync?source_path=/etc");
    }

    [Fact]
    public async Task Prune_TwoAtOnce_TheSecondIsToldOfTheFirst()
    {
        await using var spine = await StartAsync();
        var (_, snapshot) = await SnapshotAsync(spine);
        var services = spine.Server;
        var user = (await services.Get<SnapshotStore>().FindAsync(SnapshotNumber.TryParse(snapshot)!.Value, Line.Deadline()))!;
        var database = services.Get<Database>();
        await database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                """
                INSERT INTO snapshot_operations (id, user_id, kind, state, repository_id, cancel_requested, version, created_at, document)
                VALUES (900, @user, 'Prune', 'Running', @repository, 0, 1, 0, '{}')
                """,
                new { user = user.UserId.Value, repository = user.RepositoryId },
                transaction),
            Line.Deadline());
        var problem = await spine.RefusedAsync(409, "conflict", "POST", "/snapshots/prune", new { keep_last = 1 });
        Assert.Contains("900", Text(problem, "error"), StringComparison.Ordinal);
        await spine.RefusedFieldAsync("body", "keep_last", "POST", "/snapshots/prune", new { keep_last = 0 });
    }

    [Fact]
    public async Task Retention_IsKeptPerInstanceAndAppliedInADryRun()
    {
        await using var spine = await StartAsync();
        var (id, snapshot) = await SnapshotAsync(spine);
        var (_, own) = await spine.SendAsync("PUT", "/snapshots/retention-policy", new { retention_days = 0, min_snapshots_to_keep = 0, instance_id = id.Value });
        Assert.True(own!["is_instance_policy"]!.GetValue<bool>());
        var (_, general) = await spine.SendAsync("GET", "/snapshots/retention-policy");
        Assert.Equal((30, false), (general!["retention_days"]!.GetValue<int>(), general["is_instance_policy"]!.GetValue<bool>()));
        var (_, dry) = await spine.SendAsync("POST", "/snapshots/cleanup", new { dry_run = true });
        Assert.Equal([snapshot], dry!["removed"]!.AsArray().Select(each => each!.GetValue<string>()));
        Assert.Equal(HttpStatusCode.OK, (await spine.SendAsync("GET", $"/snapshots/{snapshot}")).Status);
        await spine.SendAsync("POST", $"/snapshots/{snapshot}/keep-forever", new { keep_forever = true });
        (_, dry) = await spine.SendAsync("POST", "/snapshots/cleanup", new { dry_run = true });
        Assert.Empty(dry!["removed"]!.AsArray());
        await spine.RefusedFieldAsync("body", "retention_days", "PUT", "/snapshots/retention-policy", new { retention_days = -1 });
    }

    [Fact]
    public async Task Schedule_IsSetReadAndTaken()
    {
        await using var spine = await StartAsync();
        var id = await spine.RunningAsync();
        await spine.RefusedFieldAsync("body", "every_minutes", "PUT", $"/instances/{id}/snapshot-schedule", new { every_minutes = 1 });
        await spine.RefusedFieldAsync("body", "daily_at", "PUT", $"/instances/{id}/snapshot-schedule", new { daily_at = "noon" });
        var (_, set) = await spine.SendAsync("PUT", $"/instances/{id}/snapshot-schedule", new { every_minutes = 60 });
        Assert.Equal(60, set!["every_minutes"]!.GetValue<int>());
        Assert.NotNull(set["next_at"]);
        await spine.SendAsync("DELETE", $"/instances/{id}/snapshot-schedule");
        var (_, none) = await spine.SendAsync("GET", $"/instances/{id}/snapshot-schedule");
        Assert.False(none!["enabled"]!.GetValue<bool>());
    }

    [Fact]
    public async Task Storage_KeysAreMaskedAndTheTestIsReal()
    {
        await using var spine = await StartAsync();
        var (_, tested) = await spine.SendAsync("POST", "/settings/cloud-storage/test", new { });
        Assert.Equal(["write", "read", "delete"], tested!["steps"]!.AsArray().Select(step => Text(step, "step")));
        Assert.True(tested["success"]!.GetValue<bool>());

        await spine.RefusedFieldAsync("body", "primary_provider", "PUT", "/settings/cloud-storage", new { primary_provider = "floppy" });
        await spine.RefusedFieldAsync("body", "endpoint", "PUT", "/settings/cloud-storage", new { primary_provider = "s3", endpoint = "file:///etc" });
        await spine.RefusedFieldAsync("body", "gcs_credentials_json", "PUT", "/settings/cloud-storage", new { primary_provider = "google_gcs", gcs_credentials_json = "{}" });
        var (saved, _) = await spine.SendAsync(
            "PUT", "/settings/cloud-storage", new { primary_provider = "backblaze_b2", b2_key_id = "0041234567890", b2_app_key = "K004secretsecret", b2_bucket = "snaps", region = "us-west-004" });
        Assert.Equal(HttpStatusCode.OK, saved);
        var (_, read) = await spine.SendAsync("GET", "/settings/cloud-storage");
        var settings = read!["settings"]!;
        Assert.Equal(("****7890", "****cret", "https://s3.us-west-004.backblazeb2.com"), (Text(settings, "access_key"), Text(settings, "secret_key"), Text(settings, "endpoint")));
        Assert.DoesNotContain("K004secretsecret", await TextOfDatabaseAsync(spine), StringComparison.Ordinal);

        // What was read, sent back, changes nothing.
        await spine.SendAsync("PUT", "/settings/cloud-storage", new { secret_key = Text(settings, "secret_key") });
        Assert.Equal("K004secretsecret", (await spine.Server.Get<StorageSettingsStore>().FindAsync(new UserId(1), Line.Deadline())).SecretKey);

        // An endpoint that was given stays when something else is; another region has another.
        await spine.SendAsync("PUT", "/settings/cloud-storage", new { endpoint = "https://b2.example.org" });
        Assert.Equal("https://b2.example.org", await EndpointAfterAsync(new { prefix = "elsewhere" }));
        Assert.Equal("https://s3.eu-central-003.backblazeb2.com", await EndpointAfterAsync(new { region = "eu-central-003" }));
        await spine.SendAsync("PUT", "/settings/cloud-storage", new { primary_provider = "s3" });
        await spine.RefusedAsync(400, "storage-incomplete", "POST", "/settings/cloud-storage/test", new { });
        await spine.RefusedAsync(400, "storage-incomplete", "POST", "/snapshots", new { instance_id = (await spine.RunningAsync()).Value });

        async Task<string> EndpointAfterAsync(object change)
        {
            await spine.SendAsync("PUT", "/settings/cloud-storage", change);
            var (_, now) = await spine.SendAsync("GET", "/settings/cloud-storage");
            return Text(now!["settings"]!, "endpoint");
        }
    }

    [Fact]
    public async Task Objects_OfARepository_AMachineAddsAndNeverDeletes()
    {
        await using var spine = await StartAsync();
        var (id, _) = await SnapshotAsync(spine);
        var machine = (await spine.Server.Get<MachineStore>().ListAsync(id, Line.Deadline())).Single();
        using var agent = spine.Server.WithBearer(spine.Server.Get<ServerIdentity>().MachineToken(machine.Tag));
        const string objects = "/api/v1/agent/repositories/1/objects";
        var pack = $"{objects}/packs/ab/{new string('b', 64)}";
        Assert.Equal(HttpStatusCode.Created, await PutAsync(agent, pack, "hello"));
        Assert.Equal(HttpStatusCode.Conflict, await PutAsync(agent, pack, "other"));
        Assert.Equal(HttpStatusCode.Conflict, await PutAsync(agent, pack + "?mode=overwrite", "other"));
        Assert.Equal(HttpStatusCode.Forbidden, (await agent.DeleteAsync(pack, Line.Deadline())).StatusCode);
        using var range = new HttpRequestMessage(HttpMethod.Get, pack) { Headers = { Range = new RangeHeaderValue(1, 3) } };
        Assert.Equal("ell", await (await agent.SendAsync(range, Line.Deadline())).Content.ReadAsStringAsync(Line.Deadline()));
        using var head = await agent.SendAsync(new HttpRequestMessage(HttpMethod.Head, pack), Line.Deadline());
        Assert.Equal((HttpStatusCode.OK, 5L), (head.StatusCode, head.Content.Headers.ContentLength));
        Assert.Contains(new string('b', 64), await agent.GetStringAsync(objects + "?prefix=packs/", Line.Deadline()), StringComparison.Ordinal);

        var held = $"{objects}/locks/one";
        Assert.Equal(HttpStatusCode.Created, await PutAsync(agent, held, "a"));
        Assert.Equal(HttpStatusCode.Created, await PutAsync(agent, held + "?mode=overwrite", "b"));
        Assert.Equal(HttpStatusCode.OK, (await agent.DeleteAsync(held, Line.Deadline())).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await agent.GetAsync(held, Line.Deadline())).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, await PutAsync(agent, objects + "/packs/UPPER", "x"));
        Assert.Equal(HttpStatusCode.BadRequest, await PutAsync(agent, objects + "/packs/%2e%2e%2fx", "x"));

        // Another's repository, and a user's token.
        Assert.Equal(HttpStatusCode.Unauthorized, (await agent.GetAsync("/api/v1/agent/repositories/2/objects", Line.Deadline())).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await spine.User.GetAsync(objects, Line.Deadline())).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await spine.Server.Client.GetAsync(objects, Line.Deadline())).StatusCode);
    }

    [Fact]
    public async Task Order_OfAMachineWithWork_BearsItAndForgetsItAfterwards()
    {
        await using var spine = await StartAsync();
        var id = await spine.RunningAsync();
        await spine.SendAsync("POST", "/snapshots?wait=false", new { instance_id = id.Value });
        var machine = (await spine.Server.Get<MachineStore>().ListAsync(id, Line.Deadline())).Single();
        var work = await WorkAsync(spine, machine);
        Assert.Equal((AgentWorkKind.Snapshot, "dumont", "/workspace", 64), (work.Kind, work.Engine, work.SourcePath, work.Secret.Length));
        Assert.DoesNotContain(work.Secret, work.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(work.Secret, await TextOfDatabaseAsync(spine), StringComparison.Ordinal);
        await DoWorkAsync(spine, id, Made);
        await UntilAsync(spine, "/snapshots/operations/1", "done");
        Assert.Null(await spine.Server.Get<IAgentWorkSource>().FindAsync(machine, AgentRole.Writer, Line.Deadline()));
    }

    internal static Task<SpineServer> StartAsync() => SpineServer.StartAsync("Snapshots:WatchInterval=00:00:00.050");

    internal static async Task<(InstanceId Instance, string Snapshot)> SnapshotAsync(SpineServer spine)
    {
        var id = await spine.RunningAsync();
        var (_, begun) = await spine.SendAsync("POST", "/snapshots?wait=false", new { instance_id = id.Value, name = "one" });
        await DoWorkAsync(spine, id, Made);
        await UntilAsync(spine, $"/snapshots/{Text(begun, "id")}", "completed");
        return (id, Text(begun, "id"));
    }

    internal static Task DoWorkAsync(SpineServer spine, InstanceId id, AgentWorkResult result) =>
        ReportAsync(spine, id, operation => new AgentWorkReport(operation, AgentWorkState.Done, "done", 1, 1, 1, 1, result, null, null));

    internal static async Task ReportAsync(SpineServer spine, InstanceId id, Func<long, AgentWorkReport> report)
    {
        var machine = (await spine.Server.Get<MachineStore>().ListAsync(id, Line.Deadline())).Single();
        var work = await WorkAsync(spine, machine);
        await spine.Server.Get<AgentHub>().AcceptAsync(machine, Reports.Of(machine.Id, AgentRole.Writer, 1) with { Work = report(work.OperationId) }, Line.Deadline());
    }

    // The agent is heard of all the while, as it would be.
    internal static async Task<AgentWork> WorkAsync(SpineServer spine, Machine machine)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (await timer.WaitForNextTickAsync(Line.Deadline()))
        {
            await spine.Server.Get<AgentHub>().AcceptAsync(machine, Reports.Of(machine.Id, AgentRole.Writer, 1), Line.Deadline());
            if (await spine.Server.Get<IAgentWorkSource>().FindAsync(machine, AgentRole.Writer, Line.Deadline()) is { } work)
            {
                return work;
            }
        }

        throw new TimeoutException();
    }

    internal static async Task<JsonNode> UntilAsync(SpineServer spine, string path, string status)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (await timer.WaitForNextTickAsync(Line.Deadline()))
        {
            if (await spine.SendAsync("GET", path) is (_, { } body) && Text(body, "status") == status)
            {
                return body;
            }
        }

        throw new TimeoutException();
    }

    private static async Task<HttpStatusCode> PutAsync(HttpClient client, string path, string content) =>
        (await client.PutAsync(path, new StringContent(content), Line.Deadline())).StatusCode;

    private static async Task<string> TextOfDatabaseAsync(SpineServer spine)
    {
        using var copy = new MemoryStream();
        foreach (var file in Directory.EnumerateFiles(spine.Server.Directory, "dumont.db*"))
        {
            await using var read = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            await read.CopyToAsync(copy, Line.Deadline());
        }

        return System.Text.Encoding.Latin1.GetString(copy.ToArray());
    }

    private static string[] Words(params string[] words) => words;

    private static string Text(JsonNode? node, string member) => node![member]!.ToString();
}
