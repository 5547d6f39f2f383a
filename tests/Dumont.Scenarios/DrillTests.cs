using System.Diagnostics;
using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>The drills of the command line, which see the address, the API and the cloud's control routes and nothing else.</summary>
public sealed class DrillTests(DrillTests.Fixture fixture) : WorldTests(fixture), IClassFixture<DrillTests.Fixture>
{
    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

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
        var failover = (await user.FindFailoverAsync(id, _cancellationToken))!;
        Assert.Equal(failover["failover_id"]!.ToString(), drill["failover_id"]!.ToString());
        Assert.Equal(failover["phase_timings_ms"]!["gpu_lost"]!.GetValue<double>(), drill["switch_ms"]!.GetValue<double>());
        Assert.True(drill["answer_ms"]!.GetValue<double>() > 0);
    }

    [Theory]
    [InlineData("agent-frozen")]
    [InlineData("provider-slanders")]
    public async Task Drill_NothingIsLost_NothingHappens(string fault)
    {
        var (user, id) = await CreatePairAsync();
        var result = await RunAsync(user, "drill", $"{id}", $"fault={fault}", "--json");
        Assert.True(result.ExitCode == 0, result.All);
        Assert.Null(await user.FindFailoverAsync(id, _cancellationToken));
    }

    [Fact]
    public async Task Drill_NoStandby_IsRefusedWithTheRemedy()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        var result = await RunAsync(user, "drill", $"{id}");
        Assert.Equal(5, result.ExitCode);
        Assert.Contains($"dumont standby provision {id}", result.Error, StringComparison.Ordinal);
        Assert.Single(await World.Cloud.MachinesAsync(_cancellationToken), machine => machine.InstanceId == id);
    }

    [Fact]
    public async Task SimulateFailover_ShowsSevenPhasesWritesReportsAndLeavesNothing()
    {
        var user = await World.NewUserAsync(_cancellationToken);
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
        Assert.Empty(await user.InstancesAsync(_cancellationToken));
        Assert.Empty(await World.Cloud.MachinesAsync(_cancellationToken));
        var home = HomeOf(user);
        Assert.Contains("p99", await File.ReadAllTextAsync(Path.Combine(home, "FAILOVER_PERFORMANCE_REPORT.md"), _cancellationToken), StringComparison.Ordinal);
        Assert.Contains("<svg", await File.ReadAllTextAsync(Path.Combine(home, "FAILOVER_PERFORMANCE_REPORT.html"), _cancellationToken), StringComparison.Ordinal);
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

    private static int Number(JsonNode drill, string field) => drill["files"]![field]!.GetValue<int>();

    private async Task<(ApiUser User, long Id)> CreatePairAsync()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        await user.EnableStandbyAsync(_cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        await user.AwaitSyncedAsync(id, TestWorld.Patience, _cancellationToken);
        return (user, id);
    }

    private static string HomeOf(ApiUser user) => Directory.CreateDirectory(Path.Combine(user.Folder, "home")).FullName;

    private async Task<(int ExitCode, string Output, string Error, string All)> RunAsync(ApiUser user, params string[] words)
    {
        var home = HomeOf(user);
        var start = new ProcessStartInfo(Checkout.Program("Dumont.Cli", "dumont-cli"), words)
        {
            WorkingDirectory = home,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["HOME"] = home;
        start.Environment["DUMONT_BASE_URL"] = World.Server.Url.AbsoluteUri;
        start.Environment["DUMONT_TOKEN"] = user.Token;
        start.Environment["DUMONT_LOCALCLOUD_URL"] = World.Cloud.Url.AbsoluteUri;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(_cancellationToken), process.StandardError.ReadToEndAsync(_cancellationToken));
        await process.WaitForExitAsync(_cancellationToken);
        return (process.ExitCode, await output, await error, $"{process.ExitCode}\n{await output}\n{await error}");
    }

    public sealed class Fixture : WorldFixture;
}
