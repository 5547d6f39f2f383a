using System.Data.Common;
using Dumont.Server.Instances;
using Dumont.Server.Machines;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Reconcile;

namespace Dumont.Server.Standby;

/// <summary>What one tick of the standby reconciler works on.</summary>
internal sealed record StandbyTick(StandbyView View, Fence Fence, DateTimeOffset Now)
{
    public AssociationDocument Document => View.Association.Document;
}

/// <summary>Writes down what has become of a pair, with its event, in one guarded transaction.</summary>
internal sealed class PairRecorder(AssociationStore associations, MachineStore machines, EventStore events)
{
    /// <summary>Replaces the document of the pair.</summary>
    /// <exception cref="StaleWriteException">The fence was lost or the row has changed.</exception>
    public Task<Association> SaveAsync(
        StandbyTick tick, AssociationDocument document, NewEvent? happened, Func<DbTransaction, Task>? also, CancellationToken cancellationToken) =>
        associations.SaveAsync(
            tick.View.Association,
            tick.View.Association with { Document = document },
            tick.Fence,
            events.With(tick.View.Instance.UserId, tick.View.Instance.Id, happened, also),
            cancellationToken);

    /// <summary>Wants machines gone, in the caller's transaction.</summary>
    public Task ReleaseAsync(DbTransaction transaction, params Observed?[] which) => machines.ReleaseAsync(transaction, which.Select(each => each?.Machine.Id));
}
