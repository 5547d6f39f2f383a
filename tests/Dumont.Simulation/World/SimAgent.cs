using System.Text.Json;
using Dumont.Contracts;
using Dumont.Simulation.Engine;

namespace Dumont.Simulation.World;

/// <summary>The agent of one machine, and the workspace beside it. Its generation is on disk and survives a restart; its role too.</summary>
internal sealed class SimAgent(SimMachine machine, MachineId machineId, AgentNetwork network, Scheduler scheduler, Random random, Checks checks, TimeSpan heartbeat)
{
    private static readonly AgentMetrics NoMetrics = new(null, null, null, null, null, null, null, null, null, []);

    private SimWork? _work;
    private int _life;
    private bool _isRunning;
    private bool _isConnecting;
    private long _sequence;
    private LinkSocket? _link;
    private MachineId? _peer;
    private TimeSpan _liveAt;
    private long _rounds;
    private bool _drain;
    private int _drainBeats;
    private MachineId? _next;
    private TimeSpan _nextLiveAt;
    private bool _nextIsFilled;
    private int _nextDrainBeats;
    private long _check;
    private AgentAcknowledge _acknowledge;
    private long _promiseNumber;
    private long? _promised;
    private AgentHook? _hook;
    private TimeSpan _hookEndsAt;

    public SimMachine Machine => machine;

    public MachineId MachineId => machineId;

    /// <summary>The highest generation seen.</summary>
    public long Generation { get; private set; }

    public AgentRole Role { get; private set; }

    /// <summary>How far the workspace is: the number of the last of the user's changes in it.</summary>
    public long Content { get; private set; }

    /// <summary>A file was not copied as it is. Only a comparison by content mends that.</summary>
    public bool IsFlawed { get; private set; }

    /// <summary>The snapshots and restores that it is told to do.</summary>
    public SimWork Work => _work ??= new SimWork(this, network.Work, scheduler, random);

    /// <summary>Its process runs and can act now.</summary>
    public bool IsAwake => _isRunning && machine is { Exists: true, IsUp: true, HostIsDead: false } && machine.FrozenUntil <= scheduler.Elapsed;

    /// <summary>How far the workspace was when it became the writer.</summary>
    public long TookOverAt { get; private set; }

    /// <summary>Since when it was writer without pause.</summary>
    public TimeSpan WriterSince { get; private set; }

    /// <summary>Begins with the machine, if it was installed.</summary>
    public void Start()
    {
        if (!_isRunning)
        {
            _isRunning = true;
            (_sequence, _rounds, _peer, _next, _drain, _check, _promised) = (0, 0, null, null, false, 0, null);
            var life = ++_life;
            scheduler.After(TimeSpan.FromMilliseconds(random.Next(400)), () => Beat(life));
        }
    }

    /// <summary>Ends with the machine.</summary>
    public void Stop()
    {
        _isRunning = false;
        _life++;
        _work?.Forget();
        Disconnect();
    }

    /// <summary>Ends and begins again.</summary>
    public void Restart()
    {
        Stop();
        Start();
    }

    /// <summary>A snapshot was brought back, and nothing else is in the workspace. On a writer, what its user changes meanwhile goes on.</summary>
    public void Hold(long content) => Content = Role == AgentRole.Writer ? Content : content;

    /// <summary>The server that it was linked to is gone.</summary>
    public void Disconnect()
    {
        _link?.Break();
        (_link, _isConnecting) = (null, false);
    }

    /// <summary>Its work has ended: it says so at once.</summary>
    public void ReportSoon() => Beat(_life, again: false);

    /// <summary>An order arrives, perhaps late.</summary>
    public void Take(AgentOrder order, LinkSocket from)
    {
        if (from != _link || !_isRunning || machine.HostIsDead)
        {
            return;
        }

        if (machine.FrozenUntil > scheduler.Elapsed)
        {
            scheduler.After(machine.FrozenUntil - scheduler.Elapsed, () => Take(order, from));
            return;
        }

        if (order.Generation < Generation)
        {
            return;
        }

        var before = (Role, Generation, _check);
        TakeMigration(order);
        (Generation, Role, _drain, _check) = (order.Generation, order.Role, order.Drain, order.Check);
        (_acknowledge, _promiseNumber) = (order.Acknowledge, order.PromiseNumber);
        TakeServices(order);
        if (order.SyncTarget?.MachineId != _peer)
        {
            (_peer, _liveAt, _rounds) = (order.SyncTarget?.MachineId, scheduler.Elapsed + TimeSpan.FromSeconds(1 + (random.NextDouble() * 3)), 0);
        }

        if (!_drain)
        {
            (_drainBeats, _nextDrainBeats) = (0, 0);
        }

        if (order.Work is not null || _work is not null)
        {
            Work.Accept(order.Work);
        }

        if (before != (Role, Generation, _check))
        {
            if (before.Role != Role || before.Generation != Generation)
            {
                (WriterSince, TookOverAt) = (scheduler.Elapsed, Content);
                checks.OnRole(this);
            }

            Beat(_life, again: false);
        }
    }

    // Which hook began is on disk, as in the real agent.
    private void TakeServices(AgentOrder order)
    {
        if (order is { Role: AgentRole.Writer, Drain: false, Hook: { } hook } && hook.Number > (_hook?.Number ?? 0))
        {
            (_hook, _hookEndsAt) = (hook, scheduler.Elapsed + TimeSpan.FromSeconds(random.NextDouble() * 3));
            checks.OnHook(this, hook);
        }

        if (order.Services is not null)
        {
            checks.OnServices(this, order);
        }
    }

    private void TakeMigration(AgentOrder order)
    {
        var next = order.MigrationTarget?.MachineId;
        if (next != _next || (next is not null && order.Check != _check))
        {
            (_nextIsFilled, _nextDrainBeats) = (next == _next && _nextIsFilled, 0);
            (_next, _nextLiveAt) = (next, scheduler.Elapsed + TimeSpan.FromSeconds(1 + (random.NextDouble() * 3)));
        }
    }

    private void Beat(int life) => Beat(life, again: true);

    private void Beat(int life, bool again)
    {
        if (life != _life || !machine.Exists || machine.HostIsDead)
        {
            return;
        }

        if (again)
        {
            scheduler.After(heartbeat, () => Beat(life));
        }

        if (machine.FrozenUntil > scheduler.Elapsed)
        {
            return;
        }

        Write();
        if (_link is null)
        {
            Connect(life);
        }
        else if (!machine.IsCutUp && !(machine.LosesHeartbeats && random.Next(10) < 9))
        {
            var (link, report) = (_link, JsonSerializer.SerializeToUtf8Bytes(Report(), AgentLinkJson.Default.AgentReport));
            scheduler.After(TimeSpan.FromMilliseconds(5 + random.Next(60)), () => network.DeliverReport(link, report));
        }
    }

    private void Connect(int life)
    {
        if (_isConnecting || machine.IsCutUp || machine.IsCutDown)
        {
            return;
        }

        _isConnecting = true;
        scheduler.After(TimeSpan.FromMilliseconds(20 + random.Next(200)), () =>
        {
            _isConnecting = false;
            if (life == _life && _link is null && network.Open(this) is { } link)
            {
                _link = link;
                Beat(life, again: false);
            }
        });
    }

    /// <summary>The user's changes happen on the writer, and a writer sends to its peer.</summary>
    private void Write()
    {
        if (Role != AgentRole.Writer)
        {
            return;
        }

        if (!_drain)
        {
            Content = checks.NextContent(machine.InstanceId);
        }

        if (FindLive(_peer, _liveAt) is { } follower)
        {
            follower.Content = Content;
            _rounds++;
            _drainBeats += _drain ? 1 : 0;
            _promised = _acknowledge == AgentAcknowledge.Sync ? _promiseNumber : null;
            checks.OnFlush(this);
        }
        else if (_acknowledge != AgentAcknowledge.Sync)
        {
            checks.OnFlush(this);
        }

        if (FindLive(_next, _nextLiveAt) is { } target)
        {
            Fill(target);
            _nextDrainBeats += _drain ? 1 : 0;
        }
    }

    private void Fill(SimAgent target)
    {
        if (!_nextIsFilled && _check == 0)
        {
            target.IsFlawed = random.Next(4) == 0;
        }

        _nextIsFilled = true;
        target.Content = Content;
        if (_check != 0 && target._check == _check)
        {
            target.IsFlawed = false;
        }
    }

    private SimAgent? FindLive(MachineId? follows, TimeSpan liveAt) =>
        Role == AgentRole.Writer && follows is { } peer && scheduler.Elapsed >= liveAt && network.Find(peer) is { IsAwake: true, Role: AgentRole.Follower } follower
        && follower.Generation <= Generation && !machine.IsSyncCut && !follower.Machine.IsSyncCut
            ? follower
            : null;

    private AgentReport Report()
    {
        var sync = Role == AgentRole.Writer && _peer is { } peer ? ReportOf(peer, _liveAt, _drainBeats, check: 0)
            : Role == AgentRole.Follower && _check != 0
                ? new AgentSyncReport(AgentSyncState.Live, null, 0, 0, 0, 0, Drained: false, 0, 0, 0, null, _check)
            : null;
        var migration = Role == AgentRole.Writer && _next is { } next ? ReportOf(next, _nextLiveAt, _nextDrainBeats, _check) : null;
        return new AgentReport(
            machineId, ++_sequence, $"boot-{_life}", "0.1.0", Generation, Role, scheduler.Elapsed.TotalSeconds, NoMetrics, sync, null, _work?.Report, migration,
            _acknowledge == AgentAcknowledge.Sync && _promised == _promiseNumber ? _promised : null,
            Hook: _hook is null ? null : new AgentHookReport(
                _hook.Number, _hook.Name, scheduler.Elapsed < _hookEndsAt ? AgentServiceState.Running : AgentServiceState.Ended, null, _hookEndsAt.TotalSeconds));
    }

    private AgentSyncReport ReportOf(MachineId peer, TimeSpan liveAt, int drainBeats, long check)
    {
        var live = FindLive(peer, liveAt) is not null;
        return new AgentSyncReport(
            live ? AgentSyncState.Live : AgentSyncState.Connecting, peer, _rounds, _rounds, 0, live ? 0.25 : null, live && _drain && drainBeats > 0, _rounds, 1, 1, null, check);
    }
}

/// <summary>What an agent can reach.</summary>
/// <param name="Open">Dials the server; null when it does not answer.</param>
/// <param name="Find">The agent of a machine, by the server's id.</param>
/// <param name="DeliverReport">Brings a report to the server's end of a link.</param>
/// <param name="Work">Where its work is done.</param>
internal sealed record AgentNetwork(Func<SimAgent, LinkSocket?> Open, Func<MachineId, SimAgent?> Find, Action<LinkSocket, byte[]> DeliverReport, WorkPlace Work);
