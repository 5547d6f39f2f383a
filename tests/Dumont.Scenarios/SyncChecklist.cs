using System.Text.Json.Nodes;
using Dumont.Contracts;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>The checklist's lines on syncs. Restic's are
/// in <see cref="ResticSnapshotTests"/>.</summary>
public abstract class SyncChecklist(ChecklistFixture fixture, ITestOutputHelper output) : ChecklistTests(fixture, output)
{
    [Fact]
    [Trait("Checklist", "231")]
    public async Task Schedule_ItsTimeHasCome_TakesAnIncrementalSnapshot()
    {
        var place = await PlaceAsync();
        await place.RunAsync("rm -rf /workspace/*; echo work > /workspace/work");
        await place.SnapshotAsync("", name: "by hand");
        await place.User.PutAsync($"/instances/{place.Id}/snapshot-schedule", new JsonObject { ["every_minutes"] = 60 }, Cancelled);
        await place.World.Server.KillAsync();
        ServerRecords.MakeScheduleDue(place.World.Server.DatabaseFile, place.Id);
        await place.World.Server.StartAsync(Cancelled);
        var made = await Poll.UntilAsync<JsonNode>(
            "the scheduled snapshot is made",
            TestWorld.Patience,
            async () => (await place.User.GetAsync("/snapshots?tag=scheduled", Cancelled))["snapshots"]!.AsArray()
                .FirstOrDefault(each => each!.Number("instance_id") == place.Id && each!.Word("status") == "completed"),
            Cancelled,
            () => place.User.DescribeAsync(place.Id, Cancelled));
        Assert.Equal("incremental", made.Word("type"));
        var schedule = await place.User.GetAsync($"/instances/{place.Id}/snapshot-schedule", Cancelled);
        Assert.InRange(schedule["next_at"]!.GetValue<DateTimeOffset>() - TimeProvider.System.GetUtcNow(), TimeSpan.FromMinutes(58), TimeSpan.FromMinutes(60));
        await place.User.RemoveAsync($"/instances/{place.Id}/snapshot-schedule", Cancelled);
    }

    [Fact]
    [Trait("Checklist", "232")]
    public async Task Sync_SendsOnlyWhatIsNewOrChanged()
    {
        var place = await PlaceAsync();
        await place.InAsync("sync-new", "for i in $(seq 1 20); do head -c 300000 /dev/urandom > $i; done");
        await place.SyncAsync("sync-new");
        await place.InAsync("sync-new", "head -c 300000 /dev/urandom > 5; head -c 300000 /dev/urandom > 21");
        var second = await place.SyncAsync("sync-new");
        Assert.Equal((1, 1, 19), (second.Number("files_new"), second.Number("files_changed"), second.Number("files_unmodified")));
        Assert.InRange(second.Number("data_added_bytes"), 600_000, 700_000);
        var third = await place.SyncAsync("sync-new");
        Assert.Equal((0, 0, 21), (third.Number("files_new"), third.Number("files_changed"), third.Number("files_unmodified")));
        Assert.InRange(third.Number("data_added_bytes"), 0, 20_000);
    }

    [Fact]
    [Trait("Checklist", "233")]
    public async Task History_EachVersionOfAFile_CanBeHadAgain()
    {
        var place = await PlaceAsync();
        var ids = new List<string>();
        foreach (var version in new[] { "one", "two", "three" })
        {
            await place.InAsync("sync-history", $"echo {version} > model.txt");
            ids.Add((await place.SyncAsync("sync-history")).Word("snapshot_id"));
        }

        var listed = (await place.User.GetAsync($"/snapshots?instance_id={place.Id}&tag=sync", Cancelled))["snapshots"]!.AsArray();
        Assert.Equal([ids[2], ids[1], ids[0]], listed.Where(each => each!["paths"]![0]!.ToString() == "/workspace/sync-history").Select(each => each!.Word("id")));
        for (var i = 0; i < ids.Count; i++)
        {
            await place.RestoreAsync(ids[i], $"sync-history-{i}");
        }

        Assert.Equal("one two three", await place.RunAsync("cd /workspace; echo $(cat sync-history-0/model.txt sync-history-1/model.txt sync-history-2/model.txt)"));
    }

    [Fact]
    [Trait("Checklist", "234")]
    public async Task Restore_OfOneFileOfASync_LeavesTheRest()
    {
        var place = await PlaceAsync();
        await place.InAsync("sync-some", "mkdir -p runs; echo first > runs/a; echo first > runs/b; echo first > c");
        var synced = await place.SyncAsync("sync-some");
        await place.InAsync("sync-some", "echo second > runs/a; echo second > runs/b; rm c; echo new > d");
        var restored = await place.RestoreAsync(synced.Word("snapshot_id"), target: null, "runs/a", "c");
        Assert.Equal(2, restored.Number("files_restored"));
        Assert.Equal("first second first new", await place.InAsync("sync-some", "echo $(cat runs/a runs/b c d)"));
    }

    [Fact]
    [Trait("Checklist", "235")]
    public async Task Sync_CopiedContent_IsNotSentAgain()
    {
        var place = await PlaceAsync();
        await place.InAsync("sync-copies", "head -c 8000000 /dev/urandom > one; cp one two");
        var first = await place.SyncAsync("sync-copies");
        Assert.InRange(first.Number("data_added_bytes"), 8_000_000, 9_000_000);
        await place.InAsync("sync-copies", "mkdir deep; cp one deep/three; mv two deep/four");
        var second = await place.SyncAsync("sync-copies");
        Assert.Equal(2, second.Number("files_new"));
        Assert.InRange(second.Number("data_added_bytes"), 1, 100_000);
    }

    [Fact]
    [Trait("Checklist", "236")]
    public async Task Restore_ToEachSync_ThereAndBack()
    {
        var place = await PlaceAsync();
        await ThereAndBackAsync(place, "sync-points", async folder => (await place.SyncAsync(folder)).Word("snapshot_id"));
    }

    [Fact]
    [Trait("Checklist", "239")]
    public async Task FirstSync_SendsEverythingAndIsMeasured()
    {
        var place = await PlaceAsync();
        await place.InAsync("sync-first", "for i in 1 2 3 4 5; do head -c 2000000 /dev/urandom > $i; done");
        var first = await place.SyncAsync("sync-first");
        Assert.Equal((5, 0, 0), (first.Number("files_new"), first.Number("files_changed"), first.Number("files_unmodified")));
        Assert.InRange(first.Number("data_added_bytes"), 10_000_000, 10_500_000);
        Assert.True(first["duration_seconds"]!.GetValue<double>() > 0, first.ToJsonString());
        Assert.Matches(@"^10\.\d MB$", first.Word("data_added"));
    }

    [Fact]
    [Trait("Checklist", "240")]
    public async Task LaterSync_IsAHundredthOfTheFirst()
    {
        var place = await PlaceAsync();
        await place.InAsync("sync-later", "for i in $(seq 1 200); do head -c 50000 /dev/urandom > $i; done");
        var first = await place.SyncAsync("sync-later");
        await place.InAsync("sync-later", "echo changed for a sync > 77");
        var second = await place.SyncAsync("sync-later");
        Assert.Equal((true, 1, 199), (second.Flag("is_incremental"), second.Number("files_changed"), second.Number("files_unmodified")));
        Assert.True(first.Number("data_added_bytes") >= 100 * second.Number("data_added_bytes"), second.ToJsonString());
    }

    [Fact]
    [Trait("Checklist", "241")]
    public async Task Sync_OfALargeTree_IsWholeAndThenSendsNothing()
    {
        var place = await PlaceAsync();
        await place.InAsync("sync-large", "head -c 120000000 /dev/urandom > blob; for i in $(seq 1 1000); do echo $i > f$i; done");
        var first = await place.SyncAsync("sync-large");
        Assert.Equal((true, 1001), (first.Flag("success"), first.Number("files_new")));
        Assert.InRange(first.Number("data_added_bytes"), 120_000_000, 123_000_000);
        var second = await place.SyncAsync("sync-large");
        Assert.Equal(1001, second.Number("files_unmodified"));
        Assert.InRange(second.Number("data_added_bytes"), 0, 120_000);
    }

    [Fact]
    [Trait("Checklist", "242")]
    public async Task Sync_WhatIsKept_IsWhatWasThere()
    {
        var place = await PlaceAsync();
        var before = await place.InAsync("sync-whole", "mkdir -p a/b; head -c 3000000 /dev/urandom > a/b/blob; echo x > 'a name [1]*'; ln -s b a/link; printf '#!/bin/sh\\n' > run.sh; chmod 750 run.sh; " + Workplace.Sums("."));
        var synced = await place.SyncAsync("sync-whole");
        await place.RunAsync("rm -r /workspace/sync-whole");
        await place.RestoreAsync(synced.Word("snapshot_id"));
        Assert.Equal(before, await place.SumsAsync("sync-whole"));
        Assert.Empty(await place.DamageAsync());
    }

    [Fact]
    [Trait("Checklist", "243")]
    public async Task Sync_ThatFailed_IsToldAndTheNextOneWorks()
    {
        var place = await PlaceAsync();
        await place.InAsync("sync-failed", "head -c 1000000 /dev/urandom > blob");
        await place.SyncAsync("sync-failed");
        await place.RunAsync("mv /workspace/sync-failed /workspace/sync-elsewhere");
        var failed = await Assert.ThrowsAsync<DumontApiException>(() => place.SyncAsync("sync-failed"));
        Output.WriteLine(failed.Message);
        var status = await place.User.GetAsync($"/instances/{place.Id}/sync/status", Cancelled);
        Assert.Equal("failed", status.Word("sync_status"));
        Assert.NotEqual("", status.Word("error"));

        await place.RunAsync("mv /workspace/sync-elsewhere /workspace/sync-failed");
        var again = await place.SyncAsync("sync-failed");
        Assert.Equal((true, true, 1), (again.Flag("success"), again.Flag("is_incremental"), again.Number("files_unmodified")));
        Assert.Equal("synced", (await place.User.GetAsync($"/instances/{place.Id}/sync/status", Cancelled)).Word("sync_status"));
    }

    [Fact]
    [Trait("Checklist", "243")]
    public async Task Sync_ServerKilledMeanwhile_IsMadeOnce()
    {
        var place = await PlaceAsync();
        await place.InAsync("sync-killed", "head -c 50000000 /dev/urandom > blob");
        var count = await CountAsync();
        var begun = (await place.User.PostAsync($"/instances/{place.Id}/sync?force=true&wait=false&source_path=/workspace/sync-killed", null, Cancelled))!;
        await place.World.Server.KillAsync();
        await place.World.Server.StartAsync(Cancelled);
        await Poll.UntilAsync(
            "the sync is made",
            TestWorld.Patience,
            async () => (await StatusAsync()) is var status && status.Word("sync_status") == "synced" && status.Word("last_snapshot_id") == begun.Word("snapshot_id"),
            Cancelled,
            () => place.User.DescribeAsync(place.Id, Cancelled));
        Assert.Equal(count + 1, await CountAsync());
        await place.RestoreAsync(begun.Word("snapshot_id"), "sync-killed-back");
        await place.AssertSameAsync("sync-killed", "sync-killed-back");

        async Task<long> CountAsync() => (await StatusAsync()).Number("sync_count");

        Task<JsonNode> StatusAsync() => place.User.GetAsync($"/instances/{place.Id}/sync/status", Cancelled);
    }

    [Fact]
    [Trait("Checklist", "298")]
    public async Task Status_IsToldForOneInstanceAndForAll()
    {
        var place = await PlaceAsync();
        await place.InAsync("sync-status", "echo data > file");
        var before = await place.User.GetAsync($"/instances/{place.Id}/sync/status", Cancelled);
        var synced = await place.SyncAsync("sync-status");
        var soon = await Assert.ThrowsAsync<DumontApiException>(() => place.User.PostAsync($"/instances/{place.Id}/sync", null, Cancelled));
        Assert.Equal(429, (int)soon.Status);
        var status = await place.User.GetAsync($"/instances/{place.Id}/sync/status", Cancelled);
        Assert.Equal(
            (true, false, "synced", synced.Word("snapshot_id"), "/workspace/sync-status"),
            (status.Flag("synced"), status.Flag("is_syncing"), status.Word("sync_status"), status.Word("last_snapshot_id"), status.Word("source_path")));
        Assert.Equal(
            (before.Number("sync_count") + 1, before.Number("bytes_synced") + synced.Number("data_added_bytes")), (status.Number("sync_count"), status.Number("bytes_synced")));
        Assert.InRange(status["last_sync_ago"]!.GetValue<double>(), 0, TestWorld.Patience.TotalSeconds);
        var all = await place.User.GetAsync("/sync", Cancelled);
        Assert.Equal(synced.Word("snapshot_id"), all["syncs"]!.AsArray().Single(each => each!.Number("instance_id") == place.Id)!.Word("last_snapshot_id"));
    }

    [Fact]
    [Trait("Checklist", "322, 328, 329")]
    public async Task Metrics_CountLatencyBytesAndFiles()
    {
        var place = await PlaceAsync();
        var before = await CountedAsync();
        await place.InAsync("sync-counted", "for i in 1 2 3; do head -c 100000 /dev/urandom > $i; done");
        var synced = await place.SyncAsync("sync-counted");
        var after = await CountedAsync();
        Assert.Equal((before.Syncs + 1, before.Bytes + synced.Number("data_added_bytes"), before.Files + 3), (after.Syncs, after.Bytes, after.Files));
        Assert.True(after.Seconds - before.Seconds >= synced["duration_seconds"]!.GetValue<double>(), $"{before} {after} {synced}");

        async Task<(double Syncs, double Seconds, double Bytes, double Files)> CountedAsync() =>
            (await place.MetricAsync("dumont_sync_latency_seconds_count"), await place.MetricAsync("dumont_sync_latency_seconds_sum"),
            await place.MetricAsync("dumont_sync_bytes_total"), await place.MetricAsync("dumont_sync_files_total"));
    }
}

/// <summary>Into folders of the server's disk.</summary>
[Collection(FolderChecklist.Name)]
public sealed class FolderSyncChecklist(FolderChecklistFixture fixture, ITestOutputHelper output) : SyncChecklist(fixture, output);

/// <summary>Into a bucket of an S3 service.</summary>
[Collection(BucketChecklist.Name)]
public sealed class BucketSyncChecklist(BucketChecklistFixture fixture, ITestOutputHelper output) : SyncChecklist(fixture, output)
{
    [Fact]
    [Trait("Checklist", "243")]
    public async Task Sync_StoreFailsForAWhile_IsMadeAllTheSame()
    {
        var place = await PlaceAsync();
        await place.InAsync("sync-faults", "head -c 3000000 /dev/urandom > blob");
        JsonObject[] faults =
        [
            new() { ["kind"] = "server-error-before", ["status"] = 503 },
            new() { ["kind"] = "too-many-requests" },
            new() { ["kind"] = "answer-lost-after-effect" },
        ];
        foreach (var fault in faults)
        {
            (fault["operation"], fault["provider"], fault["count"]) = ("object-put", "s3", 1);
            await place.World.Cloud.ArmAsync(fault, Cancelled);
        }

        var synced = await place.SyncAsync("sync-faults");
        Assert.False(await place.World.Cloud.HasFaultsAsync(Cancelled));
        await place.RestoreAsync(synced.Word("snapshot_id"), "sync-faults-back");
        await place.AssertSameAsync("sync-faults", "sync-faults-back");
    }
}
