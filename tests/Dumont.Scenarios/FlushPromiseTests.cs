using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>What a session flushes is on the standby before the flush returns.</summary>
public sealed class FlushPromiseTests(FlushPromiseTests.Fixture fixture, ITestOutputHelper output) : WorldTests(fixture), IClassFixture<FlushPromiseTests.Fixture>
{
    private const int CommitsMin = 50;

    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Host_DiesWhileASessionCommits_EveryCommitIsOnTheStandby()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var (id, instance) = await CreateAsync(user);

        // Commits as a database does: the line, the flush, and only then the word that it is safe.
        var committing = user.Ssh.TryAsync(
            instance, "cd /workspace; i=0; while :; do i=$((i + 1)); echo $i >> journal && sync journal && echo $i; done", _cancellationToken);
        await user.Ssh.RunSoonAsync(instance, $"test $(wc -l < /workspace/journal) -gt {CommitsMin}", TestWorld.Patience, _cancellationToken);
        await World.Cloud.KillHostAsync((await World.Cloud.GpuOfAsync(id, _cancellationToken)).Id, _cancellationToken);

        var said = (await committing).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var kept = await user.Ssh.RunSoonAsync(instance, "tail -n 1 /workspace/journal", TestWorld.Patience, _cancellationToken);
        output.WriteLine($"{said.Length} commits said to be safe, {kept} kept");
        Assert.InRange(int.Parse(said[^1], CultureInfo.InvariantCulture), CommitsMin, int.Parse(kept, CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task Standby_IsSilent_FlushesWaitThenPassAndArePromisedAgain()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        var (id, instance) = await CreateAsync(user);
        var standby = Assert.Single(await World.Cloud.MachinesAsync(_cancellationToken), machine => machine.InstanceId == id && !machine.IsGpu);
        await World.Cloud.StrikeAsync(standby.Id, "freeze", _cancellationToken);

        // It waits for the standby, which does not answer, and returns when the promise was taken back.
        Assert.Equal("passed", await user.Ssh.RunAsync(instance, "echo alone > /workspace/alone && sync /workspace/alone && echo passed", _cancellationToken));
        Assert.Equal("suspended", (await user.AssociationAsync(id, _cancellationToken))["acknowledge"]!.ToString());

        // It comes back with the standby; the GPU has written all the time.
        await World.Cloud.StrikeAsync(standby.Id, "thaw", _cancellationToken);
        await AwaitAsync(user, id, "sync");
        Assert.Equal(1, (await user.InstanceAsync(id, _cancellationToken))["generation"]!.GetValue<long>());
    }

    private async Task<(long Id, JsonNode Instance)> CreateAsync(ApiUser user)
    {
        await user.EnableStandbyAsync(_cancellationToken);
        await user.PutAsync("/failover/settings/global", new JsonObject { ["acknowledge"] = "sync" }, _cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        await AwaitAsync(user, id, "sync");
        return (id, instance);
    }

    private Task AwaitAsync(ApiUser user, long id, string acknowledge) => Poll.UntilAsync(
        $"flushes are {acknowledge}",
        TestWorld.Patience,
        async () => (await user.AssociationAsync(id, _cancellationToken))["acknowledge"]!.ToString() == acknowledge,
        _cancellationToken,
        () => user.DescribeAsync(id, _cancellationToken));

    public sealed class Fixture : WorldFixture
    {
        private protected override IReadOnlyDictionary<string, string> ServerSettings { get; } = new Dictionary<string, string> { ["Standby__FlushPatience"] = "00:00:05" };
    }
}
