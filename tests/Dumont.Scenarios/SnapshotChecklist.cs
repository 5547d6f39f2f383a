using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>The checklist's lines on snapshots. A line that measures is judged by bytes and counters: how long something
/// takes depends on what else the computer does, and is for <c>./dumont bench</c>.</summary>
public abstract class SnapshotChecklist(ChecklistFixture fixture, ITestOutputHelper output) : ChecklistTests(fixture, output)
{
    // Four-byte numbers that count up: LZ4 alone finds nothing in them that repeats, and the bits of one rank side by side are nearly all the same.
    private const string MakeNumbers = "perl -e 'binmode STDOUT; print pack(\"V*\", 1..1000000)' > numbers.bin";
    private const long NumbersBytes = 4_000_000;

    [Fact]
    [Trait("Checklist", "118")]
    public async Task Create_Numbers_AreCodedByBitshuffleAndLz4()
    {
        var place = await PlaceAsync();
        await place.InAsync("numbers", MakeNumbers);
        var made = await place.SnapshotAsync("numbers");
        Assert.Equal(NumbersBytes, made.Number("size_bytes"));
        Assert.InRange(made.Number("data_added"), 1, NumbersBytes / 15);
        await place.RestoreAsync(made.Word("id"), "numbers-back");
        await place.AssertSameAsync("numbers", "numbers-back");
    }

    [Fact]
    [Trait("Checklist", "119")]
    public async Task Create_WithRestic_SameContentIsStoredOnce()
    {
        var place = await PlaceAsync();
        await place.InAsync("twice", "head -c 6000000 /dev/urandom > one; cp one two");
        await place.User.PutAsync("/settings/cloud-storage", new JsonObject { ["engine"] = "restic" }, Cancelled);
        try
        {
            var made = await place.SnapshotAsync("twice");
            Assert.Equal(("restic", 12_000_000), (made.Word("engine"), made.Number("size_bytes")));
            Assert.InRange(made.Number("data_added"), 6_000_000, 7_000_000);
        }
        finally
        {
            await place.User.PutAsync("/settings/cloud-storage", new JsonObject { ["engine"] = "dumont" }, CancellationToken.None);
        }
    }

    [Fact]
    [Trait("Checklist", "120")]
    public async Task Create_IsMeasured_InTheAnswerAndInTheMetrics()
    {
        var place = await PlaceAsync();
        var before = await MeasuredAsync();
        await place.InAsync("measured", "head -c 5000000 /dev/urandom > blob");
        var made = await place.SnapshotAsync("measured");
        var after = await MeasuredAsync();
        Assert.True(made["duration_seconds"]!.GetValue<double>() > 0, made.ToJsonString());
        Assert.Equal(
            (before.Count + 1, before.Processed + 5_000_000, before.Files + 1), (after.Count, after.Processed, after.Files));
        Assert.Equal(made["duration_seconds"]!.GetValue<double>(), after.Seconds - before.Seconds, 0.01);

        async Task<(double Count, double Processed, double Files, double Seconds)> MeasuredAsync() =>
            (await place.MetricAsync("dumont_snapshot_duration_seconds_count", "kind=\"snapshot\""),
            await place.MetricAsync("dumont_snapshot_bytes_processed_total", "kind=\"snapshot\""),
            await place.MetricAsync("dumont_snapshot_files_total", "kind=\"snapshot\""),
            await place.MetricAsync("dumont_snapshot_duration_seconds_sum", "kind=\"snapshot\""));
    }

    [Fact]
    [Trait("Checklist", "121")]
    public async Task Create_Text_TellsTheRatioThatItReached()
    {
        var place = await PlaceAsync();

        // Lines that differ only in a number: what repeats lies close together, where LZ4 finds it, and no chunk is the same as another.
        await place.InAsync("text", "seq -f '2026-03-01 12:00:00 INFO trainer: step %.0f of 40000 done, the loss is still falling' 40000 > train.log");
        var made = await place.SnapshotAsync("text");
        var ratio = made["ratio"]!.GetValue<double>();
        Assert.True(ratio > 2, made.ToJsonString());
        Assert.Equal((double)made.Number("size_bytes") / made.Number("data_added"), ratio, 0.01);
    }

    [Fact]
    [Trait("Checklist", "122")]
    public async Task Create_ManySmallFiles_TravelInFewObjects()
    {
        var place = await PlaceAsync();
        await place.InAsync("small", "for i in $(seq 1 1500); do echo \"$i of many\" > $i; done");
        var before = place.StoredFiles().Count;
        var made = await place.SnapshotAsync("small");
        Assert.Equal(1500, made.Number("files_new"));
        Assert.InRange(place.StoredFiles().Count - before, 1, 20);
    }

    [Fact]
    [Trait("Checklist", "124")]
    public async Task Create_BytesSent_AreWhatTheStoreGrewBy()
    {
        var place = await PlaceAsync();
        await place.InAsync("sent", "head -c 9000000 /dev/urandom > blob; seq 1 100000 > lines.txt");
        var (stored, counted) = (place.StoredBytes(), await place.MetricAsync("dumont_snapshot_bytes_added_total", "kind=\"snapshot\""));
        var made = await place.SnapshotAsync("sent");
        Assert.Equal(made.Number("data_added"), await place.MetricAsync("dumont_snapshot_bytes_added_total", "kind=\"snapshot\"") - counted);
        Assert.InRange(place.StoredBytes() - stored, made.Number("data_added") * 0.99, made.Number("data_added") * 1.05);
    }

    [Theory]
    [Trait("Checklist", "125")]
    [InlineData("none", "true", 0)]
    [InlineData("tiny", "printf x > one; : > empty", 1)]
    [InlineData("middle", "head -c 65536 /dev/urandom > a; head -c 65537 /dev/urandom > b", 131_073)]
    [InlineData("large", "head -c 70000000 /dev/urandom > blob", 70_000_000)]
    public async Task Create_OfEachSize_ComesBackTheSame(string size, string make, long bytes)
    {
        var place = await PlaceAsync();
        await place.InAsync($"size-{size}", make);
        var made = await place.SnapshotAsync($"size-{size}");
        Assert.Equal(("completed", bytes), (made.Word("status"), made.Number("size_bytes")));
        await place.RestoreAsync(made.Word("id"), $"size-{size}-back");
        await place.AssertSameAsync($"size-{size}", $"size-{size}-back");
    }

    [Fact]
    [Trait("Checklist", "126")]
    public async Task Create_Metadata_AreKeptListedAndFound()
    {
        var place = await PlaceAsync();
        await place.InAsync("meta", "echo data > file");
        var made = await place.SnapshotAsync("meta", "full", "a name", "nightly", "before the change");
        var read = await place.User.GetAsync($"/snapshots/{made.Word("id")}", Cancelled);
        Assert.Equal(
            ("a name", place.Id, "checklist", "full", "dumont", "completed"),
            (read.Word("name"), read.Number("instance_id"), read.Word("hostname"), read.Word("type"), read.Word("engine"), read.Word("status")));
        Assert.Equal(["nightly", "before the change"], read["tags"]!.AsArray().Select(tag => tag!.ToString()));
        Assert.Equal(["/workspace/meta"], read["paths"]!.AsArray().Select(path => path!.ToString()));
        Assert.Equal((1, 0, 0, 5), (read.Number("files_new"), read.Number("files_changed"), read.Number("files_unmodified"), read.Number("size_bytes")));
        Assert.Matches("^[0-9a-f]{8}$", read.Word("short_id"));
        Assert.InRange(TimeProvider.System.GetUtcNow() - read["created_at"]!.GetValue<DateTimeOffset>(), TimeSpan.Zero, TestWorld.Patience);
        var listed = await place.User.GetAsync("/snapshots?tag=nightly", Cancelled);
        Assert.Equal([made.Word("id")], listed["snapshots"]!.AsArray().Select(each => each!.Word("id")));
    }

    [Fact]
    [Trait("Checklist", "129")]
    public async Task First_SendsEverything()
    {
        var place = await PlaceAsync();
        await place.InAsync("first", "for i in 1 2 3 4; do head -c 1000000 /dev/urandom > $i; done");
        var made = await place.SnapshotAsync("first");
        Assert.Equal((4, 0, 0, 4_000_000), (made.Number("files_new"), made.Number("files_changed"), made.Number("files_unmodified"), made.Number("size_bytes")));
        Assert.InRange(made.Number("data_added"), 4_000_000, 4_200_000);
    }

    [Fact]
    [Trait("Checklist", "130, 131")]
    public async Task Incremental_TellsWhatChanged()
    {
        var place = await PlaceAsync();
        await place.InAsync("told", "for i in $(seq 1 10); do echo $i > $i; done");
        await place.SnapshotAsync("told");
        await place.InAsync("told", "echo other > 1; echo other > 2; echo new > 11; rm 3");
        var second = await place.SnapshotAsync("told");
        Assert.Equal(
            (true, 1, 2, 7), (second.Flag("is_incremental"), second.Number("files_new"), second.Number("files_changed"), second.Number("files_unmodified")));
    }

    [Fact]
    [Trait("Checklist", "132")]
    public async Task Incremental_SendsOnlyWhatChanged()
    {
        var place = await PlaceAsync();
        await place.InAsync("part", "head -c 20000000 /dev/urandom > blob");
        await place.SnapshotAsync("part");
        var stored = place.StoredBytes();

        // 100 KB in the middle of a file of 20 MB: its neighbours stay where they are.
        await place.InAsync("part", "head -c 100000 /dev/urandom | dd of=blob bs=100000 seek=90 conv=notrunc status=none");
        var second = await place.SnapshotAsync("part");
        Assert.Equal((0, 1), (second.Number("files_new"), second.Number("files_changed")));
        Assert.InRange(second.Number("data_added"), 100_000, 5_000_000);
        Assert.InRange(place.StoredBytes() - stored, 100_000, 5_000_000);
    }

    [Fact]
    [Trait("Checklist", "133")]
    public async Task Incremental_IsAHundredthOfTheFirst()
    {
        var place = await PlaceAsync();
        await place.InAsync("faster", "for i in $(seq 1 200); do head -c 50000 /dev/urandom > $i; done");
        var first = await place.SnapshotAsync("faster");
        await place.InAsync("faster", "echo changed for a snapshot > 77");
        var second = await place.SnapshotAsync("faster");
        Assert.Equal((199, 1), (second.Number("files_unmodified"), second.Number("files_changed")));
        Assert.True(first.Number("data_added") >= 100 * second.Number("data_added"), second.ToJsonString());
    }

    [Fact]
    [Trait("Checklist", "134")]
    public async Task Incremental_SeveralInARow_EachIsWhole()
    {
        var place = await PlaceAsync();
        var (ids, sums) = (new List<string>(), new List<string>());
        for (var i = 0; i < 4; i++)
        {
            sums.Add(await place.InAsync("row", $"head -c 300000 /dev/urandom > new-{i}; echo {i} > mark; rm -f new-{i - 2}; {Workplace.Sums(".")}"));
            ids.Add((await place.SnapshotAsync("row")).Word("id"));
        }

        for (var i = 0; i < 4; i++)
        {
            await place.RestoreAsync(ids[i], $"row-{i}");
            Assert.Equal(sums[i], await place.SumsAsync($"row-{i}"));
        }
    }

    [Fact]
    [Trait("Checklist", "135")]
    public async Task Incremental_MovedAndCopiedContent_IsNotSentAgain()
    {
        var place = await PlaceAsync();
        await place.InAsync("moved", "head -c 6000000 /dev/urandom > one; head -c 6000000 /dev/urandom > two");
        await place.SnapshotAsync("moved");
        await place.InAsync("moved", "mkdir deep; mv one deep/renamed; cp two deep/copy; { head -c 1000 /dev/urandom; cat two; } > shifted");
        var second = await place.SnapshotAsync("moved");
        Assert.Equal((3, 24_001_000), (second.Number("files_new"), second.Number("size_bytes")));
        Assert.InRange(second.Number("data_added"), 1, 1_500_000);
    }

    [Fact]
    [Trait("Checklist", "136")]
    public async Task Verify_OneBitFlipped_IsFound()
    {
        var place = await PlaceAsync();
        await place.InAsync("verified", "head -c 4000000 /dev/urandom > blob");
        var known = place.StoredNames();
        await place.SnapshotAsync("verified");
        Assert.Empty(await place.DamageAsync());
        using (place.Damage(known))
        {
            Assert.NotEmpty(await place.DamageAsync());
        }

        Assert.Empty(await place.DamageAsync());
    }
}

/// <summary>In folders of the server's disk.</summary>
[Collection(FolderChecklist.Name)]
public sealed class FolderSnapshotChecklist(FolderChecklistFixture fixture, ITestOutputHelper output) : SnapshotChecklist(fixture, output);

/// <summary>In a bucket of an S3 service.</summary>
[Collection(BucketChecklist.Name)]
public sealed class BucketSnapshotChecklist(BucketChecklistFixture fixture, ITestOutputHelper output) : SnapshotChecklist(fixture, output)
{
    [Fact]
    [Trait("Checklist", "123")]
    public async Task Storage_OfBackblaze_IsTestedWrittenAndReadBack()
    {
        var place = await PlaceAsync();
        var s3 = await place.World.Cloud.StorageAsync("dumont", Cancelled);
        var backblaze = new JsonObject
        {
            ["primary_provider"] = "backblaze_b2",
            ["endpoint"] = s3.Word("endpoint"),
            ["region"] = s3.Word("region"),
            ["b2_bucket"] = s3.Word("bucket"),
            ["b2_key_id"] = s3.Word("access_key"),
            ["b2_app_key"] = s3.Word("secret_key"),
        };
        await place.User.PutAsync("/settings/cloud-storage", backblaze, Cancelled);
        try
        {
            var tested = (await place.User.PostAsync("/settings/cloud-storage/test", new JsonObject(), Cancelled))!;
            Assert.True(tested.Flag("success"), tested.ToJsonString());
            Assert.Equal(["write", "read", "delete"], tested["steps"]!.AsArray().Select(step => step!.Word("step")));
            await place.InAsync("b2", "head -c 3000000 /dev/urandom > blob; echo note > note");
            var made = await place.SnapshotAsync("b2");
            Assert.InRange(made.Number("data_added"), 3_000_000, 3_200_000);
            await place.RestoreAsync(made.Word("id"), "b2-back");
            await place.AssertSameAsync("b2", "b2-back");
        }
        finally
        {
            await place.User.PutAsync("/settings/cloud-storage", s3, CancellationToken.None);
        }
    }
}
