using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Snapshots;
using Dumont.Simulation.Engine;
using Dumont.Simulation.Server;

namespace Dumont.Simulation;

/// <summary>What the user does with snapshots.</summary>
internal sealed class SnapshotUser(Users users, Simulation run, Scheduler scheduler, Random random, Checks checks)
{
    private static readonly UserId User = Workbench.User;

    /// <summary>Does what leads to the points of a flow.</summary>
    public async Task LeadAsync(InstanceId id, string flow)
    {
        if (flow == "snapshot of paused")
        {
            await users.PauseAsync(id, resumeLater: false);
            await UntilAsync(async server => (await server.Instances.FindAsync(id, CancellationToken.None))?.Status == InstanceStatus.Paused, seconds: 15);
        }

        if (flow == "recover")
        {
            await LeadToRecoveryAsync(id);
            return;
        }

        if (flow == "schedule")
        {
            await ActAsync(id, 7);
            await ActAsync(id, 10);
            return;
        }

        await TakeAsync(id);
        switch (flow)
        {
            case "snapshot of paused" when random.Next(2) == 0:
                // While it runs for the snapshot, or before or after.
                await scheduler.DelayAsync(TimeSpan.FromSeconds(2 + random.Next(14)), CancellationToken.None);
                await users.ResumeAsync(id);
                break;
            case "restore" or "restore to new" or "forget":
                await UntilAsync(IsAnyUsableAsync, seconds: 12);
                await ActAsync(id, flow switch { "restore" => 3, "restore to new" => 4, _ => 5 });
                break;
            case "prune" or "cleanup":
                await UntilAsync(IsAnyUsableAsync, seconds: 10);
                await TakeAsync(id);
                await UntilAsync(async server => await CountUsableAsync(server) > 1, seconds: 10);
                await ActAsync(id, flow == "prune" ? 6 : 7);
                break;
            case "cancel":
                await scheduler.DelayAsync(TimeSpan.FromSeconds(1 + random.Next(3)), CancellationToken.None);
                await ActAsync(id, 8);
                break;
            default:
                break;
        }
    }

    /// <summary>Does something with the snapshots of an instance.</summary>
    public async Task ActAsync(InstanceId id, int what)
    {
        if (run.Server is not { IsDead: false } server)
        {
            return;
        }

        var known = (await server.Snapshots.ListOfUserAsync(User, null, CancellationToken.None)).Where(each => each.IsUsable).ToList();
        var one = known.Count == 0 ? null : known[random.Next(known.Count)];
        switch (what)
        {
            case 3 when one is not null:
                await AskAsync("restore", each => each.SnapshotService.RestoreAsync(
                    User, new RestoreSnapshotRequest { SnapshotId = $"{one.Id}", InstanceId = id }, CancellationToken.None));
                break;
            case 4 when one is not null:
                await AskAsync("restore to new", each => each.SnapshotService.RestoreAsync(
                    User, new RestoreSnapshotRequest { SnapshotId = $"{one.Id}", GpuName = "RTX 4090" }, CancellationToken.None));
                break;
            case 5 when one is not null:
                checks.Snapshots.OnUnwanted(one.Id.Value);
                await AskAsync("delete snapshot", each => each.SnapshotService.DeleteAsync(User, one.Id, CancellationToken.None));
                break;
            case 6:
                // Two at once: one of them is refused.
                await Task.WhenAll(PruneAsync(), PruneAsync());
                break;
            case 7:
                await AskAsync("retention", async each =>
                {
                    await each.Rules.SetAsync(User, null, new RetentionRules { RetentionDays = 0, KeepLast = 1 + random.Next(2), IsAutomatic = true }, CancellationToken.None);
                    return true;
                });
                break;
            case 8 when await server.Operations.ListOfUserAsync(User, 1, CancellationToken.None) is [{ IsOver: false } last]:
                await AskAsync("cancel", each => each.Operations.RequestCancelAsync(User, last.Id, CancellationToken.None));
                break;
            case 9 when one is not null:
                await AskAsync("keep", each => each.Snapshots.SetKeepForeverAsync(User, one.Id, keep: true, CancellationToken.None));
                break;
            case 10:
                await AskAsync("schedule", async each =>
                {
                    await each.Schedules.SetAsync(User, id, new ScheduleRule { EveryMinutes = 1, IsEnabled = random.Next(8) != 0 }, CancellationToken.None);
                    return true;
                });
                break;
            default:
                await TakeAsync(id);
                break;
        }
    }

    // One who leaves it to the server, one who does it by hand, one who has nothing to recover from.
    private async Task LeadToRecoveryAsync(InstanceId id)
    {
        if (random.Next(6) != 0)
        {
            await TakeAsync(id);
        }

        if (random.Next(3) == 0)
        {
            await AskAsync("settings", async each =>
            {
                await each.Failover.ChangeOwnAsync(User, id, before => before with { AutoRecovery = false }, CancellationToken.None);
                return true;
            });
            for (var i = 0; i < 12; i++)
            {
                await scheduler.DelayAsync(TimeSpan.FromSeconds(3 + random.Next(6)), CancellationToken.None);
                await AskAsync("recover", each => each.RecoveryService.RecoverAsync(User, id, new RecoverInstanceRequest(), CancellationToken.None));
            }
        }
    }

    private Task TakeAsync(InstanceId id) =>
        AskAsync("snapshot", each => each.SnapshotService.CreateAsync(User, new CreateSnapshotRequest { InstanceId = id }, also: null, CancellationToken.None));

    private Task PruneAsync() =>
        AskAsync("prune", async each =>
        {
            var plan = await each.Retention.PlanAsync(User, null, RetentionRules.Last(1 + random.Next(2)), onlyAutomatic: false, CancellationToken.None);
            return await each.Retention.ApplyAsync(User, plan, CancellationToken.None);
        });

    private async Task AskAsync<T>(string what, Func<SimServer, Task<T>> ask)
    {
        if (run.Server is { IsDead: false } server)
        {
            await users.AskAsync(server, what, () => ask(server));
            server.Queue.Pulse();
        }
    }

    private static async Task<bool> IsAnyUsableAsync(SimServer server) => await CountUsableAsync(server) > 0;

    private static async Task<int> CountUsableAsync(SimServer server) =>
        (await server.Snapshots.ListOfUserAsync(User, null, CancellationToken.None)).Count(each => each.IsUsable);

    private async Task UntilAsync(Func<SimServer, Task<bool>> isReached, int seconds)
    {
        for (var i = 0; i < seconds && !(run.Server is { IsDead: false } server && await isReached(server)); i++)
        {
            await scheduler.DelayAsync(TimeSpan.FromSeconds(1), CancellationToken.None);
        }
    }
}
