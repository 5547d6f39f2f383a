using System.Globalization;
using Dapper;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Reconcile;
using Dumont.Server.Platform.Store;
using Dumont.Simulation.Engine;
using Dumont.Simulation.Server;
using Dumont.Simulation.World;

namespace Dumont.Simulation;

/// <summary>An invariant that did not hold.</summary>
/// <param name="Invariant">Its name, beginning with its number: <c>I4 no false gone</c>.</param>
/// <param name="What">What was seen.</param>
internal sealed record Violation(string Invariant, string What)
{
    public override string ToString() => $"{Invariant}: {What}";
}

/// <summary>Holds what the server does and records against what is true. The first violation ends the run.</summary>
internal sealed class Checks(Scheduler scheduler, CloudWorld world, Database database, SimulationOptions options, Trace trace)
{
    /// <summary>Beyond the sweep interval: for the sweep's own calls, and a slow answer among them.</summary>
    private static readonly TimeSpan OrphanSlack = TimeSpan.FromSeconds(30);

    private const string WhereItWrites = "I24 services run where the instance is written";

    private readonly HashSet<string> _asked = [];
    private readonly Dictionary<string, int> _listingsWithout = [];
    private readonly Dictionary<(long Instance, long Generation), HashSet<MachineId>> _writers = [];
    private readonly Dictionary<long, long> _content = [];
    private readonly Dictionary<long, string> _wishes = [];
    private readonly Dictionary<long, long> _flushed = [];
    private readonly HashSet<long> _promises = [];
    private readonly Dictionary<(long Instance, long Number), MachineId> _hooks = [];

    private SnapshotChecks? _snapshots;

    /// <summary>What must hold of snapshots.</summary>
    public SnapshotChecks Snapshots => _snapshots ??= new SnapshotChecks(this, scheduler, world, database, options.Snapshots.OperationLimit);

    /// <summary>The first violation; null while all is well.</summary>
    public Violation? Broken { get; private set; }

    /// <summary>Since when neither fault nor kill has been in force.</summary>
    public TimeSpan? CalmSince { get; set; }

    /// <summary>Until when nobody else can sweep than a tick that stands still.</summary>
    public TimeSpan SweepHeldUntil { get; set; }

    public void Break(string invariant, string what)
    {
        if (Broken is null)
        {
            Broken = new Violation(invariant, what);
            trace.Note($"VIOLATION {Broken}");
        }
    }

    /// <summary>Number of the next change that a user of the instance makes.</summary>
    public long NextContent(long instance) => _content[instance] = _content.GetValueOrDefault(instance) + 1;

    /// <summary>A flush of what the writer has so far returns to the process that called it.</summary>
    public void OnFlush(SimAgent writer) => _flushed[writer.Machine.InstanceId] = writer.Content;

    /// <summary>A machine runs a hook: one machine for each take-over.</summary>
    public void OnHook(SimAgent agent, AgentHook hook)
    {
        trace.Note($"agent of {agent.Machine.Id}: hook {hook.Name} number {hook.Number}");
        var key = (agent.Machine.InstanceId, hook.Number);
        if (_hooks.TryGetValue(key, out var other) && other != agent.MachineId)
        {
            Break(WhereItWrites, $"hook {hook.Number} of instance {key.InstanceId} ran on machine {other} and on {agent.MachineId}");
        }

        _hooks[key] = agent.MachineId;
        OnServices(agent, null);
    }

    /// <summary>A machine is ordered to run services.</summary>
    public void OnServices(SimAgent agent, AgentOrder? order)
    {
        if (order is not null and not { Role: AgentRole.Writer })
        {
            Break(WhereItWrites, $"{agent.Machine} is to run services as {order.Role}");
        }

        _ = CheckWritesAsync(agent.Machine.InstanceId, agent.MachineId, agent.Generation);
    }

    /// <summary>A provider is asked for a machine: once for each tag, whatever happens.</summary>
    public void OnCreateCall(string tag)
    {
        if (!_asked.Add(tag))
        {
            Break("I2 no twin", $"a second create call for {tag}");
        }
    }

    public void OnMade(SimMachine machine)
    {
        _listingsWithout[machine.Tag!] = 0;
        if (world.Ours.Count(each => each.Tag == machine.Tag) > 1)
        {
            Break("I2 no twin", $"two machines bear {machine.Tag}");
        }
    }

    /// <summary>A call with an effect reaches a machine.</summary>
    public void OnEffect(string operation, SimMachine machine)
    {
        trace.Note($"provider: {operation} {machine.Id}");
        if (!world.IsOurs(machine))
        {
            Break("I3 no foreign kill", $"{operation} of {machine}");
        }

        if (operation == "destroy" && machine.Agent is { Role: AgentRole.Writer } agent && IsOnlyCopy(agent))
        {
            trace.Note($"the only copy of instance {machine.InstanceId} goes");
        }
    }

    /// <summary>A listing that calls itself complete was given to the server.</summary>
    public void OnListing(string provider, IReadOnlyList<ProviderMachine> listed)
    {
        foreach (var tag in _asked)
        {
            if (listed.All(machine => machine.Tag != tag))
            {
                _listingsWithout[tag] = _listingsWithout.GetValueOrDefault(tag) + 1;
            }
        }
    }

    /// <summary>An agent has taken a role.</summary>
    public void OnRole(SimAgent agent)
    {
        trace.Note($"agent of {agent.Machine.Id}: {agent.Role} in generation {agent.Generation}");
        if (agent.Role != AgentRole.Writer)
        {
            return;
        }

        var instance = agent.Machine.InstanceId;
        if (_promises.Remove(instance) && agent.Content < _flushed.GetValueOrDefault(instance))
        {
            Break("I20 what was flushed is there", $"{agent.Machine} takes over instance {instance} at change {agent.Content}, {_flushed[instance]} was flushed");
        }

        var key = (agent.Machine.InstanceId, agent.Generation);
        if (!_writers.TryGetValue(key, out var writers))
        {
            writers = _writers[key] = [];
        }

        writers.Add(agent.MachineId);
        if (agent.Generation > 1 && writers.Count > 1)
        {
            Break("I7 single writer", $"machines {string.Join(" and ", writers)} write instance {key.InstanceId} in generation {key.Generation}");
        }
    }

    /// <summary>A named commit is durable.</summary>
    public async Task OnCommitAsync(Subject subject, string step)
    {
        if (subject.Kind == WorkKinds.Machine && (step.EndsWith(">Gone", StringComparison.Ordinal) || step.EndsWith(">Failed", StringComparison.Ordinal)))
        {
            await CheckGoneAsync(subject.Key);
        }
        else if (subject.Kind == WorkKinds.Standby && step == "pair watching>GpuLost")
        {
            await NotePromiseAsync(subject.Key);
        }
        else if (subject.Kind == WorkKinds.Standby && step == "pair Restoring>watching")
        {
            await CheckReturnAsync(subject.Key);
        }
        else if (subject.Kind == WorkKinds.Migration && step == "migration Switching>Complete")
        {
            await CheckMoveAsync(subject.Key);
        }
        else if (subject.Kind == WorkKinds.Recovery && step == "recovery Restoring>Switching")
        {
            // What was flushed since the snapshot is given up; who waits for the standby does not do so unasked.
            _promises.Remove(subject.Key);
        }
        else if (subject.Kind == WorkKinds.Recovery && step == "recovery Switching>Complete")
        {
            await CheckRecoveryAsync(subject.Key);
        }
        else
        {
            await NoteWishesAsync(subject);
            await Snapshots.OnCommitAsync(subject, step);
        }
    }

    /// <summary>What must hold at every moment, looked at every few seconds.</summary>
    public async Task LookAsync()
    {
        var claimed = await ClaimedTagsAsync();
        foreach (var machine in world.Ours)
        {
            machine.UnclaimedSince = claimed.Contains(machine.Tag!) ? null : machine.UnclaimedSince ?? scheduler.Elapsed;
            var since = Later(Later(machine.UnclaimedSince, CalmSince), SweepHeldUntil);
            if (since is { } start && scheduler.Elapsed - start > options.Machines.SweepInterval + OrphanSlack)
            {
                Break("I1 no orphan", $"{machine} bills, and no record claims it since {start.TotalSeconds:0} s");
            }
        }

        CheckSingleWriter();
        if (Snapshots.IsUsed)
        {
            await CheckWishesAsync();
        }

        await Snapshots.LookAsync();
    }

    /// <summary>All has ended: what must be true of it then.</summary>
    public async Task OnCalmAsync()
    {
        foreach (var (id, desired, status) in await ReadWishesAsync())
        {
            var billed = world.Ours.FirstOrDefault(machine => machine is { IsGpu: true, HostIsDead: false, State: ProviderMachineState.Running, UnclaimedSince: null } && machine.InstanceId == id);
            if (desired == "Paused" && status == "Paused" && billed is not null)
            {
                Break("I17 a pause pays no GPU", $"instance {id} is paused, and {billed} runs");
            }
        }

        await Snapshots.OnCalmAsync();
    }

    // Nobody but the user changes what he wants, least of all for a snapshot.
    private async Task NoteWishesAsync(Subject subject)
    {
        if (subject.Kind == Subject.Api)
        {
            foreach (var (id, desired, _) in await ReadWishesAsync())
            {
                _wishes[id] = desired;
            }
        }
    }

    private async Task CheckWishesAsync()
    {
        foreach (var (id, desired, _) in await ReadWishesAsync())
        {
            if (_wishes.TryGetValue(id, out var wish) && wish != desired)
            {
                Break("I18 the user's wish stands", $"instance {id} is wanted {desired}; its user asked for {wish}");
            }
        }
    }

    private Task<IEnumerable<(long Id, string Desired, string Status)>> ReadWishesAsync() =>
        database.ReadAsync(connection => connection.QueryAsync<(long, string, string)>("SELECT id, desired, status FROM instances"), CancellationToken.None);

    // A writer that the server can reach and that is not the newest must soon know it. One that is cut off is fenced where its changes would arrive.
    private void CheckSingleWriter()
    {
        foreach (var group in world.Ours.Where(machine => machine.Agent is { IsAwake: true, Role: AgentRole.Writer }).GroupBy(machine => machine.InstanceId))
        {
            var writers = group.Select(machine => machine.Agent!).ToList();
            var newest = writers.Max(agent => agent.Generation);
            var old = writers.Find(agent => agent.Generation < newest && !agent.Machine.WasTroubled);
            if (writers.Count > 1 && old is not null
                && scheduler.Elapsed - writers.Find(agent => agent.Generation == newest)!.WriterSince > TimeSpan.FromSeconds(10)
                && CalmSince is { } calm && scheduler.Elapsed - calm > TimeSpan.FromSeconds(10))
            {
                Break("I7 single writer", $"{old.Machine} still writes in generation {old.Generation} while {newest} is the newest");
            }
        }
    }

    private async Task CheckGoneAsync(long id)
    {
        var (tag, providerId) = await database.ReadAsync(
            connection => connection.QuerySingleAsync<(string Tag, string? ProviderId)>(
                "SELECT tag, provider_machine_id FROM machines WHERE id = @id", new { id }),
            CancellationToken.None);
        foreach (var machine in world.Ours.Where(machine => machine.Tag == tag))
        {
            var wasProven = providerId is null
                ? _listingsWithout.GetValueOrDefault(tag) >= 1
                : machine.Denials.Count >= 2 && machine.Denials[^1] - machine.Denials[0] >= options.Machines.AbsenceProof - TimeSpan.FromSeconds(1);
            if (!wasProven)
            {
                Break("I4 no false gone", $"the record of {machine} is closed, and nothing has proven it gone");
            }
        }
    }

    // A switch that nobody ordered, of an instance whose flushes wait for the standby.
    private async Task NotePromiseAsync(long instance)
    {
        var document = Columns.FromDocument<AssociationDocument>(await database.ReadAsync(
            connection => connection.QuerySingleAsync<string>("SELECT document FROM associations WHERE instance_id = @instance", new { instance }),
            CancellationToken.None));
        if (document is { FailureReason: "gpu_failure", Promise: not FlushPromise.None })
        {
            _promises.Add(instance);
        }
    }

    // Whoever runs what the user declared is the recorded writer of its generation; a late order may meet a machine that no longer is.
    private async Task CheckWritesAsync(long instance, MachineId machine, long generation)
    {
        var (writer, recorded) = await database.ReadAsync(
            connection => connection.QuerySingleAsync<(long? Writer, long Generation)>(
                "SELECT writer_machine_id, generation FROM instances WHERE id = @instance", new { instance }),
            CancellationToken.None);
        if (recorded < generation || (recorded == generation && writer != machine.Value))
        {
            Break(WhereItWrites, $"machine {machine} runs services of instance {instance} in generation {generation}; machine {writer} is the writer of {recorded}");
        }
    }

    // Destroy after safe: what the standby had is on the GPU that takes over from it.
    private async Task CheckReturnAsync(long instance)
    {
        var (writer, standby) = await database.ReadAsync(
            connection => connection.QuerySingleAsync<(long Writer, long Standby)>(
                "SELECT i.writer_machine_id, a.standby_machine_id FROM instances i JOIN associations a ON a.instance_id = i.id WHERE i.id = @instance",
                new { instance }),
            CancellationToken.None);
        var agents = world.Machines.Where(machine => machine.Agent is not null).Select(machine => machine.Agent!).ToList();
        var (to, from) = (agents.Find(agent => agent.MachineId.Value == writer), agents.Find(agent => agent.MachineId.Value == standby));
        if (to is not null && from is { Machine.WasTroubled: false } && to.Content < from.Content)
        {
            Break("I6 destroy after safe", $"{to.Machine} takes over at change {to.Content}, {from.Machine} has {from.Content}");
        }
    }

    // The same of a move: the source may go when this is recorded, so the target has all of it, and as it was.
    private async Task CheckMoveAsync(long migration)
    {
        var (source, target) = await database.ReadAsync(
            connection => connection.QuerySingleAsync<(long Source, long Target)>(
                "SELECT json_extract(document, '$.source_machine_id'), json_extract(document, '$.target_machine_id') FROM migrations WHERE id = @migration",
                new { migration }),
            CancellationToken.None);
        var agents = world.Machines.Where(machine => machine.Agent is not null).Select(machine => machine.Agent!).ToList();
        var (to, from) = (agents.Find(agent => agent.MachineId.Value == target), agents.Find(agent => agent.MachineId.Value == source));
        if (to is { IsFlawed: true })
        {
            Break("I6 destroy after safe", $"{to.Machine} takes over with a file that is not as it was");
        }

        if (to is not null && from is { Machine.WasTroubled: false } && to.Content < from.Content)
        {
            Break("I6 destroy after safe", $"{to.Machine} takes over at change {to.Content}, {from.Machine} has {from.Content}");
        }
    }

    // What takes over from a lost machine is the snapshot, all of it and nothing else; and a machine that is well is not lost.
    private async Task CheckRecoveryAsync(long instance)
    {
        const string invariant = "I21 recovered as in the snapshot";
        var (lost, target, operation, isAutomatic) = await database.ReadAsync(
            connection => connection.QuerySingleAsync<(long Lost, long Target, long Operation, long IsAutomatic)>(
                """
                SELECT json_extract(document, '$.lost_machine_id'), json_extract(document, '$.target_machine_id'), COALESCE(json_extract(document, '$.operation_id'), 0),
                    json_extract(document, '$.is_automatic')
                FROM recoveries WHERE instance_id = @instance ORDER BY id DESC LIMIT 1
                """,
                new { instance }),
            CancellationToken.None);
        var agents = world.Machines.Where(machine => machine.Agent is not null).Select(machine => machine.Agent!).ToList();
        var (to, from) = (agents.Find(agent => agent.MachineId.Value == target), agents.Find(agent => agent.MachineId.Value == lost));
        if (to is not null && to.TookOverAt != Snapshots.RestoredBy(operation))
        {
            Break(invariant, $"{to.Machine} takes over at change {to.TookOverAt}; its snapshot has {Snapshots.RestoredBy(operation)?.ToString(CultureInfo.InvariantCulture) ?? "not been brought back"}");
        }

        if (isAutomatic == 1 && from is { Machine.WasTroubled: false })
        {
            Break(invariant, $"{from.Machine} was given up, and nothing had happened to it");
        }
    }

    private bool IsOnlyCopy(SimAgent agent) =>
        !world.Ours.Any(other => other != agent.Machine && other.InstanceId == agent.Machine.InstanceId && other.Agent?.Content > 0);

    private async Task<HashSet<string>> ClaimedTagsAsync() =>
        (await database.ReadAsync(
            connection => connection.QueryAsync<string>("SELECT tag FROM machines WHERE phase NOT IN ('Gone', 'Failed')"), CancellationToken.None)).ToHashSet();

    private static TimeSpan? Later(TimeSpan? a, TimeSpan? b) => a is null || b is null ? null : a > b ? a : b;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Broken}");
}
