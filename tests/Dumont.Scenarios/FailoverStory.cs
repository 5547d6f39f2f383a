using System.Text.Json.Nodes;
using Dumont.Scenarios.Harness;

namespace Dumont.Scenarios;

/// <summary>What was seen of a pair at one moment of a failover.</summary>
internal sealed record PairSight(string State, string? Phase, bool GpuFailed, string? Reason, bool HasFailedAt);

/// <summary>One loss of a GPU on real machines, from the pair's begin to the new GPU, with everything that was seen on the way.</summary>
internal sealed class FailoverStory
{
    public const string HashAll = "cd /workspace/story && find . -type f -print0 | sort -z | xargs -0 sha256sum";

    public required long Id { get; init; }

    public required ApiUser User { get; init; }

    public required JsonNode Instance { get; init; }

    /// <summary>The pair before anything happened.</summary>
    public required JsonNode Pair { get; init; }

    /// <summary>What the cloud had of it then.</summary>
    public required BilledMachine Standby { get; init; }

    public required BilledMachine LostGpu { get; init; }

    public required BilledMachine NewGpu { get; init; }

    /// <summary>Failovers that were recorded after the machine had stood still for less than the threshold.</summary>
    public required bool HiccupWasAFailover { get; init; }

    /// <summary>Content of the workspace before the loss, on the standby, and on the new GPU.</summary>
    public required (string Before, string OnStandby, string OnNewGpu) Content { get; init; }

    /// <summary>Names that the machines behind the one address gave themselves, in their order.</summary>
    public required IReadOnlyList<string> HostNames { get; init; }

    /// <summary>What was written on the standby, as the new GPU has it.</summary>
    public required string Note { get; init; }

    public required JsonNode Failover { get; init; }

    public required IReadOnlyList<PairSight> Sights { get; init; }

    public required IReadOnlyList<string> Events { get; init; }

    /// <summary>The pair when it was whole again.</summary>
    public required JsonNode PairAfter { get; init; }

    /// <summary>Lives it.</summary>
    public static async Task<FailoverStory> TellAsync(TestWorld world, CancellationToken cancellationToken)
    {
        var user = await world.NewUserAsync(cancellationToken);
        await user.EnableStandbyAsync(cancellationToken);
        var id = await user.Create4090Async(cancellationToken);
        var instance = await user.AwaitStatusAsync(id, "running", TestWorld.Patience, cancellationToken);
        var pair = await user.AwaitSyncedAsync(id, TestWorld.Patience, cancellationToken);
        var standby = Assert.Single(await world.Cloud.MachinesAsync(cancellationToken), machine => machine.InstanceId == id && !machine.IsGpu);
        var gpu = await world.Cloud.GpuOfAsync(id, cancellationToken);

        var before = await user.WriteAsync(
            instance,
            "mkdir -p /workspace/story; for i in 1 2 3; do head -c 300000 /dev/urandom > /workspace/story/$i; done; " + HashAll,
            TestWorld.Patience,
            cancellationToken);
        var names = new List<string> { await user.Ssh.RunAsync(instance, "hostname", cancellationToken) };
        await world.Cloud.StrikeAsync(gpu.Id, "freeze", cancellationToken);
        await Task.Delay(TimeSpan.FromMilliseconds(250), TimeProvider.System, cancellationToken);
        await world.Cloud.StrikeAsync(gpu.Id, "thaw", cancellationToken);
        await user.WriteAsync(instance, "true", TestWorld.Patience, cancellationToken);
        var hiccup = await user.FindFailoverAsync(id, cancellationToken) is not null;

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var watching = WatchAsync(user, id, ended.Token);
        await world.Cloud.KillHostAsync(gpu.Id, cancellationToken);
        names.Add(await user.Ssh.RunSoonAsync(instance, "hostname", TestWorld.Patience, cancellationToken));
        var onStandby = await user.Ssh.RunSoonAsync(instance, HashAll + "; echo from the standby > /workspace/note", TestWorld.Patience, cancellationToken);
        var failover = await user.AwaitRecoveredAsync(id, TestWorld.Patience, cancellationToken);
        names.Add(await user.Ssh.RunSoonAsync(instance, "nvidia-smi -L >&2; hostname", TestWorld.Patience, cancellationToken));
        var after = await user.AwaitSyncedAsync(id, TestWorld.Patience, cancellationToken);
        await ended.CancelAsync();
        var events = (await user.GetAsync($"/instances/{id}/events", cancellationToken))["events"]!.AsArray();
        return new FailoverStory
        {
            Id = id,
            User = user,
            Instance = instance,
            Pair = pair,
            Standby = standby,
            LostGpu = gpu,
            NewGpu = await Poll.UntilAsync<BilledMachine>(
                "one GPU machine is left",
                TestWorld.Patience,
                async () => (await world.Cloud.MachinesAsync(cancellationToken)).Where(machine => machine.IsGpu && machine.InstanceId == id).ToList() is [var only] ? only : null,
                cancellationToken),
            HiccupWasAFailover = hiccup,
            Content = (before, onStandby, await user.Ssh.RunSoonAsync(instance, HashAll, TestWorld.Patience, cancellationToken)),
            HostNames = names,
            Note = await user.Ssh.RunSoonAsync(instance, "cat /workspace/note", TestWorld.Patience, cancellationToken),
            Failover = failover,
            Sights = await watching,
            Events = [.. events.Select(one => one!["type"]!.ToString())],
            PairAfter = after,
        };
    }

    private static async Task<IReadOnlyList<PairSight>> WatchAsync(ApiUser user, long id, CancellationToken cancellationToken)
    {
        var sights = new List<PairSight>();
        try
        {
            while (true)
            {
                var pair = await user.AssociationAsync(id, cancellationToken);
                var sight = new PairSight(
                    pair["state"]!.ToString(),
                    pair["failover_phase"]?.ToString(),
                    pair["gpu_failed"]!.GetValue<bool>(),
                    pair["failure_reason"]?.ToString(),
                    pair["failed_at"] is not null);
                if (sights.Count == 0 || sights[^1] != sight)
                {
                    sights.Add(sight);
                }

                await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return sights;
        }
    }
}
