using Dumont.Providers;
using Dumont.Server.Settings;
using Dumont.Simulation.Engine;
using Dumont.Simulation.Faults;
using Dumont.Simulation.World;

namespace Dumont.Simulation;

/// <summary>Does to the run what the seed has drawn from the fault table, and undoes it.</summary>
internal sealed class Nemesis(Simulation run, Scheduler scheduler, Random random, CloudWorld world, ActiveFaults faults, Checks checks)
{
    private readonly List<Action> _undo = [];

    /// <summary>Draws faults and kill points for a run and puts them into the schedule.</summary>
    public void Plan(SimulationOptions options, KillSwitch kills)
    {
        for (var i = 0; i < options.FaultsMax; i++)
        {
            var rows = FaultTable.DrawnFrom(isOfWork: options.WithSnapshots && random.Next(3) == 0);
            var fault = rows[random.Next(rows.Count)];
            var at = options.Turmoil * random.NextDouble() * 0.9;
            scheduler.After(at, () => Strike(fault, attempts: 4));
        }

        foreach (var name in options.FirstKill?.With ?? [])
        {
            var fault = FaultTable.Rows.First(row => row.Name == name);
            var begin = options.FirstKill! switch
            {
                // The machine when there is a snapshot; what hinders its successor when that is rented and filled.
                { Flow: "recover" } => fault.Site switch { FaultSite.Provider => 54, FaultSite.Work => 60, _ => 36 } + random.Next(8),
                { Flow: "failover" or "migrate" } or { IsOfSnapshots: true } => 14 + random.Next(8),
                _ => 0,
            };
            scheduler.After(TimeSpan.FromSeconds(begin), () => Strike(fault, attempts: 4, surely: true));
        }

        if (options.WithPromise && random.Next(3) == 0)
        {
            // What a promise is for: the standby is away for a moment, something is flushed, and then the GPU is lost.
            var begin = TimeSpan.FromSeconds(12 + random.Next(10));
            scheduler.After(begin, () => Strike(OfEffect(FaultEffect.SyncCut), attempts: 4, surely: true));
            scheduler.After(begin + TimeSpan.FromSeconds(1 + random.Next(4)), () => Strike(OfEffect(FaultEffect.HostDies), attempts: 4, surely: true));
        }

        for (var i = 0; i < options.KillsMax; i++)
        {
            kills.Arm(i == 0 ? options.FirstKill! : KillPointTable.Rows[random.Next(KillPointTable.Rows.Count)], random.Next(5) == 0 ? 1 : 0);
        }
    }

    /// <summary>Ends everything that has not ended by itself. What is broken stays broken: dead hosts, lost machines.</summary>
    public void Calm()
    {
        foreach (var undo in _undo.ToList())
        {
            undo();
        }

        _undo.Clear();
    }

    /// <summary>Does to a machine in the midst of its work what the fault says.</summary>
    public void StrikeWork(Fault fault, SimMachine machine)
    {
        machine.WasTroubled = true;
        StrikeOne(fault.Effect, machine, TimeSpan.FromSeconds(3 + random.Next(20)));
    }

    private static Fault OfEffect(FaultEffect effect) => FaultTable.Rows.First(row => row.Effect == effect);

    private void Strike(Fault fault, int attempts, bool surely = false)
    {
        if (checks.CalmSince is not null)
        {
            return;
        }

        var length = fault.Longest * (0.3 + (random.NextDouble() * 0.7));
        var done = fault.Site switch
        {
            FaultSite.Provider or FaultSite.Work => StrikeCalls(fault, length, surely),
            FaultSite.Server => StrikeServer(fault, length),
            _ => StrikeMachine(fault, length, surely),
        };
        if (!done && attempts > 0)
        {
            // There was nothing to strike; later perhaps.
            scheduler.After(TimeSpan.FromSeconds(10), () => Strike(fault, attempts - 1, surely));
        }
    }

    private bool StrikeCalls(Fault fault, TimeSpan length, bool surely)
    {
        faults.Begin(fault, surely ? 1 : random.Next(3) switch { 0 => 1, 1 => 0.6, _ => 0.3 });
        Until(length, () => faults.End(fault));
        return true;
    }

    private bool StrikeServer(Fault fault, TimeSpan length)
    {
        if (run.Server is not { IsDead: false } server)
        {
            return false;
        }

        switch (fault.Effect)
        {
            case FaultEffect.ServerDies:
                faults.Strike(fault, "now");
                server.Die();
                return true;
            case FaultEffect.ServerFreezes:
                faults.Strike(fault, $"for {length.TotalSeconds:0} s");
                server.FrozenUntil = scheduler.Elapsed + length;
                return true;
            case FaultEffect.StaleHolder:
                server.HoldNext = () => faults.Strike(fault, "now");
                return true;
            case FaultEffect.ClockForward:
                faults.Strike(fault, "now");
                scheduler.WallOffset += TimeSpan.FromSeconds(20 + random.Next(70));
                return true;
            default:
                faults.Strike(fault, "now");
                scheduler.WallOffset -= TimeSpan.FromSeconds(5 + random.Next(60));
                return true;
        }
    }

    private bool StrikeMachine(Fault fault, TimeSpan length, bool isGpu)
    {
        switch (fault.Effect)
        {
            case FaultEffect.OffersChange:
                faults.Strike(fault, "now");
                world.ChangeOffers();
                return true;
            case FaultEffect.ForeignKey:
                faults.Strike(fault, $"for {length.TotalSeconds:0} s");
                var name = random.Next(3) == 0 ? SecretStore.GcpCredentials : SecretStore.VastApiKey;
                run.SetKey(name, CloudWorld.OtherAccount);
                Until(length, () => run.SetKey(name, CloudWorld.Account));
                return true;
            case FaultEffect.IdReuse:
                // No client can be sure of an id that changes hands between its reading and its call; a few seconds later it must be.
                var gone = world.Machines.Where(machine => !machine.Exists && world.IsOurs(machine) && world.Find(machine.Id) == machine
                    && scheduler.Elapsed - machine.GoneAt > TimeSpan.FromSeconds(20)).ToList();
                if (gone.Count == 0 || run.Server?.WasHeld == true)
                {
                    return false;
                }

                faults.Strike(fault, gone[^1].Id);
                world.Reuse(gone[^1]);
                return true;
            default:
                var candidates = world.Ours.Where(machine => !machine.HostIsDead && (machine.IsGpu || !isGpu)).ToList();
                if (candidates.Count == 0)
                {
                    return false;
                }

                var target = candidates[random.Next(candidates.Count)];
                target.WasTroubled = true;
                faults.Strike(fault, target.Id);
                StrikeOne(fault.Effect, target, length);
                return true;
        }
    }

    private void StrikeOne(FaultEffect effect, SimMachine target, TimeSpan length)
    {
        switch (effect)
        {
            case FaultEffect.HostDies:
                target.HostIsDead = true;
                target.IsUp = false;
                if (random.Next(3) != 0)
                {
                    scheduler.After(TimeSpan.FromSeconds(random.Next(40)), () => target.State = ProviderMachineState.Offline);
                }

                break;
            case FaultEffect.Preempt:
                CloudWorld.Halt(target, ProviderMachineState.Interrupted);
                break;
            case FaultEffect.Vanish:
                world.Remove(target, "vanished");
                break;
            case FaultEffect.LyingRunning:
                target.SshIsDead = true;
                break;
            case FaultEffect.PrepareFails:
                target.CannotBePrepared = true;
                target.HostKeyChanged = true;
                Until(length, () => target.CannotBePrepared = target.HostKeyChanged = false);
                break;
            case FaultEffect.MachineFreezes:
                target.FrozenUntil = scheduler.Elapsed + length;
                break;
            case FaultEffect.AgentRestarts:
                target.Agent?.Restart();
                break;
            case FaultEffect.CutUp:
                target.IsCutUp = true;
                Until(length, () => target.IsCutUp = false);
                break;
            case FaultEffect.CutDown:
                target.IsCutDown = true;
                Until(length, () => Reconnect(target, () => target.IsCutDown = false));
                break;
            case FaultEffect.Partition:
                (target.IsCutUp, target.IsCutDown) = (true, true);
                Until(length, () => Reconnect(target, () => (target.IsCutUp, target.IsCutDown) = (false, false)));
                break;
            case FaultEffect.SyncCut:
                target.IsSyncCut = true;
                Until(length, () => target.IsSyncCut = false);
                break;
            case FaultEffect.HeartbeatLoss:
                target.LosesHeartbeats = true;
                Until(length, () => target.LosesHeartbeats = false);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(effect), effect, "Not a fault of one machine.");
        }
    }

    // What was sent into a cut is lost for good: the connection breaks, as TCP has it, and is made anew.
    private static void Reconnect(SimMachine target, Action heal)
    {
        heal();
        target.Agent?.Disconnect();
    }

    private void Until(TimeSpan length, Action undo)
    {
        var once = true;
        void End()
        {
            if (once)
            {
                once = false;
                undo();
            }
        }

        _undo.Add(End);
        scheduler.After(length, End);
    }
}
