using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Contracts;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>Snapshots of real machines: scenarios 43 to 52 of the hundred. Each engine must do all of it.</summary>
public abstract class SnapshotScenarios(WorldFixture fixture, ITestOutputHelper output) : WorldTests(fixture)
{
    // A tree with what trees have: large and small files, folders, a link, a name that is no plain word, an executable.
    private protected const string MakeTree =
        """
        set -e; cd /workspace; mkdir -p data/deep model; head -c 8000000 /dev/urandom > model/weights.bin
        for i in $(seq 1 50); do echo "row $i" > data/deep/$i.txt; done
        echo 'a name' > 'data/with space [1]*.txt'; ln -s ../model/weights.bin data/link; printf '#!/bin/sh\necho hi\n' > run.sh; chmod 750 run.sh; sync
        """;

    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Seed", "43, 44, 46")]
    public async Task Snapshot_FullThenIncremental_SendsOnlyChanges()
    {
        var user = await NewUserAsync();
        var (id, instance) = await CreateAsync(user);
        await user.Ssh.RunSoonAsync(instance, MakeTree, TestWorld.Patience, _cancellationToken);
        var full = await SnapshotAsync(user, id, "full-1", "full");
        Assert.Equal(("completed", "full-1", false), (full.Word("status"), full.Word("name"), full["is_incremental"]!.GetValue<bool>()));
        Assert.True(full.Number("data_added") > 8_000_000, full.ToJsonString());
        Assert.True(full.Number("files_new") >= 53, full.ToJsonString());

        await user.Ssh.RunAsync(instance, "echo changed > /workspace/data/deep/7.txt; echo new > /workspace/new.txt", _cancellationToken);
        var second = await SnapshotAsync(user, id, "inc-2", "incremental");
        Assert.True(second["is_incremental"]!.GetValue<bool>());
        Assert.True(second.Number("data_added") < full.Number("data_added") / 20, second.ToJsonString());
        Assert.Equal((1, 1), (second.Number("files_new"), second.Number("files_changed")));

        var third = await SnapshotAsync(user, id, "inc-3", "incremental");
        Assert.Equal((0, 0), (third.Number("files_new"), third.Number("files_changed")));
        Assert.Equal(3, new[] { full, second, third }.Select(each => each.Word("id")).Distinct().Count());
        var listed = await user.GetAsync($"/snapshots?instance_id={id}", _cancellationToken);
        Assert.Equal(["inc-3", "inc-2", "full-1"], listed["snapshots"]!.AsArray().Select(each => each!.Word("name")));
    }

    [Fact]
    [Trait("Seed", "45")]
    public async Task Snapshot_OfPausedInstance_IsTakenAndItPausesAgain()
    {
        var user = await NewUserAsync();
        var (id, instance) = await CreateAsync(user);
        await user.Ssh.RunSoonAsync(instance, MakeTree, TestWorld.Patience, _cancellationToken);
        await user.PostAsync($"/instances/{id}/pause", null, _cancellationToken);
        await user.AwaitStatusAsync(id, "paused", TestWorld.Patience, _cancellationToken);
        var made = await SnapshotAsync(user, id, "while-paused", "full");
        Assert.Equal("completed", made.Word("status"));
        Assert.True(made.Number("files_new") >= 53, made.ToJsonString());
        await user.AwaitStatusAsync(id, "paused", TestWorld.Patience, _cancellationToken);
    }

    [Fact]
    [Trait("Seed", "47, 49, 50")]
    public async Task Restore_ToAnotherGpu_HasEveryFileAsItWas()
    {
        var user = await NewUserAsync();
        var (id, instance) = await CreateAsync(user);
        await user.Ssh.RunSoonAsync(instance, MakeTree, TestWorld.Patience, _cancellationToken);
        var before = await user.Ssh.RunAsync(instance, Workplace.Sums("/workspace"), _cancellationToken);
        var made = await SnapshotAsync(user, id, "to-move", "full");
        await user.DeleteAsync(id, _cancellationToken);

        var restored = await user.PostAsync(
            "/snapshots/restore", new JsonObject { ["snapshot_id"] = made.Word("id"), ["gpu_name"] = "rtx3090", ["verify"] = true, ["disk_size"] = 20 }, _cancellationToken);
        var newId = restored!["new_instance_id"]!.GetValue<long>();
        Assert.NotEqual(id, newId);
        Assert.True(restored.Number("files_restored") >= 54, restored.ToJsonString());
        var other = await user.AwaitStatusAsync(newId, "running", TestWorld.Patience, _cancellationToken);
        Assert.Contains("3090", other.Word("gpu_name"), StringComparison.Ordinal);
        Assert.Equal(before, await user.Ssh.RunSoonAsync(other, Workplace.Sums("/workspace"), TestWorld.Patience, _cancellationToken));
        output.WriteLine(restored.ToJsonString());
    }

    [Fact]
    [Trait("Seed", "48")]
    public async Task Restore_OfSomePaths_LeavesTheRestAlone()
    {
        var user = await NewUserAsync();
        var (id, instance) = await CreateAsync(user);
        await user.Ssh.RunSoonAsync(instance, MakeTree, TestWorld.Patience, _cancellationToken);
        var made = await SnapshotAsync(user, id, "partial", "full");
        await user.Ssh.RunAsync(
            instance, "cd /workspace; rm -r data/deep 'data/with space [1]*.txt'; echo mine > run.sh; echo mine > later.txt", _cancellationToken);

        var request = new JsonObject
        {
            ["snapshot_id"] = made.Word("id"),
            ["instance_id"] = id,
            ["include"] = new JsonArray("data/deep", "/workspace/data/with space [1]*.txt"),
        };
        var restored = await user.PostAsync("/snapshots/restore", request, _cancellationToken);
        Assert.Equal(51, restored!.Number("files_restored"));
        Assert.Equal("mine mine 50 a name", await user.Ssh.RunAsync(
            instance, "cd /workspace; echo $(cat run.sh later.txt) $(ls data/deep | wc -l) $(cat 'data/with space [1]*.txt')", _cancellationToken));

        // Somewhere else, and one that is not in it: nothing changes.
        request["include"] = new JsonArray("run.sh");
        request["target_path"] = "/workspace/restored";
        await user.PostAsync("/snapshots/restore", request.DeepClone(), _cancellationToken);
        Assert.Equal("mine hi", await user.Ssh.RunAsync(instance, "cd /workspace; echo $(cat run.sh) $(./restored/run.sh)", _cancellationToken));
        request["include"] = new JsonArray("no/such/file");
        var refused = await Assert.ThrowsAsync<DumontApiException>(() => user.PostAsync("/snapshots/restore", request, _cancellationToken));
        Assert.Equal(404, (int)refused.Status);
    }

    [Fact]
    [Trait("Seed", "51, 52")]
    public async Task Prune_KeepsTheNewestAndWhatIsKeptForEver()
    {
        var user = await NewUserAsync();
        var (id, instance) = await CreateAsync(user);
        var ids = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            await user.Ssh.RunSoonAsync(instance, $"head -c 3000000 /dev/urandom > /workspace/blob; echo {i} > /workspace/mark", TestWorld.Patience, _cancellationToken);
            ids.Add((await SnapshotAsync(user, id, $"s{i}", "incremental")).Word("id"));
        }

        await user.PostAsync($"/snapshots/{ids[0]}/keep-forever", new JsonObject { ["keep_forever"] = true }, _cancellationToken);
        var pruned = await user.PostAsync("/snapshots/prune", new JsonObject { ["keep_last"] = 1, ["instance_id"] = id }, _cancellationToken);
        Assert.Equal([ids[2], ids[1]], pruned!["removed"]!.AsArray().Select(each => each!.ToString()));
        Assert.Equal(2, pruned.Number("kept"));
        Assert.True(pruned.Number("bytes_freed") > 4_000_000, pruned.ToJsonString());
        var listed = await user.GetAsync("/snapshots", _cancellationToken);
        Assert.Equal([ids[3], ids[0]], listed["snapshots"]!.AsArray().Select(each => each!.Word("id")));

        // What is left is whole.
        await user.PostAsync(
            "/snapshots/restore", new JsonObject { ["snapshot_id"] = ids[0], ["instance_id"] = id, ["verify"] = true }, _cancellationToken);
        Assert.Equal("0", await user.Ssh.RunAsync(instance, "cat /workspace/mark", _cancellationToken));
        var verified = await user.PostAsync("/snapshots/verify?read_data=true", null, _cancellationToken);
        Assert.Empty(verified!["errors"]!.AsArray());
    }

    [Fact]
    public async Task Snapshot_ServerKilledMeanwhile_IsMadeOnce()
    {
        var user = await NewUserAsync();
        var (id, instance) = await CreateAsync(user);
        await user.Ssh.RunSoonAsync(instance, "head -c 60000000 /dev/urandom > /workspace/blob", TestWorld.Patience, _cancellationToken);
        var begun = (await user.PostAsync(
            "/snapshots?wait=false", new JsonObject { ["instance_id"] = id, ["name"] = "survivor" }, _cancellationToken))!;
        await World.Server.KillAsync();
        await World.Server.StartAsync(_cancellationToken);
        var made = await Poll.UntilAsync<JsonNode>(
            "the snapshot is made",
            TestWorld.Patience,
            async () => await user.GetAsync($"/snapshots/{begun.Word("id")}", _cancellationToken) is { } now && now.Word("status") != "creating" ? now : null,
            _cancellationToken,
            () => user.DescribeAsync(id, _cancellationToken));
        Assert.Equal(("completed", 60_000_000), (made.Word("status"), made.Number("size_bytes")));
        Assert.Single((await user.GetAsync("/snapshots", _cancellationToken))["snapshots"]!.AsArray());
    }

    [Fact]
    public async Task Snapshot_OfSomebodyElse_IsUnknown()
    {
        var (owner, other) = (await NewUserAsync(), await NewUserAsync());
        var (id, _) = await CreateAsync(owner);
        var made = (await SnapshotAsync(owner, id, "mine", "full")).Word("id");
        Assert.Empty((await other.GetAsync("/snapshots", _cancellationToken))["snapshots"]!.AsArray());
        Func<Task>[] attempts =
        [
            () => other.GetAsync($"/snapshots/{made}", _cancellationToken),
            () => other.RemoveAsync($"/snapshots/{made}", _cancellationToken),
            () => other.PostAsync("/snapshots/restore", new JsonObject { ["snapshot_id"] = made, ["gpu_name"] = "rtx4090" }, _cancellationToken),
            () => other.PostAsync("/snapshots", new JsonObject { ["instance_id"] = id }, _cancellationToken),
        ];
        foreach (var attempt in attempts)
        {
            Assert.Equal(404, (int)(await Assert.ThrowsAsync<DumontApiException>(attempt)).Status);
        }
    }

    /// <summary>A user whose snapshots go where this class says; by default into a folder of the server.</summary>
    private protected virtual Task<ApiUser> NewUserAsync() => World.NewUserAsync(_cancellationToken);

    private protected async Task<(long Id, JsonNode Instance)> CreateAsync(ApiUser user)
    {
        var id = await user.Create4090Async(_cancellationToken);
        return (id, await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken));
    }

    private async Task<JsonNode> SnapshotAsync(ApiUser user, long id, string name, string type)
    {
        var made = (await user.PostAsync("/snapshots", new JsonObject { ["instance_id"] = id, ["name"] = name, ["type"] = type }, _cancellationToken))!;
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{name}: {made.Number("size_bytes")} B, sent {made.Number("data_added")} B in {made["duration_seconds"]} s"));
        return made;
    }

}

/// <summary>With our own engine.</summary>
public sealed class DumontSnapshotTests(DumontSnapshotTests.Fixture fixture, ITestOutputHelper output)
    : SnapshotScenarios(fixture, output), IClassFixture<DumontSnapshotTests.Fixture>
{
    public sealed class Fixture : WorldFixture
    {
        private protected override IReadOnlyDictionary<string, string> ServerSettings { get; } = new Dictionary<string, string> { ["Snapshots__DefaultEngine"] = "dumont" };
    }
}

/// <summary>With our own engine, in a bucket of an S3 service.</summary>
public sealed class DumontBucketSnapshotTests(DumontBucketSnapshotTests.Fixture fixture, ITestOutputHelper output)
    : SnapshotScenarios(fixture, output), IClassFixture<DumontBucketSnapshotTests.Fixture>
{
    private protected override async Task<ApiUser> NewUserAsync()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var user = await base.NewUserAsync();
        await user.PutAsync("/settings/cloud-storage", await World.Cloud.StorageAsync("dumont", cancellationToken), cancellationToken);
        return user;
    }

    public sealed class Fixture : WorldFixture;
}

/// <summary>With restic, which syncs as well; what the checklist wants of syncs is asked of our own engine in <see cref="SyncChecklist"/>.</summary>
public sealed class ResticSnapshotTests(ResticSnapshotTests.Fixture fixture, ITestOutputHelper output)
    : SnapshotScenarios(fixture, output), IClassFixture<ResticSnapshotTests.Fixture>
{
    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sync_FirstFullThenChangesOnly_TellsItsState()
    {
        var user = await NewUserAsync();
        var (id, instance) = await CreateAsync(user);
        await user.Ssh.RunSoonAsync(instance, MakeTree, TestWorld.Patience, _cancellationToken);
        var first = (await user.PostAsync($"/instances/{id}/sync", null, _cancellationToken))!;
        Assert.True(first["success"]!.GetValue<bool>());
        var soon = await Assert.ThrowsAsync<DumontApiException>(() => user.PostAsync($"/instances/{id}/sync", null, _cancellationToken));
        Assert.Equal(429, (int)soon.Status);

        await user.Ssh.RunAsync(instance, "echo more >> /workspace/run.sh", _cancellationToken);
        var second = (await user.PostAsync($"/instances/{id}/sync?force=true", null, _cancellationToken))!;
        Assert.True(second["is_incremental"]!.GetValue<bool>());
        Assert.Equal(1, second.Number("files_changed"));
        Assert.True(first.Number("data_added_bytes") > 20 * second.Number("data_added_bytes"));
        var status = await user.GetAsync($"/instances/{id}/sync/status", _cancellationToken);
        Assert.Equal((2, second.Word("snapshot_id"), "synced"), (status.Number("sync_count"), status.Word("last_snapshot_id"), status.Word("sync_status")));
    }

    public sealed class Fixture : WorldFixture
    {
        private protected override IReadOnlyDictionary<string, string> ServerSettings { get; } = new Dictionary<string, string> { ["Snapshots__DefaultEngine"] = "restic" };
    }
}
