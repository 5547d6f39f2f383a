using System.Text.Json;
using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Hosts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Migration;
using Dumont.Server.Offers;
using Dumont.Server.OwnMachines;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Dumont.Server.Recovery;
using Dumont.Server.Settings;
using Dumont.Server.Snapshots;
using Dumont.Server.Standby;
using Dumont.Simulation.Bugs;
using Dumont.Simulation.Engine;
using Dumont.Simulation.Faults;
using Dumont.Simulation.World;
using Microsoft.Extensions.Options;

namespace Dumont.Simulation.Server;

/// <summary>One life of the server's process: the real stores, services and reconcilers, put together by hand on the database that outlives it. When it
/// dies, all that it had in memory is dropped: whatever still runs comes to a stop at its next step and is never heard of again.</summary>
internal sealed class SimServer : IDisposable
{
    private static readonly Task DeadEnd = new TaskCompletionSource().Task;

    private readonly Scheduler _scheduler;
    private readonly Trace _trace;
    private readonly Random _random;
    private readonly Checks _checks;
    private readonly VirtualTime _time;
    private readonly Database _store;
    private readonly string _owner;
    private readonly Dictionary<(string, string), SimProvider> _providers = [];
    private readonly List<LinkSocket> _links = [];
    private readonly ReconcileRunner _runner;
    private readonly WorkQueue _queue;
    private readonly MachineStore _machines;
    private readonly ServerIdentity _identity;
    private readonly SimulationOptions _options;
    private readonly Action<SimServer> _died;
    private TaskCompletionSource? _stirred;

    public SimServer(SimulationOptions options, Workbench bench, CloudWorld world, Func<SimServer, SimMachine, long, SimAgent> install, Checks checks,
        Scheduler scheduler, Random random, Trace trace, ActiveFaults faults, KillSwitch kills, Bug? bug, int life, Action<SimServer> died)
    {
        (_options, _scheduler, _random, _checks, _trace, _identity, _died) = (options, scheduler, random, checks, trace, bench.Identity, died);
        (Faults, Kills, _owner, _store) = (faults, kills, $"sim:{life}", bench.Database);
        _time = new VirtualTime(scheduler, this);
        var database = new SimDatabase(bench.Database, this, isWatched: true);
        _queue = new WorkQueue(new SimDatabase(bench.Database, this, isWatched: false), _time);
        var secrets = new SecretStore(database, bench.MasterKey, _time);
        var events = new EventStore(database, _time);
        var ownMachines = new OwnMachineStore(database, events, _queue, _time);
        var ownAccess = new OwnMachineAccess(database, bench.MasterKey, Options.Create(bench.ServerOptions), _time);
        var accounts = new ProviderAccounts(
            secrets,
            (provider, secret) => bug?.Wrap(Provider(provider, secret, world)) ?? Provider(provider, secret, world),
            ownMachines,
            ownAccess,
            Options.Create(new VastAccountOptions()),
            Options.Create(new GcpAccountOptions()));
        var hosts = new HostHistory(database, _time);
        var catalog = new OfferCatalog(accounts, new OwnMachineOffers(ownMachines, ownAccess), hosts, Options.Create(new OfferOptions()), _time);
        var keys = new InstanceKeyStore(database, bench.MasterKey);
        var ssh = new SimSsh(this, world, scheduler, random, (machine, id) => install(this, machine, id));
        _machines = new MachineStore(database, _identity, _time);
        var sweeps = new SweepStore(database, _queue, _time);
        Instances = new InstanceStore(database, _time);
        Associations = new AssociationStore(database, _time);
        Migrations = new MigrationStore(database, _time);
        Recoveries = new RecoveryStore(database, _time);
        var autoStandby = new AutoStandby(database);
        Failover = new FailoverSettings(database, _time, Options.Create(options.Detection));
        Changes = new InstanceChanges(_time);
        var instanceOptions = Options.Create(options.Instances);
        var placement = new MachinePlacement(catalog, accounts, _machines, instanceOptions);
        Services = new ServiceStore(database, events, _time);
        IAgentOrders orders = new AgentOrders(Instances, Associations, Migrations, Recoveries, _machines, keys, Failover, Services, database);
        orders = bug?.Wrap(orders, Instances, Associations) ?? orders;
        Operations = new OperationStore(database, _time);
        Snapshots = new SnapshotStore(database, _time);
        Rules = new RetentionStore(database, _time);
        Schedules = new ScheduleStore(database, _time);
        var snapshotOptions = Options.Create(options.Snapshots);
        var repositories = new Repositories(
            new RepositoryStore(database, bench.MasterKey, _time), new StorageSettingsStore(secrets), secrets, new SimEngine(this, world, scheduler, random, checks), snapshotOptions);
        Hub = new AgentHub(orders, _queue, _time, new SimLogger<AgentHub>(checks), new SnapshotWork(Operations, Snapshots, repositories));
        FailoverService = new FailoverService(Instances, Associations, Migrations, _machines, Hub, Failover, Changes, _queue, Options.Create(options.Standby));
        Service = new InstanceService(
            database, Instances, Associations, placement, _machines, catalog, hosts, new CreditCache(_time), autoStandby, new GatewayPorts(Options.Create(bench.ServerOptions), _ => true),
            events, _queue, _time, instanceOptions);
        var verifications = new VerificationStore(database, _queue, snapshotOptions);
        SnapshotService = new SnapshotService(database, Snapshots, Operations, verifications, repositories, Instances, Service, events, _queue, _time, snapshotOptions);
        Retention = new Retention(Snapshots, Operations, Rules, SnapshotService, repositories, _time);
        var repositoryWork = new RepositoryWork(repositories, Snapshots, Operations, verifications, _time, TaskScheduler.FromCurrentSynchronizationContext());
        Actions = new InstancesEndpoints.Actions(Service, Instances, Associations, Changes, instanceOptions);
        Secrets = secrets;
        Accounts = accounts;
        var preparer = new MachinePreparer(_identity, keys, ssh, Options.Create(bench.ServerOptions));
        var migrationPlacement = new MigrationPlacement(catalog, accounts, hosts);
        MigrationService = new MigrationService(Instances, Associations, Migrations, _machines, migrationPlacement, new CreditCache(_time), Hub, events, _queue);
        var machineOptions = Options.Create(options.Machines);
        var standbyOptions = Options.Create(options.Standby);
        var standbyPlacement = new StandbyPlacement(accounts, placement, standbyOptions);
        var (recorder, pairs) = (new FailoverRecorder(new FailoverStore(database)), new PairRecorder(Associations, _machines, events));
        var confirmation = new LossConfirmation(ssh, accounts, _time);
        var reader = new RecoveryReader(Associations, Migrations, Recoveries, _machines, Operations, Failover, Hub);
        var beginning = new RecoveryBeginning(Recoveries, events, bench.RecoveryMetrics, _time);
        RecoveryService = new RecoveryService(Instances, Snapshots, reader, beginning, confirmation, _queue, _time, standbyOptions);
        var steps = new FailoverSteps(Instances, Associations, _machines, standbyPlacement, recorder, pairs, events, _time, standbyOptions);
        IReconciler[] reconcilers =
        [
            new MachineReconciler(_machines, accounts, ssh, preparer, _identity, hosts, _time, machineOptions, new SimLogger<MachineReconciler>(checks)),
            new SweepReconciler(_machines, sweeps, accounts, _identity, machineOptions, new SimLogger<SweepReconciler>(checks)),
            new InstanceReconciler(
                Instances, Associations, Migrations, Recoveries, _machines, placement, Failover, Services, Hub, Changes, events, _time, instanceOptions,
                new SimLogger<InstanceReconciler>(checks)),
            new StandbyReconciler(
                Instances, Associations, Migrations, Recoveries, _machines, Hub, standbyPlacement, confirmation, steps, recorder, pairs, Failover, Changes, events, _time,
                standbyOptions),
            new MigrationReconciler(
                Migrations, Instances, Associations, _machines, migrationPlacement, Hub, Changes, events, bench.MigrationMetrics, _time, Options.Create(options.Migration)),
            new RecoveryReconciler(
                Instances, Migrations, _machines, Snapshots, SnapshotService, hosts, reader, new RecoveryPlacement(placement, catalog, hosts, standbyOptions), beginning,
                new RecoveryRecorder(Recoveries, recorder, events, _time), confirmation, Hub, Changes, bench.RecoveryMetrics, _time, standbyOptions,
                Options.Create(options.Recovery)),
            new OperationReconciler(
                Operations, Snapshots, repositories, repositoryWork, verifications, Instances, _machines, Hub, events, new OperationChanges(_time), bench.Metrics, _time, snapshotOptions),
            new CleanupReconciler(Rules, Retention),
            new ScheduleReconciler(Schedules, Instances, Operations, SnapshotService, Retention, _time, snapshotOptions),
        ];
        _runner = new ReconcileRunner(
            _queue, bug is null ? reconcilers : reconcilers.Select(reconciler => bug.Wrap(reconciler, database, this)), _time, new SimLogger<ReconcileRunner>(checks));
        Sweeps = sweeps;
    }

    public bool IsDead { get; private set; }

    /// <summary>The process stands still until then.</summary>
    public TimeSpan FrozenUntil { get; set; }

    /// <summary>The next tick that passes a step is held until long after its lease; null when none is to be.</summary>
    public Action? HoldNext { get; set; }

    /// <summary>A tick was held in the middle, and may go on much later.</summary>
    public bool WasHeld { get; private set; }

    public ActiveFaults Faults { get; }

    public KillSwitch Kills { get; }

    public AgentHub Hub { get; }

    public InstanceStore Instances { get; }

    public AssociationStore Associations { get; }

    public MigrationStore Migrations { get; }

    public MigrationService MigrationService { get; }

    public RecoveryStore Recoveries { get; }

    public RecoveryService RecoveryService { get; }

    public FailoverSettings Failover { get; }

    public ServiceStore Services { get; }

    public FailoverService FailoverService { get; }

    public InstanceService Service { get; }

    public InstancesEndpoints.Actions Actions { get; }

    public OperationStore Operations { get; }

    public SnapshotStore Snapshots { get; }

    public SnapshotService SnapshotService { get; }

    public RetentionStore Rules { get; }

    public ScheduleStore Schedules { get; }

    public Retention Retention { get; }

    public InstanceChanges Changes { get; }

    public SecretStore Secrets { get; }

    public ProviderAccounts Accounts { get; }

    public WorkQueue Queue => _queue;

    public MachineStore Machines => _machines;

    public TimeProvider Time => _time;

    private SweepStore Sweeps { get; }

    /// <summary>Begins to work, as after a start of the process.</summary>
    /// <param name="deadOwner">The former life, when this one is on the same computer and can tell that it is dead.</param>
    public async Task RunAsync(string? deadOwner)
    {
        await Sweeps.EnsureScheduledAsync(CancellationToken.None);
        await _queue.ReleaseAsync(owner => owner == deadOwner, CancellationToken.None);
        while (!IsDead)
        {
            // Not longer, lest a clock that is set forward goes unnoticed.
            var wait = await _queue.NextDueAsync(CancellationToken.None) - _time.GetUtcNow() ?? TimeSpan.FromSeconds(5);
            if (wait > TimeSpan.Zero)
            {
                await SleepAsync(wait < TimeSpan.FromSeconds(5) ? wait : TimeSpan.FromSeconds(5));
                continue;
            }

            var leaseUntil = _time.GetUtcNow() + ReconcileRunner.Lease;
            var claims = await _queue.ClaimAsync(_owner, ReconcileRunner.Lease, 1 + _random.Next(4), CancellationToken.None);
            foreach (var fence in claims.Count > 1 ? claims.OrderBy(_ => _random.Next()).ToList() : claims)
            {
                Subject.Current = new Subject(fence.Kind, fence.Key);
                _ = _runner.TickAsync(fence, leaseUntil, CancellationToken.None);
                Subject.Current = null;
            }
        }
    }

    /// <summary>Something was committed: an item may be due earlier.</summary>
    public void Stir()
    {
        if (_stirred is { Task.IsCompleted: false } stirred)
        {
            // A moment later, so that what is committed together is looked at once.
            _stirred = null;
            _scheduler.After(TimeSpan.FromMilliseconds(1 + _random.Next(4)), () => stirred.TrySetResult());
        }
    }

    /// <summary>Name of this life in claims.</summary>
    public string Owner => _owner;

    /// <summary>Takes a link of an agent, as the endpoint does.</summary>
    public LinkSocket? Open(SimAgent agent)
    {
        if (IsDead || FrozenUntil > _scheduler.Elapsed)
        {
            return null;
        }

        LinkSocket? socket = null;
        socket = new LinkSocket(message => SendAsync(agent, socket!, message));
        _links.Add(socket);
        _ = ServeAsync(agent, socket);
        return socket;
    }

    /// <summary>The process ends; does not return.</summary>
    public Task DieAsync()
    {
        Die();
        return DeadEnd;
    }

    /// <summary>The process ends.</summary>
    public void Die()
    {
        if (!IsDead)
        {
            IsDead = true;
            _trace.Note($"server: {_owner} is dead");
            _links.ForEach(link => link.Break());
            _died(this);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _runner.Dispose();
        _queue.Dispose();
    }

    /// <summary>Every step of the server goes through here: a dead one goes no further, a frozen one later.</summary>
    public Task GateAsync(bool mayHold)
    {
        if (IsDead)
        {
            return DeadEnd;
        }

        if (mayHold && HoldNext is { } hold && Subject.Current is { Kind: not Subject.Api } subject)
        {
            HoldNext = null;
            WasHeld = true;
            if (subject.Kind == WorkKinds.Sweep)
            {
                _checks.SweepHeldUntil = _scheduler.Elapsed + ReconcileRunner.Lease;
            }

            hold();
            subject.HeldUntil = _scheduler.Elapsed + ReconcileRunner.Lease + TimeSpan.FromSeconds(5 + _random.Next(20));
            _trace.Note($"nemesis: the tick of {subject} stands still");
        }

        var until = Max(FrozenUntil, Subject.Current?.HeldUntil ?? TimeSpan.Zero);
        return until > _scheduler.Elapsed ? ThawAsync(until - _scheduler.Elapsed) : Task.CompletedTask;
    }

    /// <summary>Passes a step outside of the database: here sits a kill point.</summary>
    public async Task PassAsync(Seam seam, string step)
    {
        await GateAsync(mayHold: true);
        if (Kills.Strikes(seam, step))
        {
            await DieAsync();
        }
    }

    /// <summary>A named commit is durable.</summary>
    public async Task CommittedAsync(Subject subject, string step)
    {
        _trace.Note($"{subject}: {step}");
        await _checks.OnCommitAsync(subject, step);
        if (Kills.Strikes(Seam.AfterCommit, step))
        {
            await DieAsync();
        }
    }

    /// <summary>What a call of the present tick is called in the table of kill points.</summary>
    public async Task<string> NameCallAsync(string operation)
    {
        await GateAsync(mayHold: false);
        if (Subject.Current is not { } subject)
        {
            return $"link {operation}";
        }

        var machine = await subject.FindMachineAsync(_store);
        var phase = machine?.State;
        return subject.Kind switch
        {
            WorkKinds.Machine => $"{machine?.Word} " + operation switch
            {
                "list" => "tag look-up",
                "get" => phase switch { "Booting" or "Starting" => "boot look", "Releasing" => "proof", _ => "look" },
                _ => operation,
            },
            WorkKinds.Sweep => operation == "list" ? "sweep listing" : $"sweep {operation}",
            WorkKinds.Standby => operation == "get" ? "pair writer look" : $"pair {operation}",
            _ => $"{subject.Kind} {operation}",
        };
    }

    /// <summary>Until when timers of the present subject stand still with it.</summary>
    public TimeSpan StandsUntil(Subject? subject) => IsDead ? TimeSpan.MaxValue : Max(FrozenUntil, subject?.HeldUntil ?? TimeSpan.Zero);

    // As the runner's sleep, but woken by commits rather than by pulses: a semaphore would wake its waiter on another thread.
    private Task SleepAsync(TimeSpan limit)
    {
        var stirred = _stirred = new TaskCompletionSource();
        _scheduler.After(limit, () => stirred.TrySetResult());
        return stirred.Task;
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private async Task ThawAsync(TimeSpan after)
    {
        await _scheduler.DelayAsync(after + TimeSpan.FromMilliseconds(_random.Next(50)), CancellationToken.None);
        await GateAsync(mayHold: false);
    }

    private SimProvider Provider(string name, string secret, CloudWorld world)
    {
        if (!_providers.TryGetValue((name, secret), out var provider))
        {
            _providers[(name, secret)] = provider = new SimProvider(name, secret, this, world, _scheduler, _random, _checks);
        }

        return provider;
    }

    private async Task ServeAsync(SimAgent agent, LinkSocket socket)
    {
        await GateAsync(mayHold: false);
        if (await _machines.FindByTokenHashAsync(_identity.MachineTokenHash(agent.Machine.Tag!), CancellationToken.None) is { } machine)
        {
            await Hub.ServeAsync(machine, socket, CancellationToken.None);
        }

        socket.Break();
    }

    private async Task SendAsync(SimAgent agent, LinkSocket socket, ReadOnlyMemory<byte> message)
    {
        var order = JsonSerializer.Deserialize(message.Span, AgentLinkJson.Default.AgentOrder)!;
        var step = order switch
        {
            { Work.Kind: AgentWorkKind.Snapshot } => "order snapshot",
            { Role: AgentRole.Fenced, Work: not null } => "order fill",
            { Work: not null } => "order restore",
            { Role: AgentRole.Writer, Drain: true } => "order drain",
            { Role: AgentRole.Writer, MigrationTarget: not null } => order.Check == 0 ? "order copy" : "order compare",
            { Role: AgentRole.Follower, Check: > 0 } => "order target compare",
            { Role: AgentRole.Writer, Generation: > 1 } => "order writer again",
            _ => $"order {order.Role.ToString().ToLowerInvariant()}",
        };
        await PassAsync(Seam.BeforeSend, step);
        _trace.Note($"{step} in generation {order.Generation} to {agent.Machine.Id}");
        if (!agent.Machine.IsCutDown)
        {
            _scheduler.After(TimeSpan.FromMilliseconds(5 + _random.Next(60)), () => agent.Take(order, socket));
        }

        await _scheduler.DelayAsync(TimeSpan.FromMilliseconds(_random.Next(20)), CancellationToken.None);
        await PassAsync(Seam.InFlight, step);
        await PassAsync(Seam.Answered, step);
    }
}
