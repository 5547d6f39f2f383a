using Dapper;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Agents;
using Dumont.Server.Hosts;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Migration;
using Dumont.Server.Offers;
using Dumont.Server.OwnMachines;
using Dumont.Server.Platform;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;
using Dumont.Server.Recovery;
using Dumont.Server.Settings;
using Dumont.Server.Snapshots;
using Dumont.Server.Standby;
using Dumont.Server.Tests.Offers;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Dumont.Server.Tests.Spine;

/// <summary>The real stores, services and reconcilers on a database in memory, driven one tick after the other in virtual time, with scripted providers,
/// machines and agents around them. The same calls give the same run.</summary>
internal sealed class SpineBench : IAsyncDisposable
{
    /// <summary>The account that all tests rent with.</summary>
    public static readonly UserId User = new(1);

    private const int TicksMax = 200_000;

    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(60);

    private readonly ServiceProvider _services;
    private readonly Dictionary<string, IReconciler> _reconcilers;
    private readonly string _directory;
    private DateTimeOffset _nextReportsAt;

    private SpineBench(ServiceProvider services, string directory, ManualTimeProvider clock, ScriptedProvider vast, ScriptedProvider gcp, ScriptedSsh ssh)
    {
        (_services, _directory, Clock, Vast, Gcp, Ssh) = (services, directory, clock, vast, gcp, ssh);
        _reconcilers = services.GetServices<IReconciler>().ToDictionary(reconciler => reconciler.Kind);
        Agents = new ScriptedAgents(Get<AgentHub>(), Get<IAgentOrders>(), Get<IAgentWorkSource>(), clock);
        _nextReportsAt = clock.GetUtcNow();
    }

    public ManualTimeProvider Clock { get; }

    public ScriptedProvider Vast { get; }

    public ScriptedProvider Gcp { get; }

    public ScriptedSsh Ssh { get; }

    public ScriptedAgents Agents { get; }

    public Database Database => Get<Database>();

    public string ServerName => Get<ServerIdentity>().ServerName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Starts one. Offers 1 to 6 are equal RTX 4090 machines on hosts of their own; <paramref name="settings"/> are <c>Section:Name=value</c>.</summary>
    public static async Task<SpineBench> StartAsync(params string[] settings)
    {
        var directory = Directory.CreateTempSubdirectory("dumont-spine-").FullName;
        var clock = new ManualTimeProvider();
        var (vast, gcp, ssh) = (new ScriptedProvider("vast", clock), new ScriptedProvider("gcp", clock), new ScriptedSsh());
        vast.Offers.AddRange(Enumerable.Range(1, 6).Select(id => OfferSamples.Rtx4090(id)));
        gcp.Offers.AddRange([StandbyOffer("asia-northeast3-a"), StandbyOffer("europe-west1-b")]);
        await File.WriteAllTextAsync(Path.Combine(directory, "agent"), "#!", Cancel);
        await File.WriteAllTextAsync(Path.Combine(directory, "gcp.json"), "gcp", Cancel);
        string[] all =
        [
            $"Server:DataDirectory={directory}",
            $"Server:AgentFile={directory}/agent",
            "Providers:Vast:ApiKey=server-vast",
            $"Providers:Gcp:CredentialsFile={directory}/gcp.json",
            .. settings,
        ];
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection(all.Select(setting => setting.Split('=', 2)).ToDictionary(pair => pair[0], pair => (string?)pair[1]))
            .Build());
        services.AddLogging();
        services.AddOptions<ServerOptions>().BindConfiguration("Server");
        services.AddSingleton<TimeProvider>(clock);
        services.AddSingleton(MasterKey.OfDirectory(directory));
        services.AddSingleton<Database>(SqliteDatabase.InMemory());
        services.AddSingleton<WorkQueue>();
        services.AddSingleton<EventStore>();
        services.AddOwnMachines();
        services.AddSettings();
        services.AddHosts();
        services.AddOffers();
        services.AddMachines();
        services.AddAgents();
        services.AddInstances();
        services.AddStandby();
        services.AddMigration();
        services.AddSnapshots();
        services.AddRecovery();
        services.AddSingleton<ProviderClientFactory>((provider, _) => provider == "vast" ? vast : gcp);
        services.AddSingleton<ISshClient>(ssh);

        var built = services.BuildServiceProvider();
        await Schema.EnsureAsync(built.GetRequiredService<Database>(), Cancel);
        await built.GetRequiredService<Database>().WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                "INSERT INTO users (id, email, password_hash, role, settings, created_at) VALUES (1, 'ana@example.com', '', 'user', '{}', 0)",
                transaction: transaction),
            Cancel);
        await built.GetRequiredService<ServerIdentity>().LoadAsync(Cancel);
        await built.GetRequiredService<SweepStore>().EnsureScheduledAsync(Cancel);
        return new SpineBench(built, directory, clock, vast, gcp, ssh);
    }

    public T Get<T>()
        where T : notnull =>
        _services.GetRequiredService<T>();

    /// <summary>Asks for an instance on <paramref name="offer"/>, as the API does.</summary>
    public async Task<InstanceId> CreateAsync(long offer = 1)
    {
        var result = await Get<InstanceService>().CreateAsync(User, new CreateInstanceRequest { OfferId = offer }, idempotent: null, also: null, Cancel);
        return Assert.IsType<CreateInstanceResult.Accepted>(result).Instance.Id;
    }

    /// <summary>An instance that runs.</summary>
    public async Task<InstanceId> RunningAsync(long offer = 1)
    {
        var id = await CreateAsync(offer);
        await RunUntilAsync(async () => (await InstanceAsync(id)).Status == InstanceStatus.Running, TimeSpan.FromMinutes(1));
        return id;
    }

    /// <summary>An instance that runs, with a standby that has everything.</summary>
    public async Task<InstanceId> ProtectedAsync(bool autoRecovery = true)
    {
        await Get<FailoverSettings>().ChangeOfUserAsync(User, _ => new AutoStandbySettings { Enabled = true, AutoRecovery = autoRecovery }, Cancel);
        var id = await CreateAsync();
        await RunUntilAsync(async () => (await AssociationAsync(id)).Document.State == AssociationState.Ready, TimeSpan.FromMinutes(1));
        return id;
    }

    public async Task<Instance> InstanceAsync(InstanceId id) => (await Get<InstanceStore>().FindAsync(id, Cancel))!;

    public async Task<Association> AssociationAsync(InstanceId id) => (await Get<AssociationStore>().FindAsync(id, Cancel))!;

    public Task<IReadOnlyList<Machine>> MachinesAsync(InstanceId id) => Get<MachineStore>().ListAsync(id, Cancel);

    /// <summary>The only machine of an instance.</summary>
    public async Task<Machine> MachineAsync(InstanceId id) => Assert.Single(await MachinesAsync(id));

    public async Task<Machine> WriterAsync(InstanceId id)
    {
        var instance = await InstanceAsync(id);
        return (await MachinesAsync(id)).Single(machine => machine.Id == instance.WriterMachineId);
    }

    public async Task<Machine> StandbyAsync(InstanceId id)
    {
        var association = await AssociationAsync(id);
        return (await MachinesAsync(id)).Single(machine => machine.Id == association.StandbyMachineId);
    }

    /// <summary>The last migration of an instance.</summary>
    public async Task<InstanceMigration> MigrationAsync(InstanceId id) => (await Get<MigrationStore>().ListAsync(User, id, Cancel))[0];

    public async Task<IReadOnlyList<string>> EventsAsync(InstanceId id) =>
        [.. (await Get<EventStore>().ListAsync(User, id, 0, 500, Cancel)).Select(each => each.Type).Reverse()];

    public async Task<IReadOnlyList<Failover>> FailoversAsync() =>
        await Get<FailoverStore>().ListAsync(User, DateTimeOffset.UnixEpoch, Cancel);

    /// <summary>The machine's host and agent fall silent at once; the provider notices nothing.</summary>
    public void Kill(Machine machine)
    {
        Agents.Silent.Add(machine.Id);
        Ssh.Silent.Add(machine.Ssh!.Value.Host);
    }

    /// <summary>Takes a claim, as another server or a later tick would.</summary>
    public async Task<Fence> ClaimAsync(string kind, long key)
    {
        await Get<WorkQueue>().WakeAsync(kind, key, Cancel);
        Clock.Advance(Lease);
        return (await Get<WorkQueue>().ClaimAsync("other", Lease, 1000, Cancel)).Single(fence => fence.Kind == kind && fence.Key == key);
    }

    /// <summary>Runs everything that falls due within <paramref name="duration"/>.</summary>
    public Task RunAsync(TimeSpan duration) => RunAsync(() => Task.FromResult(false), duration);

    /// <summary>Runs until <paramref name="condition"/> holds; fails when it does not within <paramref name="limit"/>.</summary>
    public async Task RunUntilAsync(Func<Task<bool>> condition, TimeSpan limit) =>
        Assert.True(await RunAsync(condition, limit), $"Not within {limit} of virtual time.\n{await StateAsync()}");

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task<bool> RunAsync(Func<Task<bool>> condition, TimeSpan limit)
    {
        var end = Clock.GetUtcNow() + limit;
        for (var ticks = 0; ticks < TicksMax;)
        {
            await ReportAsync();
            var claims = await Get<WorkQueue>().ClaimAsync("bench", Lease, 1, Cancel);
            foreach (var fence in claims)
            {
                ticks++;
                await TickAsync(fence);
            }

            if (await condition())
            {
                return true;
            }

            if (claims.Count == 0)
            {
                var now = Clock.GetUtcNow();
                if (now >= end)
                {
                    return false;
                }

                var due = await Get<WorkQueue>().NextDueAsync(Cancel) ?? end;
                var next = new[] { due, _nextReportsAt, end }.Min();
                Clock.Advance(next > now ? next - now : TimeSpan.FromMilliseconds(1));
            }
        }

        throw new InvalidOperationException($"More than {TicksMax} ticks: something turns in a circle.\n{await StateAsync()}");
    }

    private async Task ReportAsync()
    {
        if (Clock.GetUtcNow() < _nextReportsAt)
        {
            return;
        }

        _nextReportsAt = Clock.GetUtcNow() + TimeSpan.FromSeconds(1);
        var ids = await Database.ReadAsync(
            async connection => (await connection.QueryAsync<long>("SELECT id FROM machines WHERE phase = 'Ready' ORDER BY id")).ToList(), Cancel);
        foreach (var id in ids)
        {
            var machine = (await Get<MachineStore>().FindAsync(new MachineId(id), Cancel))!;
            var runs = (machine.Provider == "vast" ? Vast : Gcp).Machines.GetValueOrDefault(machine.ProviderMachineId ?? "")?.State;
            await Agents.ReportAsync(machine, runs, Cancel);
        }
    }

    // As the runner does it, but that an exception ends the test.
    private async Task TickAsync(Fence fence)
    {
        var leaseUntil = Clock.GetUtcNow() + Lease;
        Next next;
        try
        {
            next = await _reconcilers[fence.Kind].ReconcileAsync(fence, Cancel);
        }
        catch (StaleWriteException)
        {
            next = Next.After(TimeSpan.FromMilliseconds(20));
        }

        await Get<WorkQueue>().CompleteAsync(fence, leaseUntil, next.From(Clock.GetUtcNow()), failed: false, Cancel);
    }

    private async Task<string> StateAsync()
    {
        var rows = await Database.ReadAsync(
            async connection => (await connection.QueryAsync<string>(
                """
                SELECT 'instance ' || id || ' ' || desired || ' ' || status || ' gen ' || generation FROM instances
                UNION ALL SELECT 'machine ' || id || ' ' || role || ' ' || desired || ' ' || phase FROM machines
                UNION ALL SELECT 'association ' || document FROM associations
                UNION ALL SELECT 'recovery ' || state || ' ' || document FROM recoveries
                UNION ALL SELECT 'operation ' || state || ' ' || document FROM snapshot_operations
                UNION ALL SELECT 'event ' || type || ' ' || message FROM events
                """)).ToList(),
            Cancel);
        return string.Join('\n', rows.Append($"now {Clock.GetUtcNow():O}").Concat(Vast.Calls).Concat(Gcp.Calls));
    }

    private static MachineOffer StandbyOffer(string zone) => new()
    {
        Id = $"{zone}/e2-medium/spot",
        Provider = "gcp",
        CpuCores = 2,
        MemoryMiB = 4096,
        DiskGb = 2000,
        UsdPerHour = 0.01m,
        Geolocation = zone,
        Interruptible = true,
    };
}
