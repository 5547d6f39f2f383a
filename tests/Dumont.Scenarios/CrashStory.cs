using System.Net;
using System.Text.Json.Nodes;
using Dumont.Contracts;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>One instance's life under <c>kill -9</c>: create, pause, resume, lose the GPU, come back to another, be destroyed. Whenever the server's records show one
/// of the kill points given, the server is killed and started again, and the life goes on.</summary>
internal sealed class CrashStory(TestWorld world, ApiUser user, string label, ITestOutputHelper output)
{
    private const string MarkerFile = "/workspace/marker";

    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan ActLimit = TimeSpan.FromSeconds(120);

    private readonly List<KillPoint> _hits = [];

    /// <summary>Lives through it and returns the points that were hit.</summary>
    public async Task<IReadOnlyList<KillPoint>> RunAsync(IReadOnlyList<KillPoint> points, CancellationToken cancellationToken)
    {
        var limit = TestWorld.Patience;
        await ActAsync("create", points, CreateAsync, state => state is { Generation: > 0, PairState: "Ready", Status: "Running" }, cancellationToken);
        var id = ApiUser.IdOf(Assert.Single(await user.InstancesAsync(cancellationToken), instance => instance["label"]!.ToString() == label));
        var instance = await user.AwaitStatusAsync(id, "running", limit, cancellationToken);
        await user.WriteAsync(instance, $"echo {label} > {MarkerFile}", limit, cancellationToken);
        await world.AwaitBooksAgreeAsync(limit, cancellationToken);

        // A pause is a wish that is kept: what is asked of a server that is just being killed is asked again.
        await ActAsync("pause", points, () => AskAsync(id, "pause", cancellationToken), state => state.Status == "Paused", cancellationToken);
        await ActAsync(
            "resume", points, () => AskAsync(id, "resume", cancellationToken), state => state is { Status: "Running", PairState: "Ready" }, cancellationToken);
        Assert.Equal(label, await user.Ssh.RunSoonAsync(instance, $"cat {MarkerFile}", limit, cancellationToken));
        await world.AwaitBooksAgreeAsync(limit, cancellationToken);

        var gpu = await world.Cloud.GpuOfAsync(id, cancellationToken);
        await ActAsync(
            "failover",
            points,
            () => world.Cloud.KillHostAsync(gpu.Id, cancellationToken),
            state => state is { Generation: > 1, IsOnGpu: true, FailoverPhase: null, PairState: "Ready" },
            cancellationToken);
        await world.AwaitBooksAgreeAsync(limit, cancellationToken);
        Assert.NotEqual(gpu.Id, (await world.Cloud.GpuOfAsync(id, cancellationToken)).Id);
        Assert.Equal(label, await user.Ssh.RunSoonAsync(instance, $"cat {MarkerFile}", limit, cancellationToken));

        await ActAsync(
            "destroy",
            points,
            () => DeleteAsync(id, cancellationToken),
            state => state.Machines.All(machine => machine.IsOver),
            cancellationToken);
        await world.AwaitNothingBillsAsync(cancellationToken);
        return _hits;
    }

    private async Task CreateAsync()
    {
        try
        {
            await user.PostAsync(
                "/instances",
                new JsonObject { ["use_wizard"] = true, ["gpu_name"] = "RTX 4090", ["disk_size"] = 20, ["label"] = label },
                CancellationToken.None);
        }
        catch (Exception e) when (e is HttpRequestException or DumontApiException)
        {
            // The server was killed before it answered; what it had recorded counts.
        }
    }

    private Task AskAsync(long id, string what, CancellationToken cancellationToken) =>
        Poll.UntilAsync(
            $"instance {id} takes {what}",
            ActLimit,
            async () =>
            {
                try
                {
                    await user.PostAsync($"/instances/{id}/{what}", new JsonObject(), cancellationToken);
                    return true;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            cancellationToken);

    // The deletion is acknowledged, so it is asked for until it is: the server may be dead just then.
    private Task DeleteAsync(long id, CancellationToken cancellationToken) =>
        Poll.UntilAsync(
            $"instance {id} is deleted",
            ActLimit,
            async () =>
            {
                try
                {
                    await user.DeleteAsync(id, cancellationToken);
                    return true;
                }
                catch (DumontApiException e) when (e.Status == HttpStatusCode.NotFound)
                {
                    return true;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            cancellationToken);

    private async Task HoldAsync(IReadOnlyList<KillPoint> left, CancellationToken cancellationToken)
    {
        await world.Cloud.DisarmAsync(cancellationToken);
        foreach (var hold in left.FirstOrDefault(point => point.Holds.Length > 0)?.Holds ?? [])
        {
            await world.Cloud.ArmAsync(hold.ToJson(), cancellationToken);
        }
    }

    // Points come in the order in which the machines happen to make progress, so each act watches for all of its points at once. The cloud holds the server
    // at one of them at a time.
    private async Task ActAsync(
        string name, IReadOnlyList<KillPoint> points, Func<Task> begin, Func<ServerState, bool> isOver, CancellationToken cancellationToken)
    {
        var clock = TimeProvider.System;
        var left = points.Where(point => point.Flow == name).ToList();
        await HoldAsync(left, cancellationToken);
        using var records = new ServerRecords(world.Server.DatabaseFile);
        var started = clock.GetTimestamp();
        var beginning = begin();
        while (true)
        {
            var (state, elapsed) = (records.Read(label), clock.GetElapsedTime(started));
            if (left.FirstOrDefault(point => point.IsNow(state, elapsed)) is { } point)
            {
                await world.Server.KillAsync();
                left.Remove(point);
                _hits.Add(point);
                await HoldAsync(left, cancellationToken);
                var down = clock.GetTimestamp();
                await world.Server.StartAsync(cancellationToken);
                output.WriteLine(
                    $"{label} {name} {elapsed.TotalSeconds,6:0.00} s: killed at '{point.Name}' ({state}); serves again after {clock.GetElapsedTime(down).TotalSeconds:0.00} s");
            }
            else if (isOver(state) && beginning.IsCompleted)
            {
                break;
            }
            else if (elapsed > ActLimit)
            {
                throw new TimeoutException($"{label}: {name} is stuck after {elapsed.TotalSeconds:0} s: {state}\n{world.Server.Tail}");
            }

            await Task.Delay(Glance, clock, cancellationToken);
        }

        await world.Cloud.DisarmAsync(cancellationToken);
        await beginning;
        output.WriteLine($"{label} {name} {clock.GetElapsedTime(started).TotalSeconds,6:0.00} s: done");
        foreach (var missed in left)
        {
            output.WriteLine($"{label} {name}: '{missed.Name}' passed too quickly to be seen");
        }
    }
}
