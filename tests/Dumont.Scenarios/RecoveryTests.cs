using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>An instance without a standby loses its host: 38 of the hundred end-to-end scenarios.</summary>
public sealed class RecoveryTests(RecoveryTests.Fixture fixture, ITestOutputHelper output) : WorldTests(fixture), IClassFixture<RecoveryTests.Fixture>
{
    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Seed", "38")]
    public async Task HostDies_WithoutStandby_ComesBackFromItsSnapshotUnderTheSameAddress()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var id = await user.Create4090Async(_cancellationToken, "alone");
        var before = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        await user.Ssh.RunSoonAsync(
            before,
            "mkdir -p /workspace/data; head -c 2000000 /dev/urandom > /workspace/data/blob; ln -s data/blob /workspace/link; echo kept > /workspace/mark",
            TestWorld.Patience,
            _cancellationToken);
        var sums = await user.Ssh.RunAsync(before, Workplace.Sums("/workspace"), _cancellationToken);
        var made = await user.PostAsync("/snapshots", new JsonObject { ["instance_id"] = id, ["name"] = "last" }, _cancellationToken);
        await user.Ssh.RunAsync(before, "echo later > /workspace/mark; echo later > /workspace/new", _cancellationToken);
        var readiness = await user.GetAsync($"/failover/readiness/{id}", _cancellationToken);
        Assert.Equal((true, true, made!["id"]!.ToString()), (Cold("ready").GetValue<bool>(), Cold("automatic").GetValue<bool>(), Cold("snapshot_id").ToString()));

        var lost = await World.Cloud.GpuOfAsync(id, _cancellationToken);
        await World.Cloud.KillHostAsync(lost.Id, _cancellationToken);
        var failover = await user.AwaitRecoveredAsync(id, TestWorld.Patience, _cancellationToken);
        output.WriteLine($"rpo {failover["rpo_seconds"]} s, rto {failover["rto_seconds"]} s, phases {failover["phase_timings_ms"]!.ToJsonString()}");

        Assert.True(failover["success"]!.GetValue<bool>(), failover.ToJsonString());
        Assert.Equal(("cold_recovery", made["id"]!.ToString()), (failover["strategy"]!.ToString(), failover["snapshot_id"]!.ToString()));
        Assert.True(failover["rpo_seconds"]!.GetValue<double>() > 0 && failover["rto_seconds"]!.GetValue<double>() > 0, failover.ToJsonString());
        var after = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        Assert.Equal(
            (before["ssh_host"]!.ToString(), before["ssh_port"]!.ToString(), before["ssh_host_key"]!.ToString(), "alone"),
            (after["ssh_host"]!.ToString(), after["ssh_port"]!.ToString(), after["ssh_host_key"]!.ToString(), after["label"]!.ToString()));

        // As the snapshot has it, to the byte, and nothing that came after it.
        Assert.Equal(sums, await user.Ssh.RunSoonAsync(before, Workplace.Sums("/workspace"), TestWorld.Patience, _cancellationToken));
        await World.AwaitBooksAgreeAsync(TestWorld.Patience, _cancellationToken);
        Assert.DoesNotContain(await World.Cloud.MachinesAsync(_cancellationToken), machine => machine.Id == lost.Id);

        JsonNode Cold(string name) => readiness["cold_recovery"]![name]!;
    }

    public sealed class Fixture : WorldFixture
    {
        private protected override IReadOnlyDictionary<string, string> ServerSettings { get; } =
            new Dictionary<string, string> { ["Recovery__Patience"] = "00:00:01", ["Snapshots__WatchInterval"] = "00:00:00.100" };
    }
}
