using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>Drills in which the GPU is lost.</summary>
public sealed class LossDrillTests(LossDrillTests.Fixture fixture) : DrillScenarios(fixture), IClassFixture<LossDrillTests.Fixture>
{
    [Theory]
    [InlineData("frozen")]
    [InlineData("cut")]
    [InlineData("provider-lies")]
    [InlineData("ssh-dead")]
    [InlineData("vanished")]
    [InlineData("requested")]
    public async Task Drill_Loss_StandbyAnswersWithEverythingThatItHadConfirmed(string fault)
    {
        var (user, id) = await CreatePairAsync();
        var result = await RunAsync(user, "drill", $"{id}", $"fault={fault}", "--json");
        Assert.True(result.ExitCode == 0, result.All);
        var drill = JsonNode.Parse(result.Output)!;
        Assert.True(drill["passed"]!.GetValue<bool>(), result.All);
        Assert.Equal((3, 3, 3), (Number(drill, "synced"), Number(drill, "on_standby"), Number(drill, "on_new_gpu")));
        var failover = (await user.FindFailoverAsync(id, Cancelled))!;
        Assert.Equal(failover["failover_id"]!.ToString(), drill["failover_id"]!.ToString());
        Assert.Equal(failover["phase_timings_ms"]!["gpu_lost"]!.GetValue<double>(), drill["switch_ms"]!.GetValue<double>());
        Assert.True(drill["answer_ms"]!.GetValue<double>() > 0);
    }

    [Fact]
    public async Task Drill_InstanceIsNotToRecover_EndsWhenTheStandbyHasAnswered()
    {
        var (user, id) = await CreatePairAsync();
        await user.PutAsync($"/failover/settings/machines/{id}", new JsonObject { ["auto_recovery"] = false }, Cancelled);
        var result = await RunAsync(user, "drill", $"{id}", "fault=host-killed", "--json", "--timeout", "1m");
        Assert.True(result.ExitCode == 0, result.All);
        var drill = JsonNode.Parse(result.Output)!;
        Assert.Equal((3, true, true), (Number(drill, "on_standby"), drill["recovery_ms"] is null, drill["files"]!["on_new_gpu"] is null));
    }

    public sealed class Fixture : WorldFixture;
}
