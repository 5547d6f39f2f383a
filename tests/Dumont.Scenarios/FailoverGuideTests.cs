using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>The parts of the failover guide's list that are about data, on real machines, each with a pair of its own. The others are in
/// <see cref="FailoverStoryTests"/>; in virtual time <c>Dumont.Server.Tests/Standby</c> has the decisions.</summary>
public sealed class FailoverGuideTests(FailoverGuideTests.Fixture fixture) : WorldTests(fixture), IClassFixture<FailoverGuideTests.Fixture>
{
    /// <summary>Every entry with kind, mode, modification time and link target, then every content.</summary>
    private const string Manifest =
        "cd /workspace && find . -mindepth 1 -not -path './.dumont-tmp*' -printf '%p %y %m %l %T@\\n' | grep -v ' d ' | sort; " +
        "find . -type d -not -path './.dumont-tmp*' -printf '%p %m\\n' | sort; find . -type f -exec sha256sum {} + | sort";

    private const string Workspace =
        "cd /workspace && mkdir -p src/deep/er data && head -c 3000000 /dev/urandom > data/model.pt && echo '{\"lr\": 0.1}' > src/config.json && " +
        "printf 'x%.0s' $(seq 5000) > src/deep/er/log && : > src/empty && chmod 640 src/config.json && chmod 755 src/deep/er/log && " +
        "ln -s ../data/model.pt src/link && touch -d '2020-02-02 02:02:02.123456789' data/model.pt && touch 'src/name with spaces and \\ slash'";

    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Guide", "test_sync_gpu_to_cpu_continuous")]
    public async Task Sync_GpuToCpuContinuous()
    {
        var (user, instance, id) = await CreatePairAsync();
        var rounds = new List<long>();
        for (var change = 1; change <= 3; change++)
        {
            await user.WriteAsync(instance, $"head -c 200000 /dev/urandom > /workspace/change-{change}", TestWorld.Patience, _cancellationToken);
            rounds.Add((await user.AssociationAsync(id, _cancellationToken))["sync_count"]!.GetValue<long>());
        }

        Assert.True(rounds[0] > 0 && rounds.SequenceEqual(rounds.Order()), $"Rounds went {string.Join(", ", rounds)}.");
    }

    [Fact]
    [Trait("Guide", "test_sync_failure_recovery")]
    public async Task Sync_FailureRecovery()
    {
        var (user, instance, id) = await CreatePairAsync();
        var standby = Assert.Single(await World.Cloud.MachinesAsync(_cancellationToken), machine => machine.InstanceId == id && !machine.IsGpu);
        await World.Cloud.KillHostAsync(standby.Id, _cancellationToken);
        await Poll.UntilAsync(
            "the loss of the standby is noticed",
            TestWorld.Patience,
            async () => (await user.AssociationAsync(id, _cancellationToken))["state"]!.ToString() != "ready",
            _cancellationToken,
            () => user.DescribeAsync(id, _cancellationToken));
        await user.AwaitSyncedAsync(id, TestWorld.Patience, _cancellationToken);
        var before = await WriteWorkspaceAsync(user, instance);

        await KillGpuAsync(id);
        Assert.Equal(before, await ReadAsync(user, instance));
    }

    [Fact]
    [Trait("Guide", "test_data_sync_to_cpu_before_failure")]
    public async Task Data_SyncToCpuBeforeFailure()
    {
        var (user, instance, id) = await CreatePairAsync();
        await WriteWorkspaceAsync(user, instance);
        var pair = await user.AssociationAsync(id, _cancellationToken);

        Assert.Equal("ready", pair["state"]!.ToString());
        Assert.Equal(0, pair["rpo_seconds"]!.GetValue<double>());
    }

    [Fact]
    [Trait("Guide", "test_data_consistency_after_failover")]
    public async Task Data_ConsistencyAfterFailover()
    {
        var (user, instance, id) = await CreatePairAsync();
        var before = await WriteWorkspaceAsync(user, instance);

        await KillGpuAsync(id);
        Assert.Equal(before, await ReadAsync(user, instance));
    }

    [Fact]
    [Trait("Guide", "test_data_restore_from_cpu_to_new_gpu")]
    public async Task Data_RestoreFromCpuToNewGpu()
    {
        var (user, instance, id) = await CreatePairAsync();
        var before = await WriteWorkspaceAsync(user, instance);

        await KillGpuAsync(id);
        var failover = await user.AwaitRecoveredAsync(id, TestWorld.Patience, _cancellationToken);
        Assert.True(failover["data_restored"]!.GetValue<bool>(), failover.ToJsonString());
        Assert.Equal(before, await ReadAsync(user, instance));
        Assert.StartsWith("GPU 0:", await user.Ssh.RunSoonAsync(instance, "nvidia-smi -L", TestWorld.Patience, _cancellationToken), StringComparison.Ordinal);
    }

    private async Task<(ApiUser User, JsonNode Instance, long Id)> CreatePairAsync()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        await user.EnableStandbyAsync(_cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        await user.AwaitSyncedAsync(id, TestWorld.Patience, _cancellationToken);
        return (user, instance, id);
    }

    private async Task<string> WriteWorkspaceAsync(ApiUser user, JsonNode instance)
    {
        await user.WriteAsync(instance, Workspace, TestWorld.Patience, _cancellationToken);
        return await ReadAsync(user, instance);
    }

    private Task<string> ReadAsync(ApiUser user, JsonNode instance) =>
        user.Ssh.RunSoonAsync(instance, Manifest, TestWorld.Patience, _cancellationToken);

    private async Task KillGpuAsync(long id) =>
        await World.Cloud.KillHostAsync((await World.Cloud.GpuOfAsync(id, _cancellationToken)).Id, _cancellationToken);

    public sealed class Fixture : WorldFixture;
}
