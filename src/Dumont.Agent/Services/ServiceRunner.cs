using System.Globalization;
using Dumont.Agent.Machine;
using Dumont.Contracts;

namespace Dumont.Agent.Services;

/// <summary>What the runner needs to know of the machine.</summary>
/// <param name="Wanted">The newest order, which may still wait to be carried out.</param>
/// <param name="InForce">The order that was carried out last.</param>
/// <param name="SessionCommand">What a supervised command begins with.</param>
internal sealed record ServiceSurroundings(Func<AgentOrder> Wanted, Func<AgentOrder> InForce, string SessionCommand);

/// <summary>
/// Keeps the user's services running while the machine writes, and runs a hook before them once a generation. Their processes are the user's: they
/// outlive the agent, and are ended with all others when the machine drains or is fenced, which goes through <see cref="StopAsync"/> so that none is
/// started behind it.
/// </summary>
internal sealed class ServiceRunner : IUserProcesses, IDisposable
{
    // No service has such a name.
    private const string HookFile = "on.hook";

    private readonly string _stateDirectory;
    private readonly ServiceSurroundings _surroundings;
    private readonly ServiceProcess _processes;
    private readonly ServiceRecordStore _store;
    private readonly IUserProcesses _all;
    private readonly AgentOptions _options;
    private readonly AgentLog _log;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly SemaphoreSlim _woken = new(0, 1);
    private readonly Dictionary<string, ServiceFacts> _services = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTimeOffset> _stopping = new(StringComparer.Ordinal);
    private volatile IReadOnlyList<AgentServiceReport>? _report;
    private volatile HookFacts? _hook;

    /// <summary>Begins with what the records in <paramref name="stateDirectory"/> say.</summary>
    public ServiceRunner(
        string stateDirectory,
        ServiceSurroundings surroundings,
        ServiceProcess processes,
        IUserProcesses all,
        AgentOptions options,
        AgentLog log,
        TimeProvider time)
    {
        (_stateDirectory, _surroundings, _processes, _all, _options, _log, _time) = (stateDirectory, surroundings, processes, all, options, log, time);
        _store = new ServiceRecordStore(stateDirectory, log);
        var records = _store.Load();
        _hook = records.Hook is { EndedAt: null, Process: null } begun ? begun with { EndedAt = begun.StartedAt } : records.Hook;
        foreach (var facts in records.Services)
        {
            _services[facts.Service.Name] = facts;
        }
    }

    /// <summary>Called when something began or ended.</summary>
    public event Action? StateChanged;

    /// <summary>For the heartbeat; null when there are no services.</summary>
    public IReadOnlyList<AgentServiceReport>? Services => _report;

    /// <summary>For the heartbeat; null when there was no hook.</summary>
    public AgentHookReport? Hook => _hook is not { } facts ? null : new AgentHookReport(
        facts.Hook.Number,
        facts.Hook.Name,
        facts.EndedAt is null ? AgentServiceState.Running : facts.TimedOut ? AgentServiceState.TimedOut : AgentServiceState.Ended,
        facts.ExitCode,
        Math.Max(0, ((facts.EndedAt ?? _time.GetUtcNow()) - facts.StartedAt).TotalSeconds));

    /// <summary>Looks at the newest order soon.</summary>
    public void Wake()
    {
        lock (_woken)
        {
            if (_woken.CurrentCount == 0)
            {
                _woken.Release();
            }
        }
    }

    /// <inheritdoc />
    /// <remarks>Who calls has made the order known before, so what is being started is seen, and nothing is started afterwards.</remarks>
    public async Task<int> StopAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        _gate.Release();
        return await _all.StopAsync(cancellationToken);
    }

    /// <summary>Does what the orders say until cancelled. Processes stay when the agent ends.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var isIdle = await LookAsync(cancellationToken);
            await _woken.WaitAsync(isIdle ? Timeout.InfiniteTimeSpan : _options.ServicePeriod, cancellationToken);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _gate.Dispose();
        _woken.Dispose();
    }

    /// <summary>One look at everything; true when nothing can happen before the next order.</summary>
    internal async Task<bool> LookAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            var order = _surroundings.InForce();
            Notice();
            await RunHookAsync(order, cancellationToken);
            var mayRun = MayRun(order) && ServicePolicy.MayRun(_surroundings.Wanted(), isHookOver: true);
            var ordered = (order.Services ?? []).ToDictionary(service => service.Name, StringComparer.Ordinal);
            foreach (var name in ordered.Keys.Union(_services.Keys).ToList())
            {
                await StepAsync(ordered.GetValueOrDefault(name), name, order, mayRun, cancellationToken);
            }

            Report(ordered);
            return ordered.Count == 0 && _services.Count == 0 && _hook is not { EndedAt: null };
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception)
        {
            _log.Warn("services.failed", ("reason", failed.Message));
            return false;
        }
        finally
        {
            _gate.Release();
        }
    }

    private bool MayRun(AgentOrder order) =>
        ServicePolicy.MayRun(order, isHookOver: order.Hook is null || (_hook is { EndedAt: not null } hook && hook.Hook.Number >= order.Hook.Number));

    // Who has ended since the last look.
    private void Notice()
    {
        var now = _time.GetUtcNow();
        foreach (var (name, facts) in _services.Where(pair => pair.Value.IsAlive && !(pair.Value.Process is { } process && _processes.IsAlive(process))).ToList())
        {
            if (facts.Process is { } process)
            {
                // What it has left running in its group would meet the next one.
                ServiceProcess.Signal(process, Native.SIGKILL);
            }

            _services[name] = facts with { IsAlive = false, EndedAt = now, ExitCode = ServiceProcess.ExitCodeOf(ExitFile(name)), Pause = ServicePolicy.PauseAfter(facts, now) };
            _log.Info("service.ended", ("service", name), ("exit", _services[name].ExitCode));
            StateChanged?.Invoke();
        }
    }

    private async Task StepAsync(AgentService? ordered, string name, AgentOrder order, bool mayRun, CancellationToken cancellationToken)
    {
        var facts = _services.GetValueOrDefault(name);
        switch (ServicePolicy.Decide(ordered, facts, mayRun, _time.GetUtcNow()))
        {
            case ServiceStep.Start:
                await StartAsync(ordered!, facts, order, cancellationToken);
                break;
            case ServiceStep.Stop:
                Stop(name, facts!.Process!);
                break;
            case ServiceStep.Forget:
                _services.Remove(name);
                _stopping.Remove(name);
                Save();
                break;
            case ServiceStep.Rest:
                break;
        }
    }

    private async Task StartAsync(AgentService service, ServiceFacts? before, AgentOrder order, CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        var process = await StartAsync(service.Command, service.Name, order, cancellationToken);
        var isSame = before?.Service == service;
        _services[service.Name] = new ServiceFacts(
            service, process, IsAlive: true, now, null, isSame ? before!.Restarts + 1 : 0, isSame ? before!.Pause : TimeSpan.Zero, isSame ? before!.ExitCode : null);
        _stopping.Remove(service.Name);
        Save();
        _log.Info("service.started", ("service", service.Name), ("process", process?.Id), ("restarts", _services[service.Name].Restarts));
        StateChanged?.Invoke();
    }

    private void Stop(string name, ProcessStamp process)
    {
        var now = _time.GetUtcNow();
        var began = _stopping.TryGetValue(name, out var since);
        if (!began)
        {
            _stopping[name] = now;
        }

        if (!began || now - since >= _options.StopGrace)
        {
            ServiceProcess.Signal(process, began ? Native.SIGKILL : Native.SIGTERM);
        }
    }

    private async Task RunHookAsync(AgentOrder order, CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        if (_hook is { EndedAt: null } running)
        {
            var isOver = running.Process is not { } process || !_processes.IsAlive(process);
            if (!isOver && now - running.StartedAt >= running.Hook.Timeout)
            {
                ServiceProcess.Signal(running.Process!, Native.SIGKILL);
                (isOver, running) = (true, running with { TimedOut = true });
            }

            if (isOver)
            {
                EndHook(running with { EndedAt = now, ExitCode = running.TimedOut ? null : ServiceProcess.ExitCodeOf(ExitFile(HookFile)) });
            }
        }
        else if (order.Hook is { } hook && hook.Number > (_hook?.Hook.Number ?? 0) && ServicePolicy.MayRun(order, true) && ServicePolicy.MayRun(_surroundings.Wanted(), true))
        {
            // On the disk before it begins: whatever happens, it does not begin twice.
            _hook = new HookFacts(hook, now, null);
            Save();
            _hook = _hook with { Process = await StartAsync(hook.Command, HookFile, order, cancellationToken) };
            Save();
            _log.Info("hook.started", ("hook", hook.Name), ("number", hook.Number));
            StateChanged?.Invoke();
        }
    }

    private void EndHook(HookFacts ended)
    {
        _hook = ended;
        Save();
        _log.Info("hook.ended", ("hook", ended.Hook.Name), ("number", ended.Hook.Number), ("exit", ended.ExitCode), ("timed_out", ended.TimedOut));
        StateChanged?.Invoke();
    }

    // Under supervision as a session is, where flushes may have to wait for the standby.
    private Task<ProcessStamp?> StartAsync(string command, string file, AgentOrder order, CancellationToken cancellationToken)
    {
        var supervised = order.Acknowledge != AgentAcknowledge.Async;
        var variables = new Dictionary<string, string>
        {
            ["DUMONT_SERVICE"] = file,
            ["DUMONT_GENERATION"] = order.Generation.ToString(CultureInfo.InvariantCulture),
        };
        if (supervised)
        {
            variables["SSH_ORIGINAL_COMMAND"] = command;
        }

        Directory.CreateDirectory(Path.Combine(_stateDirectory, "services"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return _processes.StartAsync(
            supervised ? _surroundings.SessionCommand : command, order.Workspace, ExitFile(file), LogFile(file), variables, cancellationToken);
    }

    private string ExitFile(string name) => Path.Combine(_stateDirectory, "services", name + ".exit");

    private string LogFile(string name) => Path.Combine(_stateDirectory, "services", name + ".log");

    private void Save() => _store.Save(new ServiceRecords([.. _services.Values], _hook));

    private void Report(Dictionary<string, AgentService> ordered)
    {
        var known = _services.Values.Select(facts => new AgentServiceReport(
            facts.Service.Name,
            facts.IsAlive ? AgentServiceState.Running : AgentServiceState.Ended,
            facts.Restarts,
            facts.ExitCode,
            facts.IsAlive ? facts.StartedAt : facts.EndedAt));
        var waiting = ordered.Keys.Where(name => !_services.ContainsKey(name)).Select(name => new AgentServiceReport(name, AgentServiceState.Waiting, 0, null, null));
        IReadOnlyList<AgentServiceReport> all = [.. known.Concat(waiting).OrderBy(service => service.Name, StringComparer.Ordinal)];
        _report = all.Count == 0 ? null : all;
    }
}
