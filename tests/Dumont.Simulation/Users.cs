using System.Globalization;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Migration;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Simulation.Engine;
using Dumont.Simulation.Faults;
using Dumont.Simulation.Server;
using Dumont.Simulation.World;

namespace Dumont.Simulation;

/// <summary>A user who makes requests at random, as the API would take them.</summary>
internal sealed class Users(Simulation run, Scheduler scheduler, Random random, CloudWorld world, Checks checks, Trace trace)
{
    private static readonly Caller Caller = new(Workbench.User, "ana@example.com", null, IsAdmin: true);

    private SnapshotUser? _snapshots;
    private int _created;

    private SnapshotUser Snapshots => _snapshots ??= new SnapshotUser(this, run, scheduler, random, checks);

    /// <summary>Lives until <paramref name="end"/>.</summary>
    public async Task LiveAsync(SimulationOptions options, TimeSpan end)
    {
        await CreateAsync();
        // Where a fault of a machine leads to the point, the user need not.
        if (options.FirstKill is { Flow: not ("create" or "sweep") } kill
            && (kill.Flow is "migrate" or "recover" || !kill.With.Any(name => FaultTable.Rows.Any(fault => fault.Name == name && fault.Site is not (FaultSite.Provider or FaultSite.Work)))))
        {
            await scheduler.DelayAsync(TimeSpan.FromSeconds(14 + random.Next(8)), CancellationToken.None);
            if (run.Server is { IsDead: false } first && await PickAsync(first) is { } one)
            {
                await (kill.IsOfSnapshots ? Snapshots.LeadAsync(one.Id, kill.Flow) : ActAsync(first, one, kill.Flow switch { "pause" or "resume" => 0, "destroy" => 4, "settings" => 11, "migrate" => 12, _ => 6 }));
                if (kill.Flow == "withdraw")
                {
                    // Asked for, and then paused before it could begin.
                    await ActAsync(first, one, 0);
                }
            }
        }

        while (true)
        {
            await scheduler.DelayAsync(TimeSpan.FromSeconds(options.IsHeavy ? 2 + random.Next(8) : 8 + random.Next(24)), CancellationToken.None);
            if (scheduler.Elapsed >= end)
            {
                return;
            }

            if (_created < options.InstancesMax && random.Next(3) == 0)
            {
                await CreateAsync();
            }
            else if (run.Server is { IsDead: false } server && await PickAsync(server) is { } instance)
            {
                if (options.WithMigrations && random.Next(3) == 0)
                {
                    await ActAsync(server, instance, 12);
                    continue;
                }

                if (options.WithSnapshots && random.Next(4) != 0)
                {
                    await Snapshots.ActAsync(instance.Id, random.Next(11));
                    continue;
                }

                await ActAsync(server, instance, random.Next(12));
            }
        }
    }

    /// <summary>Deletes everything, and gives up every standby that is left; asks again when the server was away.</summary>
    public async Task LeaveAsync()
    {
        while (true)
        {
            if (run.Server is { IsDead: false } server)
            {
                var instances = await server.Instances.ListOfUserAsync(Workbench.User, CancellationToken.None);
                foreach (var instance in instances)
                {
                    await AskAsync(server, "delete", () => server.Service.DeleteAsync(
                        Workbench.User, instance.Id, DeleteReason.UserRequest, destroyStandby: true, CancellationToken.None));
                }

                var associations = await server.Associations.ListOfUserAsync(Workbench.User, CancellationToken.None);
                foreach (var association in associations)
                {
                    await AskAsync(server, "release", () => server.Associations.ReleaseAsync(Workbench.User, association.InstanceId, CancellationToken.None));
                }

                server.Queue.Pulse();
                if (instances.Count + associations.Count == 0)
                {
                    return;
                }
            }

            await scheduler.DelayAsync(TimeSpan.FromSeconds(1), CancellationToken.None);
        }
    }

    /// <summary>Asks for an instance. The request may get lost with the server, and is then not repeated.</summary>
    private async Task CreateAsync()
    {
        if (run.Server is { IsDead: false } server && world.GpuOffers.Count > 0)
        {
            _created++;
            var offer = long.Parse(world.GpuOffers[random.Next(world.GpuOffers.Count)].Id, CultureInfo.InvariantCulture);
            await AskAsync(server, "create", () => server.Service.CreateAsync(
                Workbench.User, new CreateInstanceRequest { OfferId = offer }, idempotent: null, also: null, CancellationToken.None));
        }
    }

    private async Task<Instance?> PickAsync(SimServer server)
    {
        var instances = await server.Instances.ListOfUserAsync(Workbench.User, CancellationToken.None);
        return instances.Count == 0 ? null : instances[random.Next(instances.Count)];
    }

    private async Task ActAsync(SimServer server, Instance instance, int what)
    {
        var (id, nobody) = (instance.Id, CancellationToken.None);
        switch (what)
        {
            case 12:
                await MigrateAsync(server, id);
                break;
            case 0 or 1 or 2:
                await PauseAsync(id, resumeLater: true);
                break;
            case 3:
                await ResumeAsync(id);
                break;
            case 4 or 5:
                await AskAsync(server, "delete", () => server.Service.DeleteAsync(
                    Workbench.User, id, random.Next(4) == 0 ? DeleteReason.GpuFailure : DeleteReason.UserRequest, destroyStandby: random.Next(3) != 0, nobody));
                break;
            case 6 or 7 or 8:
                await AskAsync(server, "failover", () => server.FailoverService.RequestAsync(Workbench.User, id, "requested", isForced: random.Next(8) == 0, nobody));
                break;
            case 9:
                var enabled = random.Next(2) == 0;
                await AskAsync(server, "sync", () => server.Associations.SetSyncEnabledAsync(Workbench.User, id, enabled, nobody));
                scheduler.After(TimeSpan.FromSeconds(5), () => _ = SyncAsync(id));
                break;
            case 10:
                await AskAsync(server, "release", () => server.Associations.ReleaseAsync(Workbench.User, id, nobody));
                break;
            default:
                await SettingsAsync(server, id);
                await DeclareAsync(server, id);
                break;
        }

        server.Queue.Pulse();
    }

    /// <summary>Asks for a move to any GPU or CPU machine; thinks better of it now and then, or keeps the source for a while.</summary>
    private async Task MigrateAsync(SimServer server, InstanceId id)
    {
        var request = new MigrateRequest { TargetType = random.Next(3) == 0 ? "cpu" : "gpu", GpuName = "rtx4090", AutoDestroySource = random.Next(3) != 0 };
        await AskAsync(server, "migrate", () => server.MigrationService.BeginAsync(Workbench.User, id, request, CancellationToken.None));
        server.Queue.Pulse();
        if (random.Next(4) == 0)
        {
            scheduler.After(TimeSpan.FromSeconds(1 + random.Next(14)), () => _ = WishAsync("cancel migration", id, (service, number) => service.CancelAsync(Workbench.User, number, CancellationToken.None)));
        }

        if (request.AutoDestroySource == false)
        {
            scheduler.After(TimeSpan.FromSeconds(15 + random.Next(20)), () => _ = WishAsync("release source", id, (service, number) => service.ReleaseSourceAsync(Workbench.User, number, CancellationToken.None)));
        }
    }

    private async Task WishAsync(string what, InstanceId id, Func<MigrationService, long, Task<Problem?>> wish)
    {
        if (run.Server is { IsDead: false } server && await server.Migrations.FindOpenAsync(id, CancellationToken.None) is { } migration)
        {
            await AskAsync(server, what, () => wish(server.MigrationService, migration.Id));
            server.Queue.Pulse();
        }
    }

    /// <summary>Changes the settings of failover: those of all instances, or of one.</summary>
    // What the commands are does not matter here, only where they run.
    private Task DeclareAsync(SimServer server, InstanceId id)
    {
        var declared = random.Next(5) == 0 ? DeclaredServices.None : new DeclaredServices
        {
            Services = [new DeclaredService("web", "serve", ServicePlace.Any)],
            OnFailover = new DeclaredHook("tell", TimeSpan.FromSeconds(60)),
            OnRecovery = new DeclaredHook("warm up", TimeSpan.FromSeconds(60)),
        };
        return AskAsync(server, "services", () => server.Services.ChangeAsync(Workbench.User, id, _ => declared, CancellationToken.None));
    }

    private async Task SettingsAsync(SimServer server, InstanceId id)
    {
        var wishes = new FailoverWishes
        {
            Strategy = random.Next(6) == 0 ? FailoverStrategy.Disabled : null,
            AutoFailover = random.Next(4) != 0,
            AutoRecovery = random.Next(4) != 0,
            HealthCheckInterval = TimeSpan.FromSeconds(4 + random.Next(5)),
            FailoverThreshold = 2 + random.Next(2),
        };
        var what = random.Next(4);
        await AskAsync(server, "settings", async () =>
        {
            var change = what switch
            {
                0 => server.Failover.RemoveOwnAsync(id, CancellationToken.None),
                1 or 2 => server.Failover.ChangeOwnAsync(Workbench.User, id, _ => wishes, CancellationToken.None),
                _ => server.Failover.ChangeOfUserAsync(
                    Workbench.User,
                    before => before with
                    {
                        Strategy = wishes.Strategy ?? FailoverStrategy.CpuStandby,
                        AutoFailover = wishes.AutoFailover.Value,
                        AutoRecovery = wishes.AutoRecovery.Value,
                        HealthCheckInterval = wishes.HealthCheckInterval,
                        FailoverThreshold = wishes.FailoverThreshold,
                    },
                    CancellationToken.None),
            };
            await change;
            return true;
        });
    }

    /// <summary>Asks for a pause, and after a while for its end.</summary>
    public async Task PauseAsync(InstanceId id, bool resumeLater)
    {
        if (run.Server is { IsDead: false } server)
        {
            await AskAsync(server, "pause", () => server.Actions.RunAsync(Caller, id, InstanceDesired.Paused, InstanceStatus.Paused, wait: null, CancellationToken.None));
            if (resumeLater)
            {
                scheduler.After(TimeSpan.FromSeconds(5 + random.Next(30)), () => _ = ResumeAsync(id));
            }
        }
    }

    /// <summary>Asks for the end of a pause.</summary>
    public async Task ResumeAsync(InstanceId id)
    {
        if (run.Server is { IsDead: false } server)
        {
            await AskAsync(server, "resume", () => server.Actions.RunAsync(Caller, id, InstanceDesired.Running, InstanceStatus.Running, wait: null, CancellationToken.None));
        }
    }

    private async Task SyncAsync(InstanceId id)
    {
        if (run.Server is { IsDead: false } server)
        {
            await AskAsync(server, "sync", () => server.Associations.SetSyncEnabledAsync(Workbench.User, id, true, CancellationToken.None));
            server.Queue.Pulse();
        }
    }

    /// <summary>Asks for something. A server that dies answers nothing, ever; the user notices and goes on.</summary>
    public async Task AskAsync<T>(SimServer server, string what, Func<Task<T>> ask)
    {
        trace.Note($"user: {what}");
        Subject.Current = new Subject(Subject.Api, 0) { Request = what };
        var answer = ask();
        Subject.Current = null;
        while (!answer.IsCompleted && !server.IsDead)
        {
            await Task.WhenAny(answer, scheduler.DelayAsync(TimeSpan.FromSeconds(1), CancellationToken.None));
        }

        if (answer.IsCompleted)
        {
            await answer;
        }
    }
}
