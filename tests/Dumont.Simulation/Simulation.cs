using System.Globalization;
using System.Text;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Settings;
using Dumont.Simulation.Bugs;
using Dumont.Simulation.Engine;
using Dumont.Simulation.Faults;
using Dumont.Simulation.Server;
using Dumont.Simulation.World;
using Microsoft.Extensions.Options;

namespace Dumont.Simulation;

/// <summary>How a run ended.</summary>
internal sealed record Outcome(
    int Seed, Violation? Violation, ulong TraceHash, string Tail, IReadOnlyCollection<string> Faults, IReadOnlyList<KillPoint> Kills, TimeSpan Virtual, long Steps)
{
    /// <summary>What to print of a run that failed.</summary>
    public string Report() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"""
             seed {Seed}, trace {TraceHash:x16}, {Virtual.TotalSeconds:0} s virtual
             {Tail}
             {Violation}
             Replay it with DUMONT_SIMULATION_SEED={Seed}.
             """);
}

/// <summary>One seeded run: a user, a server that dies and comes back, providers, machines and networks that fail, in virtual time; then calm, in which
/// all that was begun must end; then everything is deleted, and nothing may be left.</summary>
internal sealed class Simulation
{
    private const long StepsMax = 400_000;

    // Asked for with a key that the user has taken back since, and the answer was lost: whether there is a machine, only that key would tell.
    private const string IsUnknowable = "m.phase = 'Asking' AND json_extract(m.document, '$.failure') IS NULL AND json_extract(m.document, '$.account_mark') = @mark";

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);

    /// <summary>Invariant I11: after faults stop, everything ends within this.</summary>
    private static readonly TimeSpan LivenessLimit = TimeSpan.FromMinutes(5);

    private readonly Workbench _bench;
    private readonly Scheduler _scheduler;
    private readonly Random _random;
    private readonly Trace _trace;
    private readonly CloudWorld _world;
    private readonly SimulationOptions _options;
    private readonly Checks _checks;
    private readonly ActiveFaults _faults;
    private readonly KillSwitch _kills;
    private readonly Nemesis _nemesis;
    private readonly Users _users;
    private readonly WorkPlace _place;
    private readonly Bug? _bug;
    private readonly int _seed;
    private readonly List<SimServer> _servers = [];
    private int _lives;

    private Simulation(int seed, bool isHeavy, Workbench bench, Bug? bug)
    {
        (_seed, _bench, _bug) = (seed, bench, bug);
        _scheduler = new Scheduler(new Random(seed ^ 0x5eed));
        _random = new Random(seed);
        _trace = new Trace(_scheduler);
        _options = SimulationOptions.Of(seed, isHeavy, _random);
        _world = new CloudWorld(_scheduler, new Random(seed ^ 0x3a1d), _trace) { TagPrefix = $"dumont/{bench.Identity.ServerName}/" };
        _checks = new Checks(_scheduler, _world, bench.Database, _options, _trace);
        _faults = new ActiveFaults(_random, _trace);
        _kills = new KillSwitch(_trace);
        _nemesis = new Nemesis(this, _scheduler, _random, _world, _faults, _checks);
        _users = new Users(this, _scheduler, _random, _world, _checks, _trace);
        _place = new WorkPlace(
            _world.Repository,
            () => Server is { IsDead: false } server && server.FrozenUntil <= _scheduler.Elapsed,
            step => _faults.Draw(step, FaultSite.Work),
            _nemesis.StrikeWork);
    }

    /// <summary>The present life of the server; null or dead between two.</summary>
    public SimServer? Server { get; private set; }

    /// <summary>Runs one seed to its end, with a defect or without.</summary>
    public static Outcome Run(int seed, bool isHeavy, Workbench bench, Bug? bug = null)
    {
        var run = new Simulation(seed, isHeavy, bench, bug);
        try
        {
            run._scheduler.Run(run.MainAsync, StepsMax);
        }
        catch (InvalidOperationException exception)
        {
            run._checks.Break("I11 liveness", exception.ToString());
        }

        run._servers.ForEach(server => server.Dispose());
        return new Outcome(
            seed, run._checks.Broken, run._trace.Hash, run._trace.Tail(), run._faults.Fired, run._kills.Struck, run._scheduler.Elapsed, run._scheduler.Steps);
    }

    /// <summary>The user sets a provider's key, or the server's operator does. Not by way of one life of the server: a frozen one would take two such
    /// requests in any order when it goes on, and a wrong key would stay.</summary>
    public void SetKey(string name, string value) => _ = _bench.SetKeyAsync(name, value, TimeProvider.System);

    private async Task MainAsync()
    {
        await _bench.ResetAsync(TimeProvider.System);
        _world.Open();
        Begin();
        if (_options.WithStandby)
        {
            await Server!.Failover.ChangeOfUserAsync(
                Workbench.User,
                _ => new AutoStandbySettings { Enabled = true, Acknowledge = _options.WithPromise ? Acknowledgement.Sync : Acknowledgement.Async },
                CancellationToken.None);
        }

        _nemesis.Plan(_options, _kills);
        _ = _users.LiveAsync(_options, _options.Turmoil);
        await LookUntilAsync(() => Task.FromResult(_scheduler.Elapsed >= _options.Turmoil ? null : "turmoil"), _options.Turmoil + LookInterval);

        _nemesis.Calm();
        _kills.Disarm();
        _checks.CalmSince = _scheduler.Elapsed;
        _trace.Note("calm");
        await LookUntilAsync(UnfinishedAsync, LivenessLimit);
        if (_checks.Broken is null)
        {
            await _checks.OnCalmAsync();
            _trace.Note("the user leaves");
            await LookUntilAsync(
                async () =>
                {
                    // A request that was under way may come true later.
                    await _users.LeaveAsync();
                    return await LeftOverAsync();
                },
                LivenessLimit);
        }
    }

    /// <summary>Looks until nothing is open any more; what is still open at the limit has got stuck.</summary>
    private async Task LookUntilAsync(Func<Task<string?>> findOpen, TimeSpan limit)
    {
        var end = _scheduler.Elapsed + limit;
        while (_checks.Broken is null)
        {
            await _checks.LookAsync();
            if (await findOpen() is not { } open)
            {
                return;
            }

            if (_scheduler.Elapsed >= end)
            {
                _checks.Break("I11 liveness", $"{open}\n{await StateAsync()}");
                return;
            }

            await _scheduler.DelayAsync(LookInterval, CancellationToken.None);
        }
    }

    private void Begin()
    {
        var before = Server?.Owner;
        Server = new SimServer(
            _options, _bench, _world, Install, _checks, _scheduler, _random, _trace, _faults, _kills, _bug, ++_lives, dead =>
            {
                foreach (var machine in _world.Machines)
                {
                    if (!machine.HostIsDead)
                    {
                        machine.Agent?.Disconnect();
                    }
                }

                _scheduler.After(TimeSpan.FromSeconds(0.5 + (_random.NextDouble() * 4)), Begin);
            });
        _servers.Add(Server);
        _trace.Note($"server: {Server.Owner} begins");
        _ = Server.RunAsync(_random.Next(4) == 0 ? null : before);
    }

    private SimAgent Install(SimServer server, SimMachine machine, long machineId) =>
        new(
            machine,
            new MachineId(machineId),
            new AgentNetwork(agent => Server?.Open(agent), FindAgent, (link, report) => link.Deliver(report), _place),
            _scheduler,
            _random,
            _checks,
            _options.Heartbeat);

    private SimAgent? FindAgent(MachineId id)
    {
        foreach (var machine in _world.Machines)
        {
            if (machine is { Exists: true, Agent: { } agent } && agent.MachineId == id)
            {
                return agent;
            }
        }

        return null;
    }

    /// <summary>An operation that has not ended; null when all have.</summary>
    private async Task<string?> UnfinishedAsync()
    {
        var rows = await _bench.Database.ReadAsync(
            connection => connection.QueryAsync<(long Id, string Desired, string Status, long? Released, string? Phase, string? Pair, long Asked, long Moving, long Unknowable)>(
                $"""
                SELECT i.id, i.desired, i.status, a.released, json_extract(a.document, '$.phase'), json_extract(a.document, '$.state'),
                    COALESCE(a.released = 0 AND a.failover_requested IS NOT NULL, 0),
                    (SELECT COUNT(*) FROM machines m WHERE m.instance_id = i.id AND NOT ({IsUnknowable})
                        AND ((m.phase IN ('Intended', 'Asking', 'Booting', 'Preparing', 'Starting', 'Stopping', 'Releasing')
                            AND (m.phase = 'Releasing' OR m.desired = 'Stopped' OR json_extract(m.document, '$.failure') IS NULL)) OR (m.desired = 'Gone' AND m.phase NOT IN ('Gone', 'Failed'))
                            OR (m.phase = 'Stopped' AND EXISTS (SELECT 1 FROM work_items w WHERE w.kind = 'machine' AND w.key = m.id AND w.owner IS NOT NULL)))),
                    (SELECT COUNT(*) FROM machines m WHERE m.instance_id = i.id AND {IsUnknowable})
                FROM instances i LEFT JOIN associations a ON a.instance_id = i.id
                """,
                new { mark = ProviderAccounts.MarkOf(CloudWorld.OtherAccount) }),
            CancellationToken.None);
        var failover = new FailoverSettings(_bench.Database, TimeProvider.System, Options.Create(_options.Detection));
        if (await _checks.Snapshots.UnfinishedAsync() is { } operation)
        {
            return operation;
        }

        var migration = await _bench.Database.ReadAsync(
            connection => connection.QueryFirstOrDefaultAsync<string>(
                "SELECT 'migration ' || id || ' of instance ' || instance_id || ' is ' || json_extract(document, '$.phase') FROM migrations WHERE state = 'Running'"),
            CancellationToken.None);
        if (migration is not null)
        {
            return migration;
        }

        var recovery = await _bench.Database.ReadAsync(
            connection => connection.QueryFirstOrDefaultAsync<string>(
                "SELECT 'recovery ' || id || ' of instance ' || instance_id || ' is ' || json_extract(document, '$.phase') FROM recoveries WHERE state = 'Running'"),
            CancellationToken.None);
        if (recovery is not null)
        {
            return recovery;
        }

        foreach (var (id, desired, status, released, phase, pair, asked, moving, unknowable) in rows)
        {
            // Who pauses looks for no GPU.
            var rules = await failover.GetAsync(Workbench.User, new InstanceId(id), CancellationToken.None);
            var mayRest = !rules.RecoversByItself || desired == nameof(InstanceDesired.Paused);
            var isOpen = moving > 0
                || desired switch
                {
                    nameof(InstanceDesired.Deleted) => status != nameof(InstanceStatus.Deleted) && unknowable == 0,
                    nameof(InstanceDesired.Paused) => unknowable == 0 && status is not (nameof(InstanceStatus.Paused) or nameof(InstanceStatus.Error)),
                    _ => status is not (nameof(InstanceStatus.Running) or nameof(InstanceStatus.Error)),
                }
                || (released == 0 && phase is not null && !mayRest)
                || (asked == 1 && desired != nameof(InstanceDesired.Deleted))
                || (released == 0 && phase is not null and not ("SearchingGpu" or "FailoverToCpu"));
            if (isOpen)
            {
                return $"instance {id} is wanted {desired}, is {status}, its pair {pair} {phase}, {moving} machines on the way";
            }
        }

        return null;
    }

    /// <summary>What is left after everything was deleted; null when nothing is.</summary>
    private async Task<string?> LeftOverAsync()
    {
        var open = await _bench.Database.ReadAsync(
            connection => connection.ExecuteScalarAsync<long>(
                $"SELECT COUNT(*) FROM machines m WHERE phase NOT IN ('Gone', 'Failed') AND NOT ({IsUnknowable})",
                new { mark = ProviderAccounts.MarkOf(CloudWorld.OtherAccount) }),
            CancellationToken.None);
        return open > 0 ? $"{open} machines are not closed"
            : _world.Ours.FirstOrDefault() is { } machine ? $"{machine} still bills"
            : await UnfinishedAsync();
    }

    private async Task<string> StateAsync()
    {
        var rows = await _bench.Database.ReadAsync(
            connection => connection.QueryAsync<string>(
                """
                SELECT 'instance ' || id || ' ' || desired || ' ' || status || ' generation ' || generation || ' writer '
                    || COALESCE(writer_machine_id, 0) || ' ' || document FROM instances
                UNION ALL SELECT 'machine ' || id || ' ' || role || ' ' || desired || ' ' || phase || ' ' || document FROM machines
                UNION ALL SELECT 'association ' || COALESCE(standby_machine_id, 0) || ' released ' || released || ' ' || document FROM associations
                UNION ALL SELECT 'migration ' || id || ' ' || state || ' ' || document FROM migrations
                UNION ALL SELECT 'recovery ' || id || ' ' || state || ' ' || document FROM recoveries
                UNION ALL SELECT 'operation ' || id || ' ' || kind || ' ' || state || ' machine ' || COALESCE(machine_id, 0) || ' ' || document FROM snapshot_operations
                UNION ALL SELECT 'work ' || kind || ' ' || key || ' due ' || due_at || ' lease ' || lease_until || ' ' || COALESCE(owner, '') FROM work_items
                """),
            CancellationToken.None);
        var text = new StringBuilder();
        foreach (var line in rows.Concat(_world.Ours.Select(machine => $"world {machine}")))
        {
            text.AppendLine(line);
        }

        return text.Append(CultureInfo.InvariantCulture, $"now {_scheduler.Wall.ToUnixTimeMilliseconds()}").ToString();
    }
}
