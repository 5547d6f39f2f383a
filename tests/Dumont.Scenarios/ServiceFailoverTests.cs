using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>What runs by itself goes with the instance: to the standby when the GPU dies, and on to the next GPU.</summary>
public sealed class ServiceFailoverTests(ServiceFailoverTests.Fixture fixture) : WorldTests(fixture), IClassFixture<ServiceFailoverTests.Fixture>
{
    private readonly CancellationToken _cancellationToken = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Host_Dies_ServicesRunOnTheStandbyAndThenOnTheNewGpuAfterTheirHooks()
    {
        var user = await World.NewUserAsync(_cancellationToken);
        await user.EnableStandbyAsync(_cancellationToken);
        var id = await user.Create4090Async(_cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, _cancellationToken);
        await DeclareAsync(user, id, "services/counter", "echo counter $DUMONT_GENERATION >> ran; while :; do date +%s%N > beat; sleep 0.2; done");
        await DeclareAsync(user, id, "services/trainer", "echo trainer $DUMONT_GENERATION >> ran; exec sleep 1000", runsOn: "gpu");
        await DeclareAsync(user, id, "hooks/on_failover", "echo failover $DUMONT_GENERATION >> ran");
        await DeclareAsync(user, id, "hooks/on_recovery", "echo recovery $DUMONT_GENERATION >> ran; exit 3");
        await AwaitRunningAsync(user, id, "counter", "trainer");
        await user.WriteAsync(instance, "sort /workspace/ran", TestWorld.Patience, _cancellationToken);

        await World.Cloud.KillHostAsync((await World.Cloud.GpuOfAsync(id, _cancellationToken)).Id, _cancellationToken);
        await user.Ssh.RunSoonAsync(instance, "grep -qx 'counter 2' /workspace/ran", TestWorld.Patience, _cancellationToken);
        await user.AwaitRecoveredAsync(id, TestWorld.Patience, _cancellationToken);
        await AwaitRunningAsync(user, id, "counter", "trainer");

        // Each once a machine, the hook before the services, and what needs a GPU only where there is one.
        var ran = (await user.Ssh.RunSoonAsync(instance, "cat /workspace/ran", TestWorld.Patience, _cancellationToken)).Split('\n');
        Assert.Equal(["counter 1", "trainer 1"], ran.Where(line => line.EndsWith('1')).Order(StringComparer.Ordinal));
        Assert.Equal(["failover 2", "counter 2"], ran.Where(line => line.EndsWith('2')));
        Assert.Equal("recovery 3", ran.First(line => line.EndsWith('3')));
        Assert.Equal(["counter 3", "recovery 3", "trainer 3"], ran.Where(line => line.EndsWith('3')).Order(StringComparer.Ordinal));

        // The machine that was left writes no beat any more: what stands in the file comes from one process.
        Assert.Equal("1", await user.Ssh.RunAsync(instance, "pgrep -fc '^/bin/sh -c echo counter'", _cancellationToken));
        var hook = (await user.GetAsync($"/instances/{id}/services", _cancellationToken))["last_hook"]!;
        Assert.Equal(("on_recovery", 3, "ended"), (hook["name"]!.ToString(), hook["exit_code"]!.GetValue<int>(), hook["state"]!.ToString()));
    }

    private async Task DeclareAsync(ApiUser user, long id, string path, string command, string? runsOn = null)
    {
        var body = new JsonObject { ["command"] = command };
        if (runsOn is not null)
        {
            body["runs_on"] = runsOn;
        }

        await user.PutAsync($"/instances/{id}/{path}", body, _cancellationToken);
    }

    private Task AwaitRunningAsync(ApiUser user, long id, params string[] names) => Poll.UntilAsync(
        $"{string.Join(" and ", names)} run",
        TestWorld.Patience,
        async () => (await user.GetAsync($"/instances/{id}/services", _cancellationToken))["services"]!.AsArray()
            .Count(service => names.Contains(service!["name"]!.ToString()) && service["state"]!.ToString() == "running") == names.Length,
        _cancellationToken,
        () => user.DescribeAsync(id, _cancellationToken));

    public sealed class Fixture : WorldFixture;
}
