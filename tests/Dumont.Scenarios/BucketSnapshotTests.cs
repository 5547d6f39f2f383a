using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>Snapshots in a bucket of an S3 service, whose keys the machines never see.</summary>
public sealed class BucketSnapshotTests(BucketSnapshotTests.Fixture fixture) : WorldTests(fixture), IClassFixture<BucketSnapshotTests.Fixture>
{
    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("dumont")]
    [InlineData("restic")]
    public async Task Bucket_SnapshotRestorePrune_AllWork(string engine)
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var storage = await World.Cloud.StorageAsync(engine, _cancellationToken);
        var secret = storage["secret_key"]!.ToString();
        await user.PutAsync("/settings/cloud-storage", storage, _cancellationToken);
        var tested = (await user.PostAsync("/settings/cloud-storage/test", new JsonObject(), _cancellationToken))!;
        Assert.True(tested["success"]!.GetValue<bool>(), tested.ToJsonString());

        var id = await user.Create4090Async(_cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        const string write = "head -c 20000000 /dev/urandom > /workspace/blob; echo one > /workspace/mark; cd /workspace; md5sum blob mark";
        var before = await user.Ssh.RunSoonAsync(instance, write, TestWorld.Patience, _cancellationToken);
        var first = (await user.PostAsync("/snapshots", new JsonObject { ["instance_id"] = id, ["name"] = "one" }, _cancellationToken))!;
        Assert.Equal(("completed", engine), (first["status"]!.ToString(), first["engine"]!.ToString()));
        await user.Ssh.RunAsync(instance, "head -c 9000000 /dev/urandom > /workspace/other; echo two > /workspace/mark", _cancellationToken);
        var second = (await user.PostAsync($"/instances/{id}/sync", null, _cancellationToken))!;
        Assert.InRange(second["data_added_bytes"]!.GetValue<long>(), 9_000_000, 12_000_000);

        await user.PostAsync("/snapshots/restore", new JsonObject { ["snapshot_id"] = first["id"]!.ToString(), ["verify"] = true }, _cancellationToken);
        Assert.Equal(before, await user.Ssh.RunAsync(instance, "cd /workspace; md5sum blob mark", _cancellationToken));
        var pruned = (await user.PostAsync("/snapshots/prune", new JsonObject { ["keep_last"] = 1 }, _cancellationToken))!;
        Assert.Equal([first["id"]!.ToString()], pruned["removed"]!.AsArray().Select(each => each!.ToString()));
        var verified = (await user.PostAsync("/snapshots/verify?read_data=true", null, _cancellationToken))!;
        Assert.Empty(verified["errors"]!.AsArray());

        // The key of the bucket is nowhere on the machine: in no file of the agent and in no environment of a process.
        var seen = await user.Ssh.RunAsync(instance, $"grep -rlaF '{secret}' /opt/dumont /var/lib/dumont /proc/[0-9]*/environ 2>/dev/null | grep -v \"/proc/$$/\" | wc -l", _cancellationToken);
        Assert.Equal("0", seen);
    }

    public sealed class Fixture : WorldFixture;
}
