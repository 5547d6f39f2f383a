using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>Drills that lose nothing, and the failover guide's other commands.</summary>
public sealed class DrillTests(DrillTests.Fixture fixture) : DrillScenarios(fixture), IClassFixture<DrillTests.Fixture>
{
    [Theory]
    [InlineData("agent-frozen")]
    [InlineData("provider-slanders")]
    public async Task Drill_NothingIsLost_NothingHappens(string fault)
    {
        var (user, id) = await CreatePairAsync();
        var result = await RunAsync(user, "drill", $"{id}", $"fault={fault}", "--json");
        Assert.True(result.ExitCode == 0, result.All);
        Assert.Null(await user.FindFailoverAsync(id, Cancelled));
    }

    [Fact]
    public async Task Drill_NoStandby_IsRefusedWithTheRemedy()
    {
        var user = await World.NewUserAsync(Cancelled);
        var id = await user.Create4090Async(Cancelled);
        await user.AwaitStatusAsync(id, "running", TestWorld.Patience, Cancelled);
        var result = await RunAsync(user, "drill", $"{id}");
        Assert.Equal(5, result.ExitCode);
        Assert.Contains($"dumont standby provision {id}", result.Error, StringComparison.Ordinal);
        Assert.Single(await World.Cloud.MachinesAsync(Cancelled), machine => machine.InstanceId == id);
    }

    [Fact]
    public async Task SimulateFailover_ShowsSevenPhasesWritesReportsAndLeavesNothing()
    {
        var user = await World.NewUserAsync(Cancelled);
        var result = await RunAsync(user, "simulate", "failover", "--report", "--lang", "pt-BR");
        Assert.True(result.ExitCode == 0, result.All);
        foreach (var phase in Enumerable.Range(1, 7))
        {
            Assert.Contains($"FASE {phase}: ", result.Output, StringComparison.Ordinal);
        }

        Assert.Matches(@"(?m)^\[T\d{3}\.\d\ds\] \[PHASE  \] Iniciando simulação", result.Output);
        Assert.Matches(@"(?m)^\[T\d{3}\.\d\ds\] \[SYNC   \] ✓", result.Output);
        Assert.Matches(@"(?m)^\[T\d{3}\.\d\ds\] \[HEALTH \] ✗", result.Output);
        Assert.Contains("Duração", result.Output, StringComparison.Ordinal);
        Assert.Empty(await user.InstancesAsync(Cancelled));
        Assert.Empty(await World.Cloud.MachinesAsync(Cancelled));
        var home = HomeOf(user);
        Assert.Contains("p99", await File.ReadAllTextAsync(Path.Combine(home, "FAILOVER_PERFORMANCE_REPORT.md"), Cancelled), StringComparison.Ordinal);
        Assert.Contains("<svg", await File.ReadAllTextAsync(Path.Combine(home, "FAILOVER_PERFORMANCE_REPORT.html"), Cancelled), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TestSyncRealData_SmallWorkspace_IsBehindForLessThanTwoSeconds()
    {
        var (user, id) = await CreatePairAsync();
        var result = await RunAsync(user, "test-sync-real-data", "--workspace-size", "20MB", "--duration", "4", "--json");
        Assert.True(result.ExitCode == 0, result.All);
        var trial = JsonNode.Parse(result.Output)!;
        Assert.Equal(($"{id}", 20_000_000), (trial["instance_id"]!.ToString(), trial["workspace_bytes"]!.GetValue<long>()));
        Assert.True(trial["sync_rounds"]!.GetValue<long>() > 0);
    }

    public sealed class Fixture : WorldFixture;
}
