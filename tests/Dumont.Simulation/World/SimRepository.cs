using Dumont.Simulation.Engine;

namespace Dumont.Simulation.World;

/// <summary>A snapshot as it really is.</summary>
/// <param name="Id">The engine's id.</param>
/// <param name="OperationTag">The operation that it was made for.</param>
/// <param name="HostName">Groups those of one instance.</param>
/// <param name="Content">How far the workspace was.</param>
/// <param name="TakenAt">The moment whose content it has.</param>
internal sealed record SimSnapshot(string Id, string OperationTag, string HostName, long Content, TimeSpan TakenAt);

/// <summary>What the user's repository holds, whatever the server believes. The engines and their objects are tested with real ones.</summary>
internal sealed class SimRepository(Scheduler scheduler, Trace trace)
{
    private static readonly TimeSpan LeaseOfPrune = TimeSpan.FromSeconds(15);

    private readonly Dictionary<string, SimSnapshot> _snapshots = [];
    private object? _pruner;
    private TimeSpan _pruneUntil;
    private int _last;

    /// <summary>In it now.</summary>
    public IEnumerable<SimSnapshot> Snapshots => _snapshots.Values;

    /// <summary>The snapshot of that id; null when there is none any more.</summary>
    public SimSnapshot? Find(string? id) => id is null ? null : _snapshots.GetValueOrDefault(id);

    /// <summary>Keeps a workspace as it was. One that was made for the same operation is the answer.</summary>
    public SimSnapshot Put(string operationTag, string hostName, long content, TimeSpan takenAt)
    {
        if (_snapshots.Values.FirstOrDefault(each => each.OperationTag == operationTag) is { } made)
        {
            return made;
        }

        var snapshot = new SimSnapshot($"made-{++_last}", operationTag, hostName, content, takenAt);
        trace.Note($"repository: {snapshot.Id} of {operationTag} has change {content}");
        return _snapshots[snapshot.Id] = snapshot;
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
