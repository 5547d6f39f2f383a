using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>The story that Dumont exists for, told once from beginning to end by a user who sees the API and a terminal and nothing else.</summary>
public sealed class SpineTests(SpineTests.Fixture fixture, ITestOutputHelper output) : WorldTests(fixture), IClassFixture<SpineTests.Fixture>
{
    private const int Files = 500;
    private const int FileBytes = 400 * 1024;
    private const string HashAll = "cd /workspace/story && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum";

    /// <summary>The switch must be felt as a hiccup. From the loss to the first login, detection included.</summary>
    private static readonly TimeSpan SwitchGoal = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task Spine_WholeStory()
    {
        var (world, cancellationToken) = (World, TestContext.Current.CancellationToken);
        var clock = TimeProvider.System;
        var table = new List<(string What, string Value)>();

        var user = await world.NewUserAsync(cancellationToken);
        var offers = await user.OffersAsync("gpu_name=RTX%204090&num_gpus=1", cancellationToken);
        Assert.NotEmpty(offers);
        await user.EnableStandbyAsync(cancellationToken);

        // Create, log in, work.
        var started = clock.GetTimestamp();
        var id = await user.CreateAsync(new JsonObject { ["offer_id"] = offers[0]["id"]!.GetValue<long>(), ["disk_size"] = 20 }, cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, cancellationToken);
        table.Add(("create -> running", Seconds(clock.GetElapsedTime(started))));
        var gpuName = await user.Ssh.RunAsync(instance, "nvidia-smi --query-gpu=name --format=csv,noheader >&2; hostname", cancellationToken);
        table.Add(("create -> first login", Seconds(clock.GetElapsedTime(started))));

        // The standby has it.
        started = clock.GetTimestamp();
        var written = await user.WriteAsync(instance, Write("story", Files), TestWorld.Patience, cancellationToken);
        table.Add(($"{Files * FileBytes / 1_000_000} MB in {Files} files written and on the standby", Seconds(clock.GetElapsedTime(started))));

        // The host dies: the same address, the same known_hosts, the same bytes, another machine.
        var gpu = await world.Cloud.GpuOfAsync(id, cancellationToken);
        started = clock.GetTimestamp();
        await world.Cloud.KillHostAsync(gpu.Id, cancellationToken);
        var standbyName = await user.Ssh.RunSoonAsync(instance, "hostname", TestWorld.Patience, cancellationToken);
        var switched = clock.GetElapsedTime(started);
        table.Add(("kill -> first login on the standby", Seconds(switched)));
        Assert.NotEqual(gpuName, standbyName);
        Assert.Equal(written, await user.Ssh.RunSoonAsync(instance, HashAll, TestWorld.Patience, cancellationToken));

        // A new GPU takes over with the same bytes.
        var failover = await user.AwaitRecoveredAsync(id, TestWorld.Patience, cancellationToken);
        table.Add(("kill -> back on a GPU", Seconds(clock.GetElapsedTime(started))));
        Assert.True(failover["success"]!.GetValue<bool>(), failover.ToJsonString());
        foreach (var (phase, milliseconds) in failover["phase_timings_ms"]!.AsObject())
        {
            table.Add(($"  phase {phase}", $"{milliseconds!.GetValue<double>():0} ms"));
        }

        var rpo = failover["rpo_seconds"]?.GetValue<double>();
        table.Add(("RPO at the loss", $"{rpo:0.000} s"));
        var newGpuName = await user.Ssh.RunSoonAsync(instance, "nvidia-smi -L >&2; hostname", TestWorld.Patience, cancellationToken);
        Assert.DoesNotContain(newGpuName, (string[])[gpuName, standbyName]);
        Assert.Equal(written, await user.Ssh.RunAsync(instance, HashAll, cancellationToken));
        Assert.NotEqual(gpu.Id, (await world.Cloud.GpuOfAsync(id, cancellationToken)).Id);

        // Protection goes on: what is written now survives the next loss.
        started = clock.GetTimestamp();
        var more = await user.WriteAsync(instance, "echo second life > /workspace/story/second; " + HashAll, TestWorld.Patience, cancellationToken);
        table.Add(("another file written and on the standby", Seconds(clock.GetElapsedTime(started))));
        await world.AwaitBooksAgreeAsync(TestWorld.Patience, cancellationToken);
        await world.Cloud.KillHostAsync((await world.Cloud.GpuOfAsync(id, cancellationToken)).Id, cancellationToken);
        Assert.Equal(standbyName, await user.Ssh.RunSoonAsync(instance, "hostname", TestWorld.Patience, cancellationToken));
        Assert.Equal(more, await user.Ssh.RunSoonAsync(instance, HashAll, TestWorld.Patience, cancellationToken));

        // Destroyed in the middle of that recovery: nothing is left that costs.
        started = clock.GetTimestamp();
        await user.DeleteAsync(id, cancellationToken);
        await world.AwaitNothingBillsAsync(cancellationToken);
        table.Add(("destroy -> nothing bills", Seconds(clock.GetElapsedTime(started))));

        Print(table);
        Assert.Equal(0, rpo);
        Assert.True(switched < SwitchGoal, $"The switch took {Seconds(switched)}, the goal is {Seconds(SwitchGoal)}.");
    }

    private static string Write(string folder, int files) =>
        $"""
        mkdir -p /workspace/{folder}
        cd /workspace/{folder}
        i=0
        while [ $i -lt {files} ]; do head -c {FileBytes} /dev/urandom > "file-$i"; i=$((i+1)); done
        {HashAll}
        """;

    private static string Seconds(TimeSpan time) => $"{time.TotalSeconds:0.00} s";

    private void Print(List<(string What, string Value)> table)
    {
        var width = table.Max(row => row.What.Length);
        foreach (var (what, value) in table)
        {
            output.WriteLine($"{what.PadRight(width)}  {value,10}");
        }
    }

    public sealed class Fixture : WorldFixture;
}
