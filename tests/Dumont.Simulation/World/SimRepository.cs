using Dumont.Simulation.Engine;

namespace Dumont.Simulation.World;

/// <summary>A snapshot as it really is.</summary>
/// <param name="Id">The engine's id.</param>
/// <param name="OperationTag">The operation that it was made for.</param>
/// <param name="HostName">Groups those of one instance.</param>
/// <param name="Content">How far the workspace was.</param>
/// <param name="TakenAt">The moment whose content it has.</param>
/// <param name="Needs">The data that it is put together from; part of it came with snapshots before it.</param>
internal sealed record SimSnapshot(string Id, string OperationTag, string HostName, long Content, TimeSpan TakenAt, IReadOnlyList<string> Needs)
{
    public override string ToString() => $"{Id} of {OperationTag}";
}

/// <summary>What the user's repository holds, whatever the server believes. The engines and their objects are tested with real ones.</summary>
internal sealed class SimRepository(Scheduler scheduler, Trace trace)
{
    private static readonly TimeSpan LeaseOfPrune = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan LeaseOfWriter = TimeSpan.FromSeconds(30);

    private readonly Dictionary<string, SimSnapshot> _snapshots = [];
    private readonly HashSet<string> _data = [];
    private readonly Dictionary<string, TimeSpan> _pending = [];
    private readonly Dictionary<object, (TimeSpan Since, TimeSpan Until)> _writers = [];
    private object? _pruner;
    private TimeSpan _pruneUntil;
    private int _last;

    /// <summary>In it now.</summary>
    public IEnumerable<SimSnapshot> Snapshots => _snapshots.Values;

    /// <summary>The snapshot of that id; null when there is none any more.</summary>
    public SimSnapshot? Find(string? id) => id is null ? null : _snapshots.GetValueOrDefault(id);

    /// <summary>A machine begins to add to it.</summary>
    /// <returns>The data of the last snapshot of that host, which need not be sent again.</returns>
    public IReadOnlyList<string> BeginWriting(object writer, string hostName)
    {
        _writers[writer] = (scheduler.Elapsed, scheduler.Elapsed + LeaseOfWriter);
        return _snapshots.Values.LastOrDefault(each => each.HostName == hostName)?.Needs ?? [];
    }

    /// <summary>Whether the machine may go on: its lease has not run out.</summary>
    public bool HoldsLease(object writer) => _writers.TryGetValue(writer, out var lease) && lease.Until > scheduler.Elapsed;

    /// <summary>Keeps a workspace as it was. One that was made for the same operation is the answer.</summary>
    public SimSnapshot Put(object writer, string operationTag, string hostName, long content, TimeSpan takenAt, IReadOnlyList<string> known)
    {
        _writers.Remove(writer);
        if (_snapshots.Values.FirstOrDefault(each => each.OperationTag == operationTag) is { } made)
        {
            return made;
        }

        // The last few changes are still in the workspace.
        var own = $"{hostName}/{content}";
        _data.Add(own);
        var snapshot = new SimSnapshot($"made-{++_last}", operationTag, hostName, content, takenAt, [.. known.TakeLast(2), own]);
        trace.Note($"repository: {snapshot.Id} of {operationTag} has change {content}");
        return _snapshots[snapshot.Id] = snapshot;
    }

    /// <summary>A snapshot that cannot be brought back; null when all can.</summary>
    public SimSnapshot? FindDamaged() => _snapshots.Values.FirstOrDefault(each => !each.Needs.All(_data.Contains));

    /// <summary>Marks the data that no snapshot needs.</summary>
    public void Mark()
    {
        var needed = _snapshots.Values.SelectMany(each => each.Needs).ToHashSet();
        foreach (var data in _data.Where(data => !needed.Contains(data)))
        {
            _pending.TryAdd(data, scheduler.Elapsed);
        }
    }

    /// <summary>Deletes marked data that is due: that no snapshot needs by now, and that no writer may have seen before it was marked.</summary>
    public void Sweep(TimeSpan grace)
    {
        var needed = _snapshots.Values.SelectMany(each => each.Needs).ToHashSet();
        foreach (var (data, at) in _pending.ToList())
        {
            if (needed.Contains(data))
            {
                _pending.Remove(data);
            }
            else if (scheduler.Elapsed - at >= grace && !_writers.Values.Any(lease => lease.Since < at && lease.Until > scheduler.Elapsed))
            {
                _pending.Remove(data);
                _data.Remove(data);
            }
        }
    }

    /// <summary>Drops a snapshot for good.</summary>
    public void Forget(SimSnapshot snapshot)
    {
        trace.Note($"repository: {snapshot.Id} of {snapshot.OperationTag} is dropped");
        _snapshots.Remove(snapshot.Id);
    }

    /// <summary>Takes the lease of a prune; a holder that died loses it after a while.</summary>
    /// <returns>False when another holds it.</returns>
    public bool TryLease(object pruner)
    {
        if (_pruner is not null && scheduler.Elapsed < _pruneUntil)
        {
            return false;
        }

        (_pruner, _pruneUntil) = (pruner, scheduler.Elapsed + LeaseOfPrune);
        return true;
    }

    /// <summary>Gives the lease back.</summary>
    public void EndLease(object pruner) => _pruner = _pruner == pruner ? null : _pruner;
}
