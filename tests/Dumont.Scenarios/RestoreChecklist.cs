using System.Text.Json.Nodes;
using Dumont.Contracts;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>The checklist's lines on restores.</summary>
public abstract class RestoreChecklist(ChecklistFixture fixture, ITestOutputHelper output) : ChecklistTests(fixture, output)
{
    [Fact]
    [Trait("Checklist", "140")]
    public async Task Restore_HasEveryFileAsItWas()
    {
        var place = await PlaceAsync();
        const string times = "find . -mindepth 1 ! -type d -printf '%p %T@ %n\\n' | sort; find . -type d | sort; ";
        var before = await place.InAsync(
            "whole",
            """
            mkdir -p a/b 'with space'; head -c 3000000 /dev/urandom > a/b/blob; ln -s ../a/b/blob 'with space/link'; ln a/b/blob twin
            printf '#!/bin/sh\n' > run.sh; chmod 750 run.sh; touch -d '2001-02-03 04:05:06.789' run.sh; truncate -s 5000000 sparse; : > empty; mkdir hollow; sync

            """ + times + Workplace.Sums("."));
        var made = await place.SnapshotAsync("whole", "full");
        await place.RunAsync("rm -r /workspace/whole");
        var restored = await place.RestoreAsync(made.Word("id"));
        Assert.Empty(restored["errors"]!.AsArray());
        Assert.Equal(before, await place.InAsync("whole", times + Workplace.Sums(".")));
    }

    [Fact]
    [Trait("Checklist", "142")]
    public async Task Restore_TellsBytesAndTime()
    {
        var place = await PlaceAsync();
        await place.InAsync("decoded", "perl -e 'binmode STDOUT; print pack(\"V*\", 3000000..4000000)' > numbers.bin; seq 300001 500000 > lines.txt");
        var made = await place.SnapshotAsync("decoded");
        var restored = await place.RestoreAsync(made.Word("id"), "decoded-back");
        Assert.Equal((2, made.Number("size_bytes")), (restored.Number("files_restored"), restored.Number("bytes_restored")));
        Assert.True(restored.Number("bytes_restored") > 4 * made.Number("data_added"), made.ToJsonString());
        Assert.True(restored["duration_seconds"]!.GetValue<double>() > 0, restored.ToJsonString());
        Assert.InRange(restored["finished_at"]!.GetValue<DateTimeOffset>(), restored["created_at"]!.GetValue<DateTimeOffset>(), TimeProvider.System.GetUtcNow());
    }

    [Fact]
    [Trait("Checklist", "143")]
    public async Task Restore_OnAMachineOfAnotherKind_IsTheSame()
    {
        var place = await PlaceAsync();
        var sums = await place.InAsync("kinds", "head -c 2000000 /dev/urandom > blob; echo text > note; " + Workplace.Sums("."));
        var made = await place.SnapshotAsync("kinds");
        var id = await place.User.CreateAsync(
            new JsonObject { ["use_wizard"] = true, ["gpu_name"] = "RTX 3080", ["num_gpus"] = 2, ["disk_size"] = 20 }, Cancelled);
        var other = await place.User.AwaitStatusAsync(id, "running", TestWorld.Patience, Cancelled);
        Assert.Equal((2, 1), (other.Number("num_gpus"), place.Instance.Number("num_gpus")));
        Assert.NotEqual(place.Instance.Word("gpu_name"), other.Word("gpu_name"));
        await place.User.PostAsync(
            "/snapshots/restore", new JsonObject { ["snapshot_id"] = made.Word("id"), ["instance_id"] = id, ["verify"] = true }, Cancelled);
        Assert.Equal(sums, await place.User.Ssh.RunSoonAsync(other, Workplace.Sums("/workspace/kinds"), TestWorld.Patience, Cancelled));
        await place.User.DeleteAsync(id, Cancelled);
    }

    [Fact]
    [Trait("Checklist", "144")]
    public async Task Restore_ToEachPoint_ThereAndBack()
    {
        var place = await PlaceAsync();
        await ThereAndBackAsync(place, "points", async folder => (await place.SnapshotAsync(folder)).Word("id"));
    }

    [Fact]
    [Trait("Checklist", "145")]
    public async Task Restore_ThatFails_LeavesEverythingAsItWas()
    {
        var place = await PlaceAsync();
        var whole = await place.InAsync("undone", "echo kept > aaa; head -c 4000000 /dev/urandom > blob; echo last > zzz; " + Workplace.Sums("."));
        var known = place.StoredNames();
        var made = await place.SnapshotAsync("undone");
        const string look = "ls -lA --time-style=full-iso; md5sum *";
        var before = await place.InAsync("undone", "echo mine > aaa; rm zzz; echo mine > later; head -c 1000 /dev/urandom > blob; " + look);
        using (place.Damage(known))
        {
            var failed = await Assert.ThrowsAsync<DumontApiException>(() => place.RestoreAsync(made.Word("id")));
            Output.WriteLine(failed.Message);
            Assert.Equal(before, await place.InAsync("undone", look));
        }

        // The damage is gone: the same wish is granted, and what the snapshot has not stays.
        await place.RestoreAsync(made.Word("id"));
        Assert.Equal(whole, await place.InAsync("undone", "rm later; " + Workplace.Sums(".")));
    }
}

/// <summary>From folders of the server's disk.</summary>
[Collection(FolderChecklist.Name)]
public sealed class FolderRestoreChecklist(FolderChecklistFixture fixture, ITestOutputHelper output) : RestoreChecklist(fixture, output);

/// <summary>From a bucket of an S3 service.</summary>
[Collection(BucketChecklist.Name)]
public sealed class BucketRestoreChecklist(BucketChecklistFixture fixture, ITestOutputHelper output) : RestoreChecklist(fixture, output);
