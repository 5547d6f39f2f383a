using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>The CPU standby, one property at a time: 28 to 32 of the hundred end-to-end scenarios.</summary>
public sealed class StandbyTests(StandbyTests.Fixture fixture, ITestOutputHelper output) : WorldTests(fixture), IClassFixture<StandbyTests.Fixture>
{
    /// <summary>Seed scenario 31: from the detection to an active standby.</summary>
    private const double ActiveWithinMs = 5000;

    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Seed", "28, 29")]
    public async Task Create_WithAutoStandby_HasOneThatReceivesItsFiles()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreatePairAsync(user);
        var id = ApiUser.IdOf(instance);
        var pair = await user.AssociationAsync(id, _cancellationToken);
        var standby = Assert.Single(await World.Cloud.MachinesAsync(_cancellationToken), machine => machine.InstanceId == id && !machine.IsGpu);
        Assert.Equal(standby.Label, pair["cpu_standby"]!["name"]!.ToString());
        Assert.Equal("e2-medium", pair["cpu_standby"]!["machine_type"]!.ToString());

        await user.WriteAsync(
            instance,
            "mkdir /workspace/first; for i in 1 2 3 4 5; do head -c 300000 /dev/urandom > /workspace/first/$i; done",
            TestWorld.Patience,
            _cancellationToken);
        Assert.True((await user.AssociationAsync(id, _cancellationToken))["sync_count"]!.GetValue<long>() > 0);
    }

    [Fact]
    [Trait("Seed", "30, 31")]
    public async Task Failover_HostDies_StandbyServesInUnderFiveSeconds()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreatePairAsync(user);
        var id = ApiUser.IdOf(instance);
        var before = await WriteAsync(user, instance);
        await World.Cloud.KillHostAsync((await World.Cloud.GpuOfAsync(id, _cancellationToken)).Id, _cancellationToken);
        Assert.Equal(before, await user.Ssh.RunSoonAsync(instance, "sha256sum < /workspace/blob", TestWorld.Patience, _cancellationToken));
        var timings = (await user.FindFailoverAsync(id, _cancellationToken))!["phase_timings_ms"]!;
        var active = timings["gpu_lost"]!.GetValue<double>();
        output.WriteLine($"detection {timings["detecting"]} ms, switch {active} ms");
        Assert.InRange(active, 0, ActiveWithinMs);
    }

    [Fact]
    public async Task Failover_IntervalOfTheInstance_IsDetectedSoonerThanByTheServersOwn()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreatePairAsync(user);
        var id = ApiUser.IdOf(instance);
        var before = await WriteAsync(user, instance);
        var settings = await user.PutAsync(
            $"/failover/settings/machines/{id}", new JsonObject { ["health_check_interval"] = 0.2, ["failover_threshold"] = 3 }, _cancellationToken);
        Assert.Equal(0.6, settings!["detection_seconds"]!.GetValue<double>(), 3);
        var dry = await user.PostAsync($"/failover/test/{id}?dry_run=true", null, _cancellationToken);
        Assert.True(dry!["would_succeed"]!.GetValue<bool>(), dry.ToJsonString());
        Assert.Null(await user.FindFailoverAsync(id, _cancellationToken));

        await World.Cloud.KillHostAsync((await World.Cloud.GpuOfAsync(id, _cancellationToken)).Id, _cancellationToken);
        Assert.Equal(before, await user.Ssh.RunSoonAsync(instance, "sha256sum < /workspace/blob", TestWorld.Patience, _cancellationToken));
        var detecting = (await user.FindFailoverAsync(id, _cancellationToken))!["phase_timings_ms"]!["detecting"]!.GetValue<double>();
        output.WriteLine($"detection {detecting} ms");

        // By the server's own settings three seconds of silence would have to pass first.
        Assert.InRange(detecting, 0, 3000);
    }

    [Fact]
    public async Task Execute_PairThatFollows_AnswersWhenTheStandbyServes()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreatePairAsync(user);
        var id = ApiUser.IdOf(instance);
        var executed = await user.PostAsync("/failover/execute", new JsonObject { ["machine_id"] = id, ["reason"] = "rehearsal" }, _cancellationToken);
        Assert.True(executed!["success"]?.GetValue<bool>(), executed.ToJsonString());
        Assert.Equal(("cpu_standby", instance["ssh_port"]!.ToString()), (executed["strategy_succeeded"]!.ToString(), executed["new_ssh_port"]!.ToString()));

        var status = await user.GetAsync($"/failover/status/{id}", _cancellationToken);
        if (status["active_failover"] is { } active)
        {
            Assert.Equal(executed["failover_id"]!.ToString(), active["failover_id"]!.ToString());
        }

        var failover = await user.AwaitRecoveredAsync(id, TestWorld.Patience, _cancellationToken);
        Assert.Equal((executed["failover_id"]!.ToString(), "rehearsal"), (failover["failover_id"]!.ToString(), failover["reason"]!.ToString()));
    }

    [Fact]
    [Trait("Seed", "32")]
    public async Task Failover_Requested_ComesBackToAnotherGpuWithWhatTheStandbyWrote()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var instance = await CreatePairAsync(user);
        var id = ApiUser.IdOf(instance);
        var (before, gpu) = (await WriteAsync(user, instance), await World.Cloud.GpuOfAsync(id, _cancellationToken));
        await user.PostAsync($"/standby/failover/simulate/{id}", null, _cancellationToken);
        await Poll.UntilAsync(
            "the standby serves",
            TestWorld.Patience,
            async () => (await user.InstanceAsync(id, _cancellationToken))["generation"]!.GetValue<long>() >= 2,
            _cancellationToken,
            () => user.DescribeAsync(id, _cancellationToken));
        await user.Ssh.RunSoonAsync(instance, "echo written on the standby > /workspace/note", TestWorld.Patience, _cancellationToken);
        var failover = await user.AwaitRecoveredAsync(id, TestWorld.Patience, _cancellationToken);
        Assert.True(failover["success"]!.GetValue<bool>(), failover.ToJsonString());
        Assert.Equal(
            $"{before}\nwritten on the standby",
            await user.Ssh.RunSoonAsync(instance, "sha256sum < /workspace/blob; cat /workspace/note; nvidia-smi -L >&2", TestWorld.Patience, _cancellationToken));
        await World.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
        Assert.NotEqual(gpu.Id, (await World.Cloud.GpuOfAsync(id, _cancellationToken)).Id);
    }

    private async Task<JsonNode> CreatePairAsync(ApiUser user)
    {
        await user.EnableStandbyAsync(_cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        await user.AwaitSyncedAsync(id, TestWorld.Patience, _cancellationToken);
        return instance;
    }

    private Task<string> WriteAsync(ApiUser user, JsonNode instance) =>
        user.WriteAsync(instance, "head -c 5000000 /dev/urandom > /workspace/blob; sha256sum < /workspace/blob", TestWorld.Patience, _cancellationToken);

    public sealed class Fixture : WorldFixture;
}
