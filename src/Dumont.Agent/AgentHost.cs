using System.Security.Cryptography;
using Dumont.Agent.Flush;
using Dumont.Agent.Link;
using Dumont.Agent.Machine;
using Dumont.Agent.Services;
using Dumont.Agent.Work;
using Dumont.Agent.Workspace;
using Dumont.Contracts;
using Dumont.Snapshots.Sync;

namespace Dumont.Agent;

/// <summary>Where the agent finds what is not its own; the defaults are those of a machine.</summary>
internal sealed record AgentSurroundings
{
    /// <summary>Home directory of root, whose <c>authorized_keys</c> is kept.</summary>
    public required string Home { get; init; }

    /// <summary>The <c>proc</c> file system.</summary>
    public string ProcFolder { get; init; } = "/proc";

    /// <summary>The control groups.</summary>
    public string CgroupFolder { get; init; } = "/sys/fs/cgroup";

    /// <summary>SSH client.</summary>
    public string SshProgram { get; init; } = "ssh";

    /// <summary>GPU driver's query program.</summary>
    public string NvidiaSmiProgram { get; init; } = "nvidia-smi";

    /// <summary>The restic program.</summary>
    public string ResticProgram { get; init; } = "restic";

    /// <summary>What a supervised session of the user begins with, as <c>authorized_keys</c> has it.</summary>
    public string SessionCommand { get; init; } = "dumont-agent session";

    /// <summary>What ends user processes; null for the real thing.</summary>
    public IUserProcesses? Processes { get; init; }
}

/// <summary>The resident agent: puts the parts together and runs them until told to stop.</summary>
internal sealed class AgentHost(AgentConfig config, AgentOptions options, AgentSurroundings surroundings, AgentLog log, TimeProvider time)
{
    /// <summary>Version in reports and of <c>--version</c>.</summary>
    public static readonly string Version = typeof(AgentHost).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    private static readonly TimeSpan LockPollPeriod = TimeSpan.FromMilliseconds(20);

    private readonly string _bootId = Guid.NewGuid().ToString("N");
    private readonly long _started = time.GetTimestamp();
    private long _sequence;

    /// <summary>Runs until cancelled.</summary>
    /// <exception cref="IOException">The state directory cannot be used.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(
            config.StateDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await using var only = await LockStateAsync(cancellationToken);
        var fence = new SyncFence(0);
        var table = new ProcessTable(surroundings.ProcFolder);
        var gpus = new GpuPoller(surroundings.NvidiaSmiProgram, options, log, time);
        var cgroup = new Cgroup(surroundings.ProcFolder, surroundings.CgroupFolder);
        var metrics = new MachineMetrics(surroundings.ProcFolder, cgroup, table, gpus, time);
        var receiver = new SyncReceiver(config.StateDirectory, fence, log);
        MachineRole? machine = null;
        using var services = new ServiceRunner(
            config.StateDirectory,
            new ServiceSurroundings(() => machine!.Wanted, () => machine!.Order, surroundings.SessionCommand),
            new ServiceProcess(surroundings.ProcFolder),
            surroundings.Processes ?? new UserProcesses(table, Environment.ProcessId, options, log, time),
            options,
            log,
            time);
        using var role = machine = new MachineRole(
            config,
            options,
            new OrderStore(config.StateDirectory, log),
            fence,
            receiver,
            () => new SyncSender(surroundings.SshProgram, config.StateDirectory, config.SyncKeyFile, NewBackoff(), log),
            services,
            new AuthorizedKeysFile(surroundings.Home, surroundings.SessionCommand, log),
            log,
            time);
        var meter = new WorkspaceMeter(() => role.Order is { Role: not AgentRole.Idle, Workspace: var workspace } ? workspace : null, options, time);
        var flushes = new FlushSupervisor(config.StateDirectory, role, new FlushSubjects(surroundings.ProcFolder), log);
        using var engines = new MachineEngines(config, surroundings.ResticProgram, time);
        using var work = new WorkRunner(engines.Create, log);
        using var link = new ServerLink(
            config, options, () => Report(role, metrics, meter, work, services), Accept, () => role.Order.ReportInterval ?? config.HeartbeatInterval, NewBackoff(), log, time);
        role.StateChanged += link.ReportSoon;
        role.StateChanged += services.Wake;
        services.StateChanged += link.ReportSoon;
        work.StateChanged += link.ReportSoon;

        log.Info("agent.start", ("version", Version), ("machine", config.MachineId), ("boot", _bootId));
        role.Restore();
        await RunAllAsync(
            [receiver.RunAsync, role.RunAsync, flushes.RunAsync, work.RunAsync, services.RunAsync, gpus.RunAsync, meter.RunAsync, link.RunAsync], cancellationToken);

        void Accept(AgentOrder order)
        {
            role.Accept(order);
            work.Accept(order);
        }
    }

    // Two agents on one state would each think to be the one that listens and remembers. An agent that is being replaced may still be
    // ending: it is waited for. The kernel lets go of the lock when its holder ends, however that happens.
    private async Task<FileStream> LockStateAsync(CancellationToken cancellationToken)
    {
        var path = Path.Combine(config.StateDirectory, "lock");
        var started = time.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (time.GetElapsedTime(started) < options.LockTimeout)
            {
                await Task.Delay(LockPollPeriod, time, cancellationToken);
            }
        }
    }

    // All until cancelled; a part that fails takes the agent down, to be started again by whoever started it, rather than go on lame.
    private static async Task RunAllAsync(Func<CancellationToken, Task>[] parts, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var running = parts.Select(part => Task.Run(() => part(stop.Token), CancellationToken.None)).ToList();
        while (running.Count > 0)
        {
            var ended = await Task.WhenAny(running);
            running.Remove(ended);
            if (!ended.IsCompletedSuccessfully)
            {
                await stop.CancelAsync();
                await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await ended;
            }
        }
    }

    private AgentReport Report(MachineRole role, MachineMetrics metrics, WorkspaceMeter meter, WorkRunner work, ServiceRunner services)
    {
        var order = role.Order;
        return new AgentReport(
            config.MachineId,
            Interlocked.Increment(ref _sequence),
            _bootId,
            Version,
            role.Generation,
            order.Role,
            time.GetElapsedTime(_started).TotalSeconds,
            metrics.Measure(order.Workspace) with { WorkspaceBytes = meter.Bytes },
            role.SyncReport,
            role.Trouble,
            work.Report,
            role.MigrationReport,
            role.Promised,
            services.Services,
            services.Hook);
    }

    // Jitter needs no secrecy, only that two machines differ.
    private Backoff NewBackoff() => new(
        options.BackoffMinimum, options.BackoffMaximum, new Random(RandomNumberGenerator.GetInt32(int.MaxValue)), time);
}
